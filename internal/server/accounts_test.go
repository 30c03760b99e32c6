package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

const (
	bobs   = "correct horse battery"
	access = "/v2/_lading/access/"
)

// caller is somebody with a password or token.
type caller struct{ name, secret string }

// ask is a request of somebody; without a name the secret is a bearer token.
func (g *guarded) ask(c caller, method, path, body string, want int) reply {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, g.web.URL+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	switch {
	case c.name != "":
		r.SetBasicAuth(c.name, c.secret)
	case c.secret != "":
		r.Header.Set("Authorization", "Bearer "+c.secret)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if res.StatusCode != want {
		g.t.Errorf("%s: %s %s: %d %s, want %d", c.name, method, path, res.StatusCode, text, want)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

var root = caller{"root", passwordOfAll}

// account makes a user of bob's password, or a service.
func (g *guarded) account(subject string, groups ...string) {
	g.t.Helper()
	body := map[string]any{"groups": append([]string{}, groups...)}
	if strings.HasPrefix(subject, "user:") {
		body["password"] = bobs
	}
	raw, _ := json.Marshal(body)
	g.ask(root, "PUT", access+"accounts/"+subject, string(raw), 201)
}

// token makes a token and returns its text and its id.
func (g *guarded) token(by caller, body string) (text, id string) {
	g.t.Helper()
	var made struct{ Token, ID string }
	if err := json.Unmarshal([]byte(g.ask(by, "POST", access+"tokens", body, 201).body), &made); err != nil || made.Token == "" || made.ID == "" {
		g.t.Fatalf("%+v %v", made, err)
	}
	return made.Token, made.ID
}

// bearer is what the token service gives for a password or an API token.
func (g *guarded) bearer(by caller, scope string) string {
	g.t.Helper()
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(g.ask(by, "GET", "/v2/_lading/auth/token?scope="+scope, "", 200).body), &made); err != nil || made.Token == "" {
		g.t.Fatalf("%+v %v", made, err)
	}
	return made.Token
}

// TestAccountsEndToEnd: whoever has an account signs in with the password, a
// token by any name, a bearer token and what is given in exchange for it; what
// is changed on one replica holds on the other within a second, for all of
// these and in a running stream.
func TestAccountsEndToEnd(t *testing.T) {
	replicas(t, usersFile(t), func(t *testing.T, one, two *guarded) {
		one.fill("acme/web")
		one.must("root", "PUT", access+"rules/dev", `{"subject":"group:dev","scope":"namespace:acme","verbs":["reader"]}`, 201)
		bob := caller{"bob", bobs}
		const at = "/v2/acme/web/manifests/v1"
		eventually := func(c caller, status int) {
			t.Helper()
			began := time.Now()
			for {
				r, _ := http.NewRequest("HEAD", two.web.URL+at, nil)
				if c.name != "" {
					r.SetBasicAuth(c.name, c.secret)
				} else {
					r.Header.Set("Authorization", "Bearer "+c.secret)
				}
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode == status {
					break
				}
				if time.Since(began) > 10*time.Second {
					t.Fatalf("%s: still %d, not %d", c.name, res.StatusCode, status)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Logf("that took %v", took)
			}
		}
		one.account("user:bob", "dev")
		eventually(bob, 200)
		if a := two.must("root", "GET", access+"explain?subject=user:bob&verb=pull&repository=acme/web", "", 200); !strings.Contains(a.body, "group:dev") {
			t.Error(a.body)
		}
		text, id := one.token(bob, `{"scopes":["reader namespace:acme"]}`)
		tok, plain := caller{"whoever", text}, caller{"", text}
		eventually(tok, 200)
		eventually(plain, 200)
		jwt := caller{"", one.bearer(tok, "repository:acme/web:pull")}
		eventually(jwt, 200)
		two.ask(tok, "PUT", "/v2/acme/web/manifests/v2", index(""), 403)

		// A group taken away, and given again.
		stream := two.follow(bob)
		stream.until(`"acme/web"`)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"groups":[]}`, 200)
		stream.until(`"remove"`)
		for _, c := range []caller{bob, tok, plain, jwt} {
			eventually(c, 404)
		}
		one.ask(root, "PUT", access+"accounts/user:bob", `{"groups":["dev"]}`, 200)
		for _, c := range []caller{bob, tok, plain, jwt} {
			eventually(c, 200)
		}

		// A token revoked takes what was given for it along, and the password
		// stays.
		one.ask(bob, "DELETE", access+"tokens/"+id, "", 202)
		eventually(tok, 401)
		eventually(plain, 401)
		eventually(jwt, 401)
		eventually(bob, 200)

		// Disabled, and then gone: all of it.
		text, _ = one.token(bob, `{"expires":"never"}`)
		tok = caller{"bob", text}
		eventually(tok, 200)
		jwt = caller{"", one.bearer(bob, "repository:acme/web:pull")}
		eventually(jwt, 200)
		stream = two.follow(tok)
		stream.until(`"acme/web"`)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"disabled":true}`, 200)
		stream.until(`"remove"`)
		eventually(bob, 401)
		eventually(tok, 401)
		eventually(jwt, 401)
		one.ask(root, "PUT", access+"accounts/user:bob", `{"disabled":false}`, 200)
		eventually(tok, 200)
		one.must("root", "PUT", access+"rules/bob", `{"subject":"user:bob","scope":"registry","verbs":["owner"]}`, 201)
		one.ask(root, "DELETE", access+"accounts/user:bob", "", 202)
		eventually(tok, 401)
		one.account("user:bob")
		eventually(bob, 404) // another one, without the rules of the first
		eventually(tok, 401)
		eventually(jwt, 401)
		if a := one.must("root", "GET", access+"rules", "", 200); strings.Contains(a.body, "user:bob") {
			t.Error(a.body)
		}
		for _, s := range []string{bobs, text, text[11:40], "$argon2"} {
			if strings.Contains(one.log.String()+two.log.String(), s) {
				t.Error("the log holds a secret:", s)
			}
		}
	})
}

// stream is a running stream of somebody.
type stream struct {
	t     *testing.T
	lines chan string
}

func (g *guarded) follow(c caller) *stream {
	g.t.Helper()
	r, _ := http.NewRequest("GET", g.web.URL+"/v2/_lading/watch/events?initial=true", nil)
	if c.name != "" {
		r.SetBasicAuth(c.name, c.secret)
	} else {
		r.Header.Set("Authorization", "Bearer "+c.secret)
	}
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		g.t.Fatal(res.Status)
	}
	g.t.Cleanup(func() { res.Body.Close() })
	s := &stream{g.t.(*testing.T), make(chan string, 100)}
	go func() {
		defer close(s.lines)
		for dec := json.NewDecoder(res.Body); ; {
			var raw json.RawMessage
			if dec.Decode(&raw) != nil {
				return
			}
			s.lines <- string(raw)
		}
	}()
	return s
}

