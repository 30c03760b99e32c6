package catalog_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestSmallBlobs: the content that is linked comes back, also where it is
// empty, and heals what an older link without content left to the store.
func TestSmallBlobs(t *testing.T) {
	ctx := context.Background()
	catalogtest.Each(t, func(t *testing.T, w *world) {
		for _, content := range []string{"", "a", "some bytes"} {
			d := digest.FromString(content)
			w.Must(w.Cat.LinkBlob(ctx, "old", catalog.Blob{Digest: d, Size: int64(len(content))}))
			if b, err := w.Cat.GetBlob(ctx, "old", d); err != nil || b.Bytes != nil || b.Size != int64(len(content)) {
				t.Errorf("%q in the store: %+v, %v", content, b, err)
			}
			w.Must(w.Cat.LinkBlob(ctx, "new", catalog.Blob{Digest: d, Size: int64(len(content)), Bytes: []byte(content)}))
			b, err := w.Cat.GetBlob(ctx, "new", d)
			if err != nil || b.Bytes == nil || string(b.Bytes) != content || b.Size != int64(len(content)) || b.Digest != d {
				t.Errorf("%q in the catalog: %+v, %v", content, b, err)
			}
			if _, err := w.Cat.GetBlob(ctx, "neither", d); !errors.Is(err, lading.ErrNameUnknown) {
				t.Errorf("%q in another repository: %v", content, err)
			}
		}
	})
}

// TestBlobsAreGoneAtOnce: a blob that was pulled a moment ago cannot be pulled
// once its link, or its repository, is gone, however many pull it meanwhile.
func TestBlobsAreGoneAtOnce(t *testing.T) {
	ctx := context.Background()
	b := catalog.Blob{Digest: digest.FromString("b"), Size: 1, Bytes: []byte("b")}
	catalogtest.Each(t, func(t *testing.T, w *world) {
		remove := map[string]func() error{
			"link":       func() error { return w.Cat.UnlinkBlob(ctx, "a", b.Digest) },
			"repository": func() error { return w.Cat.DeleteRepository(ctx, "a", "ada") },
		}
		w.Put("a", catalogtest.Spec{Name: "m"})
		stop := make(chan struct{})
		var pulls sync.WaitGroup
		for range 4 {
			pulls.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = w.Cat.GetBlob(ctx, "a", b.Digest)
					}
				}
			})
		}
		for range 20 {
			for name, remove := range remove {
				w.Put("a", catalogtest.Spec{Name: "m"})
				w.Must(w.Cat.LinkBlob(ctx, "a", b))
				if _, err := w.Cat.GetBlob(ctx, "a", b.Digest); err != nil {
					t.Error(err)
				}
				w.Must(remove())
				if _, err := w.Cat.GetBlob(ctx, "a", b.Digest); err == nil {
					t.Errorf("%s: the blob can be pulled after it was deleted", name)
				}
				if _, err := w.Cat.BlobSize(ctx, "a", b.Digest); err == nil {
					t.Errorf("%s: the blob's size is told after it was deleted", name)
				}
			}
		}
		close(stop)
		pulls.Wait()
	})
}
