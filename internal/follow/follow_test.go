package follow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

type spec = catalogtest.Spec

// each runs fn with a catalog of four shards, where the engine has shards.
func each(t *testing.T, opt follow.Options, fn func(t *testing.T, w *catalogtest.World, f *follow.Follower)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Shards: 4, Relaxed: true}, catalog.Options{})
		if opt.Poll == 0 {
			opt.Poll = 5 * time.Millisecond
		}
		f := follow.New(w.Cat, opt)
		t.Cleanup(f.Close)
		fn(t, w, f)
	})
}

func positionOf(w *catalogtest.World, r *follow.Reader) []int64 {
	at := make([]int64, w.DB.Shards())
	r.Position(at)
	return at
}

// read reads until there are n rows, and a little longer.
func read(t *testing.T, r *follow.Reader, n int) (out []*follow.Row) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		rows, more, err := r.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rows...)
		switch {
		case more || len(rows) > 0:
		case len(out) >= n:
			return out
		default:
			select {
			case <-r.Wake():
			case <-ctx.Done():
				t.Fatalf("%d rows of %d", len(out), n)
			}
		}
	}
}

func names(rows []*follow.Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.Remove.Name()+" "+r.Remove.Item.Key)
	}
	return out
}

var start = make([]int64, 4)

func at(w *catalogtest.World) []int64 { return start[:w.DB.Shards()] }

// TestInterest: a reader gets what is of interest to it and is not woken for
// anything else.
func TestInterest(t *testing.T) {
	each(t, follow.Options{}, func(t *testing.T, w *catalogtest.World, f *follow.Follower) {
		all := f.Join(at(w), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
		<-all.Wake() // the reading has begun
		one := f.Join(at(w), follow.Interest{Names: []string{"a"}, Shard: w.Cat.Shard("a")}, make(chan struct{}, 1))
		below := f.Join(at(w), follow.Interest{Namespaces: []string{"a/b"}, Shard: -1}, make(chan struct{}, 1))
		read(t, all, 0)
		read(t, one, 0)
		read(t, below, 0)
		w.Put("a", spec{Name: "m"}, "1")
		w.Put("a/b", spec{Name: "m"})
		w.Put("a/b/c", spec{Name: "m"})
		w.Put("a/bc/d", spec{Name: "m"})
		if n := len(read(t, all, 9)); n != 9 {
			t.Errorf("of all: %d", n)
		}
		if got := names(read(t, one, 3)); !slices.Equal(got, []string{"repository.created repository:a",
			"manifest.created " + lading.ManifestKey("a", spec{Name: "m"}.Digest()), "tag.created tag:a:1"}) {
			t.Errorf("of a: %q", got)
		}
		if got := names(read(t, below, 2)); len(got) != 2 || got[0] != "repository.created repository:a/b/c" {
			t.Errorf("below a/b: %q", got)
		}
		for _, r := range []*follow.Reader{one, below} { // woken for what they have read by now
			select {
			case <-r.Wake():
			default:
			}
		}
		w.Put("zoo", spec{Name: "m"})
		read(t, all, 2) // by now everyone was woken who is
		for name, r := range map[string]*follow.Reader{"a": one, "a/b": below} {
			select {
			case <-r.Wake():
				t.Errorf("%s was woken for another repository", name)
			default:
			}
		}
		// Those who were not woken have still come along.
		here := positionOf(w, one)
		if rows, more, err := one.Read(t.Context()); len(rows) > 0 || more || err != nil {
			t.Errorf("%d rows, %v, %v", len(rows), more, err)
		}
		shard := w.Cat.Shard("a")
		if w.DB.Shards() == 1 && positionOf(w, one)[shard] <= here[shard] {
			t.Error("the position stands still where nothing is of interest")
		}
		for s, p := range positionOf(w, one) {
			if s != shard && p != 0 {
				t.Errorf("the position of shard %d is %d", s, p)
			}
		}
	})
}

// TestRests: while every reader is busy with what it has, the journal is not
// read for them, and nothing is missed.
func TestRests(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		var looks atomic.Int64
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true, Trace: func(sql string, _ []any) {
			if strings.Contains(sql, "FROM head") {
				looks.Add(1)
			}
		}}, catalog.Options{})
		f := follow.New(w.Cat, follow.Options{Poll: time.Millisecond, Rows: 8})
		t.Cleanup(f.Close)
		r := f.Join(make([]int64, w.DB.Shards()), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
		<-r.Wake()
		w.Put("a", spec{Name: "0"}, "t")
		total := len(read(t, r, 3))
		w.Put("a", spec{Name: "1"}, "t")
		for n := 0; n == 0; total += n { // some rows, and no look at whether there are more
			rows, _, err := r.Read(t.Context())
			w.Must(err)
			if n = len(rows); n == 0 {
				<-r.Wake()
			}
		}
		time.Sleep(20 * time.Millisecond) // what was begun ends
		before := looks.Load()
		for i := range 10 {
			w.Put("a", spec{Name: fmt.Sprint("x", i)}, "t")
		}
		time.Sleep(20 * time.Millisecond)
		if n := looks.Load() - before; n > 0 {
			t.Errorf("%d looks for nobody", n)
		}
		if total += len(read(t, r, 10*3)); total != 3+11*3 {
			t.Errorf("%d rows", total)
		}
	})
}

