package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
)

// pieces writes a blob in parts; between two of them the upload is left and
// resumed if leave is set.
func pieces(t *testing.T, ctx context.Context, r *Registry, content string, part int, leave bool) (lading.Descriptor, error) {
	t.Helper()
	w, err := r.StartBlob(ctx, "a", lading.Descriptor{})
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(content); at += part {
		if leave {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if w, err = r.ResumeBlob(ctx, "a", w.ID()); err != nil {
				t.Fatal(err)
			}
		}
		if w.Size() != int64(at) {
			t.Fatalf("the upload has %d bytes, %d were written", w.Size(), at)
		}
		if _, err := io.WriteString(w, content[at:min(len(content), at+part)]); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.Commit(ctx, digestOf(content))
	if _, again := r.ResumeBlob(ctx, "a", w.ID()); !errors.Is(again, lading.ErrBlobUploadUnknown) {
		t.Errorf("the upload has ended and can be resumed: %v", again)
	}
	return d, err
}

// TestUploadSizes: a blob comes back as it was pushed, whatever its size and
// however it was cut; only large ones go to the store.
func TestUploadSizes(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		const most = catalog.MaxSmallBlob
		for i, size := range []int{0, 1, most - 1, most, most + 1, 3 * most} {
			for j, part := range []int{1 << 20, most / 2, most + 1} {
				content := strings.Repeat(string(rune('a'+3*i+j)), size)
				d, err := pieces(t, ctx, r, content, part, false)
				if err != nil || d.Size != int64(size) || d.Digest != digestOf(content) {
					t.Fatalf("%d bytes: %+v, %v", size, d, err)
				}
				if got := pull(t, ctx, r, "a", d.Digest); got != content {
					t.Errorf("%d bytes in parts of %d came back as %d", size, part, len(got))
				}
				if _, err := r.blobs.Stat(ctx, d.Digest); errors.Is(err, blob.ErrNotFound) != (size <= most) {
					t.Errorf("%d bytes in parts of %d: the store says %v", size, part, err)
				}
			}
		}
	})
}

// TestUploadLeft: what was received of a small blob is there after the upload
// was left, too.
func TestUploadLeft(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		for _, size := range []int{5, catalog.MaxSmallBlob + 5} {
			content := strings.Repeat("x", size)
			d, err := pieces(t, ctx, r, content, size/2, true)
			if err != nil {
				t.Fatal(err)
			}
			if got := pull(t, ctx, r, "a", d.Digest); got != content {
				t.Errorf("%d bytes came back as %d", size, len(got))
			}
		}
	})
}

// TestUploadMismatch: bytes of another digest are kept nowhere, small ones
// neither, and the upload is gone.
func TestUploadMismatch(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		for _, size := range []int{3, catalog.MaxSmallBlob + 3} {
			w, err := r.StartBlob(ctx, "a", lading.Descriptor{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(bytes.Repeat([]byte("y"), size)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(ctx, digestOf("other")); !errors.Is(err, lading.ErrDigestInvalid) {
				t.Errorf("%d bytes: %v", size, err)
			}
			if _, err := r.Blob(ctx, "a", digestOf("other")); err == nil {
				t.Errorf("%d bytes are there under a digest that is not theirs", size)
			}
			if _, err := r.ResumeBlob(ctx, "a", w.ID()); !errors.Is(err, lading.ErrBlobUploadUnknown) {
				t.Errorf("%d bytes: the upload can be resumed: %v", size, err)
			}
		}
	})
}

// TestMountSmall: a small blob can be pulled wherever it was mounted, in every
// shard of the catalog.
func TestMountSmall(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		d := push(t, ctx, r, "from", "small")
		for _, to := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			if _, err := r.MountBlob(ctx, to, "from", d); err != nil {
				t.Fatal(err)
			}
			if got := pull(t, ctx, r, to, d); got != "small" {
				t.Errorf("%s: %q", to, got)
			}
		}
	})
}

func pull(t *testing.T, ctx context.Context, r *Registry, repo string, d lading.Digest) string {
	t.Helper()
	b, err := r.Blob(ctx, repo, d)
	if err != nil {
		t.Fatalf("%s in %s: %v", d, repo, err)
	}
	defer b.Close()
	raw, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	if b.Descriptor().Size != int64(len(raw)) {
		t.Errorf("%s in %s has %d bytes, its descriptor says %d", d, repo, len(raw), b.Descriptor().Size)
	}
	return string(raw)
}
