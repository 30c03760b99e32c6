package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestKeepTags: who must not move tags makes new ones, puts again what is
// there, and moves none, whoever is at it at the same time.
func TestKeepTags(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		put := func(name string, tags ...string) error {
			_, err := w.Cat.PutManifestWith(context.Background(), "a", catalogtest.Spec{Name: name}.Manifest(), catalog.PutOptions{Tags: tags, KeepTags: true})
			return err
		}
		w.Must(put("one", "x"))
		w.Must(put("one", "x", "y"))
		for _, tags := range [][]string{{"x"}, {"new", "x"}} {
			if err := put("two", tags...); !errors.Is(err, lading.ErrDenied) {
				t.Errorf("%v: %v", tags, err)
			}
		}
		w.Must(put("two", "new"))
		if n := w.Count("tag", "1=1"); n != 3 {
			t.Errorf("%d tags", n)
		}
		var wg sync.WaitGroup
		var done atomic.Int64
		for i := range 8 {
			wg.Go(func() {
				switch err := put(fmt.Sprint("racer", i), "raced"); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, lading.ErrDenied):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 {
			t.Errorf("%d have put the tag", done.Load())
		}
	})
}
