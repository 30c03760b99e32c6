package spectest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

const adminPassword = "correct horse battery"

// withAccounts is a registry with accounts, and a rule.
func withAccounts(t *testing.T) *httptest.Server {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	cfg.Auth.Accounts, cfg.Access.Rules = true, "anonymous pull prefix:public/"
	if err := os.WriteFile(filepath.Join(cfg.Data, "initial-admin-password"), []byte(adminPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	srv, err := server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, NoTyping: true})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return web
}

// accessExchange is a request, by whom, and the status it is answered with.
type accessExchange struct {
	user, line, body string
	status           int
}

var accessExchanges = []accessExchange{
	{"admin", "GET rules", "", 200},
	{"", "GET rules", "", 401},
	{"admin", "GET rules?x=1", "", 400},
	{"admin", "PUT rules/dev", `{"subject":"group:dev","scope":"namespace:acme","verbs":["writer"]}`, 201},
	{"admin", "PUT rules/dev", `{"subject":"group:dev","scope":"namespace:acme","verbs":["pull","owner"]}`, 200},
	{"admin", "PUT rules/config-d79686a4af4d", `{"subject":"group:dev","scope":"registry","verbs":["pull"]}`, 409},
	{"admin", "GET rules/dev", "", 200},
	{"admin", "GET rules/none", "", 404},
	{"admin", "PUT accounts/user:bob", `{"password":"` + adminPassword + `","groups":["dev"]}`, 201},
	{"admin", "PUT accounts/user:bob", `{"disabled":false}`, 200},
	{"admin", "PUT accounts/user:admin", `{"disabled":true}`, 409},
	{"admin", "PUT accounts/service:ci", `{}`, 201},
	{"bob", "PUT rules/mine", `{"subject":"user:bob","scope":"registry","verbs":["admin"]}`, 403},
	{"bob", "GET rules", "", 403},
	{"admin", "GET explain?subject=user:bob&verb=push&repository=acme/web", "", 200},
	{"admin", "GET explain?subject=anonymous&verb=pull&repository=public/x", "", 200},
	{"admin", "GET explain?subject=group:x&verb=pull&repository=public/x", "", 400},
	{"bob", "GET whoami", "", 200},
	{"", "GET whoami", "", 401},
	{"admin", "GET accounts?n=1", "", 200},
	{"bob", "GET accounts", "", 403},
	{"bob", "GET accounts/user:bob", "", 200},
	{"admin", "GET accounts/user:none", "", 404},
	{"admin", "GET accounts/x", "", 400},
	{"bob", "POST tokens", `{"description":"laptop","scopes":["pull namespace:acme"],"expires":"never"}`, 201},
	{"admin", "POST tokens", `{"owner":"service:ci"}`, 201},
	{"admin", "POST tokens", `{"owner":"user:bob"}`, 403},
	{"bob", "GET tokens?n=1", "", 200},
	{"bob", "GET tokens?owner=user:admin", "", 403},
	{"bob", "GET tokens/TOKEN", "", 200},
	{"bob", "DELETE tokens/TOKEN", "", 202},
	{"bob", "GET tokens/TOKEN", "", 404},
	{"bob", "GET /v2/_lading/auth/token?scope=repository:acme/web:pull&offline_token=true", "", 200},
	{"", "GET /v2/_lading/auth/token", "", 200},
	{"bob", "GET /v2/_lading/auth/token?service=x", "", 400},
	{"", "POST /v2/_lading/auth/token", "grant_type=password&username=bob&access_type=offline&password=" + strings.ReplaceAll(adminPassword, " ", "+"), 200},
	{"", "POST /v2/_lading/auth/token", "grant_type=password&username=bob&password=wrong", 401},
	{"", "POST /v2/_lading/auth/token", "grant_type=refresh_token&refresh_token=x", 401},
	{"", "POST /v2/_lading/auth/token", "grant_type=x", 400},
	{"", "GET /v2/_lading/auth/keys", "", 200},
	{"bob", "GET sessions?n=1", "", 200},
	{"bob", "GET sessions?owner=user:admin", "", 403},
	{"bob", "GET sessions?last=x", "", 400},
	{"bob", "GET sessions/SESSION", "", 200},
	{"admin", "GET sessions/SESSION", "", 200},
	{"bob", "DELETE sessions/SESSION", "", 202},
	{"bob", "DELETE sessions/SESSION", "", 404},
	{"bob", "DELETE sessions", "", 400},
	{"bob", "DELETE sessions?owner=user:admin", "", 403},
	{"", "DELETE sessions?owner=user:bob", "", 401},
	{"bob", "DELETE sessions?owner=user:bob", "", 202},
	{"admin", "GET /v2/_lading/types/definitions", "", 200},
	{"admin", "GET /v2/_lading/types/definitions?view=stats", "", 200},
	{"admin", "GET /v2/_lading/types/definitions/helm", "", 200},
	{"admin", "GET /v2/_lading/types/definitions/helm?x=1", "", 400},
	{"admin", "GET /v2/_lading/types/definitions/none", "", 404},
	{"admin", "GET /v2/_lading/types/definitions/helm/logo", "", 200},
	{"admin", "PUT /v2/_lading/types/definitions/x", `{"name":"x","match":[{"artifactType":"a/b"}]}`, 201},
	{"admin", "PUT /v2/_lading/types/definitions/x", `{"name":"x","match":[{"artifactType":"a/c"}]}`, 200},
	{"admin", "PUT /v2/_lading/types/definitions/x", `{"name":"x","match":[]}`, 400},
	{"bob", "PUT /v2/_lading/types/definitions/y", `{"name":"y","match":[{"artifactType":"a/b"}]}`, 403},
	{"admin", "DELETE /v2/_lading/types/definitions/helm", "", 409},
	{"admin", "DELETE /v2/_lading/types/definitions/x", "", 202},
	{"admin", "GET /v2/_lading/types/unknown", "", 200},
	{"admin", "PUT /v2/_lading/types/policies/p", `{"scope":{"namespace":"acme"},"allow":["helm"],"validate":"enforce"}`, 201},
	{"admin", "PUT /v2/_lading/types/policies/q", `{"scope":{"namespace":"acme"},"deny":["helm"]}`, 400},
	{"admin", "GET /v2/_lading/types/policies", "", 200},
	{"admin", "GET /v2/_lading/types/policies/p", "", 200},
	{"bob", "GET /v2/_lading/types/policies", "", 403},
	{"admin", "DELETE /v2/_lading/types/policies/p", "", 202},
	{"admin", "DELETE /v2/_lading/types/policies/p", "", 404},
	{"admin", "DELETE rules/config-d79686a4af4d", "", 409},
	{"admin", "DELETE rules/dev", "", 202},
	{"admin", "DELETE accounts/user:admin", "", 409},
	{"admin", "DELETE accounts/user:bob", "", 202},
	{"admin", "PUT rules/audit", `{"subject":"user:admin","scope":"registry","verbs":["audit"]}`, 201},
	{"admin", "GET /v2/_lading/audit", "", 200},
	{"", "GET /v2/_lading/audit", "", 401},
}

