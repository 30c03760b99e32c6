package conformance

import (
	"net/http"
	"slices"
	"strings"
)

var cursorCases = []Case{
	{"CURS-1", Must, "a cursor is [A-Za-z0-9._-]+ and of one length", cursorForm},
	{"CURS-2", Must, "since= with nothing new is 200, a delta without items, and a new cursor", cursorQuiet},
	{"CURS-3", Must, "since=none is the full listing, since=now an empty delta with the cursor of now", cursorWords},
	{"CURS-4", Must, "If-None-Match with nothing new is 304 with the ETag presented and a newer cursor", cursorNotModified},
	{"CURS-5", Must, "If-None-Match alone, with something new, is 200 and the full listing", cursorFull},
	{"CURS-6", Must, "If-None-Match with A-IM is 226, a delta, and says what to", cursorDelta},
	{"CURS-7", Must, "later pages of a 226 are 200 and a delta, the last with the cursor", cursorDeltaPages},
	{"CURS-8", Must, "since= of what is no cursor is 400 CURSOR_INVALID", cursorForged},
	{"CURS-9", Must, "since= of another listing, scope or filter is 400 CURSOR_INVALID", cursorForeign},
	{"CURS-10", Must, "If-None-Match of what is no cursor of this listing is as if absent", cursorIgnored},
	{"CURS-11", Must, "two cursors never compare equal", cursorUnlike},
	{"CURS-12", Must, "a cursor can be used again, with the same answer", cursorAgain},
	{"CURS-13", Must, "since= does not go with a view", cursorView},
	{"CURS-14", Must, "since= of a cursor that is too old is 410 CURSOR_EXPIRED and tells where to begin", cursorExpired},
	{"CURS-15", Must, "a list of entity tags is searched for one that counts", cursorList},
	{"CURS-16", Should, "the order of repeated parameters does not matter to a cursor", cursorParameters},
}

func cursorForm(t *T) {
	stock(t)
	lengths := map[int]bool{}
	for _, path := range []string{t.listPath("tags"), t.listPath("manifests"), t.listPath("repositories"), repoPath(t.repo("a"), "tags"),
		t.listPath("tags", "prefix", t.ns+"/a", "type", "application/vnd.conformance.one")} {
		cur := t.all(path).Cursor
		if !tokenForm.MatchString(cur) {
			t.errorf("the cursor %q", cut(cur, 100))
		}
		lengths[len(cur)] = true
	}
	if len(lengths) != 1 {
		t.errorf("cursors have the lengths %v", lengths)
	}
}

func cursorQuiet(t *T) {
	stock(t)
	for _, kind := range kinds {
		cur := t.all(t.listPath(kind)).Cursor
		p := t.all(t.listPath(kind, "since", cur))
		if p.Kind != "delta" || len(p.Items) != 0 || p.Cursor == "" {
			t.errorf("%s: kind %q, items %v, a cursor: %v", kind, p.Kind, keys(p.Items), p.Cursor != "")
		}
	}
}

func cursorWords(t *T) {
	want := stock(t)
	p := t.all(t.listPath("tags", "since", "none"))
	if p.Kind != "list" {
		t.errorf("since=none is a %s", p.Kind)
	}
	t.wantKeys("since=none", p.Items, want["tags"]...)
	now := t.all(t.listPath("tags", "since", "now"))
	if now.Kind != "delta" || len(now.Items) != 0 || now.Cursor == "" {
		t.fatalf("since=now: kind %q, items %v", now.Kind, keys(now.Items))
	}
	t.push(t.repo("a"), thing{}, "after")
	t.wantOps("after since=now", t.all(t.listPath("tags", "since", now.Cursor)).Items, "put "+tagKey(t.repo("a"), "after"))
}

// conditional asks with If-None-Match, and A-IM where a delta is wanted.
func (t *T) conditional(path, etag string, delta bool) answer {
	h := map[string]string{"If-None-Match": etag}
	if delta {
		h["A-IM"] = "lading-delta"
	}
	return t.do(request{path: path, header: h})
}

