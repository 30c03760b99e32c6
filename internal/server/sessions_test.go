package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

const sessionsAt = access + "sessions"

// signedIn is a client that has signed in, with what it got.
type signedIn struct {
	tokenReply
	id string
}

// signIn makes a session of somebody, as docker login does.
func (g *guarded) signIn(by caller, client, scope string) (out signedIn) {
	g.t.Helper()
	before := g.sessionsOf(by, "")
	a := g.ask(by, "GET", "/v2/_lading/auth/token?offline_token=true&client_id="+client+"&scope="+url.QueryEscape(scope), "", 200)
	out.tokenReply = parseToken(g.t, a)
	for _, s := range g.sessionsOf(by, "") {
		if !strings.Contains(string(raw(before)), s.ID) {
			out.id = s.ID
		}
	}
	if out.RefreshToken == "" || out.id == "" {
		g.t.Fatalf("there is no session: %+v", out)
	}
	return out
}

func raw(v any) []byte { b, _ := json.Marshal(v); return b }

// sessionsOf are those that somebody sees of an owner.
func (g *guarded) sessionsOf(by caller, owner string) []lading.Session {
	g.t.Helper()
	var all struct{ Sessions []lading.Session }
	at := sessionsAt
	if owner != "" {
		at += "?owner=" + owner
	}
	if err := json.Unmarshal([]byte(g.ask(by, "GET", at, "", 200).body), &all); err != nil || all.Sessions == nil {
		g.t.Fatal(all, err)
	}
	return all.Sessions
}

// refresh gets another access token, as soon as this replica knows of whom.
func (g *guarded) refresh(s signedIn, scope string, want int) string {
	g.t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		a := g.grant("grant_type", "refresh_token", "client_id", "x", "scope", scope, "refresh_token", s.RefreshToken)
		switch {
		case a.status == 200 && want == 200:
			return parseToken(g.t, a).Token
		case a.status == want:
			return ""
		case want != 200 || time.Since(began) > 10*time.Second:
			g.t.Fatalf("%d %s, want %d", a.status, a.body, want)
		}
	}
}

// knows waits until a replica lets somebody in.
func (g *guarded) knows(c caller) {
	g.t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		r, _ := http.NewRequest("GET", g.web.URL+"/v2/", nil)
		r.SetBasicAuth(c.name, c.secret)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			g.t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == 200 {
			return
		}
		if time.Since(began) > 10*time.Second {
			g.t.Fatal(res.Status)
		}
	}
}

