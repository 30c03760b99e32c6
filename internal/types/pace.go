package types

import (
	"context"
	"time"

	"github.com/lading-dev/lading/internal/journal"
)

// idle is what part of the time that it worked the walk rests while nobody else
// writes: readers want the machine, too.
const idle = 0.5

// share is how many times as long as it worked the walk rests while others
// write. What it wrote has to be copied out of a log later, which costs about
// as much again: together it slows them down by a tenth at most.
const share = 80

// busy is how long after a write of somebody else others are taken to be
// writing.
const busy = time.Second

// grace is how much work a walk does before it begins to rest: few manifests
// are not worth it.
const grace = 500 * time.Millisecond

// pace leaves the catalog to others: after each piece of work for a while,
// and for many times as long as that took while they write.
type pace struct {
	journal *journal.Journal
	until   time.Time // others are busy
	worked  time.Duration
}

// others tells whether somebody else has written lately.
func (p *pace) others() bool { return time.Now().Before(p.until) }

// run does a piece of work and rests.
func (p *pace) run(ctx context.Context, work func() error) error {
	began := time.Now()
	if err := work(); err != nil {
		return err
	}
	d := time.Since(began)
	if p.worked += d; p.worked < grace {
		return ctx.Err()
	}
	if !p.others() {
		if err := p.rest(ctx, time.Duration(idle*float64(d))); err != nil || !p.others() {
			return err
		}
	}
	return p.rest(ctx, share*d)
}

// rest waits, and notes whether others write meanwhile: not each of their
// writes, but whether they still do.
func (p *pace) rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			return nil
		case <-p.journal.Changed():
			p.until = time.Now().Add(busy)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			return nil
		case <-time.After(busy / 2):
		}
	}
}
