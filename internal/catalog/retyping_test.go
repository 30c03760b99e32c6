package catalog_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// types are the types of a repository's tags, as listings by name have them.
func tagTypes(w *catalogtest.World, repo string) map[string]string {
	w.T.Helper()
	out := map[string]string{}
	for _, it := range tagItems(w, repo, catalog.Narrow{}) {
		out[it.Tag] = shortOf(w, it.Type)
	}
	return out
}

func tagItems(w *catalogtest.World, repo string, narrow catalog.Narrow) (out []*catalog.Item) {
	w.T.Helper()
	ctx := context.Background()
	w.Must(w.DB.View(ctx, func(q sqldb.Querier) error {
		live, err := w.Cat.Living(ctx, q, []string{repo})
		if err != nil || len(live) == 0 {
			return err
		}
		out, _, err = w.Cat.TagsWithin(ctx, q, live[0], "", 100_000, false, narrow)
		return err
	}))
	return out
}

func shortOf(w *catalogtest.World, word int64) string {
	w.T.Helper()
	t, err := w.Cat.Type(context.Background(), w.DB.Read(), word)
	w.Must(err)
	return t.Short
}

// count is how many tags of a repository are of each type, which all ways to
// ask for it must answer alike.
func count(w *catalogtest.World, repo string, types ...string) string {
	w.T.Helper()
	ctx := context.Background()
	by := map[string]int{}
	for _, short := range tagTypes(w, repo) {
		by[short]++
	}
	out := ""
	for _, short := range types {
		words, err := w.Cat.TypesNamed(ctx, w.DB.Read(), short, 10)
		w.Must(err)
		narrow := len(tagItems(w, repo, catalog.Narrow{Types: append([]int64{}, words...)}))
		inFeed := int64(0)
		for _, word := range words {
			inFeed += w.Count("feed", "kind=3 AND list=?", catalog.TypeList(word))
		}
		if narrow != by[short] || int64(narrow) != inFeed {
			w.T.Errorf("%d tags are of type %s, a filter finds %d, its list has %d", by[short], short, narrow, inFeed)
		}
		out += fmt.Sprintf("%d %s ", by[short], short)
	}
	return out
}

