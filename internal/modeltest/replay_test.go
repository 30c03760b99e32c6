package modeltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

const stranger = "stranger"

// replayWorld has repositories that the caller can read and the stranger
// cannot, over HTTP.
func replayWorld(t *testing.T) (*world, *run) {
	t.Helper()
	w := newWorld(t, setup{})
	r := newRun(w, 3)
	r.rules = rules{{"ns", r.top}}
	w.access.set(caller, r.rules)
	w.access.set(stranger, nil)
	r.pushTags(t, "1", 20)
	return w, r
}

// list asks over HTTP and wants success.
func (r *run) page(t *testing.T, user string, q lading.Query) page {
	t.Helper()
	p := r.reg.list(user, q, form{since: true})
	if p.code != "" {
		t.Fatalf("%s: %s %s", user, p.code, p.text)
	}
	return p
}

// TestForeignCursors presents cursors and page tokens where they do not
// belong: 400 CURSOR_INVALID, and not a word of what is there.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	_, r := replayWorld(t)
	tags := lading.Query{Kind: lading.KindTags, N: 3}
	first := r.page(t, caller, tags)
	whole := r.page(t, caller, lading.Query{Kind: lading.KindTags, N: 1000})
	other := replayOther(t)
	edit := func(s string, i int) string {
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	cursor := whole.cursor
	one := lading.Scope{Repository: r.top + "/1"}
	for name, c := range map[string]struct {
		user string
		q    lading.Query
	}{
		"a page of somebody else's":     {stranger, lading.Query{Kind: lading.KindTags, Page: first.next}},
		"a page of another kind":        {caller, lading.Query{Kind: lading.KindManifests, Page: first.next}},
		"a page of another scope":       {caller, lading.Query{Kind: lading.KindTags, Scope: one, Page: first.next}},
		"a cursor as a page":            {caller, lading.Query{Kind: lading.KindTags, Page: cursor}},
		"a cursor of somebody else's":   {stranger, lading.Query{Kind: lading.KindTags, Since: cursor}},
		"a cursor of another kind":      {caller, lading.Query{Kind: lading.KindManifests, Since: cursor}},
		"a cursor of another filter":    {caller, lading.Query{Kind: lading.KindTags, Since: cursor, Scope: lading.Scope{Types: []string{typeA}}}},
		"a cursor of another namespace": {caller, lading.Query{Kind: lading.KindTags, Since: cursor, Scope: lading.Scope{Namespace: r.top}}},
		"a cursor of another scope":     {caller, lading.Query{Kind: lading.KindTags, Since: cursor, Scope: one}},
		"a cursor of another registry":  {caller, lading.Query{Kind: lading.KindTags, Since: other}},
		"a page as a cursor":            {caller, lading.Query{Kind: lading.KindTags, Since: first.next}},
		"a cursor cut short":            {caller, lading.Query{Kind: lading.KindTags, Since: cursor[:len(cursor)-4]}},
		"a cursor with more behind it":  {caller, lading.Query{Kind: lading.KindTags, Since: cursor + "AAAA"}},
		"a cursor with its nonce bent":  {caller, lading.Query{Kind: lading.KindTags, Since: edit(cursor, 2)}},
		"a cursor with its text bent":   {caller, lading.Query{Kind: lading.KindTags, Since: edit(cursor, 60)}},
		"a cursor with its seal bent":   {caller, lading.Query{Kind: lading.KindTags, Since: edit(cursor, len(cursor)-3)}},
		"no cursor at all":              {caller, lading.Query{Kind: lading.KindTags, Since: "hello"}},
	} {
		p := r.reg.list(c.user, c.q, form{since: true})
		if p.code != lading.CodeCursorInvalid || len(p.items) > 0 {
			t.Errorf("%s: code %q, %d items, want CURSOR_INVALID", name, p.code, len(p.items))
		}
		asked := c.q.Scope.Namespace
		if c.q.Scope.Repository != "" {
			asked = c.q.Scope.Repository
		}
		for _, named := range r.named.FindAllString(sealed.ReplaceAllString(p.text, ""), -1) {
			if named != asked {
				t.Errorf("%s: the answer names %s: %s", name, named, p.text)
			}
		}
		if c.q.Since == "" {
			continue
		}
		// As an ETag it counts as none: the full listing of who asks.
		p = r.reg.list(c.user, c.q, form{delta: true})
		if p.code != "" || p.delta || p.notModified || c.user == stranger && len(p.items) > 0 {
			t.Errorf("%s, as an ETag: code %q, delta %v, 304 %v, %d items", name, p.code, p.delta, p.notModified, len(p.items))
		}
	}
}

// replayOther is a cursor of the same listing of another registry.
func replayOther(t *testing.T) string {
	t.Helper()
	_, r := replayWorld(t)
	return r.page(t, caller, lading.Query{Kind: lading.KindTags, N: 1000}).cursor
}

// TestAfterRevocation uses page tokens and cursors again when nothing, or
// little, may be read any more.
func TestAfterRevocation(t *testing.T) {
	t.Parallel()
	for _, left := range []rules{nil, {{"repo", "s3/4"}}} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			w, r := replayWorld(t)
			for _, kind := range []lading.Kind{lading.KindTags, lading.KindManifests, lading.KindRepositories} {
				r.rules = rules{{"ns", r.top}}
				w.access.set(caller, r.rules)
				whole := r.page(t, caller, lading.Query{Kind: kind, N: 1000})
				list := r.page(t, caller, lading.Query{Kind: kind, N: 3})
				r.pushTags(t, "more-"+string(kind), 20)
				if err := r.put(makeDocument(r.top+"/new-"+string(kind), 1), []string{"1"}); err != nil {
					t.Fatal(err)
				}
				delta := r.page(t, caller, lading.Query{Kind: kind, N: 1, Since: whole.cursor})
				r.rules = left
				w.access.set(caller, left)
				for name, q := range map[string]lading.Query{
					"a page of a listing": {Kind: kind, Page: list.next},
					"a page of a delta":   {Kind: kind, Page: delta.next},
					"a cursor":            {Kind: kind, Since: whole.cursor},
				} {
					for again := range 2 {
						r.showsNothing(t, fmt.Sprintf("%s of %s, time %d", name, kind, again+1), q, left)
					}
				}
			}
		})
	}
}

// showsNothing follows a query to its end: it must show only what is left.
func (r *run) showsNothing(t *testing.T, what string, q lading.Query, left rules) {
	t.Helper()
	for {
		p := r.page(t, caller, q)
		for _, it := range p.items {
			if it.Op != lading.OpRemove && !left.allow(it.Repository) {
				t.Errorf("%s: shows %s %s", what, it.Op, it.Key)
			}
		}
		if slices.ContainsFunc(r.named.FindAllString(sealed.ReplaceAllString(p.text, ""), -1), func(n string) bool { return !left.allow(strings.TrimSuffix(n, "/")) }) {
			t.Errorf("%s: a header names what may not be read: %s", what, p.text)
		}
		if p.next == "" {
			return
		}
		q = lading.Query{Kind: q.Kind, Page: p.next}
	}
}
