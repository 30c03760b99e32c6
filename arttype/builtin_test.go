package arttype

import "testing"

func TestBuiltInsAreWithoutMistake(t *testing.T) {
	defs, mistakes := BuiltIns()
	set, more := NewSet(defs...)
	for _, m := range append(mistakes, more...) {
		t.Error(m)
	}
	if len(set.Types()) < 40 {
		t.Errorf("%d types", len(set.Types()))
	}
}
