package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// walkAll types everything that a generation's walk comes to as how says, in
// pages of n, and returns how many manifests it came to.
func walkAll(t *testing.T, w *catalogtest.World, generation int64, n int, how func(*catalog.Stored) (short, shown string)) (seen int) {
	t.Helper()
	ctx := context.Background()
	walks, err := w.Cat.Walks(ctx, generation)
	w.Must(err)
	for _, walk := range walks {
		for walk.Pos < walk.Ends {
			stored, next, err := w.Cat.Walked(ctx, walk, n)
			w.Must(err)
			for _, s := range stored {
				seen++
				short, shown := how(s)
				retype(w, generation, s.Repository, catalog.Retyped{ID: s.ID, Short: short, Shown: shown})
			}
			if walk = next; len(stored) > n {
				t.Errorf("%d of %d", len(stored), n)
			}
			w.Must(w.Cat.SaveWalk(ctx, generation, walk))
		}
	}
	w.Must(w.Cat.EndWalk(ctx, generation))
	return seen
}

// retype types items of a repository again, in as many transactions as it takes.
func retype(w *catalogtest.World, generation int64, repo string, items ...catalog.Retyped) {
	w.T.Helper()
	for len(items) > 0 {
		var err error
		items, err = w.Cat.Retype(context.Background(), generation, repo, items)
		w.Must(err)
	}
}

func TestRetype(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		subject := digest.FromString("subject")
		w.Put("acme/web", catalogtest.Spec{Name: "one", Type: "a/a"}, "v1", "latest")
		w.Put("acme/web", catalogtest.Spec{Name: "untagged", Type: "a/a", Subject: subject})
		w.Put("acme/web", catalogtest.Spec{Name: "same", Type: "b/b", Short: "b"}, "b")
		w.Put("acme/db", catalogtest.Spec{Name: "two", Type: "a/a"}, "v1")
		w.Put("gone", catalogtest.Spec{Name: "two", Type: "a/a"}, "v1")
		w.End("gone")
		generation, err := w.Cat.ChangeTyping(ctx, 0, `{"a":"1"}`, "{}")
		w.Must(err)
		before := w.Count("journal", "1=1")
		how := func(s *catalog.Stored) (string, string) {
			if s.MediaType == "" || len(s.Bytes) == 0 || s.Digest == "" {
				t.Errorf("%+v", s)
			}
			if s.Type.Media == "a/a" {
				return "a", `{"k":"v"}`
			}
			return s.Type.Short, s.Shown
		}
		if seen := walkAll(t, w, generation, 2, how); seen != 4 {
			t.Errorf("the walk came to %d manifests", seen)
		}
		sound(t, w)
		if added := w.Count("journal", "1=1") - before; added != 6 {
			t.Errorf("%d journal rows", added)
		}
		rows := w.Journal("acme/web")
		const a = "a\na/a <-a/a"
		want := fmt.Sprintf("8 manifest updated @one %s [ewi]\n9 tag updated latest @one <-@one %s [ewi]\n10 tag updated v1 @one <-@one %s [ewi.]\n", a, a, a)
		if got := w.Rows(ofRepository(rows, 8, 10)); got != want {
			t.Errorf("the journal is\n%swant\n%s", got, want)
		}
		// Once more, and after a move: there is nothing left to tell.
		before = w.Count("journal", "1=1")
		generation, err = w.Cat.ChangeTyping(ctx, generation, `{"a":"2"}`, "{}")
		w.Must(err)
		walkAll(t, w, generation, 1, how)
		if added := w.Count("journal", "1=1") - before; added != 0 {
			t.Errorf("%d journal rows for nothing", added)
		}
		w.Put("acme/web", catalogtest.Spec{Name: "same", Type: "b/b", Short: "b"}, "v1")
		w.Delete("acme/web", catalogtest.Spec{Name: "one", Type: "a/a"}.Digest())
		w.Purge()
		sound(t, w)
	})
}

// ofRepository are the rows with those revs of the repository that has the
// first row.
func ofRepository(rows []journal.Row, from, to int64) []journal.Row {
	repo := rows[0].Repo
	return slices.DeleteFunc(slices.Clone(rows), func(r journal.Row) bool { return r.Repo != repo || r.Rev < from || r.Rev > to })
}

