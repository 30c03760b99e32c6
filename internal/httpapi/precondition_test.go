package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/lading-dev/lading"
)

func conditional(match, noneMatch []string) *http.Request {
	r := httptest.NewRequest(http.MethodPut, "/v2/a/manifests/b", nil)
	r.Header["If-Match"], r.Header["If-None-Match"] = match, noneMatch
	return r
}

func TestPreconditionOf(t *testing.T) {
	ds := func(list ...lading.Digest) []lading.Digest { return append([]lading.Digest{}, list...) }
	for _, test := range []struct {
		match, noneMatch []string
		want             lading.Precondition
		bad              bool
	}{
		{nil, nil, lading.Precondition{}, false},
		{[]string{`"a"`}, nil, lading.Precondition{Match: ds("a")}, false},
		{[]string{`"a", "b"`, `"c"`}, nil, lading.Precondition{Match: ds("a", "b", "c")}, false},
		{[]string{`"a",,W/"b" ,`}, nil, lading.Precondition{Match: ds("a")}, false},
		{[]string{`W/"a"`}, nil, lading.Precondition{Match: ds()}, false},
		{[]string{``}, nil, lading.Precondition{Match: ds()}, false},
		{[]string{`*`}, nil, lading.Precondition{Present: true}, false},
		{nil, []string{`*`}, lading.Precondition{Absent: true}, false},
		{nil, []string{`"a", W/"b"`}, lading.Precondition{Differ: ds("a", "b")}, false},
		{[]string{`"a"`}, []string{`*`}, lading.Precondition{Match: ds("a"), Absent: true}, false},
		{[]string{`a`}, nil, lading.Precondition{}, true},
		{[]string{`"a`}, nil, lading.Precondition{}, true},
		{[]string{`"a" "b"`}, nil, lading.Precondition{}, true},
		{[]string{`"a"b`}, nil, lading.Precondition{}, true},
		{[]string{`"a", b`}, nil, lading.Precondition{}, true},
		{[]string{`*, "a"`}, nil, lading.Precondition{}, true},
		{[]string{`*`, `*`}, nil, lading.Precondition{}, true},
		{nil, []string{`"a", *`}, lading.Precondition{}, true},
		{nil, []string{`w/"a"`}, lading.Precondition{}, true},
		{nil, []string{"\"a\x7f\""}, lading.Precondition{}, true},
	} {
		got, err := preconditionOf(conditional(test.match, test.noneMatch))
		if test.bad {
			if !errors.Is(err, lading.ErrParameterInvalid) {
				t.Errorf("%q %q: %+v, %v", test.match, test.noneMatch, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q %q: %+v, %v; want %+v", test.match, test.noneMatch, got, err, test.want)
		}
	}
}

// FuzzPrecondition: whatever a header holds, it is refused, or asks for
// something; it is never passed over. A list of quoted texts is understood as
// written.
func FuzzPrecondition(f *testing.F) {
	for _, s := range []string{`"a"`, `*`, `W/"a", "b"`, ``, `"`, `a`, `"a"b`, ",,", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := preconditionOf(conditional([]string{s}, nil))
		if err == nil && p.Empty() {
			t.Errorf("If-Match: %q is passed over", s)
		}
		if err == nil && !p.Present {
			if err := p.Check(""); err == nil {
				t.Errorf("If-Match: %q holds of nothing", s)
			}
		}
		if q, err := preconditionOf(conditional(nil, []string{s})); err == nil && q.Empty() && p.Match != nil && len(p.Match) > 0 {
			t.Errorf("If-None-Match: %q is passed over", s)
		}
		for _, d := range p.Match {
			again, err := preconditionOf(conditional([]string{`"` + string(d) + `"`}, nil))
			if err != nil || len(again.Match) != 1 || again.Match[0] != d {
				t.Errorf("%q, out of %q, is read as %v, %v", d, s, again.Match, err)
			}
		}
	})
}
