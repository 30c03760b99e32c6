package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// sweepOrphans removes what has been an orphan since a position or longer, and
// returns how many manifests each step removed.
func sweepOrphans(t *testing.T, w *world, upTo int64) (steps []int) {
	t.Helper()
	for shard := range w.DB.Shards() {
		for {
			n, more, err := w.Cat.SweepOrphans(context.Background(), shard, upTo)
			w.Must(err)
			if !more {
				break
			}
			steps = append(steps, n)
		}
	}
	return steps
}

// bundle is an index of manifests.
func bundle(name string, children ...spec) spec {
	s := spec{Name: name}
	for _, c := range children {
		s.Children = append(s.Children, c.Digest())
	}
	return s
}

// about is a manifest that refers to another.
func about(name string, subject spec) spec { return spec{Name: name, Subject: subject.Digest()} }

var (
	app, other  = spec{Name: "app"}, spec{Name: "other"}
	index       = bundle("index", app, other)
	sig, sigSig = about("sig", app), about("sigsig", about("sig", app))
)

// puts puts manifests without tags.
func puts(w *world, repo string, specs ...spec) {
	w.T.Helper()
	for _, s := range specs {
		w.Put(repo, s)
	}
}

// held are the names of a repository's manifests, in order.
func held(w *world, repo string) string {
	w.T.Helper()
	rows, err := w.DB.Read().Query(context.Background(), `SELECT m.digest FROM manifest m JOIN repository r ON r.id=m.repo WHERE r.name=?`, repo)
	w.Must(err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var d []byte
		w.Must(rows.Scan(&d))
		names = append(names, w.Name(d))
	}
	w.Must(rows.Err())
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestOrphans: what goes after a deletion, and what does not. Each story is one
// repository's, all are in one catalog.
func TestOrphans(t *testing.T) {
	outer := bundle("outer", index)
	stories := []struct {
		name string
		do   func(w *world, repo string)
		stay string // after everything due has gone, level by level
	}{
		{"children", func(w *world, r string) { puts(w, r, app, other, index); w.Delete(r, index.Digest()) }, ""},
		{"children's children", func(w *world, r string) { puts(w, r, app, other, index, outer); w.Delete(r, outer.Digest()) }, ""},
		{"a child of two levels", func(w *world, r string) {
			both := bundle("both", index, app)
			puts(w, r, app, other, index, both)
			w.Delete(r, both.Digest())
		}, ""},
		{"referrers", func(w *world, r string) { puts(w, r, app, sig, sigSig); w.Delete(r, app.Digest()) }, ""},
		{"children with referrers", func(w *world, r string) { puts(w, r, app, other, index, sig, sigSig); w.Delete(r, index.Digest()) }, ""},
		{"referrers of an index", func(w *world, r string) {
			puts(w, r, app, other, index, about("list", index))
			w.Delete(r, index.Digest())
		}, ""},
		{"nobody deleted anything", func(w *world, r string) { puts(w, r, app, other, sig) }, "app other sig"},
		{"a deleted tag", func(w *world, r string) {
			puts(w, r, app, other)
			w.Put(r, index, "a")
			w.Put(r, about("list", index))
			w.Untag(r, "a")
		}, "app index list other"},
		{"a moved tag", func(w *world, r string) { puts(w, r, app, other); w.Put(r, index, "a"); w.Put(r, app, "a") }, "app index other"},
		{"a tag", func(w *world, r string) { w.Put(r, app, "a"); puts(w, r, other, index); w.Delete(r, index.Digest()) }, "app"},
		{"once a tag", func(w *world, r string) {
			w.Put(r, app, "a")
			puts(w, r, other, index)
			w.Untag(r, "a")
			w.Delete(r, index.Digest())
		}, "app"},
		{"a tag that moved away", func(w *world, r string) {
			w.Put(r, app, "a")
			puts(w, r, other, index)
			w.Put(r, spec{Name: "new"}, "a")
			w.Delete(r, index.Digest())
		}, "app new"},
		{"a tag that came later", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			w.Put(r, app, "a")
			w.Untag(r, "a")
		}, "app"},
		{"a referrer with a tag", func(w *world, r string) { puts(w, r, app); w.Put(r, sig, "a"); w.Delete(r, app.Digest()) }, "sig"},
		{"another index", func(w *world, r string) {
			puts(w, r, app, other, index, bundle("second", app))
			w.Delete(r, index.Digest())
		}, "app second"},
		{"another index, deleted too", func(w *world, r string) {
			puts(w, r, app, other, index, bundle("second", app))
			w.Delete(r, index.Digest())
			w.Delete(r, bundle("second", app).Digest())
		}, ""},
		{"a referrer in an index", func(w *world, r string) {
			puts(w, r, app, sig, bundle("second", sig))
			w.Delete(r, app.Digest())
		}, "second sig"},
		{"the index is there again", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			puts(w, r, index)
		}, "app index other"},
		{"the subject is there again", func(w *world, r string) { puts(w, r, app, sig); w.Delete(r, app.Digest()); puts(w, r, app) }, "app sig"},
		{"put again", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			puts(w, r, app)
		}, "app"},
		{"put again before", func(w *world, r string) {
			puts(w, r, app, other, index, app)
			w.Delete(r, index.Digest())
		}, ""},
		{"put again, and deleted again", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			puts(w, r, app, index)
			w.Delete(r, index.Digest())
		}, ""},
		{"a referrer put again", func(w *world, r string) { puts(w, r, app, sig); w.Delete(r, app.Digest()); puts(w, r, sig) }, "sig"},
		{"a referrer that came later", func(w *world, r string) {
			puts(w, r, app, sig)
			w.Delete(r, app.Digest())
			puts(w, r, about("new", app))
		}, "new"},
		{"a child that is a tagged one's subject", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Put(r, sig, "a")
			w.Delete(r, index.Digest())
		}, "app sig"},
		{"a child that is a listed one's subject", func(w *world, r string) {
			puts(w, r, app, other, index, sig, bundle("second", sig))
			w.Delete(r, index.Digest())
		}, "app second sig"},
		{"a child that is a later one's subject", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			puts(w, r, sig)
		}, "app sig"},
		{"deleted by hand", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			w.Delete(r, other.Digest())
			w.Delete(r, app.Digest())
			puts(w, r, app)
		}, "app"},
		{"a layer", func(w *world, r string) {
			puts(w, r, app)
			w.Link(r, app.Digest())
			puts(w, r, spec{Name: "over it", Blobs: []digest.Digest{app.Digest()}})
			w.Delete(r, spec{Name: "over it", Blobs: []digest.Digest{app.Digest()}}.Digest())
		}, "app"},
		{"an empty life before", func(w *world, r string) {
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			w.End(r)
			puts(w, r, app)
		}, "app"},
	}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		name := func(i int) string { return fmt.Sprint("r", i) }
		for i, s := range stories {
			s.do(w, name(i))
		}
		// In another repository the same manifests are not touched.
		puts(w, "elsewhere", app, other, index, sig)
		for range 4 { // levels
			if bad := catalogcheck.Check(context.Background(), w.DB); len(bad) > 0 {
				t.Fatal(strings.Join(bad, "\n"))
			}
			sweepOrphans(t, w, math.MaxInt64)
		}
		for i, s := range stories {
			if got := held(w, name(i)); got != s.stay {
				t.Errorf("%s: %q stays, want %q", s.name, got, s.stay)
			}
		}
		if got := held(w, "elsewhere"); got != "app index other sig" {
			t.Errorf("elsewhere %q stays", got)
		}
		w.Purge()
		if n := w.Count("orphan", "1=1"); n != 0 {
			t.Errorf("%d orphans are still recorded", n)
		}
	})
}

