package informer

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/lading-dev/lading"
)

// backoff makes waits that grow, each of them half at random: so that many who
// failed at once do not come back at once.
type backoff struct{ n int }

const (
	firstWait = 250 * time.Millisecond
	mostWait  = 30 * time.Second
)

func (b *backoff) next() time.Duration {
	d := min(firstWait<<min(b.n, 10), mostWait)
	b.n++
	return d/2 + rand.N(d/2)
}

func (b *backoff) reset() { b.n = 0 }

// expiredWait is how long to wait with a new listing after a cursor has
// expired: what the registry says, which differs from caller to caller, and a
// little more.
func expiredWait(err error) time.Duration {
	var e *lading.Error
	if !errors.As(err, &e) || e.Code != lading.CodeCursorExpired {
		return 0
	}
	var detail lading.ExpiredDetail
	b, err := json.Marshal(e.Detail)
	if err != nil || json.Unmarshal(b, &detail) != nil || detail.RetryAfter <= 0 {
		return 0
	}
	d := min(time.Duration(detail.RetryAfter)*time.Second, maxGoaway)
	return d + rand.N(d/4+1)
}

// retryIn is how long the registry asks to wait, as far as the error tells.
func retryIn(err error) time.Duration {
	var told interface{ RetryIn() time.Duration }
	if errors.As(err, &told) {
		return min(told.RetryIn(), maxGoaway)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
