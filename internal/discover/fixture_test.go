package discover_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

type spec = catalogtest.Spec

// typed is the one manifest of a type.
func typed(typ string) spec { return spec{Name: "of " + typ, Type: typ} }

// fixture is a catalog with an engine and a caller, who may see everything
// unless grants says less.
type fixture struct {
	*catalogtest.World
	engine *discover.Engine
	mu     sync.Mutex
	grants lading.Grants
	who    string
}

// granted is what the caller may see now.
func (f *fixture) granted() lading.Grants {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.grants
}

func (f *fixture) setGrants(g lading.Grants) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants = g
}

// newFixture opens an empty catalog; PostgreSQL has four shards.
func newFixture(t testing.TB, url string, opt discover.Options) *fixture {
	t.Helper()
	f := &fixture{World: catalogtest.Open(t, sqldb.Options{URL: url, Shards: 4, Relaxed: true}, catalog.Options{}), grants: lading.AllGrants()}
	f.engine = f.with(opt)
	return f
}

// with is another engine over the same catalog.
func (f *fixture) with(opt discover.Options) *discover.Engine {
	f.T.Helper()
	e, err := discover.New(context.Background(), f.Cat, opt)
	f.Must(err)
	f.T.Cleanup(e.Close)
	return e
}

func eachEngine(t *testing.T, fn func(t *testing.T, f *fixture)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, newFixture(t, fresh(t), discover.Options{}))
	})
}

// ctx is the caller's context.
func (f *fixture) ctx() context.Context {
	grants := f.grants
	ctx := lading.WithIdentity(context.Background(), lading.Identity{Subject: f.who})
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return grants, nil })
}

// pages reads all pages of n items.
func (f *fixture) pages(q lading.Query, n int) (pages []lading.Listing) {
	f.T.Helper()
	q.N = n
	for {
		l, err := f.engine.List(f.ctx(), q)
		if err != nil {
			f.T.Fatalf("%+v: %v", q, err)
		}
		if len(l.Items)+len(l.Namespaces) > n {
			f.T.Fatalf("%+v: a page of %d", q, len(l.Items))
		}
		if pages = append(pages, l); len(pages) > 50_000 {
			f.T.Fatalf("%+v: no end", q)
		}
		if l.Next == "" {
			return pages
		}
		q = lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, N: n, Page: l.Next}
	}
}

// all reads all items and the cursor at the end.
func (f *fixture) all(q lading.Query, n int) (items []lading.Item, cursor string) {
	f.T.Helper()
	for _, p := range f.pages(q, n) {
		if cursor != "" {
			f.T.Fatalf("%+v: a cursor before the last page", q)
		}
		items, cursor = append(items, p.Items...), p.Cursor
	}
	return items, cursor
}

// apply does what a client does with items.
func apply(held map[string]lading.Item, items []lading.Item) map[string]lading.Item {
	out := maps.Clone(held)
	if out == nil {
		out = map[string]lading.Item{}
	}
	for _, it := range items {
		if it.Op == lading.OpPut {
			out[it.Key] = it
			continue
		}
		delete(out, it.Key)
		from, to, isRange := strings.Cut(strings.TrimPrefix(it.Key, "range:"), "..")
		maps.DeleteFunc(out, func(_ string, held lading.Item) bool {
			switch {
			case strings.HasPrefix(it.Key, "range:") && isRange:
				return lading.Range{From: from, To: to}.Contains(held.Repository)
			case strings.HasPrefix(it.Key, "repository:"):
				return it.Key == lading.RepositoryKey(held.Repository)
			}
			return false
		})
	}
	return out
}

func keysOf(m map[string]lading.Item) []string { return slices.Sorted(maps.Keys(m)) }

func sameKeys(a, b map[string]lading.Item) bool { return slices.Equal(keysOf(a), keysOf(b)) }