func quoted(cursor string) string { return `"` + cursor + `"` }

func cursorNotModified(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	for _, delta := range []bool{false, true} {
		for _, etag := range []string{quoted(cur), "W/" + quoted(cur)} {
			a := t.conditional(path, etag, delta)
			next := a.header.Get("Lading-Cursor")
			if a.status != http.StatusNotModified || a.header.Get("ETag") != etag || len(a.body) > 0 || !tokenForm.MatchString(next) {
				t.errorf("A-IM %v, If-None-Match %s: status %d, ETag %s, Lading-Cursor %q", delta, cut(etag, 20), a.status, cut(a.header.Get("ETag"), 20), cut(next, 20))
				continue
			}
			if p := t.all(with(path, "since", next)); len(p.Items) != 0 {
				t.errorf("after the cursor of the 304 there are %v", keys(p.Items))
			}
		}
	}
}

func cursorFull(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	t.push(t.repo("a"), thing{}, "new")
	p := t.readPage(t.conditional(path, quoted(cur), false), http.StatusOK)
	want := keys(t.all(path).Items)
	if p = t.rest(p, request{}); p.Kind != "list" || !slices.Equal(keys(p.Items), want) {
		t.errorf("kind %q: %s", p.Kind, difference(keys(p.Items), want))
	}
}

func cursorDelta(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	t.push(t.repo("a"), thing{}, "new")
	a := t.conditional(path, quoted(cur), true)
	if a.status != http.StatusIMUsed {
		t.fatalf("status %d, want 226", a.status)
	}
	if a.header.Get("IM") != "lading-delta" || a.header.Get("Delta-Base") != quoted(cur) {
		t.errorf("IM %q, Delta-Base %q", a.header.Get("IM"), cut(a.header.Get("Delta-Base"), 40))
	}
	p := t.readPage(a, http.StatusIMUsed)
	if p.Kind != "delta" {
		t.errorf("226 with a %s", p.Kind)
	}
	t.wantOps("226", p.Items, "put "+tagKey(t.repo("a"), "new"))
	if p.Cursor == "" {
		t.errorf("226 without a cursor")
	}
	other := t.do(request{path: path, header: map[string]string{"If-None-Match": quoted(cur), "A-IM": "vcdiff, feed"}})
	if other.status != http.StatusOK {
		t.errorf("an A-IM without lading-delta is answered %d, want 200", other.status)
	}
}

func cursorDeltaPages(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	want := []string{}
	for _, tag := range []string{"n1", "n2", "n3"} {
		t.push(t.repo("a"), thing{}, tag)
		want = append(want, "put "+tagKey(t.repo("a"), tag))
	}
	p := t.readPage(t.conditional(with(path, "n", "1"), quoted(cur), true), http.StatusIMUsed)
	if p.next == "" || p.Cursor != "" {
		t.errorf("the first page has a next one: %v, a cursor: %v", p.next != "", p.Cursor != "")
	}
	p = t.rest(p, request{})
	t.wantOps("all pages", p.Items, want...)
	if p.Cursor == "" {
		t.errorf("the last page has no cursor")
	}
}

func cursorForged(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	for _, bad := range []string{flip(cur), strings.Repeat("A", len(cur)), cur[:len(cur)-1], cur + "A", "x", "0", "none.", "-1"} {
		t.wantError(t.get(t.listPath("tags", "since", bad)), http.StatusBadRequest, "CURSOR_INVALID")
	}
}

// foreign are listings that are not that of the case's tags.
func foreign(t *T) []string {
	return []string{
		t.listPath("manifests"), t.listPath("repositories"), "/v2/_lading/list/tags", repoPath(t.repo("a"), "tags"),
		t.listPath("tags", "prefix", t.ns+"/a"), t.listPath("tags", "exclude", "x"), t.listPath("tags", "type", "application/vnd.conformance.one"),
		t.listPath("tags", "platform", "linux/amd64"), t.listPath("tags", "created_after", "2001-01-01T00:00:00Z"), t.listPath("tags", "created_before", "2101-01-01T00:00:00Z"),
	}
}

