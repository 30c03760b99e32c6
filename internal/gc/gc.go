// Package gc removes, in the background and in bounded steps, what nobody can
// see any more: the content of repositories that are gone, tombstones and
// journal rows beyond their horizons, uploads that nobody finished.
package gc

import (
	"context"
	"log/slog"
	"time"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
)

// Options say how long things are kept.
type Options struct {
	Journal    time.Duration
	Tombstones time.Duration
	Uploads    time.Duration
	Every      time.Duration // between rounds; 0 means a minute
	Now        func() time.Time
	Logger     *slog.Logger
	// Swept is told of every round of Run; nil means that nobody is.
	Swept func(Round)
}

// Round is what one round of sweeping came to.
type Round struct {
	Took time.Duration
	// Uploads is the number of unfinished uploads that were removed.
	Uploads int
	Err     error
}

// Sweeper does the removing.
type Sweeper struct {
	cat   *catalog.Catalog
	blobs blob.Store
	opt   Options
}

// New returns a sweeper.
func New(cat *catalog.Catalog, blobs blob.Store, opt Options) *Sweeper {
	if opt.Every == 0 {
		opt.Every = time.Minute
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Sweeper{cat, blobs, opt}
}

// Run sweeps now and then until the context ends.
func (s *Sweeper) Run(ctx context.Context) {
	t := time.NewTicker(s.opt.Every)
	defer t.Stop()
	for {
		s.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// round sweeps, logs what failed and tells what came of it.
func (s *Sweeper) round(ctx context.Context) {
	start := time.Now()
	uploads, err := s.sweep(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.opt.Logger.ErrorContext(ctx, "sweep failed; it will be tried again", "err", err)
	}
	if s.opt.Swept != nil {
		s.opt.Swept(Round{Took: time.Since(start), Uploads: uploads, Err: err})
	}
}

// Sweep does one round: all that is due now.
func (s *Sweeper) Sweep(ctx context.Context) error {
	_, err := s.sweep(ctx)
	return err
}

func (s *Sweeper) sweep(ctx context.Context) (uploads int, err error) {
	if err := steps(func() (bool, error) { return s.cat.PurgeGone(ctx) }); err != nil {
		return 0, err
	}
	for shard := range s.cat.DB().Shards() {
		if s.opt.Tombstones > 0 {
			upTo := s.opt.Now().Add(-s.opt.Tombstones).UnixMicro()
			if err := steps(func() (bool, error) { return s.cat.PurgeTombstones(ctx, shard, upTo) }); err != nil {
				return 0, err
			}
		}
		if s.opt.Journal > 0 {
			upTo := s.opt.Now().Add(-s.opt.Journal).UnixMicro()
			if err := steps(func() (bool, error) { return s.cat.TrimJournal(ctx, shard, upTo) }); err != nil {
				return 0, err
			}
		}
	}
	if s.opt.Uploads > 0 {
		n, err := s.blobs.ExpireUploads(ctx, s.opt.Now().Add(-s.opt.Uploads))
		if n > 0 {
			s.opt.Logger.InfoContext(ctx, "removed unfinished uploads", "count", n)
		}
		return n, err
	}
	return 0, nil
}

// steps repeats a bounded step until nothing is left.
func steps(step func() (bool, error)) error {
	for {
		more, err := step()
		if err != nil || !more {
			return err
		}
	}
}
