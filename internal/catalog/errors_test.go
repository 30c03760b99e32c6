package catalog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestErrors asserts every error that a method's comment names.
func TestErrors(t *testing.T) {
	ctx := context.Background()
	inUse, free, unknown := catalogtest.Blob("in use"), catalogtest.Blob("free"), catalogtest.Blob("unknown")
	child := spec{Name: "child"}
	user := spec{Name: "user", Blobs: []lading.Digest{inUse}}
	index := spec{Name: "index", Children: []lading.Digest{child.Digest()}}
	tag := func(s string) lading.Reference { return lading.Reference{Tag: s} }
	byDigest := func(d lading.Digest) lading.Reference { return lading.Reference{Digest: d} }

	catalogtest.Each(t, func(t *testing.T, w *world) {
		w.Link(repo, inUse, free)
		w.Put(repo, child)
		w.Put(repo, user, "v1")
		w.Put(repo, index)
		w.Link("unborn", free)
		w.Put("gone", child, "v1")
		w.End("gone")
		c := w.Cat
		get := func(repo string, ref lading.Reference) func() error {
			return func() error {
				_, err := c.GetManifest(ctx, repo, ref)
				_, stat := c.StatManifest(ctx, repo, ref)
				if !errors.Is(stat, err) {
					t.Errorf("GetManifest %v, StatManifest %v", err, stat)
				}
				return err
			}
		}
		put := func(repo string, s spec) func() error {
			return func() error { return c.PutManifest(ctx, repo, s.Manifest(), nil, "") }
		}
		untag := func(repo, tag string) func() error { return func() error { return c.DeleteTag(ctx, repo, tag, "") } }
		del := func(repo string, d lading.Digest) func() error {
			return func() error { return c.DeleteManifest(ctx, repo, d, "") }
		}
		end := func(repo string) func() error { return func() error { return c.DeleteRepository(ctx, repo, "") } }
		size := func(repo string, d lading.Digest) func() error {
			return func() error { _, err := c.BlobSize(ctx, repo, d); return err }
		}
		unlink := func(repo string, d lading.Digest) func() error {
			return func() error { return c.UnlinkBlob(ctx, repo, d) }
		}
		names := func(repo string) func() error {
			return func() error { _, err := c.TagNames(ctx, repo, "", 10); return err }
		}
		for _, test := range []struct {
			name string
			do   func() error
			want *lading.Error
		}{
			{"get: no repository", get("none", tag("v1")), lading.ErrNameUnknown},
			{"get: repository deleted", get("gone", tag("v1")), lading.ErrNameUnknown},
			{"get: no tag", get(repo, tag("v2")), lading.ErrManifestUnknown},
			{"get: no digest", get(repo, byDigest(unknown)), lading.ErrManifestUnknown},
			{"get: digest of a blob", get(repo, byDigest(inUse)), lading.ErrManifestUnknown},
			{"get: unborn", get("unborn", tag("v1")), lading.ErrManifestUnknown},
			{"put: blob of no repository", put("none", user), lading.ErrManifestBlobUnknown},
			{"put: blob of another repository", put("unborn", user), lading.ErrManifestBlobUnknown},
			{"put: child of another repository", put("unborn", index), lading.ErrManifestBlobUnknown},
			{"put: a manifest is no blob", put(repo, spec{Name: "x", Blobs: []lading.Digest{child.Digest()}}), lading.ErrManifestBlobUnknown},
			{"put: a blob is no child", put(repo, spec{Name: "x", Children: []lading.Digest{free}}), lading.ErrManifestBlobUnknown},
			{"untag: no repository", untag("none", "v1"), lading.ErrNameUnknown},
			{"untag: unborn", untag("unborn", "v1"), lading.ErrNameUnknown},
			{"untag: no tag", untag(repo, "v2"), lading.ErrManifestUnknown},
			{"delete: no repository", del("none", child.Digest()), lading.ErrNameUnknown},
			{"delete: unborn", del("unborn", child.Digest()), lading.ErrNameUnknown},
			{"delete: no manifest", del(repo, unknown), lading.ErrManifestUnknown},
			{"delete: child of a live index", del(repo, child.Digest()), lading.ErrConflict},
			{"end: no repository", end("none"), lading.ErrNameUnknown},
			{"end: unborn", end("unborn"), lading.ErrNameUnknown},
			{"end: ended", end("gone"), lading.ErrNameUnknown},
			{"blob: no repository", size("none", free), lading.ErrNameUnknown},
			{"blob: not linked", size("unborn", inUse), lading.ErrBlobUnknown},
			{"blob: unknown", size(repo, unknown), lading.ErrBlobUnknown},
			{"unlink: no repository", unlink("none", free), lading.ErrNameUnknown},
			{"unlink: not linked", unlink("unborn", inUse), lading.ErrBlobUnknown},
			{"unlink: in use", unlink(repo, inUse), lading.ErrConflict},
			{"tags: no repository", names("none"), lading.ErrNameUnknown},
			{"tags: unborn", names("unborn"), lading.ErrNameUnknown},
			{"tags: ended", names("gone"), lading.ErrNameUnknown},
		} {
			if err := test.do(); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %s", test.name, err, test.want.Code)
			}
		}
	})
}

