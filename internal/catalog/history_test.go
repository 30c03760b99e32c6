package catalog_test

import (
	"context"
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

// history writes the intervals of a tag, oldest first, as seconds since the
// beginning and who opened them.
func history(w *world, tag string, start time.Time) string {
	q, ctx := w.DB.Read(), context.Background()
	rows, err := q.Query(ctx, `SELECT p.opened,p.closed,p.digest,p.actor FROM tag_past p JOIN repository r ON r.id=p.repo WHERE r.name=? AND p.name=? ORDER BY p.opened`, repo, tag)
	w.Must(err)
	defer rows.Close()
	type interval struct {
		from, to, actor int64
		digest          []byte
	}
	var past []interval
	for rows.Next() {
		var i interval
		w.Must(rows.Scan(&i.from, &i.to, &i.digest, &i.actor))
		past = append(past, i)
	}
	w.Must(rows.Err())
	var b strings.Builder
	for _, i := range past {
		fmt.Fprintf(&b, "%.0f-%.0f %s %s; ", journal.Time(i.from).Sub(start).Seconds(), journal.Time(i.to).Sub(start).Seconds(), w.Name(i.digest), w.Word(i.actor))
	}
	return b.String()
}

// TestIntervals: each pointing of a tag is an interval with its actor.
func TestIntervals(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		start := w.Clock.Now()
		do := func(actor string, fn func()) {
			w.Actor = actor
			w.Clock.Add(10 * time.Second)
			fn()
		}
		do("ada", func() { w.Put(repo, m1, "v1", "other") })
		do("bob", func() { w.Put(repo, m2, "v1") })
		do("cy", func() { w.Put(repo, m2, "v1") }) // no change, no interval
		do("dan", func() { w.Untag(repo, "v1") })
		do("eve", func() { w.Put(repo, m1, "v1") })
		do("", func() { w.Delete(repo, m1.Digest()) })
		if got, want := history(w, "v1", start), "10-20 m1 ada; 20-40 m2 bob; 50-60 m1 eve; "; got != want {
			t.Errorf("history %s\nwant    %s", got, want)
		}
		if got, want := history(w, "other", start), "10-60 m1 ada; "; got != want {
			t.Errorf("history %s\nwant    %s", got, want)
		}
		rows := w.Journal(repo)
		if a := rows[len(rows)-1].Actor; a != 0 {
			t.Errorf("the nameless actor is %q", w.Word(a))
		}
	})
}

// TestPositions: however little the clock moves, and even backwards, positions
// grow, and times with them.
func TestPositions(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		tags := make([]string, 5000)
		for i := range tags {
			tags[i] = fmt.Sprintf("t%04d", i)
		}
		w.Put(repo, m1, tags...) // 5,002 rows, the clock stands still
		w.Clock.Add(-time.Hour)
		w.Put(repo, m2, "back")
		w.Clock.Add(2 * time.Hour)
		w.Put(repo, m3, "forth")
		var last journal.Row
		rows := w.Journal(repo)
		for _, r := range rows {
			if r.Pos <= last.Pos || r.Seq != last.Seq+1 || r.Rev != last.Rev+1 {
				t.Fatalf("%+v follows %+v", r, last)
			}
			last = r
		}
		if last.Rev != 5002+2+2 {
			t.Errorf("rev %d", last.Rev)
		}
		if got := journal.Time(last.Pos); got.Before(w.Clock.Now()) || got.After(w.Clock.Now().Add(time.Second)) {
			t.Errorf("the last change was at %v, the clock says %v", got, w.Clock.Now())
		}
	})
}

