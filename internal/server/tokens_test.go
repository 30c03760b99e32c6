package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// tokenReply is what the token endpoint answers.
type tokenReply struct {
	Token        string    `json:"token"`
	AccessToken  string    `json:"access_token"`
	TokenType    string    `json:"token_type"`
	ExpiresIn    int       `json:"expires_in"`
	IssuedAt     time.Time `json:"issued_at"`
	Scope        string    `json:"scope"`
	RefreshToken string    `json:"refresh_token"`
	Error        string    `json:"error"`
}

// with sends a request with an Authorization header.
func (g *guarded) with(authorization, method, path, body string, head ...string) reply {
	g.t.Helper()
	r, err := http.NewRequest(method, g.web.URL+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	if strings.Contains(path, "/manifests/") {
		r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.read(res)
}

// tokenFor gets a token with a password, as docker does; of nobody without a
// user.
func (g *guarded) tokenFor(user, scope string) tokenReply {
	g.t.Helper()
	a := g.must(user, "GET", "/v2/_lading/auth/token?offline_token=true&service="+g.service()+"&scope="+url.QueryEscape(scope), "", 200)
	return parseToken(g.t, a)
}

func parseToken(t testing.TB, a reply) (out tokenReply) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v %v %s", err, a.header, a.body)
	}
	return out
}

// grant posts a form to the token endpoint.
func (g *guarded) grant(values ...string) reply {
	g.t.Helper()
	v := url.Values{}
	for i := 0; i < len(values); i += 2 {
		v.Add(values[i], values[i+1])
	}
	return g.with("", "POST", "/v2/_lading/auth/token", v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// service is what the registry calls itself.
func (g *guarded) service() string {
	g.t.Helper()
	m := regexp.MustCompile(`service="([^"]+)"`).FindStringSubmatch(g.must("", "GET", "/v2/", "", 401).header.Get("Www-Authenticate"))
	if m == nil {
		g.t.Fatal("there is no challenge")
	}
	return m[1]
}

// TestTokens: a token is good for what it was asked for and the rules give, and
// for nothing else.
func TestTokens(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		dbURL := fresh(t)
		if !strings.HasPrefix(dbURL, "postgres") {
			dbURL = ""
		}
		g := guardedBy(t, dbURL, usersFile(t), "user:root owner,admin registry", "user:ada writer namespace:acme", "anonymous pull prefix:public/")
		g.fill("acme/web")
		g.fill("acme/other")
		g.fill("public/web")
		g.fill("hidden/web")
		const manifest = "/manifests/v1"
		full := g.tokenFor("ada", "repository:acme/web:pull,push,delete repository:hidden/web:pull repository:hidden/none:pull")
		if full.Scope != "repository:acme/web:pull,push" || full.Token != full.AccessToken || full.TokenType != "Bearer" || full.ExpiresIn != 300 || full.IssuedAt.IsZero() || full.RefreshToken == "" {
			t.Errorf("%+v", full)
		}
		pull, nobody, none := g.tokenFor("ada", "repository:acme/web:pull").Token, g.tokenFor("", "repository:public/web:pull").Token, g.tokenFor("ada", "").Token
		list := g.tokenFor("ada", "registry:catalog:*").Token
		more := `,error="insufficient_scope"`
		for _, tt := range []struct {
			token, method, path string
			status              int
			challenge           string // contained
		}{
			{full.Token, "GET", "/v2/", 200, ""},
			{full.Token, "GET", "/v2/acme/web" + manifest, 200, ""},
			{full.Token, "PUT", "/v2/acme/web" + manifest, 201, ""},
			{pull, "GET", "/v2/acme/web" + manifest, 200, ""},
			{pull, "GET", "/v2/acme/web/tags/list", 200, ""},
			{pull, "PUT", "/v2/acme/web/manifests/v2", 401, `scope="repository:acme/web:pull,push"` + more},
			{pull, "DELETE", "/v2/acme/web" + manifest, 403, ""}, // no token would do
			{pull, "GET", "/v2/acme/other" + manifest, 401, `scope="repository:acme/other:pull"` + more},
			{pull, "GET", "/v2/acme/none" + manifest, 401, `scope="repository:acme/none:pull"` + more},
			{pull, "GET", "/v2/hidden/web" + manifest, 404, ""},
			{pull, "GET", "/v2/hidden/none" + manifest, 404, ""},
			{pull, "PUT", "/v2/hidden/web" + manifest, 403, ""},
			{pull, "GET", "/v2/_catalog", 401, `scope="registry:catalog:*"` + more},
			{pull, "GET", "/v2/acme/web/_lading/list/tags", 401, `scope="repository:acme/web:list"` + more},
			{list, "GET", "/v2/_catalog", 200, ""},
			{list, "GET", "/v2/acme/web" + manifest, 401, more},
			{none, "GET", "/v2/", 200, ""},
			{none, "GET", "/v2/acme/web" + manifest, 401, more},
			{nobody, "GET", "/v2/", 200, ""},
			{nobody, "GET", "/v2/public/web" + manifest, 200, ""},
			{nobody, "GET", "/v2/acme/web" + manifest, 401, `scope="repository:acme/web:pull"`},
			{nobody, "GET", "/v2/acme/none" + manifest, 401, `scope="repository:acme/none:pull"`},
			{nobody, "PUT", "/v2/public/web" + manifest, 401, `scope="repository:public/web:pull,push"`},
			{"x", "GET", "/v2/public/web" + manifest, 401, `error="invalid_token"`},
			{pull + "x", "GET", "/v2/public/web" + manifest, 401, `error="invalid_token"`},
			{full.RefreshToken, "GET", "/v2/", 401, `error="invalid_token"`},
		} {
			a := g.with("Bearer "+tt.token, tt.method, tt.path, index(""))
			if a.status != tt.status || (tt.challenge == "") != (a.header.Get("Www-Authenticate") == "") || !strings.Contains(a.header.Get("Www-Authenticate"), tt.challenge) {
				t.Errorf("%s %s: %d %q %s, want %d %q", tt.method, tt.path, a.status, a.header.Get("Www-Authenticate"), a.body, tt.status, tt.challenge)
			}
		}
		if a := g.with("Bearer "+list, "GET", "/v2/_catalog", ""); strings.Contains(a.body, "hidden") || !strings.Contains(a.body, "acme/web") {
			t.Error(a.body)
		}
		// What rules give is asked anew each time.
		g.must("root", "PUT", "/v2/_lading/access/rules/x", `{"subject":"user:ada","scope":"namespace:hidden","verbs":["pull"]}`, 201)
		late := g.tokenFor("ada", "repository:hidden/web:pull").Token
		if a := g.with("Bearer "+late, "GET", "/v2/hidden/web"+manifest, ""); a.status != 200 {
			t.Error(a.status, a.body)
		}
		g.must("root", "DELETE", "/v2/_lading/access/rules/x", "", 202)
		if a := g.with("Bearer "+late, "GET", "/v2/hidden/web"+manifest, ""); a.status != 404 {
			t.Error("a rule is gone, and its token is good:", a.status, a.body)
		}
		if l := g.log.String(); strings.Contains(l, "eyJ") || strings.Contains(l, "lading_rt_") {
			t.Error("the log holds a token")
		}
	})
}

