package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/access"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
)

// door is who may come in, and what for.
type door struct {
	access   guard.Access
	rules    httpapi.Access   // nil without rules
	chain    auth.Chain       // who is asked who is calling
	tokens   httpapi.Tokens   // nil without
	sessions httpapi.Sessions // nil without
	accounts httpapi.Accounts // nil without
	whoami   func(context.Context) (any, error)
	identify func(*http.Request) (lading.Identity, error)
	base     func(context.Context) error
}

// openDoor makes a door of what the configuration says, or of a test's parts.
func (s *Server) openDoor(ctx context.Context, cfg config.Config, opt Options) (*door, error) {
	d := &door{access: guard.Open{}}
	if opt.Identify != nil {
		d.identify = func(r *http.Request) (lading.Identity, error) { return opt.Identify(r), nil }
	}
	if opt.Access != nil {
		d.access = opt.Access
		return d, nil
	}
	if !cfg.Restricted() {
		return d, nil
	}
	o := access.Options{Changed: s.engine.Regranted, Logger: s.log, Now: opt.Now}
	users, err := s.openUsers(ctx, cfg, opt)
	if err != nil {
		return d, err
	}
	if users != nil {
		d.chain = append(d.chain, users)
	}
	o.Current = func(id lading.Identity) (lading.Identity, bool) {
		if len(d.chain) == 0 {
			return id, true // somebody else says who is calling
		}
		return d.chain.Current(id)
	}
	if s.certs != nil && cfg.TLS.ClientSubjects != "" {
		d.chain = append(d.chain, s.certs)
	}
	rules, err := cfg.Access.Parsed()
	if err != nil {
		return d, err
	}
	o.Rules = access.Configured(rules)
	store, err := access.Open(ctx, s.cat, o)
	if err != nil {
		return d, err
	}
	s.background(store.Run)
	d.access, d.rules, d.whoami = store, guard.NewRules(store, store), whoami(store, users)
	if users != nil {
		d.accounts = users.run(s, store)
	}
	if cfg.SignIn() {
		if err := errors.Join(s.openTokens(ctx, cfg.Auth.Tokens, d, opt), s.openIssuers(cfg.Auth, d, opt)); err != nil {
			return d, err
		}
		d.identify, d.base = d.chain.Identify, signedIn
	}
	if !cfg.Auth.Accounts {
		tellAdministration(rules, s.log)
	}
	return d, nil
}

// tellAdministration warns of rules that leave nobody to make others.
func tellAdministration(rules []lading.AccessRule, log *slog.Logger) {
	for _, r := range rules {
		if r.Verbs.Has(lading.VerbAdmin) {
			return
		}
	}
	log.Warn("no rule in access.rules gives admin to anybody: rules can be changed only by those whom earlier rules let")
}
