// Package server makes a running registry of a configuration: it opens the
// stores, puts the engine over them, the guard before it and the HTTP API
// before that, and closes them in the right order.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/core"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/gc"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/replica"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/types"
)

// Options are the parts that tests replace.
type Options struct {
	// Access decides who may do what; nil is what the configuration says:
	// guard.Open where it says nothing.
	Access guard.Access
	// Identify says who calls; nil leaves everyone anonymous, or asks
	// auth.htpasswd.
	Identify func(*http.Request) lading.Identity
	// Discover tunes the discovery engine.
	Discover discover.Options
	// Blobs wraps the blob store.
	Blobs func(blob.Store) blob.Store
	// DB changes how the database is opened.
	DB func(*sqldb.Options)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observer is told of every request, such as an access log; nil is
	// nobody.
	Observer httpapi.Observer
	// TypesPoll is how often definitions of types are looked for; 0 means 3 s.
	TypesPoll time.Duration
	// NoSweep leaves the sweeping to the test.
	NoSweep bool
	// NoTyping leaves it to the test to type again what is stored.
	NoTyping bool
	// Alone is for a command that serves nobody: it has no certificates, and
	// leaves the file of records to those who serve.
	Alone bool
}

// Server is a running registry without its listener.
type Server struct {
	db      *sqldb.DB
	cat     *catalog.Catalog
	blobs   blob.Store
	sweeper *gc.Sweeper
	types   *types.Store
	engine  *discover.Engine
	core    *core.Registry
	limits  rateLimits
	certs   *certs.Server // nil without TLS
	turns   *replica.Turns
	handler http.Handler
	watch   *watch
	audit   *auditor
	data    string
	log     *slog.Logger
	stop    context.CancelFunc
	done    sync.WaitGroup

	draining atomic.Bool
}

// New opens the stores that a configuration names and returns the registry
// over them. Close it.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*Server, error) {
	return NewWith(ctx, cfg, log, Options{})
}

