package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

type (
	world = catalogtest.World
	spec  = catalogtest.Spec
)

const repo = "acme/web"

var (
	m1 = spec{Name: "m1", Type: "a/a"}
	m2 = spec{Name: "m2", Type: "a/a"}
	m3 = spec{Name: "m3", Type: "b/b"}
	m4 = spec{Name: "m4"}
)

// TestJournalled holds the exact rows of each kind of change, one after the
// other in one repository.
func TestJournalled(t *testing.T) {
	steps := []struct {
		name string
		do   func(w *world)
		want string
	}{
		{"first push", func(w *world) { w.Put(repo, m1, "v1") }, `
			1 repository created acme/web []
			2 manifest created @m1 a/a [i]
			3 tag created v1 @m1 a/a [i.]`},
		{"the same again changes nothing", func(w *world) { w.Put(repo, m1, "v1"); w.Put(repo, m1) }, ``},
		{"a second tag", func(w *world) { w.Put(repo, m1, "v2", "v1", "v2") }, `
			4 manifest updated @m1 a/a <-a/a [ewi]
			5 tag created v2 @m1 a/a [i.]`},
		{"by digest, untagged", func(w *world) { w.Put(repo, m2) }, `
			6 manifest created @m2 a/a [.]`},
		{"two tags of one manifest move at once", func(w *world) { w.Put(repo, m2, "v1", "v2") }, `
			7 manifest updated @m2 a/a <-a/a [ei]
			8 manifest updated @m1 a/a <-a/a [ew]
			9 tag updated v1 @m2 <-@m1 a/a <-a/a [ewi]
			10 tag updated v2 @m2 <-@m1 a/a <-a/a [ewi.]`},
		{"to another type, new", func(w *world) { w.Put(repo, m3, "v2") }, `
			11 manifest created @m3 b/b [i]
			12 manifest updated @m2 a/a <-a/a [ewi]
			13 tag updated v2 @m3 <-@m2 b/b <-a/a [ewi.]`},
		{"two tags from two manifests", func(w *world) { w.Put(repo, m4, "v1", "v2") }, `
			14 manifest created @m4 [i]
			15 manifest updated @m2 a/a <-a/a [ew]
			16 manifest updated @m3 b/b <-b/b [ew]
			17 tag updated v1 @m4 <-@m2 <-a/a [ewi]
			18 tag updated v2 @m4 <-@m3 <-b/b [ewi.]`},
		{"delete a tag", func(w *world) { w.Untag(repo, "v1") }, `
			19 manifest updated @m4 [ewi]
			20 tag deleted v1 <-@m4 [ew.]`},
		{"a tag comes again", func(w *world) { w.Put(repo, m1, "v1") }, `
			21 manifest updated @m1 a/a <-a/a [ei]
			22 tag created v1 @m1 a/a [i.]`},
		{"delete a manifest with its tag", func(w *world) { w.Delete(repo, m1.Digest()) }, `
			23 tag deleted v1 <-@m1 <-a/a [ew]
			24 manifest deleted @m1 <-a/a [ew.]`},
		{"delete an untagged manifest", func(w *world) { w.Delete(repo, m3.Digest()) }, `
			25 manifest deleted @m3 <-b/b [e.]`},
		{"a manifest comes again", func(w *world) { w.Put(repo, m3, "v1") }, `
			26 manifest created @m3 b/b [i]
			27 tag created v1 @m3 b/b [i.]`},
		{"blobs are not journalled", func(w *world) {
			w.Link(repo, catalogtest.Blob("x"))
			w.Must(w.Cat.UnlinkBlob(context.Background(), repo, catalogtest.Blob("x")))
		}, ``},
		{"delete the repository", func(w *world) { w.End(repo) }, `
			28 repository deleted acme/web [e.]`},
		{"purging is not journalled", func(w *world) { w.Purge() }, ``},
		{"the next life", func(w *world) { w.Put(repo, m1, "v1") }, `
			1 repository created acme/web []
			2 manifest created @m1 a/a [i]
			3 tag created v1 @m1 a/a [i.]`},
	}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		seen, pos := 0, int64(0)
		for _, s := range steps {
			w.Clock.Add(time.Second)
			s.do(w)
			rows := w.Journal(repo)
			for i, r := range rows[seen:] {
				if r.Seq != int64(seen+i+1) || r.Pos <= pos {
					t.Errorf("%s: seq %d, pos %d after %d", s.name, r.Seq, r.Pos, pos)
				}
				pos = r.Pos
				if got := w.Word(r.Actor); got != "ada" {
					t.Errorf("%s: actor %q", s.name, got)
				}
			}
			if got, want := w.Rows(rows[seen:]), lines(s.want); got != want {
				t.Errorf("%s:\n%swant\n%s", s.name, got, want)
			}
			seen = len(rows)
		}
	})
}

