package auth

import (
	"errors"
	"time"

	"github.com/lading-dev/lading"
)

// Outcome is how an attempt to sign in went.
type Outcome string

// The outcomes.
const (
	Right  Outcome = "right"
	Wrong  Outcome = "wrong"
	Slowed Outcome = "slowed" // it was not looked at: there were too many before
)

// attempt looks at a name and password, or a token, that were not seen before,
// unless its address has to wait. Tokens do not wait: they cannot be guessed,
// and looking costs nothing.
func (b *Basic) attempt(f *file, name, password, remote string) (id lading.Identity, err error) {
	token := b.opt.Accounts.IsToken(password)
	switch wait := b.wait(token, remote); {
	case wait > 0:
		s := int((wait + time.Second - 1) / time.Second)
		err = lading.ErrTooManyRequests.With("too many attempts to sign in: try again in %d s", s).WithDetail(retryDetail{s})
	case token:
		id, err = b.firstToken(password)
	default:
		id, err = b.first(f, name, password, remote)
	}
	b.tell(err)
	return id, err
}

func (b *Basic) wait(token bool, remote string) time.Duration {
	if token || b.opt.Attempt == nil {
		return 0
	}
	return b.opt.Attempt(remote)
}

func (b *Basic) tell(err error) {
	if b.opt.Told == nil {
		return
	}
	switch {
	case err == nil:
		b.opt.Told(Right)
	case errors.Is(err, lading.ErrTooManyRequests):
		b.opt.Told(Slowed)
	default:
		b.opt.Told(Wrong)
	}
}
