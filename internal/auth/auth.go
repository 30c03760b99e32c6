// Package auth finds out who is calling: by the name and password of a
// request, out of an htpasswd file or of accounts that others keep, or by an
// API token of these. It says nothing of what a caller may do.
//
// What is secret stays here: no error, no log line and no identity has a
// password or a hash in it, and what a request is answered, and how long that
// takes, is the same for a wrong password and for a user that there is not.
package auth

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
)

// Options tune a Basic. The zero value works.
type Options struct {
	// Logger is told when the file cannot be used any more; nil is nobody.
	Logger *slog.Logger
	// Changed is called after the users have changed; it must not block.
	Changed func()
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Remember is how long a password that was right is not looked at again;
	// 0 means 5 min. A change of the file ends it at once.
	Remember time.Duration
	// Poll is how often Run looks at the file; 0 means 1 s.
	Poll time.Duration
	// Accounts are users and API tokens beside those of the file; of a name
	// that both have, the file's counts. Nil is none.
	Accounts Accounts
	// Attempt is asked before a name and password that were not seen before are
	// looked at, with the address that they come from, and tells how long to
	// wait instead; 0 is not at all. Nil never has anybody wait.
	Attempt func(address string) time.Duration
	// Told is told how each attempt went that was not seen before; nil is
	// nobody. It must not block.
	Told func(Outcome)
}

// maxWaiting is how many requests wait for their password to be looked at. It
// takes the time that makes guessing slow, so there is no hurry for more.
const maxWaiting = 128

// maxPassword is the longest password that is looked at, in bytes; bcrypt
// itself goes by the first 72.
const maxPassword = 1024

// Basic knows users by HTTP Basic authentication (RFC 7617), and API tokens also
// as bearer tokens (RFC 6750). Its methods may be called from any number of
// goroutines.
type Basic struct {
	path    string
	opt     Options
	keyed   *keyed
	file    atomic.Pointer[file]
	slow    attempts
	turns   chan struct{} // taken by who computes a hash
	waiting atomic.Int64

	computed atomic.Int64 // hashes, for tests
}

// Open reads the htpasswd file. An empty path is no file.
//
// Errors: those of the file, with its lines.
func Open(path string, opt Options) (*Basic, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Changed == nil {
		opt.Changed = func() {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Remember == 0 {
		opt.Remember = 5 * time.Minute
	}
	if opt.Poll == 0 {
		opt.Poll = time.Second
	}
	if opt.Accounts == nil {
		opt.Accounts = none{}
	}
	// Half of the processors, so that signing in does not stop all else.
	b := &Basic{path: path, opt: opt, keyed: newKeyed(), turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	f, err := parse("", nil)
	if path != "" {
		f, err = read(path)
	}
	if err != nil {
		return nil, err
	}
	b.file.Store(f)
	return b, nil
}

// Identify tells who sends a request: nobody, where it has no Authorization.
//
// Errors: UNAUTHORIZED for a name or password that is wrong, and for anything
// that is no name and password; TOOMANYREQUESTS for who was wrong too often.
func (b *Basic) Identify(r *http.Request) (lading.Identity, error) {
	said := r.Header["Authorization"]
	if len(said) == 0 {
		return lading.Identity{}, nil
	}
	if len(said) > 1 {
		return lading.Identity{}, lading.ErrUnauthorized
	}
	f, key := b.file.Load(), b.keyed.sum("", said[0])
	if id, ok := f.verified.get(key, b.opt.Now()); ok {
		if id, ok = b.still(id); ok {
			return id, nil
		}
	}
	name, secret, ok := b.said(r)
	if !ok {
		return lading.Identity{}, lading.ErrUnauthorized
	}
	return b.check(r.Context(), f, key, name, secret, r.RemoteAddr)
}

// still tells whether what was right is right: who is an account may have been
// changed since, and then what it shows is looked at again.
func (b *Basic) still(id lading.Identity) (lading.Identity, bool) {
	if id.Credential == nil {
		return id, true // of the file, and remembered no longer than that
	}
	if id.Credential.Expired(b.opt.Now()) {
		return id, false
	}
	id, ok := b.opt.Accounts.Current(id)
	if ok {
		b.opt.Accounts.Used(id)
	}
	return id, ok
}

// Known tells whether there is still such a user in the file.
func (b *Basic) Known(subject string) bool {
	_, ok := b.file.Load().bySubject[subject]
	return ok
}

// Run looks whether the file has changed, until ctx ends.
func (b *Basic) Run(ctx context.Context) {
	poll := time.NewTicker(b.opt.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			b.Refresh()
		}
	}
}

// Refresh reads the file again if it has changed. While it cannot be used, the
// users of before stay.
func (b *Basic) Refresh() {
	old := b.file.Load()
	if b.path == "" || old.fresh(b.path) {
		return
	}
	f, err := read(b.path)
	if err != nil {
		if old.failed != err.Error() {
			b.opt.Logger.Error("the users' file cannot be used: the users of before stay", "error", err)
		}
		// The same users, seen again: what was verified stays.
		b.file.Store(old.seen(b.path, err.Error()))
		return
	}
	if f.sum == old.sum {
		b.file.Store(old.seen(b.path, ""))
		return
	}
	b.file.Store(f)
	b.opt.Logger.Info("the users' file was read again", "users", len(f.users))
	b.opt.Changed()
}
