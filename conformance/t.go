package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// T is a case while it runs. Its helpers end the case where going on makes no
// sense.
type T struct {
	s      *suite
	ctx    context.Context
	ns     string // the case's own namespace
	hidden string // and where it may hide things

	repos     map[string]bool // where it has pushed
	blobs     map[string]bool // repository and digest of the blobs pushed
	closing   []context.CancelFunc
	n         int // of manifests pushed, each unlike all others
	failures  []string
	skipped   string
	exchanges []Exchange
}

// maxFailures and maxExchanges bound what is told of one case.
const (
	maxFailures  = 8
	maxExchanges = 6
)

// stop ends a case.
type stop struct{}

// guarded runs a case up to where it stops. What a case takes for granted, such
// as that an item has a time, can be missing in a registry that has failed it
// already: that ends the case and not the suite.
func (t *T) guarded(run func(*T)) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stop); !ok {
				t.errorf("the case cannot go on: %v", p)
			}
		}
	}()
	run(t)
}

// errorf notes what is wrong and goes on.
func (t *T) errorf(format string, args ...any) {
	if len(t.failures) < maxFailures {
		t.failures = append(t.failures, fmt.Sprintf(format, args...))
	}
}

// fatalf notes what is wrong and ends the case.
func (t *T) fatalf(format string, args ...any) {
	t.errorf(format, args...)
	panic(stop{})
}

// skipf ends a case that cannot be run here.
func (t *T) skipf(format string, args ...any) {
	t.skipped = fmt.Sprintf(format, args...)
	panic(stop{})
}

// repo is the name of a repository of the case.
func (t *T) repo(name string) string { return t.ns + "/" + name }

// end closes the streams of the case.
func (t *T) end() {
	for _, cancel := range t.closing {
		cancel()
	}
}

// clean removes what the case has pushed. What cannot be removed stays.
func (t *T) clean() {
	t.ctx = context.WithoutCancel(t.ctx)
	for _, repo := range slices.Sorted(maps.Keys(t.repos)) {
		_, _ = t.send(request{method: http.MethodDelete, path: managePath(repo)})
	}
}

func managePath(repo string) string { return "/v2/" + repo + "/_lading/manage/repository" }
