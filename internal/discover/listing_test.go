package discover_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// filters are the scopes that a kind can have.
func filters(kind lading.Kind, scope lading.Scope, md *model) (out []lading.Scope) {
	yes, no := true, false
	begin := md.f.Clock.Now().Add(-time.Duration(md.step) * time.Second)
	at := func(part float64) time.Time {
		return begin.Add(time.Duration(float64(md.step)*part) * time.Second).Truncate(time.Second)
	}
	add := func(change func(*lading.Scope)) {
		s := scope
		change(&s)
		out = append(out, s)
	}
	add(func(*lading.Scope) {})
	add(func(s *lading.Scope) { s.CreatedAfter, s.CreatedBefore = at(0.3), at(0.9) })
	add(func(s *lading.Scope) { s.ModifiedAfter = at(0.5) })
	add(func(s *lading.Scope) { s.ModifiedBefore = at(0.8); s.CreatedAfter = at(0.2) })
	if scope.Repository == "" {
		add(func(s *lading.Scope) { s.Prefix = []string{"a", "acme/t", "zoo/x"} })
		add(func(s *lading.Scope) { s.Exclude = []string{"a-*", "acme/web"} })
	}
	if kind == lading.KindRepositories {
		return out
	}
	if scope.Repository != "" && kind == lading.KindTags {
		add(func(s *lading.Scope) { s.Prefix = []string{"t", "v1"} })
		add(func(s *lading.Scope) { s.Exclude = []string{"t*", "v1"} })
	}
	add(func(s *lading.Scope) { s.Types = []string{"a/a"} })
	add(func(s *lading.Scope) { s.Types = []string{"a/a", "c/c", "a/a", "none/none"} })
	add(func(s *lading.Scope) { s.Types = []string{"none/none", "nu\x00l/l"} })
	add(func(s *lading.Scope) { s.Platforms = []string{"linux/arm", "windows/amd64"} })
	add(func(s *lading.Scope) { s.Types, s.Platforms = []string{"a/a"}, []string{"linux/amd64"} })
	if kind == lading.KindManifests {
		add(func(s *lading.Scope) { s.Tagged = &yes })
		add(func(s *lading.Scope) { s.Tagged = &no })
		add(func(s *lading.Scope) { s.Tagged, s.Types = &no, []string{"b/b"} })
		add(func(s *lading.Scope) { s.Subject = catalogtest.Blob("one") })
		add(func(s *lading.Scope) { s.Subject, s.Tagged = catalogtest.Blob("two"), &yes })
		add(func(s *lading.Scope) { s.Subject = catalogtest.Blob("none") })
	}
	return out
}

func keys(items []lading.Item) (out []string) {
	for _, it := range items {
		out = append(out, it.Key)
	}
	return out
}

// check compares a listing with the model, key by key in order, and each
// item's state.
func (md *model) check(t *testing.T, q lading.Query, n int, grants lading.Grants) {
	t.Helper()
	got, cursor := md.f.all(q, n)
	want := md.expect(q, grants)
	var wantKeys []string
	for _, th := range want {
		wantKeys = append(wantKeys, th.key())
	}
	if !slices.Equal(keys(got), wantKeys) {
		t.Errorf("n=%d %s desc=%v %+v\ngot  %v\nwant %v", n, q.Order, q.Desc, q.Scope, keys(got), wantKeys)
		return
	}
	if (cursor == "") != q.View() {
		t.Errorf("%+v: cursor %q", q, cursor)
	}
	for i, th := range want {
		if it := got[i]; !same(it, th) {
			t.Errorf("%s is shown as %+v, want %+v", th.key(), it, th)
		}
	}
}

// same reports whether an item shows what the thing is.
func same(it lading.Item, th *thing) bool {
	mod := th.modAt
	if th.kind == lading.KindRepositories {
		mod = th.bornAt
	}
	near := func(a *time.Time, b time.Time) bool { return a != nil && a.Sub(b).Abs() < time.Millisecond }
	if it.Op != lading.OpPut || it.Repository != th.repo || it.Incarnation == "" || it.Rev == 0 || !near(it.Created, th.bornAt) || !near(it.Modified, mod) {
		return false
	}
	if th.kind == lading.KindRepositories {
		return it.Descriptor == nil
	}
	if it.Tag != th.tag || it.Descriptor.Digest != th.m.Digest() || it.Descriptor.ArtifactType != th.m.Type || it.Subject != th.m.Subject ||
		it.Descriptor.Size != int64(len(th.m.Manifest().Bytes)) {
		return false
	}
	return th.kind == lading.KindTags && it.TagCount == nil ||
		th.kind == lading.KindManifests && slices.Equal(it.Tags, slices.Sorted(maps.Keys(th.tags))) && *it.TagCount == int64(len(th.tags))
}

