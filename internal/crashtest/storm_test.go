package crashtest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestStorm lets all clients work while steps fail at random, several in one
// group of updates among them: what was acknowledged is there, and no copy
// kept by deltas is wrong.
func TestStorm(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		var on atomic.Bool
		var failed atomic.Int64
		y := newFaulty(t, fresh(t), func(string) error {
			if !on.Load() || rand.IntN(150) != 0 {
				return nil
			}
			failed.Add(1)
			return errInjected
		})
		l := newLedger()
		cp := &localCopy{kind: "manifests"}
		if err := cp.list(t.Context(), y.api); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rounds(2, 20))*time.Second)
		defer cancel()
		on.Store(true)
		var all sync.WaitGroup
		for i := range workers {
			w := newWorker(i, l, rand.Uint64())
			w.api = y.api
			all.Go(func() {
				for ctx.Err() == nil && !t.Failed() {
					if err := w.run(ctx); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for ctx.Err() == nil {
				_ = cp.step(ctx, y.api) // one that failed is taken again
			}
		})
		all.Wait()
		on.Store(false)
		if bad := catalogcheck.Check(t.Context(), y.srv.Catalog().DB()); len(bad) > 0 {
			t.Fatal(strings.Join(bad, "\n"))
		}
		if err := verifyKeys(t.Context(), y.api, l, slices.Sorted(slices.Values(l.all()))); err != nil {
			t.Fatal(err)
		}
		full := &localCopy{kind: cp.kind}
		if err := full.list(t.Context(), y.api); err != nil {
			t.Fatal(err)
		}
		if err := cp.step(t.Context(), y.api); err != nil {
			t.Fatal(err)
		}
		if bad := cp.differs(full); len(bad) > 0 {
			t.Fatal(strings.Join(bad, "\n"))
		}
		t.Logf("%d acknowledged operations, %d failed steps", l.acked, failed.Load())
		if failed.Load() == 0 {
			t.Error("nothing failed")
		}
	})
}
