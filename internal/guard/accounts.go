package guard

import (
	"context"
	"strings"

	"github.com/lading-dev/lading"
)

// Accounts are who can sign in, and their tokens. They do what they are told;
// who may tell them is decided here.
type Accounts interface {
	Accounts(ctx context.Context, last string, n int) ([]lading.Account, error)
	Account(ctx context.Context, subject string) (lading.Account, error)
	PutAccount(ctx context.Context, subject string, c lading.AccountChange, mustBeNew bool) (created bool, err error)
	DeleteAccount(ctx context.Context, subject string) error
	Tokens(ctx context.Context, owner, last string, n int) ([]lading.APIToken, error)
	APIToken(ctx context.Context, id string) (lading.APIToken, error)
	// CreateToken makes a token that can do no more than by, where that is not
	// nil.
	CreateToken(ctx context.Context, in lading.NewAPIToken, by *lading.Credential) (text string, t lading.APIToken, err error)
	DeleteToken(ctx context.Context, id string) error
	// ShowsPassword tells whether a caller has shown a password itself.
	ShowsPassword(id lading.Identity) bool
}

// NewAccounts puts a guard before accounts.
func NewAccounts(accounts Accounts, access Access) *GuardedAccounts {
	return &GuardedAccounts{accounts: accounts, door: door{access}}
}

// GuardedAccounts are accounts behind what rules say: who administers the whole
// registry manages all of them, and everyone its own tokens and password. To
// others it is never told whether there is an account or a token.
type GuardedAccounts struct {
	accounts Accounts
	door
}

// admin tells whether the caller administers the whole registry.
func (g *GuardedAccounts) admin(ctx context.Context) (bool, error) {
	grants, err := g.access.Granted(ctx, lading.VerbAdmin)
	return err == nil && grants.All(), err
}

// mustAdmin refuses everyone else.
func (g *GuardedAccounts) mustAdmin(ctx context.Context) error {
	admin, err := g.admin(ctx)
	if err == nil && !admin {
		err = signIn(ctx, lading.ErrDenied)
	}
	return err
}

// signIn is the error, but for who is not signed in.
func signIn(ctx context.Context, err *lading.Error) error {
	if lading.IdentityFrom(ctx).Anonymous() {
		return lading.ErrUnauthorized
	}
	return err
}

// limited tells whether the caller's credential is good for less than the
// caller: what is made with it could then be more than it is.
func limited(id lading.Identity) bool { return id.Credential != nil && id.Credential.Bound != nil }

// Accounts returns up to n accounts by subject, behind one.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedAccounts) Accounts(ctx context.Context, last string, n int) ([]lading.Account, error) {
	if err := g.mustAdmin(ctx); err != nil {
		return nil, err
	}
	return g.accounts.Accounts(ctx, last, n)
}

// Account returns one: any for an administrator, the own one for everyone.
//
// Errors: UNAUTHORIZED, DENIED, ACCOUNT_UNKNOWN.
func (g *GuardedAccounts) Account(ctx context.Context, subject string) (lading.Account, error) {
	if lading.IdentityFrom(ctx).Subject != subject {
		if err := g.mustAdmin(ctx); err != nil {
			return lading.Account{}, err
		}
	}
	return g.accounts.Account(ctx, subject)
}