// TestAccessAnswers holds answers of the endpoints of access, and what they are
// asked with, against docs/spec/openapi.yaml.
func TestAccessAnswers(t *testing.T) {
	web, api, token, session := withAccounts(t), readOpenAPI(t), "", ""
	for _, e := range accessExchanges {
		method, path, _ := strings.Cut(strings.NewReplacer("TOKEN", token, "SESSION", session).Replace(e.line), " ")
		if !strings.HasPrefix(path, "/") {
			path = "/v2/_lading/access/" + path
		}
		got := askAs(t, e.user, method, web.URL+path, e.body)
		if got.status != e.status {
			t.Fatalf("%s: %s %s: %d %s, want %d", e.user, method, path, got.status, got.body, e.status)
		}
		for _, wrong := range append(api.wrong(message{line: method + " " + path}, got), api.wrongRequest(method, path, e.body)...) {
			t.Errorf("%s %s: %d: %s", method, path, got.status, wrong)
		}
		if e.line == "POST tokens" && e.user == "bob" {
			var made struct{ ID string }
			if err := json.Unmarshal([]byte(got.body), &made); err != nil {
				t.Fatal(err)
			}
			token = made.ID
		}
		if e.line == "GET sessions?n=1" {
			var all struct{ Sessions []struct{ ID string } }
			if err := json.Unmarshal([]byte(got.body), &all); err != nil || len(all.Sessions) == 0 {
				t.Fatal(got.body, err)
			}
			session = all.Sessions[0].ID
		}
	}
	if api.checked != len(accessExchanges) {
		t.Errorf("%d answers of %d were compared", api.checked, len(accessExchanges))
	}
}

func askAs(t *testing.T, user, method, url, body string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, adminPassword)
	}
	if method == "POST" && !strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(text)}
}

// wrongRequest says what of a request in JSON is not as the document has it.
func (a *openAPI) wrongRequest(method, target, body string) []string {
	if !strings.HasPrefix(body, "{") {
		return nil
	}
	for path, pattern := range a.paths {
		if !pattern.MatchString(target) || strings.Contains(path, "{name}") {
			continue
		}
		media := a.at("paths", path, strings.ToLower(method), "requestBody", "content", "application/json")
		ref, _ := media["schema"].(map[string]any)["$ref"].(string)
		schema, err := a.schemas.Compile("openapi.json" + ref)
		if err != nil {
			return []string{err.Error()}
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			return []string{"the request: " + err.Error()}
		}
		return nil
	}
	return []string{"there is no such endpoint"}
}
