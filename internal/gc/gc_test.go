package gc_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/gc"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestSweep: what is due goes, what is not stays, and the catalog keeps its
// rules.
func TestSweep(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		ctx, blobs := context.Background(), blob.NewMemory()
		w.Put("gone", catalogtest.Spec{Name: "a"}, "1", "2")
		w.Put("lives", catalogtest.Spec{Name: "a"}, "1", "2")
		w.End("gone")
		w.Untag("lives", "2")
		up, err := blobs.Create(ctx, "someone")
		w.Must(err)
		w.Must(up.Close())

		now := w.Clock.Now()
		sweeper := gc.New(w.Cat, blobs, gc.Options{Journal: time.Hour, Tombstones: 2 * time.Hour, Uploads: time.Hour, Now: func() time.Time { return now }})
		count := func(what string, tombstones, rows, uploads int64) {
			t.Helper()
			w.Must(sweeper.Sweep(ctx))
			if n := w.Count("tombstone", "1=1"); n != tombstones {
				t.Errorf("%s: %d tombstones, want %d", what, n, tombstones)
			}
			if n := w.Count("journal", "1=1"); (n > 0) != (rows > 0) {
				t.Errorf("%s: %d journal rows", what, n)
			}
			again, err := blobs.Resume(ctx, "someone", up.ID())
			if err == nil {
				w.Must(again.Close())
			}
			if (err == nil) != (uploads > 0) {
				t.Errorf("%s: the upload: %v", what, err)
			}
			for _, wrong := range catalogcheck.Check(ctx, w.DB) {
				t.Errorf("%s: %s", what, wrong)
			}
		}
		count("at once", 1, 1, 1)
		if n := w.Count("manifest", "1=1") + w.Count("purge", "1=1"); n != 1 {
			t.Errorf("%d manifests and purges are left, want the living one", n)
		}
		now = now.Add(90 * time.Minute)
		count("behind the journal's horizon", 1, 0, 1)
		now = now.Add(time.Hour)
		count("behind the horizon of tombstones", 0, 0, 1)
		if n := w.Count("repository_past", "1=1"); n != 0 {
			t.Errorf("%d past repositories are left", n)
		}
		now = time.Now().Add(2 * time.Hour)
		count("uploads", 0, 0, 0)
	})
}

// TestOrphans: what a deleted index leaves behind goes after its time, is
// counted and told of in the log, and stays where it is to stay for ever.
func TestOrphans(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		for _, name := range []string{"one", "two"} {
			a, b := catalogtest.Spec{Name: "a"}, catalogtest.Spec{Name: "b"}
			index := catalogtest.Spec{Name: "index", Children: []digest.Digest{w.Put(name, a), w.Put(name, b, "b")}}
			w.Delete(name, w.Put(name, index))
		}
		deleted := w.Clock.Now()
		for _, step := range []struct {
			kept, later time.Duration
			left, swept int
		}{
			{0, 1000 * time.Hour, 4, 0}, {time.Hour, 30 * time.Minute, 4, 0}, {time.Hour, 61 * time.Minute, 2, 2}, {time.Hour, 100 * time.Hour, 2, 0},
		} {
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(context.Background())
			rounds := make(chan gc.Round, 1)
			sweeper := gc.New(w.Cat, blob.NewMemory(), gc.Options{Orphans: step.kept, Every: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Now: func() time.Time { return deleted.Add(step.later) }, Swept: func(r gc.Round) { rounds <- r; cancel() }})
			sweeper.Run(ctx)
			r := <-rounds
			if n := w.Count("manifest", "1=1"); r.Err != nil || r.Orphans != step.swept || n != int64(step.left) {
				t.Errorf("kept %v, after %v: %+v, %d manifests are left", step.kept, step.later, r, n)
			}
			if told := strings.Contains(log.String(), "manifests=2"); told != (step.swept > 0) {
				t.Errorf("kept %v, after %v, logged: %s", step.kept, step.later, log.String())
			}
		}
	})
}
