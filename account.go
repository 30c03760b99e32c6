package lading

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Account is somebody who can sign in, as the registry keeps it: a user, who
// has a password, or a service, which has only tokens.
type Account struct {
	// Subject is its name: "user:NAME" or "service:NAME".
	Subject string `json:"subject"`
	// Groups are the groups that it is in, sorted, without "group:".
	Groups []string `json:"groups"`
	// Disabled tells that it cannot sign in for now.
	Disabled bool `json:"disabled"`
	// Password tells whether it has one.
	Password bool `json:"password"`
	// Created is when it was made, and CreatedBy is the subject of who did.
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by,omitempty"`
}

// AccountChange is what an account is made of, or what is changed of it. What
// is nil stays as it is.
type AccountChange struct {
	Password *string `json:"password,omitempty"`
	// PasswordHash is a bcrypt or argon2id hash, of an account that is brought
	// from elsewhere, in place of Password.
	PasswordHash *string   `json:"password_hash,omitempty"`
	Groups       *[]string `json:"groups,omitempty"`
	Disabled     *bool     `json:"disabled,omitempty"`
}

// APIToken is a token that an account signs in with, without the token itself,
// which nobody has but who made it.
type APIToken struct {
	// ID names it; nothing can be done with it.
	ID string `json:"id"`
	// Owner is the account whose token it is.
	Owner       string `json:"owner"`
	Description string `json:"description,omitempty"`
	// Scopes are what it is limited to, "VERBS SCOPE" each as in rules; none
	// is all that the owner may do.
	Scopes    []string  `json:"scopes,omitempty"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by,omitempty"`
	// Expires is when it ends; zero is never.
	Expires time.Time `json:"expires,omitzero"`
	// Used is about when it was last used, to an hour; zero is never.
	Used time.Time `json:"used,omitzero"`
}

// NewAPIToken asks for a token.
type NewAPIToken struct {
	// Owner is whose token it is to be; empty is who asks.
	Owner       string   `json:"owner,omitempty"`
	Description string   `json:"description,omitempty"`
	Scopes      []string `json:"scopes,omitempty"`
	// Expires is when it ends, as RFC 3339, or "never"; empty is after 90 days.
	Expires string `json:"expires,omitempty"`
}

// Session is what a refresh token stands for: a client that goes on as somebody
// who signed in once. The token itself only the client has.
type Session struct {
	// ID names it; nothing can be done with it.
	ID string `json:"id"`
	// Owner is the subject who has signed in.
	Owner string `json:"owner"`
	// Client is what the client calls itself.
	Client string `json:"client,omitempty"`
	// Address is where it was made from.
	Address string `json:"address,omitempty"`
	// Made is when.
	Made time.Time `json:"made"`
	// Used is when the client last came for a token, to some minutes; zero is
	// never since it was made.
	Used time.Time `json:"used,omitzero"`
	// Expires is when it ends.
	Expires time.Time `json:"expires"`
	// Over tells that it is of no use any more: its owner has gone, or has
	// another password.
	Over bool `json:"over,omitempty"`
}

// WhoAmI is what a caller is told about itself.
type WhoAmI struct {
	Subject string   `json:"subject"`
	Groups  []string `json:"groups"`
	// Credential is the id of the token, or of another credential, that was
	// shown; empty for a password.
	Credential string `json:"credential,omitempty"`
	// Expires is when that ends; zero is never.
	Expires time.Time `json:"expires,omitzero"`
	// Limited tells that the credential is good for less than the rules give.
	Limited bool `json:"limited,omitempty"`
	// Scopes are what an API token is limited to.
	Scopes []string `json:"scopes,omitempty"`
	// May is what rules give the caller, of which the credential may be good
	// for less.
	May []Permission `json:"may"`
}

// Permission is what a rule gives, and to whom.
type Permission struct {
	Subject string `json:"subject"`
	Verbs   Verbs  `json:"verbs"`
	Scope   string `json:"scope"`
}

// maxAccountName is the length of an account's name, in bytes.
const maxAccountName = 128

// accountName leaves out what other names of callers have in them, such as the
// colons and slashes in those of other issuers' tokens.
var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`)

// CheckAccount tells what is wrong with the name of an account; nil for nothing.
func CheckAccount(subject string) error {
	kind, name, _ := strings.Cut(subject, ":")
	if kind != "user" && kind != "service" || len(name) > maxAccountName || !accountName.MatchString(name) {
		return fmt.Errorf("%.80q is no name of an account: write user:NAME or service:NAME, with a name of letters, digits and . _ @ + -, at most %d long", subject, maxAccountName)
	}
	return nil
}

// ParseBound reads what a credential is limited to: "VERBS SCOPE" each, as in
// rules. Without any it is nil, which is no limit.
func ParseBound(scopes []string) (*Bound, error) {
	if len(scopes) == 0 {
		return nil, nil
	}
	ranges := [VerbCount][]Range{}
	for _, s := range scopes {
		words := strings.Fields(s)
		if len(words) != 2 {
			return nil, fmt.Errorf("%.80q is no scope of a token: write what and where, as in \"pull,push namespace:acme\"", s)
		}
		verbs, err := ParseVerbs(strings.Split(words[0], ",")...)
		if err != nil {
			return nil, err
		}
		g, err := ScopeGrants(words[1])
		if err != nil {
			return nil, err
		}
		for i, v := range AllVerbs() {
			if verbs.Has(v) {
				ranges[i] = append(ranges[i], g.Ranges()...)
			}
		}
	}
	b := &Bound{}
	for i := range b {
		b[i] = NewGrants(ranges[i]...)
	}
	return b, nil
}

// Within reports whether b lets through nothing that c does not; nil is no
// limit.
func (b *Bound) Within(c *Bound) bool {
	if c == nil {
		return true
	}
	if b == nil {
		return false
	}
	for i := range b {
		if !b[i].Subtract(c[i]).Empty() {
			return false
		}
	}
	return true
}
