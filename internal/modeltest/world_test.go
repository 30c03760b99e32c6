package modeltest

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/core"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// root may do everything.
const root = "root"

// tombstones is how long the registries under test remember deletions.
const tombstones = time.Hour

// access lets root do everything, and everyone else read what their rules say
// and change nothing.
type access struct {
	mu    sync.Mutex
	rules map[string]rules
	write map[string]rules
	// streams are told apart from other requests.
	streams *streams
	// hook is called, when it is set, before a user's grants are told.
	hook func(user string)
}

func (a *access) set(user string, rs rules) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules[user] = rs
}

func (a *access) setHook(hook func(user string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hook = hook
}

// Granted implements guard.Access.
func (a *access) Granted(ctx context.Context, verb lading.Verb) (lading.Grants, error) {
	user := lading.IdentityFrom(ctx).Subject
	if user == root {
		return lading.AllGrants(), nil
	}
	if verb != lading.VerbList && verb != lading.VerbPull {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.write[user].grants(), nil
	}
	a.mu.Lock()
	hook, rs := a.hook, a.rules[user]
	a.mu.Unlock()
	if a.streams.asked(ctx, rs) {
		return rs.grants(), nil
	}
	if hook != nil {
		hook(user)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rules[user].grants(), nil
}

// clock stands still until it is moved.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	newest time.Time // that it ever was
}

// Now is the clock's time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	if c.now.After(c.newest) {
		c.newest = c.now
	}
	return c.now
}

// catchUp ends what was left of a step back: from here on times are the
// clock's again, and not later ones.
func (c *clock) catchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Before(c.newest) {
		c.now = c.newest
	}
}

// setup says what kind of registry is under test.
type setup struct {
	postgres bool
	replicas int
	direct   bool // as a value, not over HTTP
	options  discover.Options
	start    time.Time // of the clock; zero is now
}

// world is a registry under test: one or two servers over one database.
type world struct {
	setup
	cfg    config.Config
	clock  *clock
	access *access
	blobs  blob.Store

	servers  []*server.Server
	engines  []*discover.Engine // of the registries as values
	handlers []atomic.Pointer[http.Handler]
	busy     []sync.WaitGroup // with requests, for each server
	streams  *streams
	urls     []string
	regs     []lading.Registry
	turn     int
	client   *http.Client
	met      map[string]int  // how often things happened
	defined  map[string]bool // which of definitions there are
}

// sharedBlobs outlive the servers that use them.
type sharedBlobs struct{ blob.Store }

func (sharedBlobs) Close() error { return nil }

func newWorld(tb testing.TB, s setup) *world {
	tb.Helper()
	if s.start.IsZero() {
		s.start = time.Now().Truncate(time.Second)
	}
	open := &streams{rules: map[string][]rules{}, open: map[string]*connection{}}
	w := &world{setup: s, streams: open, clock: &clock{now: s.start}, blobs: sharedBlobs{blob.NewMemory()},
		met: map[string]int{}, defined: map[string]bool{}, access: &access{rules: map[string]rules{}, write: map[string]rules{}, streams: open}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	w.replicas = max(1, w.replicas)
	w.engines, w.busy = make([]*discover.Engine, w.replicas), make([]sync.WaitGroup, w.replicas)
	w.cfg = config.Default()
	w.cfg.Durability = config.Relaxed
	w.cfg.Retention = config.Retention{Tombstones: tombstones, Journal: tombstones / 2}
	w.cfg.Catalog.Shards = 4
	if s.postgres {
		w.cfg.Catalog.URL = sqldbtest.Postgres(tb)
	}
	w.cfg.Data = memoryDir(tb)
	w.servers, w.handlers, w.regs = make([]*server.Server, w.replicas), make([]atomic.Pointer[http.Handler], w.replicas), make([]lading.Registry, w.replicas)
	for i := range w.servers {
		if err := w.start(i); err != nil {
			tb.Fatal(err)
		}
		if !s.direct {
			ts := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				w.busy[i].Add(1)
				defer w.busy[i].Done()
				if id := r.Header.Get(streamHeader); id != "" {
					r = r.WithContext(context.WithValue(r.Context(), streamKey{}, id))
				}
				(*w.handlers[i].Load()).ServeHTTP(rw, r)
			}))
			tb.Cleanup(ts.Close)
			w.urls = append(w.urls, ts.URL)
		}
	}
	if err := w.warmTypes(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		w.client.CloseIdleConnections()
		for i, s := range w.servers {
			w.idle(i)
			if err := s.Close(context.Background()); err != nil {
				tb.Error(err)
			}
		}
	})
	return w
}

// memoryDir is a directory in memory where the system has one: nothing here
// is about disks.
func memoryDir(tb testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "lading-modeltest-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start opens server i on the world's data.
func (w *world) start(i int) error {
	cfg := w.cfg
	if w.replicas > 1 {
		cfg.Data = fmt.Sprintf("%s/%d", cfg.Data, i)
	}
	s, err := server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{
		Access:    w.access,
		Identify:  func(r *http.Request) lading.Identity { return lading.Identity{Subject: r.Header.Get(userHeader)} },
		Discover:  w.options,
		Blobs:     func(own blob.Store) blob.Store { own.Close(); return w.blobs },
		Now:       w.clock.Now,
		TypesPoll: time.Hour, // the schedules say when
		NoSweep:   true,
	})
	if err != nil {
		return err
	}
	w.servers[i] = s
	h := s.Handler()
	w.handlers[i].Store(&h)
	if w.direct {
		opt := w.options
		opt.Defined, opt.Now, opt.Retention = s.Types().Defined, w.clock.Now, tombstones
		engine, err := discover.New(context.Background(), s.Catalog(), opt)
		if err != nil {
			return err
		}
		w.engines[i] = engine
		w.regs[i] = guard.New(core.New(s.Catalog(), w.blobs, engine, core.Options{Types: s.Types()}), w.access)
	}
	return nil
}

// drain says to the requests that wait on a server that it is about to stop.
func (w *world) drain(i int) {
	w.servers[i].Drain()
	if w.direct {
		w.engines[i].Drain()
	}
}

// idle waits until a server works on nothing.
func (w *world) idle(i int) {
	w.drain(i)
	w.busy[i].Wait()
	if w.direct {
		w.engines[i].Close()
	}
}

// restart closes a server and opens it again.
func (w *world) restart(i int) error {
	w.idle(i)
	if err := w.servers[i].Close(context.Background()); err != nil {
		return err
	}
	return w.start(i)
}

// sweep removes what is due, and orphans whatever the time: the servers' own
// sweepers keep them.
func (w *world) sweep() error {
	s := w.servers[w.next()]
	if err := s.Sweeper().Sweep(context.Background()); err != nil {
		return err
	}
	for shard := range s.Catalog().DB().Shards() {
		for more := true; more; {
			var err error
			if _, more, err = s.Catalog().SweepOrphans(context.Background(), shard, math.MaxInt64); err != nil {
				return err
			}
		}
	}
	return nil
}

// next takes turns between the servers.
func (w *world) next() int {
	w.turn++
	return w.turn % w.replicas
}

// registry is the registry under test; each request goes to another server.
func (w *world) registry() registry {
	if w.direct {
		return direct{func() lading.Registry { return w.regs[w.next()] }}
	}
	return overHTTP{w.client, func() string { return w.urls[w.next()] }}
}