// PutAccount makes or changes an account. Everyone may change the own password
// who has shown it.
//
// Errors: UNAUTHORIZED, DENIED; those of the accounts.
func (g *GuardedAccounts) PutAccount(ctx context.Context, subject string, c lading.AccountChange, mustBeNew bool) (created bool, err error) {
	admin, err := g.admin(ctx)
	if err != nil {
		return false, err
	}
	id := lading.IdentityFrom(ctx)
	mine, secret := id.Subject == subject, c.Password != nil || c.PasswordHash != nil
	switch {
	case mine && secret && !g.accounts.ShowsPassword(id):
		return false, lading.ErrDenied.With("sign in with the password to change it: a token is not enough")
	case mine && !admin && (c.Groups != nil || c.Disabled != nil || c.PasswordHash != nil || mustBeNew):
		return false, lading.ErrDenied
	case !mine && !admin:
		return false, signIn(ctx, lading.ErrDenied)
	case secret && limited(id):
		return false, lading.ErrDenied.With("a token that is limited sets no passwords")
	case mine && c.Disabled != nil && *c.Disabled:
		return false, lading.ErrConflict.With("nobody disables the own account: somebody else has to")
	}
	return g.accounts.PutAccount(ctx, subject, c, mustBeNew)
}

// DeleteAccount removes an account with its tokens.
//
// Errors: UNAUTHORIZED, DENIED, ACCOUNT_UNKNOWN, CONFLICT for the own one.
func (g *GuardedAccounts) DeleteAccount(ctx context.Context, subject string) error {
	if err := g.mustAdmin(ctx); err != nil {
		return err
	}
	if lading.IdentityFrom(ctx).Subject == subject {
		return lading.ErrConflict.With("nobody removes the own account: somebody else has to")
	}
	return g.accounts.DeleteAccount(ctx, subject)
}

// Tokens returns up to n tokens by id, behind one: of an owner, or where that is
// empty all of those that the caller may see.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedAccounts) Tokens(ctx context.Context, owner, last string, n int) ([]lading.APIToken, error) {
	id := lading.IdentityFrom(ctx)
	if id.Anonymous() {
		return nil, lading.ErrUnauthorized
	}
	if owner != id.Subject {
		admin, err := g.admin(ctx)
		switch {
		case err != nil:
			return nil, err
		case !admin && owner != "":
			return nil, lading.ErrDenied
		case !admin:
			owner = id.Subject
		}
	}
	return g.accounts.Tokens(ctx, owner, last, n)
}

// APIToken returns one of the tokens that the caller may see.
//
// Errors: UNAUTHORIZED, TOKEN_UNKNOWN.
func (g *GuardedAccounts) APIToken(ctx context.Context, id string) (lading.APIToken, error) {
	caller := lading.IdentityFrom(ctx)
	if caller.Anonymous() {
		return lading.APIToken{}, lading.ErrUnauthorized
	}
	admin, err := g.admin(ctx)
	if err != nil {
		return lading.APIToken{}, err
	}
	t, err := g.accounts.APIToken(ctx, id)
	if err == nil && !admin && t.Owner != caller.Subject {
		return lading.APIToken{}, lading.ErrTokenUnknown
	}
	return t, err
}

// CreateToken makes a token for the caller or, by an administrator, for a
// service. Nobody makes tokens for another user.
//
// Errors: UNAUTHORIZED, DENIED; those of the accounts.
func (g *GuardedAccounts) CreateToken(ctx context.Context, in lading.NewAPIToken) (text string, t lading.APIToken, err error) {
	id := lading.IdentityFrom(ctx)
	switch {
	case id.Anonymous():
		return "", t, lading.ErrUnauthorized
	case in.Owner == "":
		in.Owner = id.Subject
	case in.Owner != id.Subject && !strings.HasPrefix(in.Owner, "service:"):
		return "", t, lading.ErrDenied.With("a user's tokens are made by the user")
	case in.Owner != id.Subject:
		if err := g.mustAdmin(ctx); err != nil {
			return "", t, err
		}
	}
	return g.accounts.CreateToken(ctx, in, id.Credential.Source())
}

// DeleteToken revokes one of the tokens that the caller may see.
//
// Errors: UNAUTHORIZED, TOKEN_UNKNOWN.
func (g *GuardedAccounts) DeleteToken(ctx context.Context, id string) error {
	if _, err := g.APIToken(ctx, id); err != nil {
		return err
	}
	return g.accounts.DeleteToken(ctx, id)
}
