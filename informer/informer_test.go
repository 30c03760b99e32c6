package informer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/informer"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

var tags = lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}}

// forms are the ways to learn of changes.
var forms = map[string]informer.Options{"watch": {Query: tags}, "poll": {Query: tags, Poll: true}}

// A copy is made, kept, and gone on with by another informer: what happened is
// told, once.
func TestLife(t *testing.T) {
	for name, opt := range forms {
		t.Run(name, func(t *testing.T) { each(t, func(t *testing.T, w *world) { life(t, w, opt) }) })
	}
}

func life(t *testing.T, w *world, opt informer.Options) {
	l := &told{}
	w.push("acme/web", "one", "1", "2")
	w.push("other", "one", "1")
	opt.Store = &informer.Memory{}
	inf := informer.New(w.reg, l.options(opt))
	if inf.Synced() {
		t.Error("it is current before it has begun")
	}
	stop := run(t, inf)
	synced(t, inf)
	if got := l.since(); got != "+tag:acme/web:1 +tag:acme/web:2" {
		t.Errorf("at first: %s", got)
	}
	w.push("acme/web", "two", "2", "3")
	w.push("acme/api", "one", "1")
	if err := w.reg.DeleteTag(t.Context(), "acme/web", "1", lading.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.current(opt.Store, tags)
	eventually(t, func() (bool, string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.log) == 4, strings.Join(l.log, " ")
	})
	if got := l.since(); got != "*tag:acme/web:2 +tag:acme/api:1 +tag:acme/web:3 -tag:acme/web:1" {
		t.Errorf("then: %s", got)
	}
	if it, ok, err := inf.Get(t.Context(), "tag:acme/web:3"); err != nil || !ok || it.Type == "" || it.Descriptor == nil {
		t.Errorf("%+v, %v, %v", it, ok, err)
	}
	stop()

	if err := w.reg.DeleteRepository(t.Context(), "acme/web"); err != nil {
		t.Fatal(err)
	}
	w.push("acme/web", "three", "3")
	inf = informer.New(w.reg, l.options(opt))
	run(t, inf)
	synced(t, inf)
	w.current(opt.Store, tags)
	if got := l.since(); got != "*tag:acme/web:3 -tag:acme/web:2" {
		t.Errorf("gone on with: %s", got)
	}
	if wrong := l.mistakes(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// Each kind of thing can be copied, of a repository alone too, and from the
// registry in the same process.
func TestKinds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, q := range []lading.Query{
			{Kind: lading.KindRepositories, N: 1},
			{Kind: lading.KindManifests, N: 1},
			{Kind: lading.KindManifests, Scope: lading.Scope{Repository: "acme/web"}},
			{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/web", Prefix: []string{"1"}}, N: 1},
			{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"application/vnd.test.thing"}}},
		} {
			w.push("acme/web", "one", "1", "10")
			w.push("acme/api", "one", "1")
			inf := informer.New(w.reg, informer.Options{Query: q, Sleep: hurry})
			local := informer.New(granted{w.srv.Engine()}, informer.Options{Query: q, Sleep: hurry})
			run(t, inf)
			run(t, local)
			synced(t, inf)
			synced(t, local)
			w.push("acme/web", "two", "1")
			gone := w.push("acme/web", "three", "11")
			if err := w.reg.DeleteManifest(t.Context(), "acme/web", gone, lading.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := w.reg.DeleteRepository(t.Context(), "acme/api"); err != nil {
				t.Fatal(err)
			}
			w.current(inf.Store(), q)
			w.current(local.Store(), q)
		}
	})
}

// granted shows everything of a registry in the same process.
type granted struct{ lading.Registry }

func everything(ctx context.Context) context.Context {
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
}

func (g granted) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	return g.Registry.List(everything(ctx), q)
}

func (g granted) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	return g.Registry.Watch(everything(ctx), q)
}

// A repository that is not there is an empty copy; it may come, go and come.
func TestRepositoryComesAndGoes(t *testing.T) {
	for name, opt := range forms {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqldbtest.SQLite(t))
			opt.Query = lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/web"}}
			opt.Store = &informer.Memory{}
			l := &told{}
			inf := informer.New(w.reg, l.options(opt))
			run(t, inf)
			synced(t, inf)
			for range 3 {
				w.push("acme/web", "one", "1")
				w.current(opt.Store, opt.Query)
				if err := w.reg.DeleteRepository(t.Context(), "acme/web"); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() (bool, string) { return len(held(t, opt.Store, informer.Selection{})) == 0, "it is held still" })
			}
			if wrong := l.mistakes(); len(wrong) > 0 {
				t.Error(wrong)
			}
		})
	}
}

