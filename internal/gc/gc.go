// Package gc removes, in the background and in bounded steps, what nobody can
// see any more: the content of repositories that are gone, tombstones and
// journal rows beyond their horizons, uploads that nobody finished; and what was
// left behind when an index or a subject was deleted.
package gc

import (
	"context"
	"log/slog"
	"time"

	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
)

// Options say how long things are kept.
type Options struct {
	Journal    time.Duration
	Tombstones time.Duration
	Uploads    time.Duration
	Orphans    time.Duration // 0 keeps them
	Records    time.Duration // of Audit; 0 keeps them
	// Audit are the records of who did what; nil where they are not swept.
	Audit  *audit.Store
	Every  time.Duration // between rounds; 0 means a minute
	Now    func() time.Time
	Logger *slog.Logger
	// Swept is told of every round of Run; nil means that nobody is.
	Swept func(Round)
}

// Round is what one round of sweeping came to.
type Round struct {
	Took time.Duration
	// Uploads is the number of unfinished uploads that were removed.
	Uploads int
	// Orphans is the number of manifests that were removed because the index
	// or the subject that they belonged to was deleted.
	Orphans int
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
	r := s.sweep(ctx)
	if ctx.Err() != nil {
		return
	}
	if r.Err != nil {
		s.opt.Logger.ErrorContext(ctx, "sweep failed; it will be tried again", "err", r.Err)
	}
	if s.opt.Swept != nil {
		r.Took = time.Since(start)
		s.opt.Swept(r)
	}
}

// Sweep does one round: all that is due now.
func (s *Sweeper) Sweep(ctx context.Context) error { return s.sweep(ctx).Err }

func (s *Sweeper) sweep(ctx context.Context) (r Round) {
	for _, part := range []func(context.Context, *Round) error{s.catalog, s.uploads, s.orphans, s.records} {
		if r.Err = part(ctx, &r); r.Err != nil {
			break
		}
	}
	return r
}

// catalog removes rows of the catalog that nobody can see.
func (s *Sweeper) catalog(ctx context.Context, _ *Round) error {
	if err := steps(func() (bool, error) { return s.cat.PurgeGone(ctx) }); err != nil {
		return err
	}
	for shard := range s.cat.DB().Shards() {
		if s.opt.Tombstones > 0 {
			upTo := s.before(s.opt.Tombstones)
			if err := steps(func() (bool, error) { return s.cat.PurgeTombstones(ctx, shard, upTo) }); err != nil {
				return err
			}
		}
		if s.opt.Journal > 0 {
			upTo := s.before(s.opt.Journal)
			if err := steps(func() (bool, error) { return s.cat.TrimJournal(ctx, shard, upTo) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// before is the position of some time ago.
func (s *Sweeper) before(d time.Duration) int64 { return s.opt.Now().Add(-d).UnixMicro() }

func (s *Sweeper) uploads(ctx context.Context, r *Round) (err error) {
	if s.opt.Uploads > 0 {
		r.Uploads, err = s.blobs.ExpireUploads(ctx, s.opt.Now().Add(-s.opt.Uploads))
		if r.Uploads > 0 {
			s.opt.Logger.InfoContext(ctx, "removed unfinished uploads", "count", r.Uploads)
		}
	}
	return err
}

// orphans removes manifests. Readers see it, and a push waits for a step under
// way: so it rests after each as long as it took.
func (s *Sweeper) orphans(ctx context.Context, r *Round) (err error) {
	if s.opt.Orphans == 0 {
		return nil
	}
	upTo := s.before(s.opt.Orphans)
	for shard := 0; shard < s.cat.DB().Shards() && err == nil; shard++ {
		err = steps(func() (bool, error) {
			began := time.Now()
			n, more, err := s.cat.SweepOrphans(ctx, shard, upTo)
			r.Orphans += n
			if more {
				rest(ctx, time.Since(began))
			}
			return more, err
		})
	}
	if r.Orphans > 0 {
		s.opt.Logger.InfoContext(ctx, "removed what deleted indexes and subjects left behind", "manifests", r.Orphans)
	}
	return err
}

// records removes records of who did what that are past their time. It rests
// as well: a push waits for a step.
func (s *Sweeper) records(ctx context.Context, _ *Round) error {
	if s.opt.Audit == nil || s.opt.Records == 0 {
		return nil
	}
	upTo := s.opt.Now().Add(-s.opt.Records)
	return steps(func() (bool, error) {
		began := time.Now()
		more, err := s.opt.Audit.Trim(ctx, upTo)
		if more {
			rest(ctx, time.Since(began))
		}
		return more, err
	})
}

// rest waits for some time, or until the context ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
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
