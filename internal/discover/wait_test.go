package discover_test

import (
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// held asks for a delta that waits, and returns what it answers and after
// which time, once during has run.
func (f *fixture) held(t *testing.T, cursor string, during func()) (out lading.Listing, took time.Duration) {
	t.Helper()
	type answer struct {
		lading.Listing
		error
		time.Duration
	}
	answered := make(chan answer, 1)
	began := time.Now()
	go func() {
		l, err := f.engine.List(f.ctx(), lading.Query{Kind: lading.KindTags, Since: cursor, Wait: time.Minute})
		answered <- answer{l, err, time.Since(began)}
	}()
	time.Sleep(50 * time.Millisecond) // so that it is held: there is nothing to see of that
	during()
	a := <-answered
	if a.error != nil {
		t.Fatal(a.error)
	}
	return a.Listing, a.Duration
}

// TestWait: a held delta is answered by a change, and by the end of the server.
func TestWait(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("a", spec{Name: "m"}, "1")
		_, cursor := f.all(lading.Query{Kind: lading.KindTags}, 10)
		out, took := f.held(t, cursor, func() { f.Put("a", spec{Name: "m"}, "2") })
		if len(out.Items) != 1 || out.Items[0].Tag != "2" || took > 10*time.Second {
			t.Errorf("a change: %d items after %v", len(out.Items), took)
		}
		out, took = f.held(t, out.Cursor, f.engine.Drain)
		if len(out.Items) != 0 || out.Cursor == "" || took > 10*time.Second {
			t.Errorf("the end: %d items, cursor %q, after %v", len(out.Items), out.Cursor, took)
		}
	})
}
