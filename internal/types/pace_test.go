package types

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The walk rests a little while it is alone, and long once somebody else has
// written; it stops resting when it is told to.
func TestPace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		p := &pace{journal: w.Cat.Journal(), worked: grace}
		const d = 20 * time.Millisecond
		// The work is told by the clock, and nothing is waited for but that.
		work := func() error { <-time.After(d); return nil }
		timed := func() time.Duration {
			began := time.Now()
			w.Must(p.run(ctx, work))
			return time.Since(began)
		}
		if took := timed(); took < d*3/2 || p.others() {
			t.Errorf("alone it took %v", took)
		}
		noticed := make(chan bool, 1)
		go func() {
			err := p.rest(ctx, 3*busy/2) // longer than one write is remembered
			noticed <- err == nil && p.others()
		}()
		for resting := true; resting; {
			w.push(w.store, "acme/web", "one", widgetType, time.Now().Format("v150405.000000000"))
			select {
			case ok := <-noticed:
				if resting = false; !ok {
					t.Error("nobody was noticed, or not to the end")
				}
			case <-time.After(10 * time.Millisecond):
			}
		}
		p.until = time.Now().Add(time.Hour)
		if took := timed(); took < share*d {
			t.Errorf("among others it took %v", took)
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		if err := p.run(stopped, work); !errors.Is(err, context.Canceled) {
			t.Errorf("told to stop: %v", err)
		}
		failed := errors.New("failed")
		if err := p.run(ctx, func() error { return failed }); !errors.Is(err, failed) {
			t.Errorf("the work has failed: %v", err)
		}
	})
}

func TestTogether(t *testing.T) {
	few, many, big := work{rows: 2}, work{rows: 40}, work{rows: 5000}
	repeat := func(w work, n int) (out []work) {
		for range n {
			out = append(out, w)
		}
		return out
	}
	for _, test := range []struct {
		todo   []work
		others bool
		want   int
	}{
		{[]work{few}, false, 1}, {[]work{big}, true, 1}, {[]work{big, few}, false, 1}, {[]work{few, big}, true, 1},
		{repeat(few, 100), false, 64}, {repeat(few, 100), true, 16}, {repeat(few, 10), true, 10},
		{repeat(many, 100), false, 25}, {repeat(many, 100), true, 1},
	} {
		if got := together(test.todo, test.others); got != test.want {
			t.Errorf("%d of %d with %d rows, others: %v: %d, want %d", got, len(test.todo), test.todo[0].rows, test.others, got, test.want)
		}
	}
}