// A manifest with very many tags changes in steps. Whoever asks in between
// finds each tag in one place; a step that is the last for now, because the
// registry was stopped, is followed by the others later; and nothing is told
// twice.
func TestRetypeInSteps(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		const n = 2500
		tags := make([]string, n)
		for i := range tags {
			tags[i] = fmt.Sprintf("v%04d", i)
		}
		many := catalogtest.Spec{Name: "many", Type: "a/a", Short: "old"}
		few := catalogtest.Spec{Name: "few", Type: "a/a", Short: "old"}
		w.Put("acme/web", few, "one", "two")
		w.Put("acme/web", many, tags...)
		w.Put("acme/web", catalogtest.Spec{Name: "last", Type: "a/a", Short: "old"}, "three")
		var items []catalog.Retyped
		for _, name := range []string{"few", "many", "last"} {
			d := catalogtest.Spec{Name: name, Type: "a/a"}.Digest()
			var id int64
			w.Must(w.DB.Read().QueryRow(ctx, `SELECT id FROM manifest WHERE digest=?`, catalog.EncodeDigest(d)).Scan(&id))
			items = append(items, catalog.Retyped{ID: id, Short: "new"})
		}
		generation, err := w.Cat.ChangeTyping(ctx, 0, `{"new":"1"}`, "{}")
		w.Must(err)
		before := len(w.Journal("acme/web"))
		step := func(want string) {
			t.Helper()
			from := len(w.Journal("acme/web"))
			var err error
			items, err = w.Cat.Retype(ctx, generation, "acme/web", items)
			w.Must(err)
			if rows := len(w.Journal("acme/web")) - from; rows > 255 {
				t.Errorf("one step wrote %d rows", rows)
			}
			if got := count(w, "acme/web", "old", "new"); got != want {
				t.Errorf("there are %s, want %s", got, want)
			}
			sound(t, w)
		}
		step("2501 old 2 new ")
		step("2251 old 252 new ")
		step("2001 old 502 new ")

		// Killed here. The definitions change meanwhile, so that no walk comes
		// to the manifest: its tags are told all the same.
		if w.Cat, err = catalog.Open(ctx, w.DB, catalog.Options{Now: w.Clock.Now}); err != nil {
			t.Fatal(err)
		}
		generation, err = w.Cat.ChangeTyping(ctx, generation, `{"new":"1","more":"1"}`, "{}")
		w.Must(err)
		begun, err := w.Cat.Unfinished(ctx)
		if err != nil || len(begun) != 1 {
			t.Fatal(begun, err)
		}
		for i := range 8 {
			more, err := w.Cat.Finish(ctx, begun[0])
			if err != nil || !more {
				t.Fatalf("step %d: %v %v", i, more, err)
			}
		}
		if got := count(w, "acme/web", "old", "new"); got != "1 old 2502 new " {
			t.Errorf("there are %s", got)
		}
		more, err := w.Cat.Finish(ctx, begun[0])
		if left, _ := w.Cat.Unfinished(ctx); err != nil || more || len(left) > 0 {
			t.Errorf("%v %v %v", more, left, err)
		}
		retype(w, generation, "acme/web", items...)
		if got := count(w, "acme/web", "old", "new"); got != "0 old 2503 new " {
			t.Errorf("there are %s", got)
		}
		sound(t, w)
		told := map[string]int{}
		for _, r := range w.Journal("acme/web")[before:] {
			told[w.Name(r.Digest)+r.Name]++
		}
		if len(told) != n+6 || slices.Max(slices.Collect(maps.Values(told))) != 1 {
			t.Errorf("%d were told of, want %d, once each", len(told), n+6)
		}
	})
}

// client keeps the types of all tags in step: it reads what has changed since
// it last did.
type client struct {
	w    *catalogtest.World
	at   []int64 // by shard
	have map[string]string
}

func (c *client) sync() {
	c.w.T.Helper()
	ctx := context.Background()
	c.w.Must(c.w.DB.View(ctx, func(q sqldb.Querier) error {
		heads, _, err := c.w.Cat.Journal().Heads(ctx, q)
		if err != nil {
			return err
		}
		for shard, h := range heads {
			span := catalog.Span{After: c.at[shard], Until: h.Pos}
			gone, err := c.w.Cat.Scan(ctx, q, catalog.Stream{Kind: catalog.TagGone, List: catalog.RegistryList, Shard: shard}, span, 10_000)
			if err != nil {
				return err
			}
			var graves []int64
			for _, e := range gone {
				graves = append(graves, e.Item)
			}
			dead, err := c.w.Cat.Tombstones(ctx, q, graves)
			if err != nil {
				return err
			}
			for _, g := range dead {
				delete(c.have, g.Repository+":"+g.Name)
			}
			moved, err := c.w.Cat.Scan(ctx, q, catalog.Stream{Kind: catalog.TagModified, List: catalog.RegistryList, Shard: shard}, span, 10_000)
			if err != nil {
				return err
			}
			var ids []int64
			for _, e := range moved {
				ids = append(ids, e.Item)
			}
			items, err := c.w.Cat.Tags(ctx, q, ids)
			if err != nil {
				return err
			}
			for _, e := range moved {
				it := items[e.Item]
				if it == nil {
					continue // of a repository that is gone
				}
				if it.Type != e.Type {
					c.w.T.Errorf("tag %s is of type %d, its entry of %d", it.Tag, it.Type, e.Type)
				}
				c.have[it.Repo.Name+":"+it.Tag] = shortOf(c.w, it.Type)
			}
			c.at[shard] = h.Pos
		}
		return nil
	}))
}

