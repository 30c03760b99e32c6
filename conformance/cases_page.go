package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

var pageCases = []Case{
	{"PAGE-1", Must, "pages of every length hold every item once, in every order", pagesWhole},
	{"PAGE-2", Must, "the last page alone has the cursor", pagesCursor},
	{"PAGE-3", Must, "a page has n items at most, 100 without n, and n is 1 to 1000", pagesLength},
	{"PAGE-4", Must, "a page token goes with n and nothing else", pagesAlone},
	{"PAGE-5", Must, "a page token of another listing, or one that is none, is 400", pagesForeign},
	{"PAGE-6", Must, "a page token carries the filters, and n may change from page to page", pagesFilters},
	{"PAGE-7", Must, "the cursor is that of the beginning: what happens while pages are read comes with the next delta", pagesMeanwhile},
	{"PAGE-8", Must, "what is born after a listing began is not in it", pagesBorn},
}

func pagesWhole(t *T) {
	stock(t)
	for _, kind := range kinds {
		for _, order := range append([]string{""}, orders...) {
			path := t.listPath(kind)
			if order != "" {
				path = with(path, "order", order)
			}
			whole := keys(t.all(path).Items)
			for _, n := range []string{"1", "2", "5"} {
				if got := keys(t.all(with(path, "n", n)).Items); !slices.Equal(got, whole) {
					t.errorf("%s, order %q, n=%s: the items are not those of one page, in their order: %s", kind, order, n, difference(got, whole))
				}
			}
		}
	}
}

func pagesCursor(t *T) {
	stock(t)
	for _, kind := range kinds {
		p := t.list(t.listPath(kind, "n", "1"))
		for ; p.next != ""; p = t.list(p.next) {
			if p.Cursor != "" {
				t.errorf("%s: a page with a next one has a cursor", kind)
			}
		}
		if p.Cursor == "" {
			t.errorf("%s: the last page has no cursor", kind)
		}
	}
}

func pagesLength(t *T) {
	repo := t.repo("app")
	d, body := t.manifest(repo, thing{})
	for i := range 101 {
		t.put(repo, d, body, fmt.Sprintf("t%d", i))
	}
	for n, most := range map[string]int{"": 100, "1": 1, "7": 7, "100": 100, "1000": 1000} {
		path := repoPath(repo, "tags")
		if n != "" {
			path = with(path, "n", n)
		}
		if p := t.list(path); len(p.Items) > most || len(p.Items) < min(most, 101) && p.next == "" {
			t.errorf("n=%q: a page has %d items of 101, next: %v", n, len(p.Items), p.next != "")
		}
	}
	for _, n := range []string{"0", "1001", "-1", "x", "1e1", "99999999999999999999"} {
		t.wantParameter(t.get(with(repoPath(repo, "tags"), "n", n)), "n")
	}
}

func pagesAlone(t *T) {
	stock(t)
	p := t.list(t.listPath("tags", "n", "2"))
	if p.next == "" {
		t.fatalf("there is no next page")
	}
	for _, more := range [][]string{{"prefix", "a"}, {"order", "name"}, {"since", "none"}, {"namespace", t.ns}} {
		t.wantParameter(t.get(with(p.next, more...)), more[0])
	}
}

func pagesForeign(t *T) {
	stock(t)
	p := t.list(t.listPath("tags", "n", "2"))
	if p.next == "" {
		t.fatalf("there is no next page")
	}
	u, err := url.Parse(p.next)
	if err != nil {
		t.fatalf("%v", err)
	}
	token := u.Query().Get("page")
	for _, path := range []string{"/v2/_lading/list/manifests", "/v2/" + t.repo("a") + "/_lading/list/tags"} {
		t.wantError(t.get(with(path, "page", token)), http.StatusBadRequest, "CURSOR_INVALID")
	}
	for _, bad := range []string{flip(token), strings.Repeat("A", len(token)), "x"} {
		t.wantError(t.get(with("/v2/_lading/list/tags", "page", bad)), http.StatusBadRequest, "CURSOR_INVALID")
	}
}

// flip changes one character in the middle of a token.
func flip(token string) string {
	b := []byte(token)
	i := len(b) / 2
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func pagesFilters(t *T) {
	stock(t)
	path := repoPath(t.repo("a-b"), "tags", "prefix", "1", "prefix", "v")
	want := []string{tagKey(t.repo("a-b"), "1.0"), tagKey(t.repo("a-b"), "10.0"), tagKey(t.repo("a-b"), "v1")}
	p := t.list(with(path, "n", "1"))
	if p.next == "" {
		t.fatalf("there is no next page")
	}
	u, err := url.Parse(p.next)
	if err != nil {
		t.fatalf("%v", err)
	}
	v := u.Query()
	v.Set("n", "2")
	p.next = u.Path + "?" + v.Encode()
	t.wantKeys("pages of 1 and 2", t.rest(p, request{}).Items, want...)
}

func pagesMeanwhile(t *T) {
	stock(t)
	path := t.listPath("tags")
	f := &follower{t: t, path: path, copy: copyOf{}}
	p := t.list(with(path, "n", "2"))
	// Behind the first page something is deleted, before it something is born
	// and moved, and both sides get new content.
	first := p.Items[0]
	f.copy.apply(p.Items)
	t.remove(first.Repository, first.Tag)
	t.push(t.repo("a-b"), thing{}, "0.0", "zz", "v1")
	t.remove(t.repo("a/c"), "v1")
	rest := t.rest(page{Kind: "list", next: p.next}, request{})
	f.copy.apply(rest.Items)
	if f.cur = rest.Cursor; f.cur == "" {
		t.fatalf("the listing has no cursor")
	}
	f.delta()
	f.check("a listing with changes between its pages, and a delta")
}

func pagesBorn(t *T) {
	stock(t)
	p := t.list(t.listPath("tags", "n", "1"))
	t.push(t.repo("zz"), thing{}, "late")
	p = t.rest(p, request{})
	if _, ok := byKey(p.Items, tagKey(t.repo("zz"), "late")); ok {
		t.errorf("the listing shows what was born after it began")
	}
	if d := t.list(t.listPath("tags", "since", p.Cursor)); true {
		if it, ok := byKey(t.rest(d, request{}).Items, tagKey(t.repo("zz"), "late")); !ok || it.Op != lading.OpPut {
			t.errorf("the next delta does not show it")
		}
	}
}
