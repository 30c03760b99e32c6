package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/lading-dev/lading"
)

// Authenticator knows callers by one kind of credential. Its methods may be
// called from any number of goroutines, at every request.
type Authenticator interface {
	// Authenticate tells who sends a request. Where that has no credential of
	// the kind, handled is false, and the next of a Chain is asked.
	//
	// Errors: UNAUTHORIZED, TOOMANYREQUESTS, UNAVAILABLE.
	Authenticate(r *http.Request) (id lading.Identity, handled bool, err error)
	// Current returns a caller as it is now, with the groups of now. It is false
	// for one whom this authenticator does not know, or not any more, and for a
	// credential that is revoked. A caller without Credential has signed in by
	// a password, or has gone on from there with a token of the registry.
	Current(lading.Identity) (lading.Identity, bool)
}

// Session begins the ids of credentials that the registry made for who has
// none, as who signs in with a password of the users' file; the stamp of that
// follows.
const Session = "session:"

// Refreshed ends the ids of credentials of callers who came by a refresh token,
// and have not shown themselves what that was got with.
const Refreshed = "+refreshed"

// stamper knows whether a password is still the same: it has a text for each,
// from which nobody learns what it is.
type stamper interface{ Stamp(subject string) string }

// ender knows the sessions that were ended and may still have credentials.
type ender interface{ Ended(session string) bool }

// ended reports whether a credential belongs to a session that was ended.
func (c Chain) ended(cred *lading.Credential) bool {
	if cred == nil || cred.Session == "" {
		return false
	}
	for _, a := range c {
		if e, ok := a.(ender); ok && e.Ended(cred.Session) {
			return true
		}
	}
	return false
}

// Stamp is the id of a credential for who has none.
func (c Chain) Stamp(id lading.Identity) string {
	id.Credential = nil
	for _, a := range c {
		if _, ok := a.Current(id); ok {
			return Session + stampOf(a, id.Subject)
		}
	}
	return Session
}

func stampOf(a Authenticator, subject string) string {
	if s, ok := a.(stamper); ok {
		return s.Stamp(subject)
	}
	return ""
}

// Chain asks several authenticators in turn.
type Chain []Authenticator

// Identify tells who sends a request: nobody, where it has no credential.
//
// Errors: UNAUTHORIZED, also for a credential that is of no kind that is known;
// TOOMANYREQUESTS, UNAVAILABLE.
func (c Chain) Identify(r *http.Request) (lading.Identity, error) {
	said := r.Header["Authorization"]
	if len(said) > 1 {
		return lading.Identity{}, lading.ErrUnauthorized
	}
	for _, a := range c {
		if id, handled, err := a.Authenticate(r); handled || err != nil {
			return id, err
		}
	}
	if len(said) > 0 {
		return lading.Identity{}, lading.ErrUnauthorized
	}
	return lading.Identity{}, nil
}

// Current returns a caller as it is now; false for one who has gone, or whose
// credential is revoked or of a session that was ended. Who is anonymous stays
// so.
func (c Chain) Current(id lading.Identity) (lading.Identity, bool) {
	if id.Anonymous() {
		return id, true
	}
	if c.ended(id.Credential) {
		return lading.Identity{}, false
	}
	asked, session, stamp := shown(id)
	for _, a := range c {
		if now, ok := a.Current(asked); ok && (!session || stampOf(a, id.Subject) == stamp) {
			now.Credential = id.Credential
			return now, true
		}
	}
	return lading.Identity{}, false
}

// shown is a caller with what it has shown once, in place of what it got for
// that.
func shown(id lading.Identity) (out lading.Identity, session bool, stamp string) {
	if id.Credential == nil {
		return id, false, ""
	}
	c := *id.Credential
	c.ID = strings.TrimSuffix(c.ID, Refreshed)
	id.Credential = &c
	if stamp, session = strings.CutPrefix(c.ID, Session); session {
		id.Credential = nil
	}
	return id, session, stamp
}

// Known tells whether a caller is there still, with its credential.
func (c Chain) Known(id lading.Identity) bool {
	_, ok := c.Current(id)
	return ok
}

// Authenticate implements Authenticator: it takes requests with a name and
// password, or with an API token.
func (b *Basic) Authenticate(r *http.Request) (id lading.Identity, handled bool, err error) {
	said := r.Header["Authorization"]
	token, bearer := BearerToken(r)
	if len(said) == 0 || !scheme(said[0], "Basic") && !(bearer && b.opt.Accounts.IsToken(token)) {
		return lading.Identity{}, false, nil
	}
	id, err = b.Identify(r)
	return id, true, err
}

// Current implements Authenticator: who has no credential may be in the users'
// file, and everyone may have an account.
func (b *Basic) Current(id lading.Identity) (now lading.Identity, ok bool) {
	if b.Known(id.Subject) {
		return lading.Identity{Subject: id.Subject}, id.Credential == nil
	}
	return b.opt.Accounts.Current(id)
}

// Stamp tells passwords of the users' file apart, for those who have shown one
// earlier: it changes with the hash. It is empty for everyone else.
func (b *Basic) Stamp(subject string) string {
	f := b.file.Load()
	i, ok := f.bySubject[subject]
	if !ok {
		return ""
	}
	return f.users[i].stamp
}

// stampOfHash is the stamp of a password, by the text of its hash.
func stampOfHash(text string) string {
	sum := sha256.Sum256([]byte("stamp of " + text))
	return hex.EncodeToString(sum[:8])
}

// scheme reports whether a header has the scheme (RFC 9110, 11.1: in any case).
func scheme(header, name string) bool {
	word, _, _ := strings.Cut(header, " ")
	return strings.EqualFold(word, name)
}

// BearerToken is the token of a request that has one (RFC 6750, 2.1).
func BearerToken(r *http.Request) (token string, ok bool) {
	said := r.Header["Authorization"]
	if len(said) != 1 || !scheme(said[0], "Bearer") {
		return "", false
	}
	return strings.TrimSpace(said[0][len("Bearer"):]), true
}

// LooksLikeJWT reports whether a text has the form of a signed JWT (RFC 7515,
// 3.1).
func LooksLikeJWT(text string) bool {
	return strings.HasPrefix(text, "ey") && strings.Count(text, ".") == 2
}
