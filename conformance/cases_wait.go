package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

var waitCases = []Case{
	{"WAIT-1", Must, "wait= holds a delta until there is something to tell", waitChange},
	{"WAIT-2", Must, "a delta that was held for nothing is answered as one that was not", waitNothing},
	{"WAIT-3", Must, "wait= goes with a cursor, and is 0 to 60", waitBad},
}

// held asks for a delta that is held, while something else is done.
func (t *T) held(q request, meanwhile func()) (a answer, took time.Duration) {
	type result struct {
		a   answer
		err error
	}
	done, began := make(chan result, 1), time.Now()
	sent := &T{s: t.s, ctx: t.ctx} // its own notes: the case goes on beside it
	go func() {
		a, err := sent.send(q)
		done <- result{a, err}
	}()
	time.Sleep(300 * time.Millisecond) // the request is to be held by then
	meanwhile()
	r := <-done
	if r.err != nil {
		t.fatalf("no answer: %v", r.err)
	}
	t.note(q, r.a)
	return r.a, time.Since(began)
}

func waitChange(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	for i, path := range []string{t.listPath("tags"), repoPath(repo, "tags")} {
		cur := t.all(path).Cursor
		tag := fmt.Sprintf("held%d", i)
		a, took := t.held(request{path: with(path, "since", cur, "wait", "20"), wait: 20 * time.Second}, func() { t.push(repo, thing{}, tag) })
		p := t.readPage(a, http.StatusOK)
		t.wantOps("held", p.Items, "put "+tagKey(repo, tag))
		if took > 10*time.Second {
			t.errorf("it took %v to tell of a change", took)
		}
		cur = p.Cursor
		a, _ = t.held(request{path: with(path, "wait", "20"), wait: 20 * time.Second,
			header: map[string]string{"If-None-Match": quoted(cur), "A-IM": "lading-delta"}}, func() { t.remove(repo, tag) })
		if a.status != http.StatusIMUsed {
			t.errorf("by ETag: status %d, want 226", a.status)
		}
	}
}

func waitNothing(t *T) {
	t.push(t.repo("app"), thing{}, "v1")
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	began := time.Now()
	p := t.readPage(t.do(request{path: with(path, "since", cur, "wait", "1"), wait: time.Second}), http.StatusOK)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.errorf("it was held for %v, want 1s", took)
	}
	if p.Kind != "delta" || len(p.Items) > 0 || p.Cursor == "" {
		t.errorf("kind %q, items %v", p.Kind, keys(p.Items))
	}
	a := t.do(request{path: with(path, "wait", "1"), wait: time.Second, header: map[string]string{"If-None-Match": quoted(cur), "A-IM": "lading-delta"}})
	if a.status != http.StatusNotModified {
		t.errorf("by ETag: status %d, want 304", a.status)
	}
}

func waitBad(t *T) {
	t.push(t.repo("app"), thing{}, "v1")
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	for _, bad := range []string{with(path, "wait", "1"), with(path, "wait", "1", "since", "none"), with(path, "wait", "61", "since", cur),
		with(path, "wait", "-1", "since", cur), with(path, "wait", "1s", "since", cur), with(path, "wait", "1", "order", "created")} {
		t.wantParameter(t.get(bad), "wait")
	}
}

var cacheCases = []Case{
	{"CACH-1", Must, "a listing is private to who asks with credentials, and otherwise good for seconds", cacheListing},
	{"CACH-2", Must, "what answers a cursor is not stored", cacheDelta},
	{"CACH-3", Must, "answers vary by who asks, for what form and what delta", cacheVary},
	{"CACH-4", Should, "errors are not stored", cacheErrors},
}

func cacheListing(t *T) {
	stock(t)
	for _, path := range []string{t.listPath("tags"), t.listPath("repositories", "order", "-created"), repoPath(t.repo("a"), "manifests")} {
		got := t.get(path).header.Get("Cache-Control")
		private := strings.Contains(got, "private") && strings.Contains(got, "no-cache")
		if private || strings.Contains(got, "no-store") || len(t.s.opt.Header["Authorization"]) == 0 && got == "public, max-age=5" {
			continue
		}
		t.errorf("%s: Cache-Control %q", path, got)
	}
}

func cacheDelta(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	t.push(t.repo("a"), thing{}, "new")
	for _, a := range []answer{t.get(with(path, "since", cur)), t.get(with(path, "since", "now")), t.conditional(path, quoted(cur), true)} {
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.errorf("status %d: Cache-Control %q, want no-store", a.status, got)
		}
	}
}

func cacheVary(t *T) {
	stock(t)
	got := t.get(t.listPath("tags")).header.Values("Vary")
	var names []string
	for _, name := range strings.Split(strings.Join(got, ","), ",") {
		names = append(names, strings.ToLower(strings.TrimSpace(name)))
	}
	for _, want := range []string{"authorization", "accept", "a-im"} {
		if !slices.Contains(names, want) && !slices.Contains(names, "*") {
			t.errorf("Vary %q does not name %s", got, want)
		}
	}
}

func cacheErrors(t *T) {
	for _, path := range []string{repoPath(t.repo("nothing"), "tags"), t.listPath("tags", "x", "y")} {
		if got := t.get(path).header.Get("Cache-Control"); got != "no-store" {
			t.errorf("%s: Cache-Control %q, want no-store", path, got)
		}
	}
}
