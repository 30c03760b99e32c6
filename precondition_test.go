package lading

import (
	"errors"
	"testing"
)

func TestPrecondition(t *testing.T) {
	const a, b Digest = "sha256:a", "sha256:b"
	for _, test := range []struct {
		name              string
		p                 Precondition
		nothing, isA, isB bool // holds when this is there
	}{
		{"nothing asked", Precondition{}, true, true, true},
		{"absent", Precondition{Absent: true}, true, false, false},
		{"present", Precondition{Present: true}, false, true, true},
		{"is a", Precondition{Match: []Digest{a}}, false, true, false},
		{"is a or b", Precondition{Match: []Digest{b, a}}, false, true, true},
		{"is none", Precondition{Match: []Digest{}}, false, false, false},
		{"is not a", Precondition{Differ: []Digest{a}}, true, false, true},
		{"is a and not a", Precondition{Match: []Digest{a}, Differ: []Digest{a}}, false, false, false},
		{"absent and is a", Precondition{Absent: true, Match: []Digest{a}}, false, false, false},
	} {
		for current, want := range map[Digest]bool{"": test.nothing, a: test.isA, b: test.isB} {
			err := test.p.Check(current)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrPreconditionFailed) {
				t.Errorf("%s, when %q is there: %v", test.name, current, err)
			}
		}
		if empty := test.name == "nothing asked"; test.p.Empty() != empty {
			t.Errorf("%s: empty is %v", test.name, !empty)
		}
	}
}