// lines takes the indentation away.
func lines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// TestDeleteManyTags: tags go in transactions of at most a thousand, the
// manifest in the last one.
func TestDeleteManyTags(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		tags := make([]string, 2500)
		for i := range tags {
			tags[i] = fmt.Sprintf("t%04d", i)
		}
		w.Put(repo, m1, tags...)
		before := len(w.Journal(repo))
		w.Delete(repo, m1.Digest())
		var sizes []int
		n := 0
		rows := w.Journal(repo)[before:]
		for _, r := range rows {
			n++
			if r.Flags&journal.Last != 0 {
				sizes, n = append(sizes, n), 0
			}
		}
		if got := fmt.Sprint(sizes); got != "[1001 1001 501]" {
			t.Errorf("transactions of %s rows", got)
		}
		if last := w.Rows(rows[len(rows)-1:]); !strings.Contains(last, "manifest deleted @m1") {
			t.Errorf("last row %s", last)
		}
		if first := w.Rows(rows[:1]); !strings.Contains(first, "manifest updated @m1 a/a <-a/a [ewi]") {
			t.Errorf("first row %s", first)
		}
		if n := w.Count("tag", "1=1") + w.Count("manifest", "1=1") + w.Count("content", "1=1"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		if n := w.Count("tombstone", "1=1"); n != 2501 {
			t.Errorf("%d tombstones", n)
		}
	})
}

// TestRefusedChange: what a rule or a missing reference refuses journals
// nothing and hides nothing of other changes.
func TestRefusedChange(t *testing.T) {
	refused := errors.New("refused")
	rule := func(_ *sqldb.Tx, c catalog.Change) error {
		if c.Repository == "closed" {
			return refused
		}
		return nil
	}
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Shards: 1}, catalog.Options{Rules: []catalog.Rule{rule}})
		ctx := context.Background()
		if err := w.Cat.PutManifest(ctx, "closed", m1.Manifest(), []string{"v1"}, ""); !errors.Is(err, refused) {
			t.Fatalf("rule: %v", err)
		}
		bad := spec{Name: "bad", Blobs: []lading.Digest{catalogtest.Blob("gone")}}
		if err := w.Cat.PutManifest(ctx, repo, bad.Manifest(), nil, ""); !errors.Is(err, lading.ErrManifestBlobUnknown) {
			t.Fatalf("missing blob: %v", err)
		}
		w.Put(repo, m1, "v1")
		if got := w.Rows(w.Journal(repo)); strings.Count(got, "\n") != 3 {
			t.Errorf("journal:\n%s", got)
		}
		if rows := w.Journal(repo); rows[2].Seq != 3 {
			t.Errorf("seq %d", rows[2].Seq)
		}
	})
}

// TestRecreation: a new life is a new incarnation that knows where the one
// before it ended, and lives while that is purged.
func TestRecreation(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var lives []catalog.RepositoryItem
		for life := range 3 {
			for i := range 400 {
				w.Put(repo, spec{Name: fmt.Sprint("m", i), Type: "a/a"}, fmt.Sprint("t", i))
			}
			w.Untag(repo, "t0")
			living, err := w.Cat.Living(ctx, w.DB.Read(), []string{repo})
			w.Must(err)
			r := living[0]
			lives = append(lives, r)
			for range 2 { // the second time its id is known, and that of the life before is not taken for it
				live, past, err := w.Cat.Named(ctx, w.DB.Read(), []string{repo, "no/such"})
				if err != nil || len(live) != 1 || live[0] != (catalog.Life{ID: r.ID, Born: r.Born, Mod: r.Mod}) || len(past) != 0 {
					t.Errorf("life %d: living %v, past %v: %v", life, live, past, err)
				}
			}
			if life == 2 {
				break
			}
			w.Clock.Add(time.Minute)
			w.End(repo)
			gone, past, err := w.Cat.Named(ctx, w.DB.Read(), []string{repo})
			if err != nil || len(gone) != 0 || len(past) != 1 || past[0] != r.ID || w.Count("repository_past", "id=? AND ended>?", r.ID, r.Mod) != 1 {
				t.Errorf("living %v, past %v: %v", gone, past, err)
			}
		}
		for i, r := range lives[1:] {
			if string(r.Incarnation) == string(lives[i].Incarnation) || r.ID == lives[i].ID || r.Previous <= lives[i].Mod || r.Previous >= r.Born {
				t.Errorf("life %d: %+v after %+v", i+1, r, lives[i])
			}
			if r.Rev != lives[i].Rev {
				t.Errorf("life %d: rev %d, the same changes took %d before", i+1, r.Rev, lives[i].Rev)
			}
		}
		// Two lives of 399 tags, 400 manifests, a tombstone and histories.
		if steps := w.Purge(); steps != 2*(1+1+1+1)+2 {
			t.Errorf("purged in %d steps", steps)
		}
		for table, want := range map[string]int64{"tag": 399, "manifest": 400, "content": 400, "tombstone": 1, "tag_past": 1, "purge": 0, "repository": 1} {
			if n := w.Count(table, "1=1"); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
		// Registry, namespace and type lists; the tombstone; the untagged.
		if n, want := w.Count("feed", "1=1"), int64(3*2*(400+399)+2*1+2*1+2); n != want {
			t.Errorf("feed has %d rows, want %d", n, want)
		}
	})
}
