package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Checkpoints copy the write-ahead log into the database file, and they, not
// the syncs of commits, make the slowest updates. A PASSIVE one on a connection
// of its own copies most of it beside the writer, again and again; but only
// when the log is copied to its end does the next writer start it from the
// beginning, and under load that moment never comes by itself. So the writer
// itself does the rest, between two groups, whenever the log has grown over a
// limit; little is left to copy by then.
const (
	passiveEvery           = 200 * time.Millisecond
	defaultCheckpointPages = 16_000
	// hardCap, as a multiple of CheckpointPages, is where the writer waits for
	// a running PASSIVE checkpoint instead of trying again later, and gives the
	// log's space back to the file system.
	hardCap = 4
	// The writer waits this long for reads that still need the log. Each time
	// that was not enough it waits twice as long, so that reads that overlap
	// without end cannot keep the log for ever; and it pauses between, so
	// that one read that lasts (a backup) does not cost more than a
	// twentieth of the time.
	minReaderWait = 40 * time.Millisecond
	maxReaderWait = 320 * time.Millisecond
	pauseFactor   = 20
)

// checkpointer coordinates the two kinds of checkpoint.
type checkpointer struct {
	log    *slog.Logger
	limit  int64
	writer *sqliteConn // used by the committer alone, and by close
	stop   chan struct{}
	ended  chan struct{}

	groups atomic.Int64 // committed since Open
	due    atomic.Int64 // pages in the log when it was found over the limit, else 0

	wait    time.Duration // for readers, next time; the committer's own
	notTill time.Time     // no restart is tried before; the committer's own

	mu   sync.Mutex // held during any checkpoint
	conn *sqliteConn
	busy bool // a reader kept the log from being copied; logged once

	pages, peak, runs, restarts, worst, stood atomic.Int64
}

func startCheckpointer(ctx context.Context, path string, opt Options, writer *sqliteConn) (*checkpointer, error) {
	conn, err := connectSQLite(ctx, path, writerPragmas(opt)...)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{
		log: opt.Logger, limit: int64(opt.CheckpointPages), writer: writer, conn: conn,
		wait: minReaderWait, stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go c.loop()
	return c, nil
}

// loop runs PASSIVE checkpoints while there is something to copy.
func (c *checkpointer) loop() {
	defer close(c.ended)
	tick := time.NewTicker(passiveEvery)
	defer tick.Stop()
	seen, rest := int64(-1), true
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		groups := c.groups.Load()
		if groups == seen && !rest {
			continue
		}
		seen, rest = groups, c.passive()
	}
}

// passive copies what it can and tells whether anything is left.
func (c *checkpointer) passive() (rest bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := checkpoint(c.conn, "PASSIVE")
	if err != nil {
		c.log.Error("sqldb: checkpoint", "error", err)
		return true
	}
	c.note(r)
	return r.copied < r.pages
}

// note keeps what a checkpoint has found. c.mu is held.
func (c *checkpointer) note(r checkpointed) {
	c.runs.Add(1)
	c.pages.Store(r.pages)
	raise(&c.peak, r.pages)
	c.due.Store(0)
	if r.pages >= c.limit {
		c.due.Store(r.pages)
	}
	if r.pages < hardCap*c.limit {
		c.busy = false
	} else if !c.busy && r.copied < r.pages/2 {
		c.busy = true
		c.log.Warn("sqldb: a long read keeps the write-ahead log from being reused", "pages", r.pages, "copied", r.copied)
	}
}

// afterGroup is called by the writer after each group.
func (c *checkpointer) afterGroup() {
	c.groups.Add(1)
	due := c.due.Load()
	if due == 0 {
		return
	}
	start := time.Now()
	if start.Before(c.notTill) {
		return
	}
	mode := "RESTART"
	if due >= hardCap*c.limit {
		mode = "TRUNCATE"
		c.mu.Lock()
	} else if !c.mu.TryLock() {
		return // a PASSIVE one is at work: the less is left for the next time
	}
	defer c.mu.Unlock()
	done, err := c.restart(mode)
	if err != nil {
		c.log.Error("sqldb: checkpoint", "mode", mode, "error", err)
	}
	took := time.Since(start)
	raise(&c.worst, int64(took))
	c.stood.Add(int64(took))
	if done {
		c.wait = minReaderWait
		return
	}
	c.wait = min(2*c.wait, maxReaderWait)
	c.notTill = start.Add(pauseFactor * took)
}

// restart copies the log to its end and has the next group start it anew,
// unless a read needed the log for longer than c.wait. c.mu is held.
func (c *checkpointer) restart(mode string) (done bool, err error) {
	if err := setBusyTimeout(c.writer, c.wait); err != nil {
		return false, err
	}
	r, err := checkpoint(c.writer, mode)
	if err == nil {
		c.restarts.Add(1)
		c.note(r)
		c.due.Store(0) // until the next PASSIVE one has looked
	}
	return err == nil && r.busy == 0, errors.Join(err, setBusyTimeout(c.writer, busyTimeout))
}

func setBusyTimeout(c *sqliteConn, d time.Duration) error {
	_, err := c.exec(context.Background(), fmt.Sprintf("PRAGMA busy_timeout=%d", d.Milliseconds()), nil)
	return err
}

// checkpointed is what PRAGMA wal_checkpoint answers.
type checkpointed struct {
	busy, pages, copied int64
}

func checkpoint(c *sqliteConn, mode string) (r checkpointed, err error) {
	rows, err := c.query(context.Background(), "PRAGMA wal_checkpoint("+mode+")", nil, nil)
	err = firstRow{rows, err}.Scan(&r.busy, &r.pages, &r.copied)
	return r, err
}

func (c *checkpointer) stats(s *Stats) {
	s.WALPages, s.WALPeak = c.pages.Load(), c.peak.Load()
	s.Checkpoints, s.Restarts = c.runs.Load(), c.restarts.Load()
	s.CheckpointTime = time.Duration(c.stood.Load())
	s.WorstCheckpoint = time.Duration(c.worst.Load())
}

// close runs the last checkpoint. The committer has ended.
func (c *checkpointer) close() error {
	close(c.stop)
	<-c.ended
	_, err := checkpoint(c.writer, "TRUNCATE")
	return errors.Join(err, c.conn.close())
}
