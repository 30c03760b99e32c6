package server

import (
	"context"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
	oidc "github.com/lading-dev/lading/internal/issuer"
	"github.com/lading-dev/lading/internal/token"
)

// openTokens has the registry make and take tokens, for callers whom the others
// of the chain know.
func (s *Server) openTokens(ctx context.Context, cfg config.Tokens, d *door, opt Options) error {
	if !cfg.Bearer {
		return nil
	}
	tokens, err := token.Open(ctx, s.cat, token.Options{Lifetime: cfg.Lifetime, Refresh: cfg.Refresh, Rotate: cfg.Rotate,
		Granted: d.access.Granted, Current: func(id lading.Identity) (lading.Identity, bool) { return d.chain.Current(id) },
		Stamp: func(id lading.Identity) string { return d.chain.Stamp(id) }, Now: opt.Now, Logger: s.log, Ended: s.engine.Regranted})
	if err != nil {
		return err
	}
	d.chain = append(auth.Chain{tokens}, d.chain...)
	d.tokens, d.sessions = issuer{tokens}, guard.NewSessions(tokens, d.access)
	s.background(tokens.Run)
	return nil
}

// openIssuers has tokens of other issuers taken. They are asked before the
// registry's own token service, which takes everything that looks like a token.
func (s *Server) openIssuers(cfg config.Auth, d *door, opt Options) error {
	named, err := cfg.ParsedIssuers()
	if err != nil || len(named) == 0 {
		return err
	}
	issuers, err := oidc.New(named, oidc.Options{Now: opt.Now, Logger: s.log})
	if err != nil {
		return err
	}
	d.chain = append(auth.Chain{issuers}, d.chain...)
	s.background(issuers.Run)
	return nil
}

// issuer is a token service as the HTTP API sees it.
type issuer struct{ *token.Service }

// Issue implements httpapi.Tokens.
func (i issuer) Issue(ctx context.Context, q httpapi.TokenRequest) (httpapi.TokenAnswer, error) {
	a, err := i.Service.Issue(ctx, token.Request(q))
	if err != nil {
		return httpapi.TokenAnswer{}, err
	}
	return httpapi.TokenAnswer{Subject: a.Subject, Token: a.Access, Issued: a.Issued, Expires: a.Expires, Scope: a.Scope(), Refresh: a.Refresh}, nil
}

// signedIn has clients sign in that ask at GET /v2/ whether they must: most of
// them never would otherwise, not even where they are refused later. A token
// for nobody is enough.
func signedIn(ctx context.Context) error {
	if id := lading.IdentityFrom(ctx); id.Anonymous() && id.Credential == nil {
		return lading.ErrUnauthorized
	}
	return nil
}