// TestFallsOff: a reader that is slower than the ring is large misses nothing.
func TestFallsOff(t *testing.T) {
	for _, rows := range []int{1, 3, 8} {
		each(t, follow.Options{Rows: rows, Chunk: 2}, func(t *testing.T, w *catalogtest.World, f *follow.Follower) {
			slow, quick := f.Join(at(w), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1)), f.Join(at(w), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
			var want []string
			rng := rand.New(rand.NewPCG(1, uint64(rows)))
			var got []string
			for i := range 40 {
				w.Put(fmt.Sprint("r", i%3), spec{Name: fmt.Sprint(i)}, "t")
				want = append(want, names(read(t, quick, 1))...)
				if rng.IntN(10) == 0 {
					got = append(got, names(read(t, slow, 1))...)
				}
			}
			got = append(got, names(read(t, slow, 0))...)
			for len(got) < len(want) {
				got = append(got, names(read(t, slow, 1))...)
			}
			slices.Sort(want) // shards come in any order
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%d of %d", len(got), len(want))
			}
		})
	}
}

// TestManyWriters: what readers of every speed saw is what was written, in
// order in each repository, whole transactions at a time.
func TestManyWriters(t *testing.T) {
	each(t, follow.Options{Rows: 64, Chunk: 16}, func(t *testing.T, w *catalogtest.World, f *follow.Follower) {
		const writers, puts = 8, 20
		var wg, readers sync.WaitGroup
		for i := range 4 {
			r := f.Join(at(w), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
			readers.Go(func() {
				defer r.Close()
				revs := map[string]int64{}
				n := 0
				for n < writers*(2*puts+1) {
					rows := read(t, r, 1)
					n += len(rows)
					for _, row := range rows {
						if row.Rev != revs[row.Repo.Name]+1 {
							t.Errorf("%s: rev %d follows %d", row.Repo.Name, row.Rev, revs[row.Repo.Name])
						}
						revs[row.Repo.Name] = row.Rev
					}
					if len(rows) > 0 && !rows[len(rows)-1].Last {
						t.Error("a part of a transaction")
					}
					if i > 1 {
						time.Sleep(time.Duration(i) * 5 * time.Millisecond)
					}
				}
			})
		}
		for i := range writers {
			wg.Go(func() {
				for n := range puts {
					w.Put(fmt.Sprint("r", i), spec{Name: fmt.Sprint(n)}, fmt.Sprint("t", n))
				}
			})
		}
		wg.Wait()
		readers.Wait()
	})
}

// TestLaterState: rows that are read late tell the digest of then, the rest as
// it is, and a removal of what is gone.
func TestLaterState(t *testing.T) {
	each(t, follow.Options{}, func(t *testing.T, w *catalogtest.World, f *follow.Follower) {
		m, n := spec{Name: "m", Type: "a/m"}, spec{Name: "n", Type: "a/n"}
		w.Put("a", m, "t")
		w.Put("a", n, "t", "u")
		w.Untag("a", "u")
		w.Delete("a", m.Digest())
		r := f.Join(at(w), follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
		defer r.Close()
		var told []string
		for _, row := range read(t, r, 1) {
			text := names([]*follow.Row{row})[0]
			if row.Put == nil {
				told = append(told, text+" gone")
			} else if d := row.Put.Item.Descriptor; d != nil {
				told = append(told, text+" "+d.ArtifactType)
			}
		}
		mk, nk := lading.ManifestKey("a", m.Digest()), lading.ManifestKey("a", n.Digest())
		want := []string{"manifest.created " + mk + " gone", "tag.created tag:a:t a/n", // m is gone: what it is now
			"manifest.created " + nk + " a/n", "manifest.updated " + mk + " gone", "tag.updated tag:a:t a/n", "tag.created tag:a:u a/n",
			"manifest.updated " + nk + " a/n", "tag.deleted tag:a:u gone", "manifest.deleted " + mk + " gone"}
		if !slices.Equal(told, want) {
			t.Errorf("got  %q\nwant %q", told, want)
		}
	})
}

// TestTrimmed: a reader behind the journal's beginning, or ahead of its end, is
// told.
func TestTrimmed(t *testing.T) {
	each(t, follow.Options{}, func(t *testing.T, w *catalogtest.World, f *follow.Follower) {
		w.Put("a", spec{Name: "m"}, "t")
		ahead := slices.Clone(at(w))
		ahead[w.Cat.Shard("a")] = 1 << 60
		r := f.Join(ahead, follow.Interest{All: true, Shard: -1}, make(chan struct{}, 1))
		defer r.Close()
		if _, _, err := r.Read(t.Context()); !errors.Is(err, journal.ErrAhead) {
			t.Error("ahead: ", err)
		}
		w.Must(w.DB.Update(t.Context(), w.Cat.Shard("a"), func(tx *sqldb.Tx) error {
			tx.Exec(`DELETE FROM journal`)
			journal.From(tx).RaiseJournalFloor(journal.From(tx).Pos())
			return nil
		}))
		behind := f.Join(at(w), follow.Interest{Names: []string{"a"}, Shard: w.Cat.Shard("a")}, make(chan struct{}, 1))
		defer behind.Close()
		if _, _, err := behind.Read(t.Context()); !errors.Is(err, follow.ErrTrimmed) {
			t.Error("behind: ", err)
		}
	})
}
