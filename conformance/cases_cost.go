package conformance

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// The cases of what a caller may have. They hold for registries that say so,
// with bounds that can be reached in the time of a test.
var costCases = []Case{
	{"COST-1", Must, "where cursors are demanded, a listing without one is 428 CURSOR_REQUIRED; since=none begins", costCursor},
	{"COST-2", Must, "more questions than may be asked are 429 with Retry-After, and are answered after it", costQuestions},
	{"COST-3", Should, "Retry-After is not the same for all", costJitter},
	{"COST-4", Must, "more streams, and deltas that wait, than may be open are 429 with Retry-After", costHeld},
}

// mostAsked and mostHeld are the bounds that the suite tries to reach.
const (
	mostAsked = 200
	mostHeld  = 20
)

// needLimit ends the case unless the registry tells of a limit that is not too
// far.
func (t *T) needLimit(name string, most int) int {
	n := t.s.limits[name]
	if n < 1 || n > most {
		t.skipf("the registry does not say that %s is bounded by %d or less", name, most)
	}
	return n
}

func costCursor(t *T) {
	if !t.s.cursorRequired {
		t.skipf("the registry does not demand cursors")
	}
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	for _, path := range []string{t.listPath("tags"), repoPath(repo, "manifests"), with(t.listPath("repositories"), "n", "1")} {
		t.wantError(t.get(path), http.StatusPreconditionRequired, "CURSOR_REQUIRED")
		p := t.all(with(path, "since", "none"))
		if p.Cursor == "" {
			t.errorf("%s: since=none leads to no cursor", path)
			continue
		}
		if a := t.conditional(path, quoted(p.Cursor), false); a.status != http.StatusNotModified {
			t.errorf("%s: If-None-Match is answered %d, want 304", path, a.status)
		}
		if a := t.get(with(path, "since", p.Cursor)); a.status != http.StatusOK {
			t.errorf("%s: since= is answered %d", path, a.status)
		}
	}
	if a := t.get(with(t.listPath("tags"), "order", "-modified")); a.status != http.StatusOK {
		t.errorf("a view, which has no cursor, is answered %d", a.status)
	}
}

// refused asks until it is refused, and returns that answer.
func (t *T) refused() answer {
	path := t.listPath("tags", "since", "now")
	n := t.needLimit("list", mostAsked)
	for range 3*n + 20 {
		if a := t.get(path); a.status != http.StatusOK {
			t.wantError(a, http.StatusTooManyRequests, "TOOMANYREQUESTS")
			return a
		}
	}
	t.fatalf("%d questions were answered, where %d may be asked at once", 3*n+20, n)
	return answer{}
}

// after is the Retry-After of an answer, in seconds.
func (t *T) after(a answer) time.Duration {
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || n < 1 {
		t.errorf("Retry-After %q is no number of seconds", a.header.Get("Retry-After"))
	}
	return time.Duration(n) * time.Second
}

func costQuestions(t *T) {
	a := t.refused()
	t.pause(t.after(a))
	if b := t.get(t.listPath("tags", "since", "now")); b.status != http.StatusOK {
		t.errorf("after its Retry-After of %s s it is answered %d", a.header.Get("Retry-After"), b.status)
	}
}

// pause does nothing for so long.
func (t *T) pause(d time.Duration) {
	if d > patience {
		t.skipf("the registry asks to wait %v", d)
	}
	select {
	case <-t.ctx.Done():
		t.fatalf("%v", t.ctx.Err())
	case <-time.After(d):
	}
}

func costJitter(t *T) {
	told := map[time.Duration]bool{}
	for range 20 {
		told[t.after(t.refused())] = true
	}
	if len(told) == 1 {
		t.errorf("20 refusals all have the same")
	}
}

func costHeld(t *T) {
	t.needWatch()
	n := t.needLimit("held", mostHeld)
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	if a := t.get(t.listPath("tags", "since", "now")); a.status == http.StatusTooManyRequests {
		t.pause(t.after(a)) // for the questions of the cases before
	}
	for range n {
		res, err := t.open(ctx, request{path: t.watchPath()})
		if err != nil {
			t.fatalf("a stream: %v", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.fatalf("a stream of %d is answered %d", n, res.StatusCode)
		}
	}
	for _, path := range []string{t.watchPath(), t.listPath("tags", "since", "now", "wait", "1")} {
		a := t.get(path)
		t.wantError(a, http.StatusTooManyRequests, "TOOMANYREQUESTS")
		t.after(a)
	}
	if a := t.get(t.listPath("tags", "since", "now")); a.status != http.StatusOK {
		t.errorf("a delta that does not wait is answered %d", a.status)
	}
}
