package server

import (
	"context"
	"sync/atomic"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/access"
	"github.com/lading-dev/lading/internal/account"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
)

// users are who can sign in with a password or an API token: those of the
// users' file, and the accounts of the catalog.
type users struct {
	*auth.Basic
	accounts *account.Store // nil without
	rules    atomic.Pointer[access.Store]
}

// openUsers opens what the configuration names; nil where it names nothing.
// Call run when the rules are there.
func (s *Server) openUsers(ctx context.Context, cfg config.Config, opt Options) (*users, error) {
	if cfg.Auth.Htpasswd == "" && !cfg.Auth.Accounts {
		return nil, nil
	}
	u := &users{}
	o := auth.Options{Changed: s.engine.Regranted, Logger: s.log, Now: opt.Now}
	s.limits.signIns(&o)
	if cfg.Auth.Accounts {
		store, err := account.Open(ctx, s.cat, account.Options{
			Now: opt.Now, Logger: s.log, Dir: cfg.Data,
			MinPassword: cfg.Auth.MinPassword, MaxTokenAge: cfg.Auth.MaxTokenAge,
			Changed:  func() { u.changed(s) },
			Reserved: func(subject string) bool { return u.Known(subject) },
			Hash:     func(password string) (auth.Hash, error) { return u.Hash(password) },
		})
		if err != nil {
			return nil, err
		}
		u.accounts, o.Accounts = store, store
	}
	var err error
	if u.Basic, err = auth.Open(cfg.Auth.Htpasswd, o); err != nil {
		return nil, err
	}
	if u.accounts == nil || cfg.Auth.Htpasswd != "" {
		return u, nil
	}
	file, err := u.accounts.Bootstrap(ctx)
	if err == nil && file != "" {
		s.log.Warn("there was no account: user:admin was made, who may do everything; the password is in the file; change it, and the file is removed", "file", file)
	}
	return u, err
}

// run notices changes from now on. It returns the accounts behind what the
// rules say; nil without accounts.
func (u *users) run(s *Server, rules *access.Store) httpapi.Accounts {
	u.rules.Store(rules)
	s.background(u.Run)
	if u.accounts == nil {
		return nil
	}
	s.background(u.accounts.Run)
	return guard.NewAccounts(u.accounts, rules)
}

// changed puts in force what a change of accounts means for what callers may: a
// removed account takes its rules along.
func (u *users) changed(s *Server) {
	if rules := u.rules.Load(); rules != nil {
		if err := rules.Refresh(context.Background()); err != nil {
			s.log.Error("the access rules could not be read again: those of before are in force, and it is tried again", "error", err)
		}
	}
	s.engine.Regranted()
}

// shown is what a caller is told of its credential: nothing of a password.
func (u *users) shown(ctx context.Context, id lading.Identity) (credential string, scopes []string) {
	if u.accounts.ShowsPassword(id) {
		return "", nil
	}
	if tid, ok := account.TokenID(id.Credential.ID); ok {
		if t, err := u.accounts.APIToken(ctx, tid); err == nil {
			scopes = t.Scopes
		}
	}
	return id.Credential.ID, scopes
}

// whoami tells callers about themselves.
func whoami(rules *access.Store, u *users) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		id := lading.IdentityFrom(ctx)
		if id.Anonymous() {
			return nil, lading.ErrUnauthorized
		}
		w := lading.WhoAmI{Subject: id.Subject, Groups: append([]string{}, id.Groups...), May: rules.Permissions(id)}
		if c := id.Credential; c != nil {
			w.Credential, w.Expires, w.Limited = c.ID, c.Expires, c.Bound != nil
			if u != nil && u.accounts != nil {
				w.Credential, w.Scopes = u.shown(ctx, id)
			}
		}
		return w, nil
	}
}