// TestListings compares every kind, order, direction and filter at every
// scope, in pages of several lengths, with a brute-force reading.
func TestListings(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		rng := rand.New(rand.NewPCG(9, 10))
		md := &model{f: f, things: map[string]*thing{}}
		md.grow(rng, 300)
		for _, problem := range catalogcheck.Check(f.ctx(), f.DB) {
			t.Error(problem)
		}
		engines := []*discover.Engine{f.engine, f.with(discover.Options{Scan: 3}), f.with(discover.Options{PageBytes: 1500})}
		grants := []lading.Grants{lading.AllGrants(), lading.NewGrants(append(lading.NamespaceRanges("acme"), lading.PrefixRange("a-"), lading.RepositoryRange("a"), lading.RepositoryRange("a/y/z"))...)}
		scopes := []lading.Scope{{}, {Namespace: "acme"}, {Namespace: "a"}, {Namespace: "acme/team"}, {Namespace: "none"}, {Repository: "acme/web"}, {Repository: "a"}}
		count := 0
		for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests} {
			for _, scope := range scopes {
				if scope.Repository != "" && (kind == lading.KindRepositories || md.at(lading.RepositoryKey(scope.Repository)) == nil) {
					continue
				}
				for _, s := range filters(kind, scope, md) {
					for _, order := range []lading.Order{"", lading.OrderName, lading.OrderCreated, lading.OrderModified} {
						for _, desc := range []bool{false, true} {
							q := lading.Query{Kind: kind, Scope: s, Order: order, Desc: desc}
							g := grants[count%2]
							f.grants, f.engine = g, engines[count/2%3]
							md.check(t, q, []int{1, 2, 3, 7, 100}[count%5], g)
							count++
						}
					}
				}
			}
		}
		t.Logf("%d listings of %d things", count, len(md.things))
	})
}

// TestDeltas: a copy that follows by deltas, in pages while the registry
// changes, holds in the end what a listing shows; an unfiltered one to the
// last field.
func TestDeltas(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		rng := rand.New(rand.NewPCG(11, 12))
		md := &model{f: f, things: map[string]*thing{}}
		md.grow(rng, 100)
		type copyOf struct {
			q      lading.Query
			held   map[string]lading.Item
			cursor string
		}
		var copies []*copyOf
		for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests} {
			for _, scope := range []lading.Scope{{}, {Namespace: "acme"}, {Repository: "acme/web"}} {
				if kind == lading.KindRepositories && scope.Repository != "" {
					continue
				}
				for _, s := range filters(kind, scope, md) {
					if q := (lading.Query{Kind: kind, Scope: s}); !q.View() {
						items, cursor := f.all(q, 5)
						copies = append(copies, &copyOf{q, apply(nil, items), cursor})
					}
				}
			}
		}
		engines := []*discover.Engine{f.engine, f.with(discover.Options{Scan: 3})}
		for round := range 6 {
			md.grow(rng, 40)
			f.engine = engines[round%2]
			for _, c := range copies {
				q := c.q
				q.Since = c.cursor
				var items []lading.Item
				items, c.cursor = f.all(q, []int{1, 3, 50}[round%3])
				c.held = apply(c.held, items)
				want := map[string]*thing{}
				for _, th := range md.expect(c.q, lading.AllGrants()) {
					want[th.key()] = th
				}
				if got := keysOf(c.held); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
					t.Fatalf("round %d, %+v: the copy holds\n%v, want\n%v", round, c.q, got, slices.Sorted(maps.Keys(want)))
				}
				for key, th := range want {
					if !same(c.held[key], th) {
						t.Fatalf("round %d: the copy holds %+v, want %+v", round, c.held[key], th)
					}
				}
				if _, at := f.all(lading.Query{Kind: q.Kind, Scope: q.Scope, Since: c.cursor}, 10); at == "" {
					t.Fatal(fmt.Sprint("no cursor at ", round))
				}
			}
		}
	})
}