func cursorForeign(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	for _, path := range foreign(t) {
		t.wantError(t.get(with(path, "since", cur)), http.StatusBadRequest, "CURSOR_INVALID")
	}
}

func cursorIgnored(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	for _, path := range foreign(t) {
		for _, delta := range []bool{false, true} {
			a := t.conditional(path, quoted(cur), delta)
			if p := t.readPage(a, http.StatusOK); p.Kind != "list" {
				t.errorf("%s is answered with a %s", path, p.Kind)
			}
		}
	}
	for _, etag := range []string{quoted("x"), quoted(flip(cur)), `""`, "*", "garbage"} {
		if p := t.readPage(t.conditional(t.listPath("tags"), etag, true), http.StatusOK); p.Kind != "list" {
			t.errorf("If-None-Match: %s is answered with a %s", cut(etag, 20), p.Kind)
		}
	}
}

func cursorUnlike(t *T) {
	stock(t)
	seen := map[string]bool{}
	for range 4 {
		cur := t.all(t.listPath("tags")).Cursor
		if seen[cur] {
			t.errorf("the same cursor comes twice: it tells that nothing happened")
		}
		seen[cur] = true
	}
	p := t.list(t.listPath("tags", "n", "1"))
	if q := t.list(t.listPath("tags", "n", "1")); p.next == q.next {
		t.errorf("the same page token comes twice")
	}
}

func cursorAgain(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	t.push(t.repo("a"), thing{}, "new")
	one, two := t.all(t.listPath("tags", "since", cur)), t.all(t.listPath("tags", "since", cur))
	if !slices.Equal(keys(one.Items), keys(two.Items)) || len(one.Items) != 1 {
		t.errorf("first %v, then %v", keys(one.Items), keys(two.Items))
	}
}

func cursorView(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	for _, more := range [][]string{{"order", "created"}, {"order", "-name"}, {"view", "stats"}, {"modified_after", "2001-01-01T00:00:00Z"}} {
		a := t.get(with(t.listPath("tags", more...), "since", cur))
		if a.status != http.StatusBadRequest {
			t.errorf("since= with %s=%s is answered %d, want 400", more[0], more[1], a.status)
		}
	}
}

func cursorExpired(t *T) {
	old := t.s.opt.Expired
	if old == "" {
		t.skipf("no expired cursor was given")
	}
	detail := t.wantError(t.get("/v2/_lading/list/tags?since="+old), http.StatusGone, "CURSOR_EXPIRED")
	reason, _ := detail["reason"].(string)
	after, _ := detail["retry_after_s"].(float64)
	if reason != "retention" && reason != "epoch" || after < 1 {
		t.errorf("the detail is %v, want reason retention or epoch, and retry_after_s", detail)
	}
	resync, _ := detail["resync"].(string)
	if p := t.list(resync); p.Kind != "list" {
		t.errorf("at resync there is a %s", p.Kind)
	}
	if p := t.readPage(t.conditional("/v2/_lading/list/tags?n=1", quoted(old), true), http.StatusOK); p.Kind != "list" {
		t.errorf("as ETag it is answered with a %s, want the full listing", p.Kind)
	}
}

func cursorList(t *T) {
	stock(t)
	path := t.listPath("tags")
	cur := t.all(path).Cursor
	a := t.conditional(path, `"other", `+quoted(cur), false)
	if a.status != http.StatusNotModified || a.header.Get("ETag") != quoted(cur) {
		t.errorf("status %d, ETag %s", a.status, cut(a.header.Get("ETag"), 40))
	}
}

func cursorParameters(t *T) {
	stock(t)
	a, b := t.ns+"/a", t.ns+"/z"
	cur := t.all(t.listPath("tags", "prefix", a, "prefix", b)).Cursor
	if x := t.get(t.listPath("tags", "prefix", b, "prefix", a, "since", cur)); x.status != http.StatusOK {
		t.errorf("with the prefixes the other way round since= is %d", x.status)
	}
}
