package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestFindLink: a link is found in the ranges and nowhere else; the bound is on
// the repositories of the ranges, whatever lies outside of them.
func TestFindLink(t *testing.T) {
	ctx := context.Background()
	b, unknown := catalogtest.Blob("b"), catalogtest.Blob("unknown")
	name := func(i int) []lading.Range { return []lading.Range{lading.RepositoryRange(fmt.Sprintf("r%02d", i))} }
	catalogtest.Each(t, func(t *testing.T, w *world) {
		for i := range 20 {
			w.Link(fmt.Sprintf("r%02d", i), catalogtest.Blob("another"))
		}
		w.Link("r15", b)
		find := func(d lading.Digest, ranges []lading.Range, n int) string {
			t.Helper()
			repo, err := w.Cat.FindLink(ctx, d, ranges, n)
			w.Must(err)
			return repo
		}
		tests := func(when string) {
			t.Helper()
			for _, test := range []struct {
				what   string
				d      lading.Digest
				ranges []lading.Range
				n      int
				want   string
			}{
				{"its own name", b, name(15), 1, "r15"},
				{"another name", b, name(14), 1, ""},
				{"a range", b, []lading.Range{{From: "r10", To: "r19"}}, 100, "r15"},
				{"the range's end", b, []lading.Range{{From: "r10", To: "r15"}}, 100, ""},
				{"to the end", b, []lading.Range{{From: "r15"}}, 1, "r15"},
				{"within the bound", b, []lading.Range{{From: "r00", To: "r20"}}, 16, "r15"},
				{"beyond the bound", b, []lading.Range{{From: "r00", To: "r20"}}, 15, ""},
				{"two ranges within it", b, []lading.Range{{From: "r00", To: "r05"}, {From: "r12"}}, 9, "r15"},
				{"two ranges beyond it", b, []lading.Range{{From: "r00", To: "r05"}, {From: "r12"}}, 8, ""},
				{"nothing", b, nil, 100, ""},
				{"an unknown blob", unknown, []lading.Range{{}}, 100, ""},
			} {
				if got := find(test.d, test.ranges, test.n); got != test.want {
					t.Errorf("%s, %s: %q, want %q", when, test.what, got, test.want)
				}
			}
		}
		tests("alone")
		if got := find(b, []lading.Range{{}}, 1); got != "r15" {
			t.Errorf("everywhere: %q", got)
		}
		// Others that hold the blob, where none of the ranges is, change nothing.
		for i := range 80 {
			w.Link(fmt.Sprintf("a%02d", i), b)
		}
		tests("with hidden links")
	})
}

// TestFindLinkPlan: SQLite walks the repositories that may be read and looks
// the blob up in each; along the blob's links it would have no bound.
func TestFindLinkPlan(t *testing.T) {
	ctx := context.Background()
	var sql string
	var args []any
	trace := func(s string, a []any) {
		if strings.Contains(s, "repository_blob") && !strings.HasPrefix(s, "EXPLAIN") {
			sql, args = s, slices.Clone(a)
		}
	}
	w := catalogtest.Open(t, sqldb.Options{URL: sqldbtest.SQLite(t), Relaxed: true, Trace: trace}, catalog.Options{})
	w.Link("a", catalogtest.Blob("b"))
	if _, err := w.Cat.FindLink(ctx, catalogtest.Blob("b"), []lading.Range{{From: "a", To: "b"}}, 10); err != nil {
		t.Fatal(err)
	}
	rows, err := w.DB.Read().Query(ctx, "EXPLAIN QUERY PLAN "+sql, args...)
	w.Must(err)
	plan := ""
	for rows.Next() {
		var id, parent, unused int64
		var detail string
		w.Must(rows.Scan(&id, &parent, &unused, &detail))
		plan += detail + "\n"
	}
	w.Must(rows.Err())
	if !strings.Contains(plan, "(repo=? AND blob=?)") || strings.Contains(plan, "(blob=?)") {
		t.Errorf("%s\n%s", sql, plan)
	}
}

// TestNamesContaining: living repositories alone, in order, as many as asked
// for, of as many as may be looked at.
func TestNamesContaining(t *testing.T) {
	ctx := context.Background()
	catalogtest.Each(t, func(t *testing.T, w *world) {
		for _, r := range []string{"acme/web", "acme/api", "web", "webapp", "tools/web-ui"} {
			w.Put(r, spec{Name: r})
		}
		w.Link("unborn/web", catalogtest.Blob("b"))
		w.Put("gone/web", spec{Name: "gone"})
		w.End("gone/web")
		for _, test := range []struct {
			text    string
			r       lading.Range
			scan, n int
			want    []string
			looked  int
		}{
			{"web", lading.Range{}, 100, 10, []string{"acme/web", "tools/web-ui", "web", "webapp"}, 5},
			{"web", lading.Range{}, 100, 2, []string{"acme/web", "tools/web-ui"}, 5},
			{"web", lading.Range{}, 2, 10, []string{"acme/web"}, 2},
			{"web", lading.Range{From: "b", To: "web"}, 100, 10, []string{"tools/web-ui"}, 1},
			{"e/w", lading.Range{}, 100, 10, []string{"acme/web"}, 5},
			{"%", lading.Range{}, 100, 10, nil, 5},
			{"_", lading.Range{}, 100, 10, nil, 5},
		} {
			got, looked, err := w.Cat.NamesContaining(ctx, test.r, test.text, test.scan, test.n)
			if err != nil || !slices.Equal(got, test.want) || looked != test.looked {
				t.Errorf("%q in %v: %v of %d, %v; want %v of %d", test.text, test.r, got, looked, err, test.want, test.looked)
			}
		}
	})
}
