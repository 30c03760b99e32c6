package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

// Sessions are the refresh tokens that clients have. They do what they are told.
type Sessions interface {
	Sessions(ctx context.Context, owner, last string, n int) ([]lading.Session, error)
	Session(ctx context.Context, id string) (lading.Session, error)
	EndSession(ctx context.Context, id string) error
	EndSessions(ctx context.Context, owner string) error
}

// NewSessions puts a guard before sessions.
func NewSessions(sessions Sessions, access Access) *GuardedSessions {
	return &GuardedSessions{sessions: sessions, accounts: GuardedAccounts{door: door{access}}}
}

// GuardedSessions are sessions behind what rules say: everyone sees and ends the
// own ones, and who administers the whole registry all. To others it is never
// told whether there is one.
type GuardedSessions struct {
	sessions Sessions
	accounts GuardedAccounts // knows who administers
}

// of is whose sessions the caller may ask for who asks for those of an owner:
// empty is all.
func (g *GuardedSessions) of(ctx context.Context, owner string) (string, error) {
	id := lading.IdentityFrom(ctx)
	switch {
	case id.Anonymous():
		return "", lading.ErrUnauthorized
	case owner == id.Subject:
		return owner, nil
	}
	admin, err := g.accounts.admin(ctx)
	switch {
	case err != nil || admin:
		return owner, err
	case owner != "":
		return "", lading.ErrDenied
	}
	return id.Subject, nil
}

// Sessions returns up to n sessions by id, behind one: of an owner, or where
// that is empty all of those that the caller may see.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedSessions) Sessions(ctx context.Context, owner, last string, n int) ([]lading.Session, error) {
	owner, err := g.of(ctx, owner)
	if err != nil {
		return nil, err
	}
	return g.sessions.Sessions(ctx, owner, last, n)
}

// Session returns one of the sessions that the caller may see.
//
// Errors: UNAUTHORIZED, SESSION_UNKNOWN.
func (g *GuardedSessions) Session(ctx context.Context, id string) (lading.Session, error) {
	mine, err := g.of(ctx, "")
	if err != nil {
		return lading.Session{}, err
	}
	s, err := g.sessions.Session(ctx, id)
	if err == nil && mine != "" && s.Owner != mine {
		return lading.Session{}, lading.ErrSessionUnknown
	}
	return s, err
}

// EndSession ends one of the sessions that the caller may see.
//
// Errors: UNAUTHORIZED, SESSION_UNKNOWN.
func (g *GuardedSessions) EndSession(ctx context.Context, id string) error {
	if _, err := g.Session(ctx, id); err != nil {
		return err
	}
	return g.sessions.EndSession(ctx, id)
}

// EndSessions ends all of an owner, of somebody else's only by who administers
// the whole registry.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedSessions) EndSessions(ctx context.Context, owner string) error {
	owner, err := g.of(ctx, owner)
	if err != nil {
		return err
	}
	return g.sessions.EndSessions(ctx, owner)
}
