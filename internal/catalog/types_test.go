package catalog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

func eachWorld(t *testing.T, fn func(t *testing.T, w *catalogtest.World)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, catalogtest.Open(t, sqldb.Options{URL: fresh(t), Shards: 4, Relaxed: true}, catalog.Options{}))
	})
}

func sound(t *testing.T, w *catalogtest.World) {
	t.Helper()
	for _, problem := range catalogcheck.Check(context.Background(), w.DB) {
		t.Error(problem)
	}
}

// A manifest may refer to the blobs that say nothing without their having been
// pushed.
func TestEmptyBlobs(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		object, nothing := digest.FromString("{}"), digest.FromString("")
		if _, err := w.Cat.GetBlob(ctx, "acme/web", object); err == nil {
			t.Error("it is there before a manifest refers to it")
		}
		w.Put("acme/web", catalogtest.Spec{Name: "both", Blobs: []digest.Digest{object, nothing, object}}, "v1")
		w.Put("acme/web", catalogtest.Spec{Name: "again", Blobs: []digest.Digest{object}}, "v2")
		w.Put("acme/db", catalogtest.Spec{Name: "both", Blobs: []digest.Digest{object, nothing}}, "v1")
		for _, repo := range []string{"acme/web", "acme/db"} {
			for d, want := range map[digest.Digest]string{object: "{}", nothing: ""} {
				b, err := w.Cat.GetBlob(ctx, repo, d)
				if err != nil || b.Bytes == nil || string(b.Bytes) != want || b.Size != int64(len(want)) {
					t.Errorf("%s %s: %+v, %v", repo, d, b, err)
				}
			}
		}
		w.Must(w.Cat.LinkBlob(ctx, "acme/web", catalog.Blob{Digest: object, Size: 2, Bytes: []byte("{}")})) // pushed as well
		if err := w.Cat.UnlinkBlob(ctx, "acme/web", nothing); !errors.Is(err, lading.ErrConflict) {
			t.Errorf("unlinked while it is used: %v", err)
		}
		sound(t, w)
	})
}

// A sparse manifest of the time before the registry linked empty blobs itself
// waits for one of them.
func TestEmptyBlobWaitedFor(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		object := digest.FromString("{}")
		w.Put("acme/web", catalogtest.Spec{Name: "old", Blobs: []digest.Digest{object}})
		for _, sql := range []string{
			`INSERT INTO manifest_missing(repo,digest,manifest) SELECT u.repo,b.digest,u.manifest FROM manifest_blob u JOIN blob b ON b.id=u.blob`,
			`DELETE FROM manifest_blob`, `DELETE FROM repository_blob`,
		} {
			if _, err := w.DB.ExecDirect(context.Background(), sql); err != nil {
				t.Fatal(err)
			}
		}
		w.Put("acme/web", catalogtest.Spec{Name: "new", Blobs: []digest.Digest{object}})
		if waiting, using := w.Count("manifest_missing", "1=1"), w.Count("manifest_blob", "1=1"); waiting != 0 || using != 2 {
			t.Errorf("%d manifests wait for it, %d use it", waiting, using)
		}
		sound(t, w)
	})
}

// What a manifest was typed by is compared in the transaction.
func TestStaleType(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		ctx := context.Background()
		if _, err := w.DB.ExecDirect(ctx, `UPDATE typing SET generation=3`); err != nil {
			t.Fatal(err)
		}
		m := catalogtest.Spec{Name: "m", Short: "chart"}.Manifest()
		for generation, want := range map[int64]error{2: catalog.ErrStaleType, 4: catalog.ErrStaleType, 3: nil, 0: nil} {
			m := catalogtest.Spec{Name: m.Type + string(rune('a'+generation))}.Manifest()
			_, err := w.Cat.PutManifestWith(ctx, "acme/web", m, catalog.PutOptions{Generation: generation})
			if !errors.Is(err, want) {
				t.Errorf("generation %d: %v", generation, err)
			}
			if _, err := w.Cat.StatManifest(ctx, "acme/web", lading.Reference{Digest: m.Digest}); (err == nil) != (want == nil) {
				t.Errorf("generation %d: there: %v", generation, err)
			}
		}
		sound(t, w)
	})
}

func TestReferrersByTypeOfAnyDefinition(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *catalogtest.World) {
		subject := digest.FromString("subject")
		w.Put("acme/web", catalogtest.Spec{Name: "before", Type: "s/s", Subject: subject})
		w.Put("acme/web", catalogtest.Spec{Name: "after", Type: "s/s", Short: "signature", Subject: subject})
		w.Put("acme/web", catalogtest.Spec{Name: "other", Type: "o/o", Short: "signature", Subject: subject})
		got, err := w.Cat.Referrers(context.Background(), "acme/web", lading.ReferrersQuery{Subject: subject, ArtifactType: "s/s", N: 10})
		if err != nil || len(got.Manifests) != 2 || got.Manifests[0].ArtifactType != "s/s" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
