package modeltest

import (
	"errors"
	"testing"

	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/follow"
)

// TestWatchFaults takes away one rule of streams at a time. Clients that list
// notice nothing of these.
func TestWatchFaults(t *testing.T) {
	for name, seed := range map[string]func(*discover.Options){
		"an id before the end of a transaction": func(o *discover.Options) { *o = o.Seed(discover.Faults{EveryCursor: true}) },
		"grants are never asked for again":      func(o *discover.Options) { *o = o.Seed(discover.Faults{StaleGrants: true}) },
		"state shows what changes tell again":   func(o *discover.Options) { *o = o.Seed(discover.Faults{Newer: true}) },
		"every kind resets repositories":        func(o *discover.Options) { *o = o.Seed(discover.Faults{KeepResets: true}) },
		"who falls off the ring goes on there":  func(o *discover.Options) { o.Watch.Follow = follow.Options{Rows: 2, Chunk: 2, Lose: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for from := uint64(1); from <= enough; from += perWorld {
				s := setup{direct: true, options: optionsOf(from)}
				seed(&s.options)
				w := newWorld(t, s)
				for n := from; n < from+perWorld; n++ {
					err := runSteps(w, n, plan(n, false))
					if errors.Is(err, errDiverged) || errors.Is(err, errLeak) || errors.Is(err, errRule) {
						t.Logf("seen by schedule %d: %.300s", n, err)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Errorf("%d schedules did not notice", enough)
		})
	}
}
