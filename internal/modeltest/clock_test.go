package modeltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// TestClock makes 5,000 changes while the clock stands still, sets it back an
// hour and makes more: a client that follows skips nothing.
func TestClock(t *testing.T) {
	for name, s := range map[string]setup{"sqlite": {direct: true}, "postgres": {direct: true, postgres: true, replicas: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			r := newRun(w, 1)
			r.rules = rules{{kind: "all"}}
			w.access.set(caller, r.rules)
			c := &client{query: lading.Query{Kind: lading.KindTags, N: 200}, copy: copyOf{}}
			r.clients = []*client{c}
			follow := func() {
				t.Helper()
				if err := r.settle(); err != nil {
					t.Fatal(err)
				}
			}
			changes := 5000
			if testing.Short() {
				changes = 500
			}
			follow()
			r.pushTags(t, "still", changes)
			follow()
			w.clock.advance(-time.Hour)
			r.pushTags(t, "back", 200)
			follow()
			r.moveAll(t, "still", 200)
			follow()
			if err := w.restart(0); err != nil {
				t.Fatal(err)
			}
			r.pushTags(t, "restarted", 50)
			follow()
		})
	}
}

func (r *run) pushTags(t *testing.T, name string, n int) {
	t.Helper()
	for i := range n {
		repo := fmt.Sprintf("%s/%d", r.top, i%7)
		if err := r.put(makeDocument(repo, i%4), []string{fmt.Sprintf("%s-%d", name, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *run) moveAll(t *testing.T, name string, n int) {
	t.Helper()
	for i := range n {
		repo := fmt.Sprintf("%s/%d", r.top, i%7)
		if err := r.put(makeDocument(repo, (i+1)%4), []string{fmt.Sprintf("%s-%d", name, i)}); err != nil {
			t.Fatal(err)
		}
	}
}