// What may not be read any more leaves the copy, and what may be read comes.
func TestGrants(t *testing.T) {
	for name, opt := range forms {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				for _, repo := range []string{"acme", "acme.x", "acme/api", "acme/web", "other"} {
					w.push(repo, repo, "1", "2")
				}
				l := &told{}
				opt := l.options(opt)
				opt.Query, opt.Store = lading.Query{Kind: lading.KindTags}, &informer.Memory{}
				run(t, informer.New(w.reg, opt))
				for _, grants := range [][]lading.Range{
					{{}}, {lading.PrefixRange("acme/")}, {lading.PrefixRange("acme.")}, {lading.RepositoryRange("acme")}, {},
					{{From: "acme.x", To: "other"}}, lading.NamespaceRanges("acme"), {{}},
				} {
					g := lading.NewGrants(grants...)
					w.grants.Store(&g)
					w.current(opt.Store, opt.Query)
				}
				if wrong := l.mistakes(); len(wrong) > 0 {
					t.Error(wrong)
				}
			})
		})
	}
}

// faulty fails questions as it is told.
type faulty struct {
	informer.Source
	fail func(q lading.Query, n int) error // of the n-th question
	n    int
}

func (f *faulty) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	f.n++
	if err := f.fail(q, f.n); err != nil {
		return lading.Listing{}, err
	}
	return f.Source.List(ctx, q)
}

// When the cursor has expired the informer waits as it is told, lists anew,
// finds out what is no more, and tells of nothing else.
func TestExpired(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t))
	l, store := &told{}, &informer.Memory{}
	w.push("acme/web", "one", "1", "2", "3")
	w.push("acme/api", "one", "1")
	stop := run(t, informer.New(w.reg, l.options(informer.Options{Query: tags, Store: store, Poll: true})))
	w.current(store, tags)
	stop()
	l.since()
	if err := w.reg.DeleteTag(t.Context(), "acme/web", "2", lading.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.push("acme/web", "new", "3", "4")
	expired := lading.ErrCursorExpired.WithDetail(lading.ExpiredDetail{Reason: "retention", RetryAfter: 17})
	var waited atomic.Int64
	var seen []error
	q := tags
	q.N = 2
	old, err := store.Cursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inf := informer.New(&faulty{Source: w.reg, fail: func(q lading.Query, _ int) error {
		if q.Since == old {
			return expired
		}
		return nil
	}}, l.options(informer.Options{
		Query: q, Store: store,
		OnError: func(err error) { seen = append(seen, err) },
		Sleep: func(ctx context.Context, d time.Duration) error {
			waited.CompareAndSwap(0, int64(d))
			return hurry(ctx, d)
		}}))
	run(t, inf)
	synced(t, inf)
	w.current(store, tags)
	if got := l.since(); got != "*tag:acme/web:3 +tag:acme/web:4 -tag:acme/web:2" {
		t.Errorf("told: %s", got)
	}
	if d := time.Duration(waited.Load()); d < 17*time.Second || d > 22*time.Second || len(seen) != 1 || !errors.Is(seen[0], lading.ErrCursorExpired) {
		t.Errorf("it waited %v, failed with %v", d, seen)
	}
	if wrong := l.mistakes(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// watched is a store that looks at what it is given.
type watched struct {
	informer.Memory
	apply func(ops []lading.Item, cursor string) error
}

func (s *watched) Apply(ctx context.Context, ops []lading.Item, cursor string) error {
	if err := s.apply(ops, cursor); err != nil {
		return err
	}
	return s.Memory.Apply(ctx, ops, cursor)
}

// Half a delta is never applied: not when a page fails, again and again, nor
// when it then is another cursor's.
func TestHalfADelta(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t))
	l := &told{}
	var applied [][]lading.Item
	store := &watched{apply: func(ops []lading.Item, _ string) error {
		if len(ops) > 0 {
			applied = append(applied, slices.Clone(ops))
		}
		return nil
	}}
	q := tags
	q.N = 2
	w.push("acme/web", "one", "0")
	stop := run(t, informer.New(w.reg, l.options(informer.Options{Query: q, Store: store, Poll: true})))
	w.current(store, tags)
	stop()
	w.push("acme/web", "two", "1", "2", "3", "4", "5")
	applied = nil
	deltas := 0
	inf := informer.New(&faulty{Source: w.reg, fail: func(q lading.Query, _ int) error {
		if q.Page == "" {
			if deltas++; deltas == 2 { // the half that was read is of no use any more
				if err := w.reg.DeleteTag(t.Context(), "acme/web", "1", lading.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			}
		} else if deltas < 3 {
			return lading.ErrUnavailable
		}
		return nil
	}}, l.options(informer.Options{Query: q, Store: store}))
	run(t, inf)
	synced(t, inf)
	w.current(store, tags)
	if len(applied) != 1 || len(applied[0]) != 4 || deltas < 3 {
		t.Errorf("%d deltas, applied %v", deltas, applied)
	}
}

// A listing whose pages fail is gone on with, and one that is given up is
// begun anew; nothing is told twice.
func TestBrokenListing(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t))
	l, store := &told{}, &informer.Memory{}
	w.push("acme/web", "one", "1", "2", "3", "4", "5")
	q := tags
	q.N = 2
	asked := 0
	inf := informer.New(&faulty{Source: w.reg, fail: func(q lading.Query, n int) error {
		if asked++; n >= 3 && n < 12 {
			return lading.ErrUnavailable
		}
		return nil
	}}, l.options(informer.Options{Query: q, Store: store}))
	run(t, inf)
	synced(t, inf)
	w.current(store, tags)
	if got := l.since(); got != "+tag:acme/web:1 +tag:acme/web:2 +tag:acme/web:3 +tag:acme/web:4 +tag:acme/web:5" {
		t.Errorf("told: %s", got)
	}
}