// TestOrphanDelay: nothing goes before its time, and each level has its own.
func TestOrphanDelay(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		outer := bundle("outer", index)
		puts(w, repo, app, other, index, outer, sig)
		w.Delete(repo, outer.Digest())
		rows := w.Journal(repo)
		first := rows[len(rows)-1].Pos
		for _, step := range []struct {
			upTo    int64
			removed int
			stay    string
		}{
			{first - 1, 0, "app index other sig"},
			{first, 1, "app other sig"},
			{first, 0, "app other sig"},
			{math.MaxInt64, 3, ""},
		} {
			removed := 0
			for _, n := range sweepOrphans(t, w, step.upTo) {
				removed += n
			}
			if got := held(w, repo); removed != step.removed || got != step.stay {
				t.Errorf("up to %d: %d removed, %q stays", step.upTo, removed, got)
			}
		}
		rows = w.Journal(repo)[len(rows):]
		const want = "8 manifest deleted @index [e.]\n9 manifest deleted @app [e]\n10 manifest deleted @other [e.]\n11 manifest deleted @sig [e.]\n"
		if got := w.Rows(rows); got != want {
			t.Errorf("journalled:\n%s", got)
		}
		for _, r := range rows {
			if r.Actor != 0 {
				t.Errorf("somebody did it: %v", r)
			}
		}
	})
}

