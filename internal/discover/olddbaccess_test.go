package discover_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/access"
	"github.com/lading-dev/lading/internal/account"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/replica"
	"github.com/lading-dev/lading/internal/token"
)

// oldAccess is what a database held of who may do what, and how it is signed.
type oldAccess struct {
	Rules    []lading.AccessRule
	Accounts []lading.Account
	Tokens   []lading.APIToken
	Sessions []lading.Session
	Keys     json.RawMessage // that tokens are signed with
	ACME     []byte
}

// stores are those of access, over the catalog of a fixture.
type stores struct {
	*fixture
	rules    *access.Store
	accounts *account.Store
	tokens   *token.Service
	acme     *replica.ACME
}

func storesOf(f *fixture) stores {
	f.T.Helper()
	s := stores{fixture: f, acme: replica.NewACME(f.DB, replica.NewTurns(f.DB, f.Clock.Now))}
	var err error
	s.rules, err = access.Open(f.ctx(), f.Cat, access.Options{Now: f.Clock.Now})
	f.Must(err)
	s.accounts, err = account.Open(f.ctx(), f.Cat, account.Options{Now: f.Clock.Now})
	f.Must(err)
	s.tokens, err = token.Open(f.ctx(), f.Cat, token.Options{Granted: s.rules.Granted, Refresh: 90 * 24 * time.Hour, Now: f.Clock.Now})
	f.Must(err)
	return s
}

// fill writes a little of everything.
func (s stores) fill() {
	ctx := lading.WithIdentity(s.ctx(), lading.Identity{Subject: "user:root"})
	_, err := s.rules.PutRule(ctx, "team", []byte(`{"subject":"group:dev","scope":"namespace:acme","verbs":["list","pull","push"]}`))
	s.Must(err)
	hash, groups := auth.NewHash("an old password").Text(), []string{"dev", "ops"}
	_, err = s.accounts.PutAccount(ctx, "user:ada", lading.AccountChange{PasswordHash: &hash, Groups: &groups}, true)
	s.Must(err)
	s.Must(s.accounts.Refresh(ctx))
	ctx = lading.WithIdentity(ctx, lading.Identity{Subject: "user:ada", Groups: groups})
	_, _, err = s.accounts.CreateToken(ctx, lading.NewAPIToken{Owner: "user:ada", Description: "a build", Scopes: []string{"pull namespace:acme"}}, nil)
	s.Must(err)
	_, err = s.tokens.Issue(ctx, token.Request{Client: "docker", Offline: true})
	s.Must(err)
	s.Must(s.acme.Put(ctx, "reg.example", []byte("a certificate")))
}

// read is what there is.
func (s stores) read() (out oldAccess) {
	s.T.Helper()
	err := s.accounts.Refresh(s.ctx())
	s.Must(err)
	s.Must(s.rules.Refresh(s.ctx()))
	out.Rules, err = s.rules.Rules(s.ctx())
	s.Must(err)
	out.Accounts, err = s.accounts.Accounts(s.ctx(), "", 100)
	s.Must(err)
	out.Tokens, err = s.accounts.Tokens(s.ctx(), "", "", 100)
	s.Must(err)
	out.Sessions, err = s.tokens.Sessions(s.ctx(), "", "", 100)
	s.Must(err)
	out.Keys, err = s.tokens.Keys()
	s.Must(err)
	out.ACME, err = s.acme.Get(s.ctx(), "reg.example")
	s.Must(err)
	return out
}

// readOldAccess checks that what a database held of access is there; nil is one
// of before there was any.
func readOldAccess(t *testing.T, f *fixture, want *oldAccess) {
	t.Helper()
	if want == nil {
		return
	}
	got, err := json.Marshal(storesOf(f).read())
	f.Must(err)
	held, err := json.Marshal(want)
	f.Must(err)
	if !bytes.Equal(got, held) {
		t.Errorf("access is\n%s\nwas\n%s", got, held)
	}
	if len(want.Rules) == 0 || len(want.Accounts) == 0 || len(want.Tokens) == 0 || len(want.Sessions) == 0 || len(want.ACME) == 0 {
		t.Errorf("it did not hold everything: %s", held)
	}
}
