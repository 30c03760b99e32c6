package modeltest

import (
	"os"
	"slices"
	"strconv"
	"testing"
)

// shorten takes steps away from a schedule that fails for as long as it goes
// on failing, and returns what is left with what is wrong.
func shorten(steps []step, fails func([]step) error) ([]step, error) {
	err := fails(steps)
	if err == nil {
		return steps, nil
	}
	for size := len(steps) / 2; size > 0; {
		shorter := false
		for at := 0; at+size <= len(steps); {
			less := slices.Delete(slices.Clone(steps), at, at+size)
			if e := fails(less); e != nil {
				steps, err, shorter = less, e, true
			} else {
				at += size
			}
		}
		if !shorter {
			size /= 2
		}
	}
	return steps, err
}

// TestSeed runs the schedule of LADING_SEED on a fresh registry, and if it
// fails, a short one that fails too. Over HTTP with LADING_HTTP=1, on
// PostgreSQL with LADING_POSTGRES=1.
func TestSeed(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("LADING_SEED"), 10, 64)
	if err != nil {
		return // nothing was asked for
	}
	s := setup{direct: os.Getenv("LADING_HTTP") == "", options: optionsOf(worldOf(seed))}
	if os.Getenv("LADING_POSTGRES") != "" {
		s.postgres, s.replicas = true, 2
	}
	steps, err := shorten(plan(seed, true), func(steps []step) (err error) {
		t.Run("schedule", func(t *testing.T) { err = runSteps(newWorld(t, s), seed, steps) })
		return err
	})
	if err != nil {
		t.Fatalf("%d steps are left: %v", len(steps), err)
	}
}