// A walk goes on where it was, and an older generation's ends.
func TestWalkGoesOn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		for i := range 5 {
			w.Put("acme/web", catalogtest.Spec{Name: fmt.Sprint(i)})
		}
		shard := w.Cat.Shard("acme/web")
		generation, err := w.Cat.ChangeTyping(ctx, 0, "{}", "{}")
		w.Must(err)
		walks, err := w.Cat.Walks(ctx, generation)
		w.Must(err)
		first, next, err := w.Cat.Walked(ctx, walks[shard], 3)
		w.Must(err)
		w.Must(w.Cat.SaveWalk(ctx, generation, next))
		w.Put("acme/web", catalogtest.Spec{Name: "late"}) // by the new generation
		walks, err = w.Cat.Walks(ctx, generation)
		w.Must(err)
		rest, _, err := w.Cat.Walked(ctx, walks[shard], 10)
		w.Must(err)
		if len(first) != 3 || len(rest) != 2 {
			t.Errorf("%d manifests, then %d", len(first), len(rest))
		}
		if _, err := w.Cat.ChangeTyping(ctx, generation-1, "{}", "{}"); !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("changed what it did not know: %v", err)
		}
		_, err = w.Cat.ChangeTyping(ctx, generation, `{"new":"1"}`, "{}")
		w.Must(err)
		if _, err := w.Cat.Walks(ctx, generation); !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("the old walk: %v", err)
		}
		if _, err := w.Cat.Retype(ctx, generation, "acme/web", []catalog.Retyped{{ID: first[0].ID, Short: "old"}}); !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("typed by old definitions: %v", err)
		}
		w.Must(w.Cat.EndWalk(ctx, generation))
		if typing, err := w.Cat.Typing(ctx); err != nil || typing.Walked != "{}" || typing.Definitions != `{"new":"1"}` {
			t.Errorf("%+v, %v", typing, err)
		}
		sound(t, w)
	})
}

func TestDefinitions(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		g := int64(0)
		change := func(defs ...catalog.Definition) {
			var err error
			g, err = w.Cat.ChangeTyping(ctx, g, "{}", "{}", defs...)
			w.Must(err)
		}
		change(catalog.Definition{Name: "b", Body: []byte("1")}, catalog.Definition{Name: "a", Body: []byte("1")})
		change(catalog.Definition{Name: "b", Body: []byte("2")})
		change(catalog.Definition{Name: "a"}, catalog.Definition{Name: "none"})
		defs, _, typing, err := w.Cat.Rules(ctx)
		if err != nil || len(defs) != 1 || defs[0].Name != "b" || string(defs[0].Body) != "2" || typing.Generation != 3 {
			t.Errorf("%+v %+v %v", defs, typing, err)
		}
	})
}

// A change of a policy is a generation, and no walk begins anew for it.
func TestPolicies(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		for i := range 3 {
			w.Put("acme/web", catalogtest.Spec{Name: fmt.Sprint(i)})
		}
		shard := w.Cat.Shard("acme/web")
		g, err := w.Cat.ChangeTyping(ctx, 0, `{"a":"1"}`, "{}")
		w.Must(err)
		walks, err := w.Cat.Walks(ctx, g)
		w.Must(err)
		_, next, err := w.Cat.Walked(ctx, walks[shard], 2)
		w.Must(err)
		w.Must(w.Cat.SaveWalk(ctx, g, next))
		for _, p := range []catalog.Policy{{ID: "b", Body: []byte("1")}, {ID: "a", Body: []byte("1")}, {ID: "b", Body: []byte("2")}, {ID: "a"}} {
			before := g
			if g, err = w.Cat.ChangePolicy(ctx, g, p); err != nil || g != before+1 {
				t.Fatal(g, err)
			}
		}
		if _, err := w.Cat.ChangePolicy(ctx, g-1, catalog.Policy{ID: "c", Body: []byte("1")}); !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("changed what it did not know: %v", err)
		}
		_, policies, typing, err := w.Cat.Rules(ctx)
		if err != nil || fmt.Sprint(policies) != "[{b [50]}]" || typing != (catalog.Typing{Generation: g, Definitions: `{"a":"1"}`, Walked: "{}"}) {
			t.Errorf("%v %+v %v", policies, typing, err)
		}
		walks, err = w.Cat.Walks(ctx, g)
		if err != nil || walks[shard] != next {
			t.Errorf("the walk goes on at %+v, not %+v: %v", walks[shard], next, err)
		}
		// What was decided by an older generation is refused, and so is a tag
		// on a manifest that is there.
		m := catalogtest.Spec{Name: "0"}.Manifest()
		_, err = w.Cat.PutManifestWith(ctx, "acme/web", m, catalog.PutOptions{Tags: []string{"new"}, Generation: g - 1})
		if !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("a tag by an old policy: %v", err)
		}
		_, err = w.Cat.PutManifestWith(ctx, "acme/web", m, catalog.PutOptions{Tags: []string{"new"}, Generation: g})
		w.Must(err)
	})
}
