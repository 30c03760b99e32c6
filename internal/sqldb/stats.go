package sqldb

import (
	"sync/atomic"
	"time"
)

// Stats counts since Open.
type Stats struct {
	// Groups is the number of transactions committed, Updates the number of
	// updates in them; Updates/Groups is the mean size of a group.
	Groups, Updates int64
	// Reruns counts updates that ran again alone because their group failed,
	// Retries the groups tried again after a deadlock or a lost connection.
	Reruns, Retries int64
	// WorstCommit is the longest commit of a group, WorstCheckpoint the
	// longest time that the writer stood still for a checkpoint (SQLite). The
	// worst stall of an update is at most about their sum.
	WorstCommit, WorstCheckpoint time.Duration
	// WALPages is the length of SQLite's write-ahead log at the last
	// checkpoint, WALPeak the longest seen, in pages.
	WALPages, WALPeak int64
	// Checkpoints counts SQLite's checkpoints, Restarts those among them
	// that were meant to start the log from its beginning.
	Checkpoints, Restarts int64

	// Commits are the times that the engine's commit took, the sync with it.
	Commits Durations
	// CheckpointTime is how long the writer stood still for checkpoints,
	// altogether (SQLite).
	CheckpointTime time.Duration
	// Queue is the number of updates that wait for their group now.
	Queue int
	// Readers is the number of connections that read now, MaxReaders how many
	// there may be.
	Readers, MaxReaders int
}

// Stats returns what the database did since Open.
func (db *DB) Stats() Stats {
	s := Stats{
		Groups:      db.counts.groups.Load(),
		Updates:     db.counts.updates.Load(),
		Reruns:      db.counts.reruns.Load(),
		Retries:     db.counts.retries.Load(),
		WorstCommit: time.Duration(db.counts.worstCommit.Load()),
	}
	s.Commits = db.counts.commits.read()
	for _, c := range db.committers {
		s.Queue += c.waiting()
	}
	db.eng.stats(&s)
	return s
}

type counters struct {
	groups, updates, reruns, retries atomic.Int64
	worstCommit                      atomic.Int64 // nanoseconds
	commits                          durations
}

// DurationBounds are the upper bounds of the buckets of Durations.
var DurationBounds = [...]time.Duration{
	100 * time.Microsecond, 300 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond,
	30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second,
}

// Durations counts durations by their length.
type Durations struct {
	// Buckets has the number of those up to each of DurationBounds, the
	// smaller ones included; Count is that of all.
	Buckets [len(DurationBounds)]int64
	Count   int64
	Sum     time.Duration
}

// durations is what Durations is read from. It takes no lock.
type durations struct {
	buckets [len(DurationBounds) + 1]atomic.Int64
	sum     atomic.Int64
}

func (d *durations) add(t time.Duration) {
	i := 0
	for i < len(DurationBounds) && t > DurationBounds[i] {
		i++
	}
	d.buckets[i].Add(1)
	d.sum.Add(int64(t))
}

func (d *durations) read() (r Durations) {
	for i := range d.buckets {
		r.Count += d.buckets[i].Load()
		if i < len(r.Buckets) {
			r.Buckets[i] = r.Count
		}
	}
	r.Sum = time.Duration(d.sum.Load())
	return r
}

// committed notes how long a commit took.
func (c *counters) committed(took time.Duration) {
	raise(&c.worstCommit, int64(took))
	c.commits.add(took)
}

// waiting is the number of updates in the queue.
func (c *committer) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// stats tells how many connections are lent.
func (p *readerPool) stats(s *Stats) { s.Readers, s.MaxReaders = len(p.tokens), cap(p.tokens) }

// raise sets v to x if that is more.
func raise(v *atomic.Int64, x int64) {
	for {
		old := v.Load()
		if x <= old || v.CompareAndSwap(old, x) {
			return
		}
	}
}
