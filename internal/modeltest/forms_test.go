package modeltest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/follow"
)

// perWorld is how many schedules share a registry.
const perWorld = 100

// optionsOf draws bounds so small that pages end for each of their reasons.
func optionsOf(seed uint64) discover.Options {
	rng := rand.New(rand.NewPCG(seed, 3))
	o := discover.Options{}
	if rng.IntN(3) == 0 {
		o.Enumerate, o.Sources, o.Repositories = 1+rng.IntN(3), 1+rng.IntN(4), 1+rng.IntN(4)
	}
	switch rng.IntN(3) {
	case 0:
		o.Scan = 1 + rng.IntN(12)
	case 1:
		o.PageBytes = 500 + rng.IntN(2000)
	}
	o.Watch = discover.WatchOptions{Bookmark: 4 * time.Millisecond, Regrant: 5 * time.Millisecond}
	if rng.IntN(2) == 0 { // who is slow falls off the ring, and behind what is told change by change
		o.Watch.Follow = follow.Options{Rows: 1 + rng.IntN(8), Chunk: 1 + rng.IntN(4)}
		o.Watch.Replay = time.Duration(5+rng.IntN(90)) * time.Second
		o.Watch.Batch = 1 + rng.IntN(5)
	}
	return o
}

// schedules runs the schedules from first on, and fails at the first that
// fails.
func schedules(t *testing.T, s setup, first uint64, count int) {
	t.Helper()
	met := map[string]int{}
	for done := number("LADING_BEHIND", 0) / perWorld * perWorld; done < count && !t.Failed(); done += perWorld {
		from := first + uint64(done)
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			s.options = optionsOf(from)
			w := newWorld(t, s)
			for seed := from; seed < from+uint64(min(perWorld, count-done)); seed++ {
				if err := runSteps(w, seed, plan(seed, true)); err != nil {
					t.Fatal(err)
				}
			}
			for what, n := range w.met {
				met[what] += n
			}
		})
	}
	t.Logf("%d schedules: %v", count, met)
	for _, what := range mustMeet {
		if met[what] == 0 && !t.Failed() && count >= perWorld && (!s.direct || !strings.HasPrefix(what, "HTTP")) {
			t.Errorf("in %d schedules there was no %s", count, what)
		}
	}
}

// mustMeet is what schedules are about: where one of these never happens, they
// prove little.
var mustMeet = []string{"410", "404", "put", "reset", "remove tag", "remove manifest", "remove repository", "remove range",
	"page of a listing", "page of a delta", "restart", "page again", "delta given up", "refused change", "retype", "orphan removed",
	"event synced", "event coalesced", "event bookmark", "event repository.state", "event manifest.state", "event tag.state",
	"event repository.created", "event manifest.created", "event tag.created", "event manifest.updated", "event tag.updated",
	"event repository.deleted", "event manifest.deleted", "event tag.deleted", "goaway drain", "stream CURSOR_EXPIRED", "stream NAME_UNKNOWN",
	"stream lost", "stream resumed", "stream behind a listing",
	"HTTP 304", "HTTP 226", "HTTP full listing instead of a delta", "HTTP change in a stream", "HTTP stream resumed"}

// TestMain lets more tests run beside each other than there are processors:
// schedules wait for streams half of their time.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// long tells whether the long forms were asked for.
func long() bool { return os.Getenv("LADING_LONG") != "" || os.Getenv("LADING_SOAK") != "" }

// size chooses how many schedules there are.
func size(short, normal, longer int) int {
	switch {
	case long():
		return longer
	case testing.Short():
		return short
	}
	return normal
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

// TestSchedulesDirect runs schedules in the process, on all processors.
func TestSchedulesDirect(t *testing.T) {
	count, parts := number("LADING_SCHEDULES", size(50, 400, 20_000)), runtime.GOMAXPROCS(0)
	if count < parts*perWorld {
		parts = 1
	}
	for i := range parts {
		t.Run(fmt.Sprintf("part %d", i), func(t *testing.T) {
			t.Parallel()
			schedules(t, setup{direct: true}, uint64(1+i*100_000_000), count/parts)
		})
	}
}

// TestSchedulesSQLite and TestSchedulesPostgres run schedules over HTTP, on
// PostgreSQL with two replicas.
func TestSchedulesSQLite(t *testing.T) {
	t.Parallel()
	schedules(t, setup{}, 1_000_000_001, number("LADING_HTTP_SCHEDULES", size(30, 400, 7000)))
}

func TestSchedulesPostgres(t *testing.T) {
	t.Parallel()
	schedules(t, setup{postgres: true, replicas: 2}, 2_000_000_001, number("LADING_HTTP_SCHEDULES", size(10, 200, 3000)))
}
