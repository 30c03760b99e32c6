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
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.ErrorContext(ctx, "sweep failed; it will be tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Sweep does one round: all that is due now.
func (s *Sweeper) Sweep(ctx context.Context) error {
	if err := steps(func() (bool, error) { return s.cat.PurgeGone(ctx) }); err != nil {
		return err
	}
	for shard := range s.cat.DB().Shards() {
		if s.opt.Tombstones > 0 {
			upTo := s.opt.Now().Add(-s.opt.Tombstones).UnixMicro()
			if err := steps(func() (bool, error) { return s.cat.PurgeTombstones(ctx, shard, upTo) }); err != nil {
				return err
			}
		}
		if s.opt.Journal > 0 {
			upTo := s.opt.Now().Add(-s.opt.Journal).UnixMicro()
			if err := steps(func() (bool, error) { return s.cat.TrimJournal(ctx, shard, upTo) }); err != nil {
				return err
			}
		}
	}
	if s.opt.Uploads > 0 {
		n, err := s.blobs.ExpireUploads(ctx, s.opt.Now().Add(-s.opt.Uploads))
		if n > 0 {
			s.opt.Logger.InfoContext(ctx, "removed unfinished uploads", "count", n)
		}
		return err
	}
	return nil
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
