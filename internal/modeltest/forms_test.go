package modeltest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/lading-dev/lading/internal/discover"
)

// perWorld is how many schedules share a registry.
const perWorld = 100

// optionsOf draws bounds so small that pages end for each of their reasons.
func optionsOf(seed uint64) discover.Options {
	rng := rand.New(rand.NewPCG(seed, 3))
	o := discover.Options{}
	if rng.IntN(3) == 0 {
		o.Enumerate, o.Sources = 1+rng.IntN(3), 1+rng.IntN(4)
	}
	switch rng.IntN(3) {
	case 0:
		o.Scan = 1 + rng.IntN(12)
	case 1:
		o.PageBytes = 500 + rng.IntN(2000)
	}
	return o
}

// schedules runs the schedules from first on and stops at the first that
// fails.
func schedules(t *testing.T, s setup, first uint64, count int) {
	t.Helper()
	faulty := s.options != discover.Options{}
	for done := 0; done < count; done += perWorld {
		err := func() error {
			from := first + uint64(done)
			if !faulty {
				s.options = optionsOf(from)
			}
			w := newWorld(t, s)
			for i := range min(perWorld, count-done) {
				seed := from + uint64(i)
				if err := runSteps(w, seed, plan(seed, true)); err != nil {
					return err
				}
			}
			return nil
		}()
		if err != nil {
			t.Fatal(err)
		}
		if told := done + perWorld; told%2000 == 0 {
			t.Logf("%d schedules: no divergence, no leak", told)
		}
	}
}

// worldOf is the first seed of the registry that a seed's schedule runs on.
func worldOf(seed uint64) uint64 { return seed - (seed-1)%perWorld }

func number(name string, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return n
}

func TestSchedulesDirect(t *testing.T) {
	t.Parallel()
	schedules(t, setup{direct: true}, 1, number("LADING_SCHEDULES", 200))
}

func TestSchedulesSQLite(t *testing.T) {
	t.Parallel()
	schedules(t, setup{}, 1_000_001, 100)
}

func TestSchedulesPostgres(t *testing.T) {
	t.Parallel()
	schedules(t, setup{postgres: true, replicas: 2}, 2_000_001, 100)
}