// TestOrphanSteps: however many there are, a step looks at few; those that stay
// are not looked at for ever.
func TestOrphanSteps(t *testing.T) {
	const n = 90
	catalogtest.Each(t, func(t *testing.T, w *world) {
		var children []spec
		for i := range n {
			children = append(children, spec{Name: fmt.Sprint("child", i)})
			puts(w, repo, children[i])
			if s := about(fmt.Sprint("sig", i), app); i%3 > 0 {
				puts(w, repo, s)
			} else {
				w.Put(repo, s, fmt.Sprint("tag", i))
			}
		}
		many := bundle("many", children...)
		puts(w, repo, many, app)
		w.Delete(repo, many.Digest())
		w.Delete(repo, app.Digest())
		removed := 0
		steps := sweepOrphans(t, w, math.MaxInt64)
		for _, k := range steps {
			if removed += k; k > 16 {
				t.Errorf("a step removed %d", k)
			}
		}
		if removed != n+n/3*2 || len(steps) < n/8 || len(steps) > n {
			t.Errorf("%d removed in %v", removed, steps)
		}
		if got := w.Count("manifest", "1=1"); got != n/3 {
			t.Errorf("%d are left", got)
		}
	})
}

// TestOrphanBounds: a step removes no more than a megabyte of manifests, and one
// in any case; what has very many referrers is not asked about.
func TestOrphanBounds(t *testing.T) {
	ctx := context.Background()
	w := catalogtest.Open(t, sqldb.Options{URL: sqldbtest.SQLite(t), Relaxed: true}, catalog.Options{})
	large := func(name string) *catalog.Manifest {
		m := spec{Name: name, Subject: app.Digest()}.Manifest()
		m.Bytes = append(m.Bytes, strings.Repeat(" ", 700<<10)...)
		m.Digest = digest.FromBytes(m.Bytes)
		return m
	}
	puts(w, repo, app)
	for i := range 3 {
		w.Must(w.Cat.PutManifest(ctx, repo, large(fmt.Sprint(i)), nil, ""))
	}
	w.Delete(repo, app.Digest())
	if steps := sweepOrphans(t, w, math.MaxInt64); !slices.Equal(steps, []int{1, 1, 1}) && !slices.Equal(steps, []int{1, 1, 1, 0}) {
		t.Errorf("large ones went in %v", steps)
	}
	for i, n := range []int{1000, 1001} {
		r := fmt.Sprint("many", i)
		puts(w, r, app, other, index)
		for k := range n {
			puts(w, r, about(fmt.Sprint(k), app))
		}
		w.Delete(r, index.Digest())
		sweepOrphans(t, w, math.MaxInt64)
		if stays := strings.Contains(held(w, r), "app"); stays != (n > 1000) {
			t.Errorf("what has %d referrers stays: %v", n, stays)
		}
	}
}