// TestGrants: the endpoint as OAuth 2.0 has it.
func TestGrants(t *testing.T) {
	users := usersFile(t)
	g := guardedBy(t, "", users, "user:root owner,admin registry", "user:ada reader namespace:acme")
	service, scope := g.service(), "repository:acme/web:pull,push"
	first := parseToken(t, g.grant("grant_type", "password", "username", "ada", "password", passwordOfAll, "service", service, "client_id", "x", "access_type", "offline", "scope", scope))
	if first.Scope != "repository:acme/web:pull" || first.RefreshToken == "" {
		t.Errorf("%+v", first)
	}
	refresh := []string{"grant_type", "refresh_token", "service", service, "client_id", "x", "scope", scope, "refresh_token", first.RefreshToken}
	if again := parseToken(t, g.grant(refresh...)); again.Scope != "repository:acme/web:pull" || again.RefreshToken != first.RefreshToken || again.Token == first.Token {
		t.Errorf("%+v", again)
	}
	for _, tt := range []struct {
		name, error string
		status      int
		form        []string
	}{
		{"a wrong password", "invalid_grant", 401, []string{"grant_type", "password", "username", "ada", "password", "x"}},
		{"no password", "invalid_grant", 401, []string{"grant_type", "password", "username", "ada"}},
		{"no user", "invalid_grant", 401, []string{"grant_type", "password", "password", passwordOfAll}},
		{"a wrong refresh token", "invalid_grant", 401, []string{"grant_type", "refresh_token", "refresh_token", "lading_rt_x"}},
		{"no refresh token", "invalid_request", 400, []string{"grant_type", "refresh_token"}},
		{"another service", "invalid_request", 400, append(refresh[:2:2], "refresh_token", first.RefreshToken, "service", "x")},
		{"no grant", "invalid_request", 400, nil},
		{"another grant", "invalid_request", 400, []string{"grant_type", "client_credentials"}},
		{"an exchange of nothing", "invalid_request", 400, []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"}},
		{"an exchange of a password", "invalid_request", 400, []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token_type", "urn:ietf:params:oauth:token-type:jwt", "subject_token", passwordOfAll}},
		{"an exchange of a strange token", "invalid_grant", 401, []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token_type", "urn:ietf:params:oauth:token-type:jwt", "subject_token", first.Token}},
	} {
		a := g.grant(tt.form...)
		var e tokenReply
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != tt.status || e.Error != tt.error || a.code() == "" || e.Token != "" {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
	if a := g.with("", "POST", "/v2/_lading/auth/token", `{}`, "Content-Type", "application/json"); a.status != 400 {
		t.Error("what is no form:", a.status)
	}
	if a := g.with("", "POST", "/v2/_lading/auth/token", strings.Repeat("a=b&", 1<<16), "Content-Type", "application/x-www-form-urlencoded"); a.status != 400 {
		t.Error("a large form:", a.status)
	}
	if a := g.with("", "GET", "/v2/_lading/auth/token?service=x", ""); a.status != 400 {
		t.Error("another service:", a.status)
	}
	if a := g.must("", "GET", "/v2/_lading/auth/keys", "", 200); !strings.Contains(a.body, `"EdDSA"`) || strings.Contains(a.body, `"d"`) {
		t.Error(a.body)
	}

	// A password that has changed ends what was got with the old one.
	hash, err := bcrypt.GenerateFromPassword([]byte("another one"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users, []byte("ada:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for g.with("Bearer "+first.Token, "GET", "/v2/", "").status != 401 {
		if time.Now().After(deadline) {
			t.Fatal("the token is good still")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if a := g.grant(refresh...); a.status != 401 {
		t.Error("the refresh token is good still:", a.status, a.body)
	}
}
