package importer

import (
	"sync"
	"time"
)

// Clock is a clock that an import sets to the times of the pushes that it
// replays. It never runs ahead of the machine's.
type Clock struct {
	mu    sync.Mutex
	fixed time.Time
}

// Now returns the time that was set, or the machine's.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.fixed.IsZero() || c.fixed.After(now) {
		return now
	}
	return c.fixed
}

// Set stops the clock at t; the zero time lets it go with the machine's.
func (c *Clock) Set(t time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = t
}
