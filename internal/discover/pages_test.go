package discover_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/journal"
)

func (f *fixture) err(q lading.Query) error {
	_, err := f.engine.List(f.ctx(), q)
	return err
}

// TestPageToken: a token belongs to its caller and its listing; a page can be
// asked for again, with another length.
func TestPageToken(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.who = "ada"
		for _, repo := range []string{"a", "b", "c"} {
			f.Put(repo, spec{Name: "m"}, "t1", "t2", "t3")
		}
		for _, scope := range []lading.Scope{{}, {Repository: "a"}} {
			q := lading.Query{Kind: lading.KindTags, Scope: scope, N: 1}
			l, err := f.engine.List(f.ctx(), q)
			f.Must(err)
			again := lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: scope.Repository}, Page: l.Next, N: 2}
			for range 2 {
				l2, err := f.engine.List(f.ctx(), again)
				if err != nil || strings.Join(keys(l2.Items), " ") != "tag:a:t2 tag:a:t3" {
					t.Errorf("the next page: %v, %v", keys(l2.Items), err)
				}
			}
			other := again
			other.Kind = lading.KindManifests
			if err := f.err(other); !errors.Is(err, lading.ErrCursorInvalid) {
				t.Errorf("the page of another kind: %v", err)
			}
			other = again
			other.Scope.Repository = "b"
			if err := f.err(other); !errors.Is(err, lading.ErrCursorInvalid) {
				t.Errorf("the page of another repository: %v", err)
			}
			f.who = "bob"
			if err := f.err(again); !errors.Is(err, lading.ErrCursorInvalid) {
				t.Errorf("the page of another caller: %v", err)
			}
			f.who = "ada"
			// After the grants are gone a token shows nothing.
			f.grants = lading.Grants{}
			if l, err := f.engine.List(f.ctx(), again); len(l.Items) != 0 || scope.Repository != "" && !errors.Is(err, lading.ErrNameUnknown) {
				t.Errorf("a page without grants shows %v, %v", keys(l.Items), err)
			}
			f.grants = lading.AllGrants()
		}
	})
}

func TestParameters(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("a", spec{Name: "m"}, "t")
		for _, n := range []int{-1, lading.MaxPage + 1} {
			if err := f.err(lading.Query{Kind: lading.KindTags, N: n}); !errors.Is(err, lading.ErrParameterInvalid) {
				t.Errorf("n=%d: %v", n, err)
			}
		}
		for _, n := range []int{0, 1, lading.MaxPage} {
			if err := f.err(lading.Query{Kind: lading.KindTags, N: n}); err != nil {
				t.Errorf("n=%d: %v", n, err)
			}
		}
		if err := f.err(lading.Query{Kind: lading.KindTags, Order: lading.OrderModified, Since: "now"}); !errors.Is(err, lading.ErrParameterInvalid) {
			t.Errorf("since= of a view: %v", err)
		}
		if err := f.err(lading.Query{Kind: lading.KindTags, Since: "garbage"}); !errors.Is(err, lading.ErrCursorInvalid) {
			t.Errorf("since=garbage: %v", err)
		}
		none := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "none"}}
		if err := f.err(none); !errors.Is(err, lading.ErrNameUnknown) {
			t.Errorf("no repository: %v", err)
		}
		f.grants = lading.NewGrants(lading.RepositoryRange("b"))
		none.Scope.Repository = "a"
		if err := f.err(none); !errors.Is(err, lading.ErrNameUnknown) {
			t.Errorf("a hidden repository: %v", err)
		}
	})
}

// TestRetention: a cursor older than the tombstones is told so.
func TestRetention(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("a", spec{Name: "m"}, "t")
		_, cursor := f.all(lading.Query{Kind: lading.KindTags}, 10)
		f.Untag("a", "t")
		q := lading.Query{Kind: lading.KindTags, Since: cursor}
		if items, _ := f.all(q, 10); len(items) != 1 || items[0].Op != lading.OpRemove {
			t.Errorf("the delta is %+v", items)
		}
		for more := true; more; {
			var err error
			more, err = f.Cat.PurgeTombstones(f.ctx(), f.Cat.Shard("a"), journal.Pos(f.Clock.Now())+1_000_000)
			f.Must(err)
		}
		err := f.err(q)
		if d, ok := lading.AsError(err).Detail.(discover.ExpiredDetail); !errors.Is(err, lading.ErrCursorExpired) || !ok || d.Reason != "retention" || d.RetryAfter < 1 {
			t.Errorf("behind the horizon: %v, %+v", err, lading.AsError(err).Detail)
		}
	})
}

// TestPageBytes: a page ends at about a megabyte, however long the names and
// annotations.
func TestPageBytes(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		notes := map[string]string{}
		for i := range 35 {
			notes[fmt.Sprint("key", i)] = strings.Repeat("x", 100)
		}
		for i := range 400 {
			f.Put("a", spec{Name: fmt.Sprint(i), Annotations: notes}, fmt.Sprint("t", i))
		}
		total := 0
		for _, kind := range []lading.Kind{lading.KindTags, lading.KindManifests} {
			for i, p := range f.pages(lading.Query{Kind: kind}, 1000) {
				raw, err := json.Marshal(p.Items)
				f.Must(err)
				if len(raw) > 1<<20+1<<16 || i == 0 && len(raw) < 1<<19 {
					t.Errorf("%s: page %d has %d bytes", kind, i, len(raw))
				}
				total += len(p.Items)
			}
		}
		if total != 800 {
			t.Errorf("%d items", total)
		}
	})
}

