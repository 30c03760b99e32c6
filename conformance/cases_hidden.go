package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var hiddenCases = []Case{
	{"HIDE-1", Must, "what a caller may not read is in no listing and moves no page", hiddenListing},
	{"HIDE-2", Must, "a repository that may not be read is answered as one that is not there", hiddenRepository},
	{"HIDE-3", Must, "what happens where a caller may not read is in no delta and moves no page", hiddenDelta},
	{"HIDE-4", Must, "a cursor of somebody else is 400 as since=, and as an ETag as if absent", hiddenCursor},
	{"HIDE-5", Must, "a page token of somebody else is 400", hiddenToken},
	{"HIDE-6", Must, "the other endpoints hide the same", hiddenElsewhere},
}

// twoCallers ends the case where there are no two.
func (t *T) twoCallers() {
	switch {
	case t.s.opt.Other == nil:
		t.skipf("no second caller was given")
	case t.hidden == "":
		t.skipf("no namespace was given that the second caller may not read")
	}
}

// both is the path of a listing of what everybody and what one caller may see.
func (t *T) both(kind string, more ...string) string {
	v := url.Values{"prefix": {t.ns, t.hidden}}
	addPairs(v, more)
	return "/v2/_lading/list/" + kind + "?" + v.Encode()
}

// shape is a listing by page, as the other caller sees it: what is on each.
func (t *T) shape(path string) (out [][]string) {
	p := t.readPage(t.do(request{path: path, other: true}), http.StatusOK)
	out = append(out, keys(p.Items))
	for n := 0; p.next != "" && n < maxPages; n++ {
		p = t.readPage(t.do(request{path: p.next, other: true}), http.StatusOK)
		out = append(out, keys(p.Items))
	}
	return out
}

// hide pushes what the other caller may not see.
func (t *T) hide() {
	for i := range 5 {
		repo := fmt.Sprintf("%s/r%d", t.hidden, i)
		base := t.push(repo, thing{}, "v1", "v2")
		t.push(repo, thing{subject: &base})
	}
	t.remove(t.hidden+"/r0", "v1")
}

func hiddenListing(t *T) {
	t.twoCallers()
	stock(t)
	paths := []string{}
	for _, kind := range kinds {
		for _, more := range [][]string{{"n", "2"}, {"n", "2", "order", "-created"}, {"n", "3", "order", "modified"}} {
			paths = append(paths, t.both(kind, more...))
		}
	}
	var before [][][]string
	for _, path := range paths {
		before = append(before, t.shape(path))
	}
	t.hide()
	for i, path := range paths {
		if after := t.shape(path); fmt.Sprint(after) != fmt.Sprint(before[i]) {
			t.errorf("%s: pages %v before, and %v after something was pushed that may not be seen", path, before[i], after)
		}
	}
	if p := t.all(t.both("repositories")); len(p.Items) < 8 {
		t.errorf("who may see it all sees %v", keys(p.Items))
	}
}

// plain is an answer without what differs between any two.
func plain(a answer, names ...string) string {
	text := fmt.Sprint(a.status, "\n", string(a.body))
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range a.header {
			if !yield(k) {
				return
			}
		}
	}) {
		if name != "Date" && name != "X-Request-Id" {
			text += "\n" + name + ": " + strings.Join(a.header[name], ", ")
		}
	}
	for _, name := range names {
		text = strings.ReplaceAll(text, name, "NAME")
	}
	return text
}

func hiddenRepository(t *T) {
	t.twoCallers()
	t.hide()
	there, missing := t.hidden+"/r1", t.hidden+"/r9"
	for _, end := range []string{"_lading/list/tags", "_lading/list/manifests?n=1", "_oci/ext/discover", "tags/list", "manifests/v1"} {
		a := t.do(request{path: "/v2/" + there + "/" + end, other: true})
		b := t.do(request{path: "/v2/" + missing + "/" + end, other: true})
		if plain(a, there) != plain(b, missing) {
			t.errorf("%s: of a hidden repository\n%s\nand of one that is not there\n%s", end, plain(a, there), plain(b, missing))
		}
		if a.status != http.StatusNotFound && a.status != http.StatusUnauthorized {
			t.errorf("%s: status %d", end, a.status)
		}
	}
}

func hiddenDelta(t *T) {
	t.twoCallers()
	stock(t)
	for _, kind := range kinds {
		path := t.both(kind)
		cur := t.allAs(path, true).Cursor
		defer func() {
			p := t.allAs(with(path, "since", cur), true)
			want := slices.DeleteFunc(keys(p.Items), func(k string) bool { return strings.Contains(k, t.hidden) })
			if len(want) != len(p.Items) {
				t.errorf("%s: the delta names what may not be seen: %v", kind, keys(p.Items))
			}
			if got := t.shape(with(path, "since", cur, "n", "1")); len(got) > len(want)+1 {
				t.errorf("%s: a delta of %d items has %d pages of 1: something hidden moves them", kind, len(want), len(got))
			}
			quiet := t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(p.Cursor)}})
			if quiet.status != http.StatusNotModified {
				t.errorf("%s: status %d, want 304", kind, quiet.status)
			}
			t.push(t.hidden+"/r1", thing{}, kind)
			quiet = t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(p.Cursor)}})
			if quiet.status != http.StatusNotModified {
				t.errorf("%s: status %d after a push that may not be seen, want 304", kind, quiet.status)
			}
		}()
	}
	t.hide()
	t.push(t.repo("a"), thing{}, "seen")
	t.removeRepository(t.hidden + "/r2")
}

func hiddenCursor(t *T) {
	t.twoCallers()
	stock(t)
	t.hide()
	path := t.both("tags")
	cur := t.all(path).Cursor
	t.wantError(t.do(request{path: with(path, "since", cur), other: true}), http.StatusBadRequest, "CURSOR_INVALID")
	a := t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(cur), "A-IM": "lading-delta"}})
	p := t.rest(t.readPage(a, http.StatusOK), request{other: true})
	if p.Kind != "list" {
		t.errorf("somebody else's cursor as ETag is answered with a %s", p.Kind)
	}
	for _, it := range p.Items {
		if strings.HasPrefix(it.Repository, t.hidden) {
			t.errorf("the listing shows %s", it.Key)
		}
	}
}

func hiddenToken(t *T) {
	t.twoCallers()
	stock(t)
	t.hide()
	p := t.list(t.both("tags", "n", "2"))
	if p.next == "" {
		t.fatalf("there is no next page")
	}
	t.wantError(t.do(request{path: p.next, other: true}), http.StatusBadRequest, "CURSOR_INVALID")
}

func hiddenElsewhere(t *T) {
	t.twoCallers()
	t.hide()
	top, _, _ := strings.Cut(t.hidden, "/")
	for _, path := range []string{"/v2/_catalog", "/v2/_lading/list/namespaces?namespace=" + t.hidden, "/v2/_lading/list/repositories?namespace=" + t.hidden,
		"/v2/_lading/list/namespaces", "/v2/_oci/repositories", "/v2/" + t.hidden + "/_oci/repositories", "/v2/" + t.hidden + "/r1/_oci/tag-history/v1"} {
		a := t.do(request{path: path, other: true})
		if strings.Contains(string(a.body), t.hidden+"/r") || a.status == http.StatusOK && strings.Contains(string(a.body), `"`+top+`"`) && !strings.HasPrefix(t.ns, top+"/") {
			t.errorf("%s tells of what may not be seen: %s", path, cut(string(a.body), 300))
		}
	}
}
