package auth

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// TestAttempts asks who bounds attempts for those alone that were not seen
// before, and tells how each went.
func TestAttempts(t *testing.T) {
	w := open(t, "ada sesame")
	var from []string
	var told []Outcome
	var wait time.Duration
	w.Basic.opt.Attempt = func(address string) time.Duration { from = append(from, address); return wait }
	w.Basic.opt.Told = func(o Outcome) { told = append(told, o) }
	w.want("ada", "sesame", nil)
	w.want("ada", "sesame", nil) // is known
	w.want("ada", "guess", lading.ErrUnauthorized)
	wait = 1500 * time.Millisecond
	w.want("ada", "sesame", nil) // still
	computed := w.computed.Load()
	_, err := w.Identify(request("ada", "another"))
	var e *lading.Error
	if !errors.As(err, &e) || e.Code != lading.CodeTooManyRequests || e.Detail != (retryDetail{2}) {
		t.Errorf("%v", err)
	}
	if n := w.computed.Load(); n != computed {
		t.Error("what has to wait was looked at")
	}
	if want := []Outcome{Right, Wrong, Slowed}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if len(from) != 3 || from[0] != "192.0.2.7:1234" {
		t.Errorf("asked for %v", from)
	}
	wait = 0
	for range freeOfPair {
		_, _ = w.Identify(request("ada", "guess"))
	}
	if told[len(told)-1] != Slowed {
		t.Errorf("wrong often in a row: %v", told)
	}
}
