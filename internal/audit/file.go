package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// FileOptions say where a File writes to, and when.
type FileOptions struct {
	// Path is the file, which lines are added to. Of Path and Out there is one.
	Path string
	// Out is written to instead, such as standard output.
	Out io.Writer
	// Turn tells whether this process is the one that writes now, of those that
	// share the database, and EndTurn that it leaves it to others. Nil: it is.
	Turn    func(context.Context) (bool, error)
	EndTurn func(context.Context) error
	// Now is the clock; nil means time.Now. A nil Logger logs nothing.
	Now    func() time.Time
	Logger *slog.Logger
}

// File writes each record of a database as a line of JSON to a file, once at
// least. It is behind the records by a second or two, and takes nothing from
// who makes them: what cannot be written waits in the database.
type File struct {
	box outbox
	opt FileOptions
	out lines

	rest time.Time // no turn is taken before; of the goroutine that writes
	busy *batch    // that is being written still; likewise

	mu    sync.Mutex
	stats FileStats
	since time.Time // when the first record was made that is not written; zero for none
	fails bool
}

// batch is lines that are written together.
type batch struct {
	text []byte
	keys []key
	done chan error // capacity 1
}

// FileStats count what a File has done.
type FileStats struct {
	// Written is how many lines were written, and Failed how often that failed;
	// it was tried again.
	Written, Failed int64
	// Lag is how long the first record waits that is not written yet.
	Lag time.Duration
}

const (
	fileStep = 200              // records that are written at a time
	restTime = 10 * time.Second // after a failure, so that another replica may try
	grace    = 2 * time.Second  // for a write that is under way in the end
)

// OpenFile opens the file, so that a wrong path is told at once; a disk that is
// full is not: it may have room again. Records come into the file once
// Store.Export and Recorder.Export are called.
//
// Errors: those of opening the file.
func OpenFile(db *sqldb.DB, opt FileOptions) (*File, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	f := &File{box: outbox{db}, opt: opt, out: lines{path: opt.Path, out: opt.Out}}
	if opt.Out != nil {
		return f, nil
	}
	if err := f.out.open(); err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return nil, fmt.Errorf("audit.file: %w", err)
	}
	return f, nil
}

// Run writes once a second until the context ends.
func (f *File) Run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			f.end(context.WithoutCancel(ctx))
			return
		case <-t.C:
		}
		for more := true; more && ctx.Err() == nil; {
			more, _ = f.Write(ctx) // told there
		}
	}
}

// end writes what is left, if nothing is in the way, and closes the file.
func (f *File) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	f.rest = time.Time{}
	for more := true; more; {
		more, _ = f.Write(ctx) // told there
	}
	if f.opt.EndTurn != nil {
		_ = f.opt.EndTurn(ctx) // it ends by itself
	}
	if f.busy == nil {
		_ = f.out.close() // all is on the disk, or is written again
	}
}

// Write writes some of the records that wait, and tells whether there are more.
func (f *File) Write(ctx context.Context) (more bool, err error) {
	more, n, err := f.write(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Written += int64(n)
	switch {
	case err != nil && ctx.Err() == nil:
		f.stats.Failed++
		f.rest = f.opt.Now().Add(restTime)
		if !f.fails {
			f.opt.Logger.Error("records cannot be written to audit.file: they wait in the catalog", "err", err)
		}
		f.fails = true
	case n > 0 && f.fails:
		f.fails = false
		f.opt.Logger.Info("records are written to audit.file again")
	}
	return more && err == nil, err
}

func (f *File) write(ctx context.Context) (more bool, n int, err error) {
	at, ok, err := f.box.oldest(ctx)
	f.waiting(at, ok && err == nil)
	if err != nil || !ok || f.opt.Now().Before(f.rest) {
		return false, 0, err
	}
	if f.opt.Turn != nil {
		if mine, err := f.opt.Turn(ctx); err != nil || !mine {
			return false, 0, err
		}
	}
	b, err := f.put(ctx)
	if err != nil {
		if f.opt.EndTurn != nil {
			err = errors.Join(err, f.opt.EndTurn(ctx))
		}
		return false, 0, err
	}
	// They are written: whoever ends the process now need not write them again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return len(b.keys) == fileStep, bytes.Count(b.text, []byte{'\n'}), f.box.remove(ctx, b.keys)
}

// waiting notes since when records wait.
func (f *File) waiting(at time.Time, any bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since = at; !any {
		f.since = time.Time{}
	}
}

var errBusy = errors.New("what is written to takes nothing")

// put writes the first records, or waits for those that are being written still.
// It does not wait for ever: a pipe whose reader stands still takes nothing, and
// must not hold up the end of the process.
func (f *File) put(ctx context.Context) (*batch, error) {
	if f.busy == nil {
		text, keys, err := f.box.first(ctx, fileStep)
		if err != nil || len(text) == 0 {
			return &batch{keys: keys}, err
		}
		b := &batch{text, keys, make(chan error, 1)}
		f.busy = b
		go func() { b.done <- f.out.write(b.text) }()
	}
	patience := time.NewTimer(restTime)
	defer patience.Stop()
	select {
	case err := <-f.busy.done:
		b := f.busy
		f.busy = nil
		return b, err
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil, errBusy
}

// Stats returns what was done so far.
func (f *File) Stats() FileStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	if !f.since.IsZero() {
		s.Lag = max(0, f.opt.Now().Sub(f.since))
	}
	return s
}
