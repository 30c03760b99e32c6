package gc_test

import (
	"context"
	"testing"
	"time"

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