// until waits for an event.
func (s *stream) until(part string) {
	s.t.Helper()
	for timeout := time.After(10 * time.Second); ; {
		select {
		case line, ok := <-s.lines:
			if strings.Contains(line, part) {
				return
			}
			if !ok {
				s.t.Fatalf("the stream has ended without %s", part)
			}
		case <-timeout:
			s.t.Fatalf("no %s", part)
		}
	}
}

// TestAccountsOfWhom: administrators manage all accounts, everyone the own
// tokens and password, with the password alone; to others nothing is told.
func TestAccountsOfWhom(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), "user:root owner,admin registry", "user:bob reader registry", "user:tea admin namespace:tea", "service:ops owner,admin registry")
	for _, name := range []string{"user:bob", "user:eve", "user:tea", "service:ops"} {
		g.account(name)
	}
	bob, eve, tea := caller{"bob", bobs}, caller{"eve", bobs}, caller{"tea", bobs}
	text, mine := g.token(bob, `{"description":"laptop"}`)
	free := caller{"", text}
	text, _ = g.token(bob, `{"scopes":["pull registry"]}`)
	less := caller{"", text}
	text, _ = g.token(root, `{"owner":"service:ops"}`)
	ops := caller{"", text}
	text, _ = g.token(ops, `{"scopes":["admin registry"]}`)
	opsLess := caller{"", text}
	nobody := caller{}
	password := `{"password":"another password"}`
	for _, tt := range []struct {
		by                 caller
		method, path, body string
		want               int
		code               string
	}{
		{nobody, "GET", "accounts", "", 401, "UNAUTHORIZED"},
		{bob, "GET", "accounts", "", 403, "DENIED"},
		{tea, "GET", "accounts", "", 403, "DENIED"}, // of a part
		{ops, "GET", "accounts", "", 200, ""},
		{bob, "GET", "accounts/user:bob", "", 200, ""},
		{bob, "GET", "accounts/user:eve", "", 403, "DENIED"},
		{bob, "GET", "accounts/user:none", "", 403, "DENIED"},
		{bob, "DELETE", "accounts/user:eve", "", 403, "DENIED"},
		{bob, "DELETE", "accounts/user:none", "", 403, "DENIED"},
		{bob, "PUT", "accounts/user:eve", password, 403, "DENIED"},
		{bob, "PUT", "accounts/user:none", password, 403, "DENIED"},
		{bob, "PUT", "accounts/user:bob", `{"groups":["admins"]}`, 403, "DENIED"},
		{bob, "PUT", "accounts/user:bob", `{"disabled":false}`, 403, "DENIED"},
		{bob, "PUT", "accounts/user:bob", `{"password_hash":"$2a$04$abc"}`, 403, "DENIED"},
		{nobody, "PUT", "accounts/user:bob", password, 401, "UNAUTHORIZED"},
		{free, "PUT", "accounts/user:bob", password, 403, "DENIED"},
		{less, "PUT", "accounts/user:bob", password, 403, "DENIED"},
		{opsLess, "PUT", "accounts/user:bob", password, 403, "DENIED"},
		{opsLess, "PUT", "accounts/user:new", `{"groups":["x"]}`, 201, ""},
		{ops, "DELETE", "accounts/service:ops", "", 409, "DENIED"},
		{ops, "PUT", "accounts/service:ops", `{"disabled":true}`, 409, "DENIED"},
		{root, "PUT", "accounts/user:ada", password, 409, "DENIED"}, // of the file
		{root, "PUT", "accounts/user:a%2Fb", password, 400, "ACCOUNT_INVALID"},
		{root, "PUT", "accounts/bob", password, 400, "ACCOUNT_INVALID"},
		{root, "PUT", "accounts/user:bob", `{"pasword":"x"}`, 400, "ACCOUNT_INVALID"},
		{root, "PUT", "accounts/user:bob", `{"password":17}`, 400, "ACCOUNT_INVALID"},
		{root, "PUT", "accounts/user:bob", `{} {}`, 400, "ACCOUNT_INVALID"},
		{root, "PUT", "accounts/user:bob", strings.Repeat(" ", 70_000) + "{}", 400, "ACCOUNT_INVALID"},
		{root, "GET", "accounts?n=x", "", 400, "PARAMETER_INVALID"},
		{root, "GET", "accounts?x=1", "", 400, "PARAMETER_INVALID"},

		{nobody, "GET", "tokens", "", 401, "UNAUTHORIZED"},
		{nobody, "POST", "tokens", "{}", 401, "UNAUTHORIZED"},
		{eve, "GET", "tokens/" + mine, "", 404, "TOKEN_UNKNOWN"},
		{eve, "GET", "tokens/none", "", 404, "TOKEN_UNKNOWN"},
		{eve, "DELETE", "tokens/" + mine, "", 404, "TOKEN_UNKNOWN"},
		{eve, "GET", "tokens?owner=user:bob", "", 403, "DENIED"},
		{eve, "GET", "tokens?owner=user:none", "", 403, "DENIED"},
		{eve, "POST", "tokens", `{"owner":"user:bob"}`, 403, "DENIED"},
		{eve, "POST", "tokens", `{"owner":"service:ops"}`, 403, "DENIED"},
		{eve, "POST", "tokens", `{"owner":"service:none"}`, 403, "DENIED"},
		{root, "POST", "tokens", `{"owner":"user:bob"}`, 403, "DENIED"},
		{root, "POST", "tokens", `{}`, 409, "DENIED"}, // of the file
		{root, "POST", "tokens", `{"owner":"service:none"}`, 404, "ACCOUNT_UNKNOWN"},
		{less, "POST", "tokens", `{}`, 403, "DENIED"},
		{less, "POST", "tokens", `{"scopes":["pull,push registry"]}`, 403, "DENIED"},
		{less, "POST", "tokens", `{"scopes":["pull namespace:a"]}`, 201, ""},
		{less, "POST", "tokens", `{"scopes":["pull namespace:a"],"expires":"never"}`, 403, "DENIED"},
		{bob, "POST", "tokens", `{"scopes":["pull"]}`, 400, "TOKEN_INVALID"},
		{bob, "GET", "tokens/" + mine, "", 200, ""},
		{root, "GET", "tokens/" + mine, "", 200, ""},
		{root, "DELETE", "tokens/" + mine, "", 202, ""},
	} {
		a := g.ask(tt.by, tt.method, access+tt.path, tt.body, tt.want)
		if a.code() != tt.code || strings.Contains(a.body, "$argon2") || strings.Contains(a.body, "digest") {
			t.Errorf("%s %s %s: %s", tt.by.name, tt.method, tt.path, a.body)
		}
	}
	if a := g.ask(eve, "GET", access+"tokens", "", 200); a.body != `{"tokens":[]}`+"\n" && a.body != `{"tokens":[]}` {
		t.Error(a.body)
	}
	// Page by page.
	a := g.ask(root, "GET", access+"accounts?n=2", "", 200)
	if link := a.header.Get("Link"); link != `</v2/_lading/access/accounts?last=user%3Abob&n=2>; rel="next"` || strings.Contains(a.body, "user:eve") {
		t.Error(link, a.body)
	}
	a = g.ask(root, "GET", access+"accounts?n=2&last=user:new", "", 200)
	if a.header.Get("Link") != "" || !strings.Contains(a.body, "user:tea") || strings.Contains(a.body, "user:eve") {
		t.Error(a.header, a.body)
	}
	var me struct {
		Subject, Credential string
		Limited             bool
		Scopes              []string
		May                 []struct{ Subject, Scope string }
	}
	if err := json.Unmarshal([]byte(g.ask(less, "GET", access+"whoami", "", 200).body), &me); err != nil || me.Subject != "user:bob" || !me.Limited || fmt.Sprint(me.Scopes) != "[pull registry]" || len(me.May) != 1 || me.May[0].Subject != "user:bob" {
		t.Errorf("%+v %v", me, err)
	}
}

