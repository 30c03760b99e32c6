package sqldb

import (
	"context"
	"time"
)

// Poll calls fn every so often, until ctx ends: for what other replicas change.
// Of errors in a row told gets the first.
func Poll(ctx context.Context, every time.Duration, told func(error), fn func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failing := false; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := fn(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			told(err)
		}
		failing = err != nil
	}
}