// TestPageBytesOfTags: the names of a manifest's tags count.
func TestPageBytesOfTags(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		for m := range 100 {
			var tags []string
			for i := range 100 {
				tags = append(tags, fmt.Sprintf("t%03d-%03d-%s", m, i, strings.Repeat("x", 119)))
			}
			f.Put("a", spec{Name: fmt.Sprint(m)}, tags...)
		}
		total := 0
		for _, p := range f.pages(lading.Query{Kind: lading.KindManifests}, 1000) {
			raw, err := json.Marshal(p.Items)
			f.Must(err)
			if len(raw) > 1<<20+1<<16 {
				t.Errorf("a page has %d bytes", len(raw))
			}
			total += len(p.Items)
		}
		if total != 100 {
			t.Errorf("%d items", total)
		}
	})
}

// TestNamespaces: each next segment once, whatever sorts in between.
func TestNamespaces(t *testing.T) {
	names := []string{"a", "a-b/x", "a-c", "a.b/y/z", "a/y", "a/y/z", "a0/b", "b/c/d", "b/c/e", "c"}
	eachEngine(t, func(t *testing.T, f *fixture) {
		for _, n := range names {
			f.Put(n, spec{Name: "m"})
		}
		for i := range 1001 {
			f.Put(fmt.Sprintf("many/r%d", i), spec{Name: "m"})
		}
		show := func(base string, n int, stats bool) string {
			var out []string
			for _, p := range f.pages(lading.Query{Kind: lading.KindNamespaces, Scope: lading.Scope{Namespace: base}, Stats: stats}, n) {
				if p.Cursor != "" {
					t.Error("a view with a cursor")
				}
				for _, ns := range p.Namespaces {
					s := ns.Namespace
					if ns.Repository {
						s += "!"
					}
					if ns.More {
						s += "+"
					}
					if ns.Stats != nil {
						s += fmt.Sprint(ns.Stats.Repos)
					}
					out = append(out, s)
				}
			}
			slices.Sort(out) // their order is that of their first repositories
			return strings.Join(out, " ")
		}
		for n := 1; n < 12; n++ {
			for base, want := range map[string]string{
				"":     "a!+ a-b+ a-c! a.b+ a0+ b+ c! many+",
				"a":    "a/y!+",
				"b":    "b/c+",
				"a.b":  "a.b/y+",
				"c":    "",
				"none": "",
			} {
				if got := show(base, n, false); got != want {
					t.Errorf("n=%d below %q: %s, want %s", n, base, got, want)
				}
			}
		}
		if got, want := show("", 100, true), "a!+3 a-b+1 a-c!1 a.b+1 a0+1 b+2 c!1 many+1000+"; got != want {
			t.Errorf("with counts: %s, want %s", got, want)
		}
		f.grants = lading.NewGrants(lading.RepositoryRange("a/y"), lading.PrefixRange("b/c/d"), lading.RepositoryRange("c"))
		if got, want := show("", 2, true), "a+1 b+1 c!1"; got != want {
			t.Errorf("what is granted: %s, want %s", got, want)
		}
	})
}

// TestManyGrants: ranges that are no namespaces, with more repositories than
// are enumerated; more grants than are merged; the same listing each time.
func TestManyGrants(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		var all, single []lading.Range
		for i := range 600 {
			name := fmt.Sprintf("r%03d", i)
			f.Clock.Add(time.Millisecond) // shards have positions of their own
			f.Put(name, spec{Name: fmt.Sprint(i), Type: "a/a"}, "t")
			if i%2 == 0 || i > 300 {
				single = append(single, lading.RepositoryRange(name))
			}
		}
		all = append(all, single...)
		for i := range 1100 { // granted, not there
			all = append(all, lading.RepositoryRange(fmt.Sprintf("x%04d/y", i*2)))
		}
		for what, g := range map[string]lading.Grants{
			"prefix of 100":         lading.NewGrants(lading.PrefixRange("r1")),
			"prefix of 600":         lading.NewGrants(lading.PrefixRange("r")),
			"hundreds of names":     lading.NewGrants(single...),
			"thousand and more":     lading.NewGrants(all...),
			"two prefixes, a name":  lading.NewGrants(lading.PrefixRange("r05"), lading.PrefixRange("r4"), lading.RepositoryRange("r007")),
			"a range over the half": lading.NewGrants(lading.Range{From: "r250", To: "r550"}),
		} {
			f.grants = g
			var want []string
			for i := range 600 {
				if name := fmt.Sprintf("r%03d", i); g.Contains(name) {
					want = append(want, lading.TagKey(name, "t"))
				}
			}
			for _, order := range []lading.Order{lading.OrderName, lading.OrderModified, lading.OrderCreated} {
				for _, desc := range []bool{false, true} {
					got, _ := f.all(lading.Query{Kind: lading.KindTags, Order: order, Desc: desc}, 97)
					k := keys(got)
					if desc {
						slices.Reverse(k)
					}
					if !slices.Equal(k, want) {
						t.Errorf("%s, %s, desc %v: %d items, want %d", what, order, desc, len(k), len(want))
					}
				}
			}
			_, cursor := f.all(lading.Query{Kind: lading.KindTags}, 1000)
			f.Clock.Add(time.Second)
			f.Put("r450", spec{Name: what}, "t")
			delta, _ := f.all(lading.Query{Kind: lading.KindTags, Since: cursor}, 1000)
			if (len(delta) == 1) != g.Contains("r450") {
				t.Errorf("%s: delta %v", what, keys(delta))
			}
			for i := range 600 { // the order of changes is that of names again
				if i >= 450 {
					f.Clock.Add(time.Millisecond)
					f.Put(fmt.Sprintf("r%03d", i), spec{Name: what + fmt.Sprint(i)}, "t")
				}
			}
		}
	})
}