// NewWith is New with parts replaced.
func NewWith(ctx context.Context, cfg config.Config, log *slog.Logger, opt Options) (_ *Server, err error) {
	s := &Server{stop: func() {}, data: cfg.Data, log: log, watch: newWatch(cfg, log, opt)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if s.db, err = sqldb.Open(ctx, s.dbOptions(cfg, log, opt)); err != nil {
		return nil, err
	}
	if s.cat, err = catalog.Open(ctx, s.db, catalog.Options{Logger: log, Now: opt.Now}); err != nil {
		return nil, err
	}
	dir, err := blob.OpenDirectory(cfg.Data, blob.Options{Relaxed: cfg.Durability == config.Relaxed})
	if err != nil {
		return nil, err
	}
	if s.blobs = dir; opt.Blobs != nil {
		s.blobs = opt.Blobs(dir)
	}
	s.turns = replica.NewTurns(s.db, nil)
	s.watch.stores(s, log)
	if s.types, err = types.Open(ctx, s.cat, types.Options{Dir: typesDir(cfg), Poll: opt.TypesPoll, Logger: log}); err != nil {
		return nil, err
	}
	opt.Discover.Defined = s.types.Defined
	opt.Discover.Retention, opt.Discover.Now = cfg.Retention.Tombstones, opt.Now
	opt.Discover.Watch.Follow.Logger = log
	engine, err := discover.New(ctx, s.cat, opt.Discover)
	if err != nil {
		return nil, err
	}
	s.engine = engine
	s.limits = newLimits(cfg.Limits, s.watch.metrics)
	if err := s.openTLS(cfg, opt); err != nil {
		return nil, err
	}
	door, err := s.openDoor(ctx, cfg, opt)
	if err != nil {
		return nil, err
	}
	if err := s.openAudit(cfg, opt); err != nil {
		return nil, err
	}
	s.core = core.New(s.cat, s.blobs, engine, core.Options{Sparse: cfg.Manifests.Sparse == config.Allow, Types: s.types})
	api := httpapi.New(guard.New(s.core, door.access), httpapi.Options{
		Logger:            log,
		AbsoluteLocations: cfg.HTTP.AbsoluteLocations,
		Outside:           reached,
		OCIDrafts:         cfg.HTTP.OCIDrafts,
		BodyIdle:          cfg.HTTP.BodyIdle,
		JournalDays:       days(cfg.Retention.Journal),
		TombstoneDays:     days(cfg.Retention.Tombstones),
		Types:             guard.NewDefinitions(s.types, door.access),
		Access:            door.rules,
		Audit:             s.audit.records(door.access),
		Tokens:            door.tokens,
		Sessions:          door.sessions,
		Accounts:          door.accounts,
		WhoAmI:            door.whoami,
		Identify:          door.identify,
		BaseCheck:         door.base,
		Observer:          s.watch.observer(),
		MaxRequests:       cfg.Limits.Requests,
		MaxStreams:        cfg.Limits.Streams,
		Rates:             s.limits,
		MaxHeld:           cfg.Limits.HeldPerCaller,
		RequireCursor:     cfg.Limits.RequireCursor,
		Streams:           s.watch.streams,
		MaxBlob:           int64(cfg.Limits.BlobSize),
	})
	if s.handler, err = outside(cfg, s.watch.handler(api)); err != nil {
		return nil, err
	}
	s.sweeper = gc.New(s.cat, s.blobs, gc.Options{Journal: cfg.Retention.Journal, Tombstones: cfg.Retention.Tombstones,
		Uploads: cfg.Retention.Uploads, Orphans: cfg.Retention.Orphans, Now: opt.Now, Logger: log, Swept: s.watch.swept,
		Audit: s.audit.store, Records: cfg.Audit.Retention})
	if !opt.NoSweep {
		s.background(s.sweeper.Run)
	}
	if !opt.NoTyping {
		s.background(func(ctx context.Context) { s.types.Run(ctx, s.core.Config) })
	}
	return s, nil
}

func (s *Server) dbOptions(cfg config.Config, log *slog.Logger, opt Options) sqldb.Options {
	o := sqldb.Options{URL: cfg.Catalog.URL, Relaxed: cfg.Durability == config.Relaxed, Shards: cfg.Catalog.Shards, Logger: log}
	if o.URL == "" {
		o.URL = "sqlite:" + filepath.Join(cfg.Data, "catalog.db")
	}
	s.watch.database(&o)
	if opt.DB != nil {
		opt.DB(&o)
	}
	return o
}

// typesDir is the directory with the operator's definitions.
func typesDir(cfg config.Config) string {
	return cmp.Or(cfg.Types.Dir, filepath.Join(cfg.Data, "types"))
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// background runs fn until Close.
func (s *Server) background(fn func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	before := s.stop
	s.stop = func() { before(); cancel() }
	s.done.Go(func() { fn(ctx) })
}

// Handler answers every request.
func (s *Server) Handler() http.Handler { return s.handler }

// Drain answers the requests that are held until something changes, so that
// they do not hold up the end of the server, and is ready for no more.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.engine.Drain()
}

// Catalog is the catalog, for tests that look behind the API.
func (s *Server) Catalog() *catalog.Catalog { return s.cat }

// Blobs is the blob store, likewise.
func (s *Server) Blobs() blob.Store { return s.blobs }

// Types are the definitions of artifact types, likewise.
func (s *Server) Types() *types.Store { return s.types }

// Reload reads the definitions of artifact types anew.
func (s *Server) Reload(ctx context.Context) error { return s.types.Reload(ctx) }

// Sweeper removes what is due, likewise.
func (s *Server) Sweeper() *gc.Sweeper { return s.sweeper }

// Close waits for what goes on in the background and closes the stores. No
// request may be in flight.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	s.done.Wait()
	if s.engine != nil {
		s.engine.Close()
	}
	var errs []error
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	errs = append(errs, s.watch.close(ctx))
	return errors.Join(errs...)
}
