package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// copyOf is what a client holds of a listing: items by key. It is kept by the
// client's whole rule and knows nothing else.
type copyOf map[string]lading.Item

// apply does what items say, in their order.
func (c copyOf) apply(items []lading.Item) {
	for _, it := range items {
		switch kind, rest, _ := strings.Cut(it.Key, ":"); {
		case it.Op == lading.OpPut:
			c[it.Key] = it
		case kind == "repository":
			maps.DeleteFunc(c, func(_ string, x lading.Item) bool { return x.Repository == rest })
		case kind == "range":
			from, to := cutRange(rest)
			maps.DeleteFunc(c, func(_ string, x lading.Item) bool { return x.Repository >= from && (to == "" || x.Repository < to) })
		default:
			delete(c, it.Key)
		}
	}
}

// cutRange reads "<from>..<to>": it is cut at the first ".." that no dot
// follows, for the beginning of a name may end in a dot.
func cutRange(s string) (from, to string) {
	for i := 0; i+2 <= len(s); i++ {
		if s[i:i+2] == ".." && (i+2 == len(s) || s[i+2] != '.') {
			return s[:i], s[i+2:]
		}
	}
	return s, ""
}

// text is the copy in one form, to be compared.
func (c copyOf) text() map[string]string {
	out := map[string]string{}
	for k, it := range c {
		b, err := json.Marshal(it)
		if err != nil {
			out[k] = err.Error()
			continue
		}
		out[k] = string(b)
	}
	return out
}

// wantSame checks that a copy that was followed is what a new listing shows.
func (t *T) wantSame(what string, followed, listed copyOf) {
	a, b := followed.text(), listed.text()
	for _, k := range slices.Sorted(maps.Keys(b)) {
		switch mine, ok := a[k]; {
		case !ok:
			t.errorf("%s: the copy does not have %s", what, k)
		case mine != b[k]:
			t.errorf("%s: %s\n  in the copy %s\n  listed      %s", what, k, cut(mine, 400), cut(b[k], 400))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[k]; !ok {
			t.errorf("%s: the copy still has %s", what, k)
		}
	}
}

// follower follows a listing by its cursor.
type follower struct {
	t    *T
	path string
	copy copyOf
	cur  string
}

// follow lists all there is.
func (t *T) follow(path string) *follower {
	f := &follower{t: t, path: path, copy: copyOf{}}
	p := t.all(path)
	f.copy.apply(p.Items)
	if f.cur = p.Cursor; f.cur == "" {
		t.fatalf("the listing %s has no cursor", path)
	}
	return f
}

// delta asks what is new, applies it and returns it.
func (f *follower) delta(more ...string) []lading.Item {
	p := f.t.list(with(f.path, append([]string{"since", f.cur}, more...)...))
	if p.Kind != "delta" {
		f.t.errorf("since=<cursor> is answered with a %s", p.Kind)
	}
	p = f.t.rest(p, request{})
	if p.Cursor == "" {
		f.t.fatalf("the delta has no cursor")
	}
	f.copy.apply(p.Items)
	f.cur = p.Cursor
	return p.Items
}

// check compares the copy with a new listing.
func (f *follower) check(what string) {
	fresh := copyOf{}
	fresh.apply(f.t.all(f.path).Items)
	f.t.wantSame(what+" ("+f.path+")", f.copy, fresh)
}

func platformOf(s string) ocispec.Platform {
	parts := append(strings.Split(s, "/"), "", "")
	return ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}