// soon waits until a token is answered so.
func (g *guarded) soon(token, path string, status int) time.Duration {
	g.t.Helper()
	began := time.Now()
	for {
		a := g.with("Bearer "+token, "GET", path, "")
		took := time.Since(began)
		if a.status == status {
			return took
		}
		if took > 10*time.Second {
			g.t.Fatalf("still %d, not %d", a.status, status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestSessions: what a client has got with docker login is shown to who did, and
// ended by who did on every replica: the refresh token, the access tokens and
// what runs with one.
func TestSessions(t *testing.T) {
	replicas(t, usersFile(t), func(t *testing.T, one, two *guarded) {
		one.fill("acme/web")
		one.must("root", "PUT", access+"rules/bob", `{"subject":"user:bob","scope":"namespace:acme","verbs":["reader"]}`, 201)
		one.account("user:bob")
		bob := caller{"bob", bobs}
		const at, scope = "/v2/acme/web/manifests/v1", "repository:acme/web:pull registry:catalog:*"
		began := time.Now().Add(-time.Second)
		two.knows(bob)
		first, other := one.signIn(bob, "docker", scope), one.signIn(bob, "podman", scope)
		var s lading.Session
		if err := json.Unmarshal([]byte(one.ask(bob, "GET", sessionsAt+"/"+first.id, "", 200).body), &s); err != nil || s.Owner != "user:bob" || s.Client != "docker" ||
			s.Address != "127.0.0.1" || s.Made.Before(began) || s.Expires.Sub(s.Made) != 90*24*time.Hour || s.Over {
			t.Errorf("%+v %v", s, err)
		}
		if a := one.ask(bob, "GET", sessionsAt+"?n=1", "", 200); !strings.Contains(a.header.Get("Link"), "last=") || strings.Contains(a.body, first.RefreshToken[10:]) {
			t.Error(a.header, a.body)
		}
		later := two.refresh(first, scope, 200)
		two.soon(later, at, 200)
		running, stays := two.follow(caller{"", later}), two.follow(caller{"", other.Token})
		running.until(`"acme/web"`)
		stays.until(`"acme/web"`)

		one.ask(bob, "DELETE", sessionsAt+"/"+first.id, "", 202)
		one.ask(bob, "DELETE", sessionsAt+"/"+first.id, "", 404)
		if took := one.soon(first.Token, at, 401); one == two && took > time.Second {
			t.Error("it took", took)
		}
		took := two.soon(later, at, 401)
		t.Log("on the other replica within", took)
		running.until(`"remove"`)
		two.refresh(first, scope, 401)
		two.soon(other.Token, at, 200)
		one.ask(bob, "GET", at, "", 200)
		if all := one.sessionsOf(bob, ""); len(all) != 1 || all[0].ID != other.id {
			t.Errorf("%+v", all)
		}
		one.must("root", "PUT", "/v2/acme/web/manifests/more", index(""), 201)
		stays.until(`"more"`) // another session has lost nothing

		one.ask(bob, "DELETE", sessionsAt+"?owner=user:bob", "", 202)
		two.soon(other.Token, at, 401)
		if all := one.sessionsOf(root, ""); len(all) != 0 {
			t.Errorf("%+v", all)
		}
		one.must("root", "PUT", access+"rules/audit", `{"subject":"user:root","scope":"registry","verbs":["audit"]}`, 201)
		a := one.must("root", "GET", "/v2/_lading/audit?action=access_change&n=100", "", 200)
		if !strings.Contains(a.body, `session:`+first.id) || !strings.Contains(a.body, `client=podman`) || strings.Contains(a.body, first.RefreshToken[10:]) {
			t.Error(a.body)
		}
	})
}

// TestSessionsEnd: they end with what they were got with, and with the account,
// for good.
func TestSessionsEnd(t *testing.T) {
	replicas(t, usersFile(t), func(t *testing.T, one, two *guarded) {
		one.must("root", "PUT", access+"rules/all", `{"subject":"authenticated","scope":"namespace:acme","verbs":["reader"]}`, 201)
		one.fill("acme/web")
		one.account("user:bob")
		bob := caller{"bob", bobs}
		two.knows(bob)
		const at, scope = "/v2/acme/web/manifests/v1", "repository:acme/web:pull"
		sessions := func(want int) {
			t.Helper()
			if all := one.sessionsOf(root, "user:bob"); len(all) != want {
				t.Errorf("%+v, want %d", all, want)
			}
		}
		text, id := one.token(bob, `{}`)
		pass, tok := one.signIn(bob, "a", scope), one.signIn(caller{"x", text}, "b", scope)
		two.refresh(pass, scope, 200)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"password":"another one of bob"}`, 200)
		two.refresh(pass, scope, 401)
		two.soon(pass.Token, at, 401)
		sessions(1) // by the API token: it stays
		two.refresh(tok, scope, 200)
		one.ask(root, "DELETE", access+"tokens/"+id, "", 202)
		two.refresh(tok, scope, 401)
		two.soon(tok.Token, at, 401)
		sessions(0)

		bob.secret = "another one of bob"
		pass = one.signIn(bob, "c", scope)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"disabled":true}`, 200)
		two.refresh(pass, scope, 401)
		two.soon(pass.Token, at, 401)
		sessions(0)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"disabled":false}`, 200)
		two.knows(bob)
		two.refresh(pass, scope, 401) // not even when it is enabled again
		two.soon(pass.Token, at, 401)

		pass = one.signIn(bob, "d", scope)
		one.ask(root, "DELETE", access+"accounts/user:bob", "", 202)
		two.refresh(pass, scope, 401)
		sessions(0)
		one.account("user:bob")
		two.refresh(pass, scope, 401)
		two.soon(pass.Token, at, 401)
	})
}

// TestSessionsOfWhom: everyone sees and ends the own ones, who administers the
// whole registry all, and nobody else learns of any.
func TestSessionsOfWhom(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), "user:root owner,admin registry", "user:ada owner,admin namespace:acme")
	ada, nobody := caller{"ada", passwordOfAll}, caller{"nobody", passwordOfAll}
	s := g.signIn(ada, "docker", "account:self:*")
	mine := g.signIn(root, "docker", "")
	for _, tt := range []struct {
		by           caller
		method, path string
		status       int
		code         string
	}{
		{root, "GET", "/" + s.id, 200, ""},
		{nobody, "GET", "/" + s.id, 404, "SESSION_UNKNOWN"},
		{nobody, "DELETE", "/" + s.id, 404, "SESSION_UNKNOWN"},
		{nobody, "DELETE", "/00000000000000000000", 404, "SESSION_UNKNOWN"},
		{nobody, "DELETE", "/none", 404, "SESSION_UNKNOWN"},
		{nobody, "GET", "?owner=user:ada", 403, "DENIED"},
		{nobody, "DELETE", "?owner=user:ada", 403, "DENIED"},
		{nobody, "DELETE", "?owner=user:none", 403, "DENIED"},
		{nobody, "GET", "", 200, ""},
		{nobody, "DELETE", "?owner=user:nobody", 202, ""},
		{ada, "GET", "/" + mine.id, 404, "SESSION_UNKNOWN"}, // who administers a part
		{ada, "DELETE", "", 400, "PARAMETER_INVALID"},
		{ada, "GET", "?last=x", 400, "PARAMETER_INVALID"},
		{ada, "GET", "?owner=group:x", 400, "PARAMETER_INVALID"},
		{ada, "GET", "?owner=user:a%0a", 400, "PARAMETER_INVALID"},
		{ada, "GET", "?x=1", 400, "PARAMETER_INVALID"},
		{ada, "GET", "/" + s.id + "?x=1", 400, "PARAMETER_INVALID"},
		{ada, "DELETE", "?owner=user:ada&n=1", 400, "PARAMETER_INVALID"},
		{caller{}, "GET", "", 401, "UNAUTHORIZED"},
		{caller{}, "GET", "/" + s.id, 401, "UNAUTHORIZED"},
		{caller{}, "DELETE", "?owner=user:ada", 401, "UNAUTHORIZED"},
		{caller{"", s.Token}, "GET", "/" + s.id, 200, ""},
		{caller{"", mine.Token}, "GET", "", 401, "UNAUTHORIZED"}, // made for less
		{ada, "PUT", "/" + s.id, 405, "UNSUPPORTED"},
		{caller{"", s.Token}, "DELETE", "/" + s.id, 202, ""},
		{caller{"", s.Token}, "GET", "", 401, "UNAUTHORIZED"},
		{root, "DELETE", "?owner=service:github/acme/web", 202, ""},
		{root, "DELETE", "?owner=user:root", 202, ""},
	} {
		if a := g.ask(tt.by, tt.method, sessionsAt+tt.path, "", tt.status); tt.code != "" && a.code() != tt.code {
			t.Errorf("%s: %s %s: %s", tt.by.name, tt.method, tt.path, a.body)
		}
	}
	if all := g.sessionsOf(root, ""); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestSessionsOfAFile: a user of the file who is gone from it, or has another
// password, has sessions that are over, and are shown as that.
func TestSessionsOfAFile(t *testing.T) {
	users := usersFile(t)
	g := guardedBy(t, "", users, "user:root owner,admin registry")
	s := g.signIn(caller{"ada", passwordOfAll}, "docker", "")
	text, err := os.ReadFile(users)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users, []byte(strings.Replace(string(text), "ada:", "eda:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for !g.sessionsOf(root, "user:ada")[0].Over {
		if time.Since(began) > 10*time.Second {
			t.Fatal("it is not over")
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.refresh(s, "", 401)
	g.ask(root, "DELETE", sessionsAt+"/"+s.id, "", 202)
}
