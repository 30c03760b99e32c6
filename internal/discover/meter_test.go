package discover_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// cost is what a page of a listing costs the caller.
func (f *fixture) cost(q lading.Query) (l lading.Listing, rows int64) {
	f.T.Helper()
	var m lading.Meter
	l, err := f.engine.List(lading.WithMeter(f.ctx(), &m), q)
	if err != nil {
		f.T.Fatalf("%+v: %v", q, err)
	}
	return l, m.Take()
}

func TestAPageCostsItsRows(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		var tags []string
		for i := range 30 {
			tags = append(tags, fmt.Sprintf("t%02d", i))
		}
		f.Put("a", typed("x/x"), tags...)
		f.Put("b", typed("y/y"))
		f.Put("c", typed("y/y"), "t")
		for _, c := range []struct {
			q    lading.Query
			rows int64
		}{
			{lading.Query{Kind: lading.KindTags, N: 1000}, 32}, // and the repository that has none
			{lading.Query{Kind: lading.KindTags, N: 10}, 10},
			{lading.Query{Kind: lading.KindTags, N: 1000, Scope: lading.Scope{Types: []string{"y/y"}}}, 32}, // looked at, not shown
			{lading.Query{Kind: lading.KindTags, N: 1000, Scope: lading.Scope{Repository: "c"}}, 1},
			{lading.Query{Kind: lading.KindRepositories, N: 1000}, 3},
			{lading.Query{Kind: lading.KindNamespaces, N: 1000, Stats: true}, 3},
			{lading.Query{Kind: lading.KindTags, N: 5, Order: lading.OrderModified}, 5},
			{lading.Query{Kind: lading.KindTags, Since: "now"}, 0},
		} {
			if l, rows := f.cost(c.q); rows != c.rows {
				t.Errorf("%+v costs %d, want %d: %d items", c.q, rows, c.rows, len(l.Items))
			}
		}
		_, cursor := f.all(lading.Query{Kind: lading.KindTags}, 1000)
		f.Put("c", typed("x/x"), "t", "u")
		if l, rows := f.cost(lading.Query{Kind: lading.KindTags, Since: cursor}); rows != 2 || len(l.Items) != 2 {
			t.Errorf("a delta of two costs %d: %v", rows, keys(l.Items))
		}
	})
}

// TestCostTellsNothingHidden asks the same questions of two registries, of
// which one has hidden repositories, that change too. What a caller pays, page
// by page, is the same.
func TestCostTellsNothingHidden(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		for _, sources := range []int{0, 1} { // 1: everything is read and filtered
			opt := discover.Options{Sources: sources, Repositories: sources, Scan: 7, Poll: 5 * time.Millisecond}
			alone, beside := newFixture(t, fresh(t), opt), newFixture(t, fresh(t), opt)
			a, b := costs(alone, false), costs(beside, true)
			if !slices.Equal(a, b) {
				t.Errorf("sources %d:\nalone  %v\nbeside %v", sources, a, b)
			}
		}
	})
}

// costs asks questions, while hidden repositories change or not.
func costs(f *fixture, hidden bool) (out []string) {
	one := catalogtest.Blob("one")
	change := func(i int) {
		if hidden {
			for _, repo := range []string{"a/own", "b/own", "own", "z/own"} {
				f.Put(repo, spec{Name: fmt.Sprint("h", i), Type: "x/x", Subject: one}, fmt.Sprint("h", i), "latest")
			}
		}
	}
	f.who = "ada"
	f.grants = lading.NewGrants(append(lading.NamespaceRanges("a/b"), lading.RepositoryRange("b"), lading.RepositoryRange("c"), lading.PrefixRange("m"))...)
	for i := range 12 {
		change(i)
		f.Put([]string{"a/b/x", "b", "c", "mm"}[i%4], spec{Name: fmt.Sprint("m", i), Type: []string{"x/x", "y/y"}[i%2], Subject: []lading.Digest{"", one}[i%2]}, fmt.Sprint("t", i))
	}
	ask := func(name string, q lading.Query) (cursor string) {
		for {
			change(len(out) + 100)
			l, rows := f.cost(q)
			out = append(out, fmt.Sprintf("%s: %d items, %d rows;", name, len(l.Items)+len(l.Namespaces), rows))
			if l.Next == "" {
				return l.Cursor
			}
			q = lading.Query{Kind: q.Kind, Page: l.Next, N: q.N}
		}
	}
	cursors := map[lading.Kind]string{}
	kinds := []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests}
	for _, kind := range kinds {
		cursors[kind] = ask(string(kind), lading.Query{Kind: kind, N: 3})
		ask("by time", lading.Query{Kind: kind, N: 3, Order: lading.OrderModified, Desc: true})
	}
	ask("typed", lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"y/y"}}})
	ask("subject", lading.Query{Kind: lading.KindManifests, Scope: lading.Scope{Subject: one}, N: 2})
	ask("namespaces", lading.Query{Kind: lading.KindNamespaces, Stats: true})
	for i := range 9 {
		f.Put("b", spec{Name: fmt.Sprint("n", i), Type: "x/x"}, fmt.Sprint("n", i))
		change(i + 50)
	}
	for _, kind := range kinds {
		ask("delta of "+string(kind), lading.Query{Kind: kind, Since: cursors[kind], N: 4})
	}
	return append(out, f.waited(change), f.streamed())
}

// waited is the cost of a delta that waits while others write, of which the
// caller sees a little that does not match.
func (f *fixture) waited(change func(int)) string {
	q := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"x/x"}, CreatedAfter: time.Now().Add(time.Hour)}, Wait: 300 * time.Millisecond}
	q.Since = "now"
	l, _ := f.cost(lading.Query{Kind: q.Kind, Scope: q.Scope, Since: "now"})
	q.Since = l.Cursor
	f.Put("b", spec{Name: "quiet", Type: "y/y"}, "quiet")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 5 {
			change(i + 1000)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	l, rows := f.cost(q)
	<-done
	return fmt.Sprintf("held: %d items, %d rows", len(l.Items), rows)
}

// streamed is the cost of a stream that begins with everything.
func (f *fixture) streamed() string {
	var m lading.Meter
	ctx, cancel := context.WithTimeout(lading.WithMeter(f.ctx(), &m), 10*time.Second)
	defer cancel()
	s, err := f.engine.Watch(ctx, lading.WatchQuery{Initial: true})
	f.Must(err)
	defer s.Close()
	for {
		events, err := s.Next(ctx)
		f.Must(err)
		for _, e := range events {
			if e.Control == lading.ControlSynced {
				return fmt.Sprintf("stream: %d rows", m.Take())
			}
		}
	}
}
