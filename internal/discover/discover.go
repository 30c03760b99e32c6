// Package discover serves listings and deltas: what a caller may see of the
// catalog, in pages, and what changed in it since a cursor.
//
// A first listing walks the live rows in key order, without holding a
// snapshot between its pages; its cursor is the position at which it began,
// so that the first delta repairs whatever moved meanwhile. A delta tells the
// current state of everything that changed after a cursor, up to the position
// at its own first page. What the caller may see is part of both: a cursor
// says under which grants its holder's copy was made (see grants.go), and a
// delta turns a difference of grants into removals and content.
package discover

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Engine answers queries over a catalog.
type Engine struct {
	cat  *catalog.Catalog
	j    *journal.Journal
	aead cipher.AEAD
	sets grantSets
	opt  Options

	follower *follow.Follower
	draining chan struct{} // closed by Drain
	drain    sync.Once
}

// Options bound what an Engine does for one page.
type Options struct {
	// Scan is how many rows that the caller may see are looked at for one
	// page; 0 means 4000. A page may then be short, or empty, and have a
	// next one.
	Scan int
	// PageBytes ends a page early; 0 means 1 MiB.
	PageBytes int
	// Enumerate is how many repositories stand for a range of names that is
	// no namespace; Sources how many namespaces are merged, each of which is
	// opened at once, and Repositories how many repositories, which are opened
	// when their turn comes. For more the registry's own list is read and
	// filtered. 0 means 1024, 512 and 8192.
	Enumerate, Sources, Repositories int
	// Ahead is how long to wait for a replica to come up to a cursor; 0
	// means 3 s.
	Ahead time.Duration
	// Poll is how often a held delta looks for changes that other replicas
	// made; 0 means 500 ms.
	Poll time.Duration

	// Retention is how long tombstones are kept, and so how old a cursor may
	// be; 0 leaves that to the shards' floors.
	Retention time.Duration
	// Defined tells whether a short name is that of a type's definition; nil
	// knows none.
	Defined func(name string) bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Watch bounds streams.
	Watch WatchOptions

	faults Faults
}

// Faults break one rule of the protocol each, so that a test can see itself
// fail. They exist for tests only; see Seed.
type Faults struct {
	EndCursor       bool // the cursor of a listing is taken at its end
	KeepLeavers     bool // an item that leaves the filter is not removed
	ForgetGrants    bool // the cursor does not hold the grants
	NoIncarnation   bool // a recreated repository is not reset
	NoIntersection  bool // grants are taken anew at each page
	OneSet          bool // the cursor holds one grant set instead of two
	FilterHidesRepo bool // a filter hides the removal of a repository
	ShowNew         bool // a listing shows what was born after it began
	LeakGained      bool // content of repositories lost meanwhile is shown
	EveryCursor     bool // a stream's events carry cursors within a transaction
	StaleGrants     bool // a stream never asks again what its caller may see
	Newer           bool // a stream's state shows what its changes tell again
	KeepResets      bool // every kind of a stream tells of whole repositories
}

// Seed returns options with a fault, for tests.
func (o Options) Seed(f Faults) Options {
	o.faults = f
	return o
}

