package modeltest

import (
	"errors"
	"testing"

	"github.com/lading-dev/lading/internal/discover"
)

// enough is after how many schedules a fault must have been seen.
const enough = 3000

// TestFaults takes away one rule of the protocol at a time: schedules must
// notice. What they do not notice they do not prove.
func TestFaults(t *testing.T) {
	for name, f := range map[string]discover.Faults{
		"the cursor is taken at the end":     {EndCursor: true},
		"leavers are kept":                   {KeepLeavers: true},
		"the cursor forgets the grants":      {ForgetGrants: true},
		"a recreated repository stays":       {NoIncarnation: true},
		"grants are taken anew at each page": {NoIntersection: true},
		"one grant set instead of two":       {OneSet: true},
		"a filter hides repositories' ends":  {FilterHidesRepo: true},
		"a listing shows what is new":        {ShowNew: true},
		"content lost meanwhile is shown":    {LeakGained: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup{direct: true, options: discover.Options{}.Seed(f)}
			for seed := uint64(1); seed <= enough; {
				w := newWorld(t, s)
				for range perWorld {
					err := runSteps(w, seed, plan(seed, false))
					if errors.Is(err, errDiverged) || errors.Is(err, errLeak) {
						t.Logf("seen by schedule %d: %.200s", seed, err)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					seed++
				}
			}
			t.Errorf("%d schedules did not notice", enough)
		})
	}
}