// TestErrorDetails: what is missing or in the way is named.
func TestErrorDetails(t *testing.T) {
	ctx := context.Background()
	blob, child := catalogtest.Blob("in use"), spec{Name: "child"}
	index := spec{Name: "index", Blobs: []lading.Digest{blob}, Children: []lading.Digest{child.Digest()}}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		w.Put(repo, child)
		err := w.Cat.PutManifest(ctx, repo, index.Manifest(), nil, "")
		if d, ok := lading.AsError(err).Detail.([]catalog.MissingDetail); !ok || len(d) != 1 || d[0].Digest != blob {
			t.Errorf("missing: %v", lading.AsError(err).Detail)
		}
		w.Link(repo, blob)
		w.Put(repo, index)
		for what, err := range map[string]error{
			"child": w.Cat.DeleteManifest(ctx, repo, child.Digest(), ""),
			"blob":  w.Cat.UnlinkBlob(ctx, repo, blob),
		} {
			if d, ok := lading.AsError(err).Detail.(catalog.ParentsDetail); !ok || len(d.Parents) != 1 || d.Parents[0] != index.Digest() {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.Delete(repo, index.Digest())
		w.Delete(repo, child.Digest())
		w.Must(w.Cat.UnlinkBlob(ctx, repo, blob))
		if n := w.Count("manifest_blob", "1=1") + w.Count("manifest_child", "1=1") + w.Count("repository_blob", "1=1"); n != 0 {
			t.Errorf("%d references are left", n)
		}
	})
}

// TestBlobs: a link is the permission to pull from one repository; linking
// twice is linking once.
func TestBlobs(t *testing.T) {
	ctx := context.Background()
	b := catalogtest.Blob("b")
	catalogtest.Each(t, func(t *testing.T, w *world) {
		for _, r := range []string{"a", "a", "b"} {
			w.Must(w.Cat.LinkBlob(ctx, r, catalog.Blob{Digest: b, Size: 42}))
		}
		for _, r := range []string{"a", "b"} {
			if n, err := w.Cat.BlobSize(ctx, r, b); n != 42 || err != nil {
				t.Errorf("%s: %d, %v", r, n, err)
			}
		}
		w.Must(w.Cat.UnlinkBlob(ctx, "a", b))
		if _, err := w.Cat.BlobSize(ctx, "a", b); !errors.Is(err, lading.ErrBlobUnknown) {
			t.Errorf("unlinked: %v", err)
		}
		if _, err := w.Cat.BlobSize(ctx, "b", b); err != nil {
			t.Errorf("the other repository: %v", err)
		}
		if n, err := w.Cat.RepositoryNames(ctx, lading.Range{}, 10); err != nil || len(n.Names) != 0 {
			t.Errorf("uploads alone show %v, %v", n.Names, err)
		}
		if rows := w.Journal("a"); len(rows) != 0 {
			t.Errorf("uploads alone journal %s", w.Rows(rows))
		}
	})
}