// lockedLog is a log that several write.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFirstAccount: a registry without any account makes one, once, of however
// many replicas; the password is in a file and not in the log.
func TestFirstAccount(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		cfg := config.Default()
		cfg.Data, cfg.Durability, cfg.Auth.Accounts = t.TempDir(), config.Relaxed, true
		if url := fresh(t); strings.HasPrefix(url, "postgres") {
			cfg.Catalog.URL = url
		}
		log := &lockedLog{}
		begin := func() (*server.Server, *httptest.Server) {
			srv, err := server.NewWith(context.Background(), cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), server.Options{NoSweep: true, NoTyping: true})
			if err != nil {
				t.Fatal(err)
			}
			return srv, httptest.NewServer(srv.Handler())
		}
		var password string
		for range 2 { // and after a restart it is the same
			srv, web := begin()
			raw, err := os.ReadFile(filepath.Join(cfg.Data, "initial-admin-password"))
			if err != nil {
				t.Fatal(err)
			}
			if p := strings.TrimSpace(string(raw)); password != "" && p != password {
				t.Error("another password")
			} else {
				password = p
			}
			g := &guarded{t: t, web: web}
			admin := caller{"admin", password}
			g.ask(caller{}, "GET", "/v2/", "", 401)
			g.ask(caller{"admin", "admin"}, "GET", "/v2/", "", 401)
			g.ask(admin, "GET", access+"accounts", "", 200)
			web.Close()
			if err := srv.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if strings.Count(log.String(), "user:admin was made") != 1 || strings.Contains(log.String(), password) {
			t.Error(log.String())
		}
	})
}