// New returns an engine. The key that seals cursors is made once and kept in
// the catalog, so that every replica reads every cursor.
func New(ctx context.Context, cat *catalog.Catalog, opt Options) (*Engine, error) {
	key, err := cat.Setting(ctx, "cursor-key", catalog.RandomKey(chacha20poly1305.KeySize))
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("discover: cursor key: %w", err)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	setDefault(&opt.Scan, 4000)
	setDefault(&opt.PageBytes, 1<<20)
	setDefault(&opt.Enumerate, 1024)
	setDefault(&opt.Sources, 512)
	setDefault(&opt.Repositories, 8192)
	setDefault(&opt.Ahead, 3*time.Second)
	setDefault(&opt.Poll, 500*time.Millisecond)
	opt.Watch.setDefaults()
	e := &Engine{cat: cat, j: cat.Journal(), aead: aead, opt: opt, follower: follow.New(cat, opt.Watch.Follow),
		draining: make(chan struct{})}
	// What most callers have is stored now, so that a full disk does not stop
	// them from listing.
	_, err = e.saveSet(ctx, lading.AllGrants())
	return e, err
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// List answers a query for the caller that the context names, cut by the
// grants that the context holds.
//
// Errors: PARAMETER_INVALID, NAME_UNKNOWN, CURSOR_INVALID, CURSOR_EXPIRED.
func (e *Engine) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	r, err := e.newRequest(ctx, q)
	if err != nil {
		return lading.Listing{}, err
	}
	deadline := time.Now().Add(min(q.Wait, lading.MaxWait))
	for ahead := time.Now().Add(e.opt.Ahead); ; {
		changed := e.j.Changed()
		out, err := e.answer(ctx, r)
		switch {
		case errors.Is(err, journal.ErrAhead) && e.drained():
			return lading.Listing{}, lading.ErrUnavailable
		case errors.Is(err, journal.ErrAhead) && time.Now().Before(ahead):
			err = e.pause(ctx, changed, min(100*time.Millisecond, e.opt.Poll))
		case errors.Is(err, journal.ErrAhead):
			return lading.Listing{}, expired("epoch")
		case err != nil || !r.waits(out) || !time.Now().Before(deadline) || e.drained():
			// Not what earlier rounds have read: others' changes make those.
			lading.MeterFrom(ctx).Add(r.looked)
			return out, err
		default:
			err = e.pause(ctx, changed, min(time.Until(deadline), e.opt.Poll))
		}
		if err != nil {
			return lading.Listing{}, err
		}
		if r.grants, err = lading.GrantsFrom(ctx); err != nil {
			return lading.Listing{}, err
		}
	}
}

// waits reports whether the answer is a delta that may be held until there is
// something to tell.
func (r *request) waits(out lading.Listing) bool {
	return r.q.Wait > 0 && r.tok == nil && out.Delta && len(out.Items) == 0 && out.Next == ""
}

// Drain ends what is held: deltas that wait for a change are answered now,
// streams say goodbye, and none is held from now on. The server is about to
// stop.
func (e *Engine) Drain() {
	e.drain.Do(func() { close(e.draining) })
	e.follower.WakeAll()
}

// Close ends the reading of the journal for streams.
func (e *Engine) Close() { e.follower.Close() }

// moment is the time at which a listing or delta begins.
func (e *Engine) moment() rowID { return rowID(e.opt.Now().UnixMicro()) }

func (e *Engine) drained() bool {
	select {
	case <-e.draining:
		return true
	default:
		return false
	}
}

func (e *Engine) pause(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.draining:
	case <-changed:
	case <-t.C:
	}
	return nil
}

// answer runs the request on one snapshot.
func (e *Engine) answer(ctx context.Context, r *request) (out lading.Listing, err error) {
	err = e.cat.DB().View(ctx, func(q sqldb.Querier) error {
		p := &page{e: e, r: r, ctx: ctx, q: q, n: r.n, bytes: e.opt.PageBytes, budget: e.opt.Scan}
		if err := p.resolveFilter(); err != nil {
			return err
		}
		switch {
		case r.q.Kind == lading.KindNamespaces:
			out, err = p.namespaces()
		case r.view:
			out, err = p.view()
		case r.from != nil || r.q.Since == "now" || (r.tok != nil && r.tok.Delta):
			out, err = p.delta()
		default:
			out, err = p.list()
		}
		r.looked = p.looked()
		return err
	})
	return out, err
}

// expired is CURSOR_EXPIRED with its detail.
func expired(reason string) error {
	return lading.ErrCursorExpired.WithDetail(ExpiredDetail{Reason: reason, RetryAfter: 1 + rand.IntN(30)})
}

// ExpiredDetail is the detail of CURSOR_EXPIRED. Reason is "retention" or
// "epoch"; the server in front adds where to begin again.
type ExpiredDetail struct {
	Reason     string `json:"reason"`
	Resync     string `json:"resync,omitempty"`
	RetryAfter int    `json:"retry_after_s"`
}
