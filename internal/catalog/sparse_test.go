package catalog_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// sparse is a manifest whose references may be missing.
func sparse(s spec) *catalog.Manifest {
	m := s.Manifest()
	m.MaybeBlobs, m.MaybeChildren, m.Blobs, m.Children = m.Blobs, m.Children, nil, nil
	return m
}

// TestSparse: what is missing is told and recorded; a blob that comes later is
// held by the manifest like any other, in every repository that waits for it
// and in no other; a manifest that goes takes its record along.
func TestSparse(t *testing.T) {
	ctx := context.Background()
	here, later, never := catalogtest.Blob("here"), catalogtest.Blob("later"), catalogtest.Blob("never")
	child := spec{Name: "child"}
	m := sparse(spec{Name: "sparse", Blobs: []lading.Digest{here, later, never, later}, Children: []lading.Digest{child.Digest()}})
	other := sparse(spec{Name: "other", Blobs: []lading.Digest{later}})
	catalogtest.Each(t, func(t *testing.T, w *world) {
		w.Link(repo, here)
		put := func(r string, m *catalog.Manifest, want ...lading.Digest) {
			t.Helper()
			slices.Sort(want)
			got, err := w.Cat.PutManifestWith(ctx, r, m, catalog.PutOptions{})
			if err != nil || !slices.Equal(got.Missing, want) {
				t.Errorf("missing %v, %v, want %v", got.Missing, err, want)
			}
		}
		missing := func(want int64) {
			t.Helper()
			if n := w.Count("manifest_missing", "1=1"); n != want {
				t.Errorf("%d blobs are recorded as missing, want %d", n, want)
			}
		}
		put(repo, m, later, never, child.Digest())
		put(repo, other, later)
		put("elsewhere", other, later)
		missing(4)
		w.Link(repo, later)
		missing(2)
		put(repo, m, never, child.Digest())
		err := w.Cat.UnlinkBlob(ctx, repo, later)
		if d, ok := lading.AsError(err).Detail.(catalog.ParentsDetail); !errors.Is(err, lading.ErrConflict) || !ok || len(d.Parents) != 2 {
			t.Errorf("unlink what came later: %v", err)
		}
		w.Put(repo, child)
		if err := w.Cat.DeleteManifest(ctx, repo, child.Digest(), ""); !errors.Is(err, lading.ErrConflict) {
			t.Errorf("delete a child that came later: %v", err)
		}
		w.Delete(repo, m.Digest)
		w.Delete(repo, other.Digest)
		missing(1)
		w.Must(w.Cat.UnlinkBlob(ctx, repo, later))
		w.Delete(repo, child.Digest())
		w.End("elsewhere")
		w.Purge()
		missing(0)
		if n := w.Count("manifest_blob", "1=1") + w.Count("manifest_child", "1=1"); n != 0 {
			t.Errorf("%d references are left", n)
		}
	})
}

// TestConditions: a condition is checked when there is something to change and
// when there is not, and nothing happens where it does not hold.
func TestConditions(t *testing.T) {
	ctx := context.Background()
	a, b := spec{Name: "a"}, spec{Name: "b"}
	is := func(ds ...lading.Digest) lading.Precondition {
		return lading.Precondition{Match: append([]lading.Digest{}, ds...)}
	}
	absent, present := lading.Precondition{Absent: true}, lading.Precondition{Present: true}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		w.Put(repo, a, "a", "other")
		before := len(w.Journal(repo))
		for _, test := range []struct {
			name string
			put  spec
			tags []string
			when lading.Precondition
			ok   bool
		}{
			{"tag that is there, absent", a, []string{"a"}, absent, false},
			{"tag that is not there, present", a, []string{"new"}, present, false},
			{"tag that is not there, is a", a, []string{"new"}, is(a.Digest()), false},
			{"tag that is a, is b", b, []string{"a"}, is(b.Digest()), false},
			{"tag that is a, is nothing", b, []string{"a"}, is(), false},
			{"manifest that is there, absent", a, nil, absent, false},
			{"manifest that is not there, present", b, nil, present, false},
			{"nothing to change, does not hold", a, []string{"a"}, is(b.Digest()), false},
			{"nothing to change, holds", a, []string{"a"}, is(a.Digest()), true},
			{"nothing to change, present", a, nil, present, true},
		} {
			_, err := w.Cat.PutManifestWith(ctx, repo, test.put.Manifest(), catalog.PutOptions{Tags: test.tags, If: test.when})
			if (err == nil) != test.ok || err != nil && !errors.Is(err, lading.ErrPreconditionFailed) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		if err := w.Cat.DeleteTagIf(ctx, repo, "a", "", is(b.Digest())); !errors.Is(err, lading.ErrPreconditionFailed) {
			t.Errorf("delete a tag that is a if it is b: %v", err)
		}
		if err := w.Cat.DeleteManifestIf(ctx, repo, a.Digest(), "", is(b.Digest())); !errors.Is(err, lading.ErrPreconditionFailed) {
			t.Errorf("delete a if it is b: %v", err)
		}
		if n := len(w.Journal(repo)); n != before {
			t.Errorf("%d journal rows of changes that must not be", n-before)
		}
		for name, opt := range map[string]catalog.PutOptions{
			"new tag, absent": {Tags: []string{"new"}, If: absent},
			"tag moves":       {Tags: []string{"a"}, If: is(a.Digest())},
		} {
			if _, err := w.Cat.PutManifestWith(ctx, repo, b.Manifest(), opt); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Must(w.Cat.DeleteTagIf(ctx, repo, "a", "", is(b.Digest())))
		w.Must(w.Cat.DeleteManifestIf(ctx, repo, a.Digest(), "", present))
	})
}
