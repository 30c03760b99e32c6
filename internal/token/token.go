// Package token makes and reads the registry's own tokens, by which clients say
// who they are and for what they ask: short-lived JWTs (RFC 7519), signed with
// keys that are in the catalog, so that every replica reads what any of them
// has made; and refresh tokens, each of which is a session that is remembered
// there until it is ended or expires.
//
// A token gives nothing. It names a caller, who was found out before, and
// bounds what that caller may do with it; the rules are asked at each request.
package token

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Options tune a Service. The zero value works, where there is Granted.
type Options struct {
	// Lifetime is how long an access token is good; 0 means 5 min.
	Lifetime time.Duration
	// Refresh is how long a refresh token is good; 0 means that none are given.
	Refresh time.Duration
	// Rotate is how long a key signs before another one does; 0 means 30 days.
	Rotate time.Duration
	// Granted tells where the caller that the context names may do something,
	// now: what a token is made for is cut by it.
	Granted func(context.Context, lading.Verb) (lading.Grants, error)
	// Current is a caller as it is now, and false for one who has gone. Nil is
	// the caller as it was.
	Current func(lading.Identity) (lading.Identity, bool)
	// Stamp is the id of the credential of a caller who has none; nil is
	// auth.Session.
	Stamp func(lading.Identity) string
	// Ended is called after sessions have been, whichever replica ended them: who
	// runs a stream shall be asked for again. Nil is nobody.
	Ended func()
	// Poll is how often keys are looked for that other replicas made, and four
	// times as often sessions that they ended; 0 means 1 s.
	Poll time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told of keys; nil is nobody.
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	for d, def := range map[*time.Duration]time.Duration{&o.Lifetime: 5 * time.Minute, &o.Rotate: 30 * 24 * time.Hour, &o.Poll: time.Second} {
		if *d == 0 {
			*d = def
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Current == nil {
		o.Current = func(id lading.Identity) (lading.Identity, bool) { return id, true }
	}
	if o.Stamp == nil {
		o.Stamp = func(lading.Identity) string { return auth.Session }
	}
	if o.Ended == nil {
		o.Ended = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// leeway is how far apart the clocks of replicas may be.
const leeway = time.Minute

// Service makes and reads tokens. Its methods may be called from any number of
// goroutines.
type Service struct {
	db   *sqldb.DB
	opt  Options
	name string // issuer and audience of all tokens
	ring atomic.Pointer[ring]
	mu   sync.Mutex // held while keys are read
	read time.Time  // when they were last, for a key that is not known

	ended   atomic.Pointer[map[string]bool] // ids of sessions; see Ended
	endedMu sync.Mutex                      // held while they are read
	uses    uses
}

// Open reads the keys that sign, and makes the first.
func Open(ctx context.Context, cat *catalog.Catalog, opt Options) (*Service, error) {
	opt.setDefaults()
	id, err := cat.Setting(ctx, "token-service", catalog.RandomKey(8))
	if err != nil {
		return nil, fmt.Errorf("token: name of the service: %w", err)
	}
	s := &Service{db: cat.DB(), opt: opt, name: "lading-" + hex.EncodeToString(id)}
	s.ring.Store(&ring{seen: seen{seed: maphash.MakeSeed()}})
	s.ended.Store(&map[string]bool{})
	return s, errors.Join(s.Refresh(ctx), s.RefreshEnded(ctx))
}

// Name is what clients call the service: the issuer of its tokens, and their
// audience. It is the same for all replicas, and for ever.
func (s *Service) Name() string { return s.name }

// Run notices the keys that other replicas make and the sessions that they end,
// makes another key when it is time, and writes down when sessions were used,
// until ctx ends.
func (s *Service) Run(ctx context.Context) {
	told := func(what string) func(error) {
		return func(err error) { s.opt.Logger.Error(what+": it is tried again", "error", err) }
	}
	every := s.opt.Poll
	var all sync.WaitGroup
	if s.db.Dialect() == sqldb.SQLite { // there are no other replicas
		every = max(every, time.Minute)
	} else {
		all.Go(func() {
			sqldb.Poll(ctx, s.opt.Poll/4, told("the sessions that were ended could not be read again"), s.RefreshEnded)
		})
	}
	all.Go(func() { sqldb.Poll(ctx, every, told("the keys of tokens could not be read again"), s.Refresh) })
	all.Go(func() { sqldb.Poll(ctx, time.Minute, told("the uses of sessions could not be written"), s.Keep) })
	all.Wait()
}