// Whatever happens to tags and manifests between the steps, a client that
// follows has at each moment what a listing has, and so has one that replays
// the journal.
func TestRetypeAmongOthers(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	specs := []catalogtest.Spec{{Name: "x", Type: "x/x"}, {Name: "y", Type: "y/y"}, {Name: "z", Type: "x/x"}}
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		w.Cat.SetRetypeStep(1)
		generation, err := w.Cat.ChangeTyping(ctx, 0, `{"new":"1"}`, "{}")
		w.Must(err)
		c := &client{w: w, at: make([]int64, w.DB.Shards()), have: map[string]string{}}
		between := 0
		for range 300 {
			repo, s := []string{"acme/web", "acme/db"}[rng.IntN(2)], specs[rng.IntN(3)]
			switch p := rng.IntN(20); {
			case p < 8:
				w.Put(repo, s, names[rng.IntN(10)], names[rng.IntN(10)], names[rng.IntN(10)])
			case p < 13:
				_ = w.Cat.DeleteTag(ctx, repo, names[rng.IntN(10)], "") // or there is none
			case p < 14:
				_ = w.Cat.DeleteManifest(ctx, repo, s.Digest(), "")
			case p < 15 && rng.IntN(4) == 0:
				c.sync()
				_ = w.Cat.DeleteRepository(ctx, repo, "")
				maps.DeleteFunc(c.have, func(key, _ string) bool { return strings.HasPrefix(key, repo) }) // which its end tells
			case p < 16 && rng.IntN(2) == 0:
				w.Purge()
			case p < 19:
				var items []catalog.Retyped
				short := []string{"one", ""}[rng.IntN(2)]
				for _, it := range tagItems(w, repo, catalog.Narrow{}) {
					var id int64
					w.Must(w.DB.Read().QueryRow(ctx, `SELECT manifest FROM tag WHERE id=?`, it.ID).Scan(&id))
					items = append(items, catalog.Retyped{ID: id, Short: short})
				}
				items = slices.CompactFunc(slices.SortedFunc(slices.Values(items), func(a, b catalog.Retyped) int { return int(a.ID - b.ID) }),
					func(a, b catalog.Retyped) bool { return a.ID == b.ID })
				_, err := w.Cat.Retype(ctx, generation, repo, items)
				w.Must(err)
			default:
				begun, err := w.Cat.Unfinished(ctx)
				w.Must(err)
				for _, u := range begun {
					between++
					_, err := w.Cat.Finish(ctx, u)
					w.Must(err)
				}
			}
			c.sync()
			want, journalled := map[string]string{}, map[string]string{}
			for _, repo := range []string{"acme/web", "acme/db"} {
				for tag, short := range tagTypes(w, repo) {
					want[repo+":"+tag] = short
				}
				maps.Copy(journalled, replayed(w, repo))
			}
			if !maps.Equal(c.have, want) || !maps.Equal(journalled, want) {
				t.Fatalf("the client has %v, the journal says %v, there is %v", c.have, journalled, want)
			}
			for _, problem := range catalogcheck.Check(ctx, w.DB) {
				t.Fatal(problem)
			}
		}
		if between == 0 {
			t.Error("nothing happened between steps")
		}
	})
}

// replayed are the types of a repository's tags as its journal tells them.
func replayed(w *catalogtest.World, repo string) map[string]string {
	w.T.Helper()
	out, own := map[string]string{}, int64(0)
	for _, r := range w.Journal(repo) {
		switch {
		case r.Kind == journal.Repository && r.Name == repo:
			clear(out)
			if own = r.Repo; r.Action == journal.Deleted {
				own = 0
			}
		case r.Repo != own || r.Kind != journal.Tag:
		case r.Action == journal.Deleted:
			if out[repo+":"+r.Name] != shortOf(w, r.PreviousType) {
				w.T.Errorf("tag %s was of type %s, not %s", r.Name, out[repo+":"+r.Name], shortOf(w, r.PreviousType))
			}
			delete(out, repo+":"+r.Name)
		default:
			out[repo+":"+r.Name] = shortOf(w, r.Type)
		}
	}
	return out
}
