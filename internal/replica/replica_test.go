package replica_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/replica"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

var _ certs.Store = (*replica.ACME)(nil)

// TestTurns: of two processes one has the turn, until it gives it back or is
// not heard of any more.
func TestTurns(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		one, other := replica.NewTurns(w.DB, w.Clock.Now), replica.NewTurns(w.DB, w.Clock.Now)
		want := func(what string, of *replica.Turns, name string, mine bool) {
			t.Helper()
			got, err := of.Take(t.Context(), name, time.Minute)
			w.Must(err)
			if got != mine {
				t.Errorf("%s: %v", what, got)
			}
		}
		want("the first", one, "a", true)
		want("the second", other, "a", false)
		want("of something else", other, "b", true)
		w.Must(other.End(t.Context(), "a"))
		want("another ends it", other, "a", false)
		w.Clock.Add(50 * time.Second)
		want("kept", one, "a", true)
		w.Clock.Add(50 * time.Second)
		want("kept for longer", other, "a", false)
		w.Must(one.End(t.Context(), "a"))
		want("given back", other, "a", true)
		want("lost", one, "a", false)
		w.Clock.Add(61 * time.Second)
		want("not heard of", one, "a", true)
		want("taken", other, "a", false)
	})
}

// TestACME: what one has put, the other gets.
func TestACME(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		one := replica.NewACME(w.DB, replica.NewTurns(w.DB, w.Clock.Now))
		other := replica.NewACME(w.DB, replica.NewTurns(w.DB, w.Clock.Now))
		want := func(text string) {
			t.Helper()
			got, err := other.Get(t.Context(), "reg.example+token")
			w.Must(err)
			if !bytes.Equal(got, []byte(text)) || (got == nil) != (text == "") {
				t.Errorf("got %q, want %q", got, text)
			}
		}
		want("")
		w.Must(one.Put(t.Context(), "reg.example+token", []byte("first\x00")))
		want("first\x00")
		w.Must(one.Put(t.Context(), "reg.example+token", []byte("second")))
		want("second")
		w.Must(one.Delete(t.Context(), "reg.example+token"))
		w.Must(one.Delete(t.Context(), "reg.example+token"))
		want("")
		if mine, err := one.Turn(t.Context(), time.Minute); !mine || err != nil {
			t.Error(mine, err)
		}
		if mine, err := other.Turn(t.Context(), time.Minute); mine || err != nil {
			t.Error(mine, err)
		}
		w.Must(one.EndTurn(t.Context()))
		if mine, err := other.Turn(t.Context(), time.Minute); !mine || err != nil {
			t.Error(mine, err)
		}
	})
}
