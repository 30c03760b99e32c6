package discover

import (
	"errors"
	"testing"
)

// TestApart: what runs apart ends as if it had not.
func TestApart(t *testing.T) {
	want := errors.New("an error")
	if err := apart(func() error { return want }); err != want {
		t.Error(err)
	}
	defer func() {
		if got := recover(); got != "a panic" {
			t.Error(got)
		}
	}()
	_ = apart(func() error { panic("a panic") })
	t.Error("the panic is lost")
}
