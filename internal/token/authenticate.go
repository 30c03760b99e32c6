package token

import (
	"context"
	"hash/maphash"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
)

// Authenticate implements auth.Authenticator: it takes what looks like a token
// of the registry.
//
// Errors: UNAUTHORIZED for one that is not good, or not any more.
func (s *Service) Authenticate(r *http.Request) (id lading.Identity, handled bool, err error) {
	text, ok := auth.BearerToken(r)
	if !ok || !s.mine(text) {
		return lading.Identity{}, false, nil
	}
	id, err = s.Identify(r.Context(), text)
	return id, true, err
}

// mine reports whether a text is a JWT of the registry's kind. Those of other
// issuers are of other kinds, or name keys that nobody here has.
func (s *Service) mine(text string) bool { return auth.LooksLikeJWT(text) }

// Current implements auth.Authenticator. Who came with a token is known to who
// knew the caller before.
func (s *Service) Current(lading.Identity) (lading.Identity, bool) { return lading.Identity{}, false }

// Identify tells whom a token names, as of now, and what it bounds.
//
// Errors: UNAUTHORIZED.
func (s *Service) Identify(ctx context.Context, text string) (lading.Identity, error) {
	ring := s.ring.Load()
	if id, ok := ring.seen.get(text, s.opt.Now()); ok {
		return s.current(id)
	}
	c, err := s.verify(ctx, text)
	if err != nil {
		return lading.Identity{}, lading.ErrUnauthorized.With("the token is not valid, or has expired").Wrap(err)
	}
	id := c.identity()
	s.ring.Load().seen.put(text, id)
	return s.current(id)
}

// current is the caller with the groups of now.
func (s *Service) current(id lading.Identity) (lading.Identity, error) {
	if id.Anonymous() {
		return id, nil
	}
	now, ok := s.opt.Current(id)
	if !ok {
		return lading.Identity{}, lading.ErrUnauthorized.With("the token is not valid any more")
	}
	now.Credential = id.Credential
	return now, nil
}

// identity is whom the token names.
func (c Claims) identity() lading.Identity {
	cred := &lading.Credential{ID: c.Credential, Bound: boundOf(c.Access), Expires: c.Expires.Time(), Session: c.Session}
	if slices.ContainsFunc(c.Access, Scope.unbound) {
		cred.Bound = c.Bound
	} else if c.Bound != nil {
		for i := range cred.Bound {
			cred.Bound[i] = cred.Bound[i].Intersect(c.Bound[i])
		}
	}
	cred.Wider = &lading.Credential{ID: cred.ID, Bound: c.Bound, Session: c.Session}
	switch {
	case strings.HasSuffix(cred.ID, auth.Refreshed): // who has that need not be who signed in
		cred.Wider.Expires = cred.Expires
	case c.Until != nil:
		cred.Wider.Expires = c.Until.Time()
	}
	return lading.Identity{Subject: c.Subject, Groups: c.Groups, Credential: cred}
}

// remembered is a token that was right, and whom it names.
type remembered struct {
	text string
	id   lading.Identity
}

// Bounds of what is remembered: tokens, and bytes of their texts.
const (
	maxSeen      = 1 << 14
	maxSeenBytes = 16 << 20
)

func (s *seen) get(text string, now time.Time) (lading.Identity, bool) {
	if len(text) > MaxSize {
		return lading.Identity{}, false
	}
	key := maphash.String(s.seed, text)
	s.mu.RLock()
	e, ok := s.by[key]
	s.mu.RUnlock()
	return e.id, ok && e.text == text && !e.id.Credential.Expired(now)
}

func (s *seen) put(text string, id lading.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes += len(text); s.by == nil || len(s.by) >= maxSeen || s.bytes > maxSeenBytes {
		s.by, s.bytes = map[uint64]remembered{}, len(text)
	}
	s.by[maphash.String(s.seed, text)] = remembered{text, id}
}