// TestOrphanRule: what a rule keeps stays, and is not asked about again.
func TestOrphanRule(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		rule := func(_ *sqldb.Tx, c catalog.Change) error {
			if c.Delete && c.Manifest != nil && c.Manifest.Digest == app.Digest() {
				return lading.ErrDenied
			}
			return nil
		}
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true}, catalog.Options{Rules: []catalog.Rule{rule}})
		puts(w, repo, app, other, index)
		w.Delete(repo, index.Digest())
		sweepOrphans(t, w, math.MaxInt64)
		if got := held(w, repo); got != "app" || w.Count("orphan", "1=1") != 0 {
			t.Errorf("%q stays", got)
		}
	})
}

// sweepPace is a fortieth of what it takes to remove the children of an index.
func sweepPace(t *testing.T, w *world) time.Duration {
	t.Helper()
	puts(w, "pace", app, other, index)
	w.Delete("pace", index.Digest())
	began := time.Now()
	sweepOrphans(t, w, math.MaxInt64)
	return time.Since(began) / 40
}

// TestOrphanRaces: an index that is pushed while its children are removed is
// there with all of them, or is refused because they are gone.
func TestOrphanRaces(t *testing.T) {
	ctx := context.Background()
	catalogtest.Each(t, func(t *testing.T, w *world) {
		var taken, refused int
		pace := sweepPace(t, w)
		for i := range 100 {
			r := fmt.Sprint("race", i)
			puts(w, r, app, other, index)
			w.Delete(r, index.Digest())
			var wg sync.WaitGroup
			wg.Go(func() { sweepOrphans(t, w, math.MaxInt64) })
			time.Sleep(time.Duration(i%20) * pace)
			err := w.Cat.PutManifest(ctx, r, index.Manifest(), nil, "")
			wg.Wait()
			want := ""
			switch {
			case err == nil:
				taken++
				want = "app index other"
			case errors.Is(err, lading.ErrManifestBlobUnknown):
				refused++
			default:
				t.Fatal(err)
			}
			sweepOrphans(t, w, math.MaxInt64)
			if got := held(w, r); got != want {
				t.Fatalf("round %d: %q is there, want %q (%v)", i, got, want, err)
			}
		}
		t.Logf("%d pushes taken, %d refused", taken, refused)
		if taken == 0 || refused == 0 {
			t.Error("the two have not raced")
		}
		if bad := catalogcheck.Check(ctx, w.DB); len(bad) > 0 {
			t.Error(strings.Join(bad, "\n"))
		}
	})
}

// TestOrphanFaults: a step that fails, at whatever statement, has not happened;
// one that was committed although nobody was told has.
func TestOrphanFaults(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		left := -1
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true, Shards: 1, Fault: func(string) error {
			if left > 0 {
				if left--; left == 0 {
					return errors.New("broken")
				}
			}
			return nil
		}}, catalog.Options{})
		for at := 1; ; at++ {
			r := fmt.Sprint("fault", at)
			puts(w, r, app, other, index, sig)
			w.Delete(r, index.Digest())
			left = at
			_, _, err := w.Cat.SweepOrphans(context.Background(), 0, math.MaxInt64)
			over := left > 0
			left = -1
			if got := held(w, r); got != "app other sig" && got != "sig" {
				t.Fatalf("fault %d: %q is there (%v)", at, got, err)
			}
			sweepOrphans(t, w, math.MaxInt64)
			sweepOrphans(t, w, math.MaxInt64)
			if got := held(w, r); got != "" {
				t.Fatalf("fault %d: %q stays (%v)", at, got, err)
			}
			if over {
				t.Logf("%d faults", at-1)
				break
			}
		}
		if bad := catalogcheck.Check(context.Background(), w.DB); len(bad) > 0 {
			t.Error(strings.Join(bad, "\n"))
		}
	})
}