// TestTombstones: a deleted item leaves one, which goes when the item comes
// again and, at the horizon, with a raised floor.
func TestTombstones(t *testing.T) {
	ctx := context.Background()
	catalogtest.Each(t, func(t *testing.T, w *world) {
		stones := func() int64 { return w.Count("tombstone", "1=1") }
		inFeed := func() int64 { return w.Count("feed", "kind IN (5,6,8)") }
		check := func(what string, s, f int64) {
			t.Helper()
			if stones() != s || inFeed() != f {
				t.Errorf("%s: %d tombstones, %d in the feed; want %d, %d", what, stones(), inFeed(), s, f)
			}
		}
		w.Put(repo, m1, "v1", "v2")
		check("alive", 0, 0)
		w.Untag(repo, "v1")
		check("untagged", 1, 2) // the registry's list and the namespace's
		w.Put(repo, m1, "v1")
		check("tagged again", 0, 0)
		w.Delete(repo, m1.Digest())
		check("deleted", 3, 6)
		w.Put(repo, m1, "v1")
		check("pushed again", 1, 2)
		w.Delete(repo, m1.Digest())
		w.Put(repo, m1)
		check("pushed again, untagged", 2, 4)

		heads, _, err := w.Cat.Journal().Heads(ctx, w.DB.Read())
		w.Must(err)
		shard := w.Cat.Shard(repo)
		half := w.Journal(repo)[0].Pos
		w.Put("gone/x", m1)
		w.End("gone/x")
		for s := range w.DB.Shards() {
			for more := true; more; {
				more, err = w.Cat.PurgeTombstones(ctx, s, half)
				w.Must(err)
			}
		}
		check("nothing is so old", 2, 6)
		for s := range w.DB.Shards() {
			for more := true; more; {
				more, err = w.Cat.PurgeTombstones(ctx, s, heads[shard].Pos+1_000_000)
				w.Must(err)
			}
		}
		check("at the horizon", 0, 0)
		after, _, err := w.Cat.Journal().Heads(ctx, w.DB.Read())
		w.Must(err)
		rows := w.Journal(repo)
		var deleted int64
		for _, r := range rows {
			if r.Action == journal.Deleted && r.Kind == journal.Tag {
				deleted = r.Pos
			}
		}
		if after[shard].Floor < deleted || after[shard].Pos < after[shard].Floor {
			t.Errorf("floor %d, last tombstone %d, head %d", after[shard].Floor, deleted, after[shard].Pos)
		}
		// What was purged can come again and go again.
		w.Put(repo, m1, "v1", "v2")
		w.Delete(repo, m1.Digest())
		w.Put("gone/x", m1)
		w.End("gone/x")
		check("afterwards", 3, 8)
	})
}

// TestTrimJournal: rows go from the front, in steps; the rest can be read.
func TestTrimJournal(t *testing.T) {
	ctx := context.Background()
	catalogtest.Each(t, func(t *testing.T, w *world) {
		tags := make([]string, 1200)
		for i := range tags {
			tags[i] = fmt.Sprint("t", i)
		}
		w.Put(repo, m1, tags...)
		rows := w.Journal(repo)
		shard, steps := w.Cat.Shard(repo), 0
		for {
			more, err := w.Cat.TrimJournal(ctx, shard, rows[1000].Pos)
			w.Must(err)
			if !more {
				break
			}
			steps++
		}
		left := w.Journal(repo)
		if steps != 3 || len(left) != len(rows)-1001 || left[0].Seq != rows[1001].Seq {
			t.Errorf("%d steps left %d of %d rows", steps, len(left), len(rows))
		}
		var floor int64
		w.Must(w.DB.Read().QueryRow(ctx, `SELECT journal_floor FROM head WHERE shard=?`, shard).Scan(&floor))
		if floor != rows[1000].Pos {
			t.Errorf("floor %d, want %d", floor, rows[1000].Pos)
		}
	})
}

// TestShardsMismatch: a database keeps the number of shards it was made with.
func TestShardsMismatch(t *testing.T) {
	ctx := context.Background()
	url := sqldbtest.Postgres(t)
	db := sqldbtest.Open(t, sqldb.Options{URL: url, Shards: 4})
	if _, err := catalog.Open(ctx, db, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := catalog.Open(ctx, sqldbtest.Open(t, sqldb.Options{URL: url, Shards: 8}), catalog.Options{})
	if err == nil || !strings.Contains(err.Error(), "catalog.shards: 4") {
		t.Errorf("opened with another number of shards: %v", err)
	}
	if _, err := catalog.Open(ctx, sqldbtest.Open(t, sqldb.Options{URL: url, Shards: 4}), catalog.Options{}); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// TestLargeManifest: a manifest of 40,000 layers goes in and out.
func TestLargeManifest(t *testing.T) {
	ctx := context.Background()
	blobs := make([]lading.Digest, 40_000)
	for i := range blobs {
		blobs[i] = catalogtest.Blob(fmt.Sprint("blob", i%1000)) // a layer may stand there often
	}
	big := spec{Name: "big", Blobs: blobs}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		if err := w.Cat.PutManifest(ctx, repo, big.Manifest(), nil, ""); lading.AsError(err).Code != lading.CodeManifestBlobUnknown {
			t.Fatalf("without its blobs: %v", err)
		}
		w.Link(repo, blobs[:1000]...)
		w.Put(repo, big, "v1")
		m, err := w.Cat.GetManifest(ctx, repo, lading.Reference{Tag: "v1"})
		if err != nil || m.Digest != big.Digest() || lading.Digest(m.Digest).Algorithm().FromBytes(m.Bytes) != m.Digest {
			t.Errorf("read back %s, %d bytes: %v", m.Digest, len(m.Bytes), err)
		}
		if n := w.Count("manifest_blob", "1=1"); n != 1000 {
			t.Errorf("%d references", n)
		}
		w.Delete(repo, big.Digest())
		if n := w.Count("manifest_blob", "1=1"); n != 0 {
			t.Errorf("%d references are left", n)
		}
	})
}
