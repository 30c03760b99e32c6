package modeltest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading"
)

const writers = 8

// TestConcurrent lets writers, each with repositories of its own, and clients
// be at work all at once; when the writers are done, each client comes to rest
// with what all of them have written.
func TestConcurrent(t *testing.T) {
	for name, s := range map[string]setup{"sqlite": {direct: true}, "postgres": {direct: true, postgres: true, replicas: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := size(3, 10, 300)
			w := newWorld(t, s)
			for round := range rounds {
				if err := concurrently(w, uint64(5000+round)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// each is a run of the same schedule with its own part of the repositories,
// its own truth, its own pushes and its own log.
func (r *run) each(i int, reg registry) *run {
	own := *r
	own.reg, own.truth, own.log, own.clients = reg, &truth{map[string]*repoTruth{}, own.w.shortOf}, nil, nil
	own.repos, own.pushes = nil, pushes{}
	for _, n := range names {
		own.repos = append(own.repos, fmt.Sprintf("%s%s/w%d", r.top, n, i))
	}
	return &own
}

func concurrently(w *world, seed uint64) error {
	r := newRun(w, seed)
	r.rules = rules{{"ns", r.top}}
	w.access.set(caller, r.rules)
	for _, c := range r.clients { // of all repositories and times: what is filtered by them is another test's
		c.query.Scope.Repository, c.query.Scope.Prefix, c.query.Scope.Exclude = "", nil, nil
	}
	var all []*run
	var group errgroup.Group
	for i := range writers {
		own := r.each(i, w.fixed(i%w.replicas))
		all = append(all, own)
		group.Go(func() error {
			rng := rand.New(rand.NewPCG(seed, uint64(10+i)))
			for range 60 {
				if err := own.step(step{[]action{push, push, push, moveTag, deleteTag, deleteManifest, deleteRepository, recreate}[rng.IntN(8)], rng.Uint64()}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	if err := r.followUntil(done); err != nil {
		return err
	}
	for _, own := range all {
		for name, repo := range own.truth.repos {
			r.truth.repos[name] = repo
		}
		maps.Copy(r.pushes, own.pushes) // each writes to repositories of its own
	}
	if err := r.settle(); err != nil {
		return err
	}
	return r.clean()
}

// followUntil lets the clients ask in turn until the writers are done.
func (r *run) followUntil(done <-chan error) error {
	rng := rand.New(rand.NewPCG(r.seed, 9))
	for {
		select {
		case err := <-done:
			return err
		default:
		}
		if err := r.ask(ask, rng); err != nil {
			<-done
			return err
		}
		r.log = nil
	}
}

// fixed is one server of the world, as a value.
func (w *world) fixed(i int) registry {
	return direct{func() lading.Registry { return w.regs[i] }}
}
