package auth

import (
	"net/http"
	"strings"

	"github.com/lading-dev/lading"
)

// Accounts are users, with their passwords, and API tokens beside those of the
// users' file. Its methods answer from memory, and may be called from any
// number of goroutines.
type Accounts interface {
	// Password returns who has a name and the hash of its password, which is
	// zero where the account has none; known is false for a name that nobody
	// has, or that may not sign in. The hash is computed in any case.
	Password(name string) (id lading.Identity, h Hash, known bool)
	// Decoy is the hash of one of the passwords, always the same for a number,
	// and zero where there is none.
	Decoy(n uint64) Hash
	// Count is how many passwords there are.
	Count() int
	// IsToken reports whether a text is meant to be an API token.
	IsToken(text string) bool
	// Token returns who has an API token.
	Token(text string) (id lading.Identity, known bool)
	// Current is a caller, that was identified before, as of now: with the
	// groups that it is in now. ok is false where the account has gone or is
	// disabled, its password was changed or its token revoked; and for a
	// caller that is no account.
	Current(id lading.Identity) (now lading.Identity, ok bool)
	// Used is told, on every request, who comes with what.
	Used(id lading.Identity)
}

// none are no accounts.
type none struct{}

func (none) Password(string) (id lading.Identity, h Hash, known bool)  { return id, h, false }
func (none) Decoy(uint64) Hash                                         { return Hash{} }
func (none) Count() int                                                { return 0 }
func (none) IsToken(string) bool                                       { return false }
func (none) Token(string) (id lading.Identity, known bool)             { return id, false }
func (none) Current(id lading.Identity) (now lading.Identity, ok bool) { return id, false }
func (none) Used(lading.Identity)                                      {}

// said is what stands in an Authorization header: a name and a password, or a
// token, with any name or none.
func (b *Basic) said(r *http.Request) (name, secret string, ok bool) {
	if name, secret, ok = r.BasicAuth(); ok {
		return name, secret, len(secret) <= maxPassword
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimLeft(token, " ")
	return "", token, ok && strings.EqualFold(scheme, "Bearer") && len(token) <= maxPassword && b.opt.Accounts.IsToken(token)
}