// What is no use to ask again ends the informer.
func TestFinalErrors(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	w := newWorld(t, sqldbtest.SQLite(t))
	boom := errors.New("boom")
	for name, tt := range map[string]struct {
		from informer.Source
		opt  informer.Options
		want error
	}{
		"no extension":     {newClient(t, plain.URL), informer.Options{Query: tags}, lading.ErrExtensionUnknown},
		"a view":           {w.reg, informer.Options{Query: lading.Query{Kind: lading.KindTags, Order: lading.OrderModified}}, lading.ErrParameterInvalid},
		"namespaces":       {w.reg, informer.Options{Query: lading.Query{Kind: lading.KindNamespaces}}, lading.ErrParameterInvalid},
		"a filter too odd": {w.reg, informer.Options{Query: lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"Odd"}}}}, lading.ErrParameterInvalid},
		"nobody":           {&faulty{fail: func(lading.Query, int) error { return lading.ErrUnauthorized }}, informer.Options{Query: tags}, lading.ErrUnauthorized},
		"a broken store":   {w.reg, informer.Options{Query: tags, Store: &watched{apply: func([]lading.Item, string) error { return boom }}}, boom},
	} {
		tt.opt.Sleep = hurry
		if err := informer.New(tt.from, tt.opt).Run(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSelect(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t))
	for _, repo := range []string{"acme", "acme-x", "acme/api", "acme/web", "other"} {
		w.push(repo, repo, "1", "10", "2")
	}
	inf := informer.New(w.reg, informer.Options{Query: lading.Query{Kind: lading.KindTags}, Sleep: hurry})
	run(t, inf)
	synced(t, inf)
	for _, tt := range []struct {
		sel  informer.Selection
		want int
	}{
		{informer.Selection{}, 15},
		{informer.Selection{Repository: "acme"}, 3},
		{informer.Selection{Repository: "acme", Prefix: "1"}, 2},
		{informer.Selection{Namespace: "acme"}, 9},
		{informer.Selection{Namespace: "acme", Prefix: "acme/w"}, 3},
		{informer.Selection{Prefix: "acme"}, 12},
		{informer.Selection{Types: []string{"helm"}}, 0},
		{informer.Selection{Types: []string{lading.TypeUnknown, "helm"}}, 15},
	} {
		if got := held(t, inf.Store(), tt.sel); len(got) != tt.want {
			t.Errorf("%+v: %d", tt.sel, len(got))
		}
	}
}
