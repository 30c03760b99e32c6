package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

const (
	passwordOfAll = "open sesame"
	content       = "some content"
)

var contentDigest = digest.FromString(content)

// guarded is a registry with users and rules, behind HTTP.
type guarded struct {
	t   testing.TB
	srv *server.Server
	web *httptest.Server
	log *strings.Builder
}

// usersFile has root, nobody and, for each verb, "only-VERB" and "but-VERB".
func usersFile(t testing.TB) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(passwordOfAll), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"root", "nobody", "ada"}
	for _, v := range lading.AllVerbs() {
		names = append(names, "only-"+v.String(), "but-"+v.String())
	}
	text := ""
	for _, name := range names {
		text += name + ":" + string(hash) + "\n"
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func guardedBy(t testing.TB, url, users string, rules ...string) *guarded {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Catalog.URL, cfg.Durability = t.TempDir(), url, config.Relaxed
	cfg.Auth.Htpasswd, cfg.Auth.Accounts, cfg.Access.Rules = users, users != "", strings.Join(rules, "\n")
	cfg.Limits.Rates = config.Rates{} // how fast is not what is tested here
	g := &guarded{t: t, log: &strings.Builder{}}
	var err error
	if g.srv, err = server.NewWith(context.Background(), cfg, slog.New(slog.NewTextHandler(g.log, nil)), server.Options{NoSweep: true, NoTyping: true}); err != nil {
		t.Fatal(err)
	}
	g.web = httptest.NewServer(g.srv.Handler())
	t.Cleanup(func() {
		g.srv.Drain()
		g.web.CloseClientConnections()
		g.web.Close()
		if err := g.srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// reply is an answer; a stream's body is not read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) code() string {
	var e struct{ Errors []struct{ Code string } }
	if json.Unmarshal([]byte(r.body), &e) != nil || len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Code
}

func (g *guarded) send(user, method, path, body string) reply {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, g.web.URL+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, passwordOfAll)
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

func (g *guarded) read(res *http.Response) reply {
	g.t.Helper()
	defer res.Body.Close()
	out := reply{status: res.StatusCode, header: res.Header}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		text, err := io.ReadAll(res.Body)
		if err != nil {
			g.t.Fatal(err)
		}
		out.body = string(text)
	}
	return out
}

func (g *guarded) must(user, method, path, body string, want int) reply {
	g.t.Helper()
	a := g.send(user, method, path, body)
	if a.status != want {
		g.t.Fatalf("%s: %s %s: %d %s, want %d", user, method, path, a.status, a.body, want)
	}
	return a
}

func index(subject string) string {
	if subject == "" {
		return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"application/x","manifests":[]}`
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"subject":{"mediaType":"a/b","digest":"%s","size":1}}`, subject)
}

func (g *guarded) fill(repo string) {
	g.t.Helper()
	g.must("root", "POST", "/v2/"+repo+"/blobs/uploads/?digest="+contentDigest.String(), content, 201)
	g.must("root", "PUT", "/v2/"+repo+"/manifests/v1", index(contentDigest.String()), 201)
	g.must("root", "PUT", "/v2/"+repo+"/manifests/gone", index(""), 201)
}

// rulesOfAll give "only-VERB" the verb, and "but-VERB" all the others.
func rulesOfAll() []string {
	rules := []string{"user:root owner,admin registry"}
	for _, v := range lading.AllVerbs() {
		rules = append(rules, fmt.Sprintf("user:only-%s %s registry", v, v))
		for _, other := range lading.AllVerbs() {
			if other != v {
				rules = append(rules, fmt.Sprintf("user:but-%s %s registry", v, other))
			}
		}
	}
	return rules
}

// What an endpoint is guarded by, beside a verb.
const (
	forAll      = lading.Verb(0)       // there is nothing to guard
	forSignedIn = lading.Verb(1 << 15) // who is signed in
)

// guardedEndpoint is a request of an action; REPO stands for a repository's
// name.
type guardedEndpoint struct {
	method, path, body string
	verb               lading.Verb
	// cut tells that it is answered with what may be seen, and no error.
	cut bool
}

// guardedEndpoints say of every action of the router what it is guarded by.
func guardedEndpoints() map[httpapi.Action]guardedEndpoint {
	blob, upload := "/v2/REPO/blobs/"+contentDigest.String(), "/v2/REPO/blobs/uploads/"
	some := contentDigest.String()
	policy := `{"scope":{"namespace":"x"},"deny":["helm"]}`
	rule := `{"subject":"user:x","scope":"registry","verbs":["pull"]}`
	const types, rules = "/v2/_lading/types/", "/v2/_lading/access/"
	return map[httpapi.Action]guardedEndpoint{
		httpapi.ActionBase:             {"GET", "/v2/", "", forSignedIn, false},
		httpapi.ActionBlobGet:          {"GET", blob, "", lading.VerbPull, false},
		httpapi.ActionBlobHead:         {"HEAD", blob, "", lading.VerbPull, false},
		httpapi.ActionBlobDelete:       {"DELETE", blob, "", lading.VerbDelete, false},
		httpapi.ActionUploadStart:      {"POST", upload, "", lading.VerbPush, false},
		httpapi.ActionUploadWhole:      {"POST", upload + "?digest=" + some, content, lading.VerbPush, false},
		httpapi.ActionUploadMount:      {"POST", upload + "?mount=" + some, "", lading.VerbPush, false},
		httpapi.ActionUploadStatus:     {"GET", upload + "x", "", lading.VerbPush, false},
		httpapi.ActionUploadPatch:      {"PATCH", upload + "x", "x", lading.VerbPush, false},
		httpapi.ActionUploadPut:        {"PUT", upload + "x?digest=" + some, "", lading.VerbPush, false},
		httpapi.ActionUploadCancel:     {"DELETE", upload + "x", "", lading.VerbPush, false},
		httpapi.ActionManifestGet:      {"GET", "/v2/REPO/manifests/v1", "", lading.VerbPull, false},
		httpapi.ActionManifestHead:     {"HEAD", "/v2/REPO/manifests/v1", "", lading.VerbPull, false},
		httpapi.ActionManifestPut:      {"PUT", "/v2/REPO/manifests/new", index(""), lading.VerbPush, false},
		httpapi.ActionManifestDelete:   {"DELETE", "/v2/REPO/manifests/gone", "", lading.VerbDelete, false},
		httpapi.ActionTagsList:         {"GET", "/v2/REPO/tags/list", "", lading.VerbPull, false},
		httpapi.ActionCatalog:          {"GET", "/v2/_catalog", "", lading.VerbList, true},
		httpapi.ActionReferrers:        {"GET", "/v2/REPO/referrers/" + some, "", lading.VerbPull, false},
		httpapi.ActionDiscover:         {"GET", "/v2/_oci/ext/discover", "", forAll, false},
		httpapi.ActionList:             {"GET", "/v2/_lading/list/tags", "", lading.VerbList, true},
		httpapi.ActionRepositoryDelete: {"DELETE", "/v2/REPO/_lading/manage/repository", "", lading.VerbDelete, false},
		httpapi.ActionSearchPing:       {"GET", "/v1/_ping", "", forAll, false},
		httpapi.ActionSearch:           {"GET", "/v1/search?q=web", "", lading.VerbList, true},
		httpapi.ActionDraftNames:       {"GET", "/v2/acme/_oci/repositories", "", lading.VerbList, true},
		httpapi.ActionTagHistory:       {"GET", "/v2/REPO/_oci/tag-history/v1", "", lading.VerbPull, true},
		httpapi.ActionDefinitions:      {"GET", types + "definitions", "", forSignedIn, false},
		httpapi.ActionDefinitionGet:    {"GET", types + "definitions/helm", "", forSignedIn, false},
		httpapi.ActionDefinitionLogo:   {"GET", types + "definitions/helm/logo", "", forSignedIn, false},
		httpapi.ActionDefinitionPut:    {"PUT", types + "definitions/widget", newType("widget"), lading.VerbAdmin, false},
		httpapi.ActionDefinitionDelete: {"DELETE", types + "definitions/widget", "", lading.VerbAdmin, false},
		httpapi.ActionTypesUnknown:     {"GET", types + "unknown", "", lading.VerbList, true},
		httpapi.ActionPolicies:         {"GET", types + "policies", "", lading.VerbAdmin, false},
		httpapi.ActionPolicyGet:        {"GET", types + "policies/x", "", lading.VerbAdmin, false},
		httpapi.ActionPolicyPut:        {"PUT", types + "policies/x", policy, lading.VerbAdmin, false},
		httpapi.ActionPolicyDelete:     {"DELETE", types + "policies/x", "", lading.VerbAdmin, false},
		httpapi.ActionWatch:            {"GET", "/v2/REPO/_lading/watch/events", "", lading.VerbList, false},
		httpapi.ActionRules:            {"GET", rules + "rules", "", lading.VerbAdmin, false},
		httpapi.ActionRuleGet:          {"GET", rules + "rules/x", "", lading.VerbAdmin, false},
		httpapi.ActionRulePut:          {"PUT", rules + "rules/x", rule, lading.VerbAdmin, false},
		httpapi.ActionRuleDelete:       {"DELETE", rules + "rules/x", "", lading.VerbAdmin, false},
		httpapi.ActionToken:            {"GET", "/v2/_lading/auth/token", "", forAll, false},
		httpapi.ActionTokenGrant:       {"POST", "/v2/_lading/auth/token", "", forAll, false},
		httpapi.ActionTokenKeys:        {"GET", "/v2/_lading/auth/keys", "", forAll, false},
		httpapi.ActionExplain:          {"GET", rules + "explain?subject=user:root&verb=pull&repository=REPO", "", lading.VerbAdmin, false},
		httpapi.ActionAccounts:         {"GET", rules + "accounts", "", lading.VerbAdmin, false},
		httpapi.ActionAccountGet:       {"GET", rules + "accounts/user:x", "", lading.VerbAdmin, false},
		httpapi.ActionAccountPut:       {"PUT", rules + "accounts/user:x", `{"groups":["dev"]}`, lading.VerbAdmin, false},
		httpapi.ActionAccountDelete:    {"DELETE", rules + "accounts/user:x", "", lading.VerbAdmin, false},
		httpapi.ActionAPITokens:        {"GET", rules + "tokens", "", forSignedIn, false},
		httpapi.ActionAPITokenCreate:   {"POST", rules + "tokens", `{}`, forSignedIn, false},
		httpapi.ActionAPITokenGet:      {"GET", rules + "tokens/x", "", forSignedIn, false},
		httpapi.ActionAPITokenDelete:   {"DELETE", rules + "tokens/x", "", forSignedIn, false},
		httpapi.ActionWhoAmI:           {"GET", rules + "whoami", "", forSignedIn, false},
		httpapi.ActionSessions:         {"GET", rules + "sessions", "", forSignedIn, false},
		httpapi.ActionSessionsEnd:      {"DELETE", rules + "sessions?owner=user:root", "", lading.VerbAdmin, false},
		httpapi.ActionSessionGet:       {"GET", rules + "sessions/0123456789abcdef0123", "", forSignedIn, false},
		httpapi.ActionSessionEnd:       {"DELETE", rules + "sessions/0123456789abcdef0123", "", forSignedIn, false},
		httpapi.ActionAudit:            {"GET", "/v2/_lading/audit?repository=REPO", "", lading.VerbAudit, false},
	}
}

func (e guardedEndpoint) at(repo string) string { return strings.ReplaceAll(e.path, "REPO", repo) }

// differs is what no two answers have alike.
var differs = regexp.MustCompile(`"cursor":"[^"]*"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT`)

// challenged is what sends a client for a token.
var challenged = regexp.MustCompile(`^Bearer realm="http://127\.0\.0\.1:\d+/v2/_lading/auth/token",service="(lading-[0-9a-f]{16})"(,scope="[^"]+")?$`)

// view is all of an answer that a caller could tell from another.
func view(a reply) string {
	h := maps.Clone(a.header)
	if c := h.Get("Www-Authenticate"); c != "" { // it repeats what was asked, and is of one registry
		c = strings.ReplaceAll(challenged.ReplaceAllString(c, "Bearer *$2"), "acme/none", "acme/web")
		h["Www-Authenticate"] = []string{c}
	}
	for _, name := range []string{"X-Request-Id", "Etag", "Link", "Lading-Cursor"} {
		if _, ok := h[name]; ok {
			h[name] = []string{"*"}
		}
	}
	return differs.ReplaceAllString(fmt.Sprintf("%d %v\n%s", a.status, h, a.body), "*")
}

// wantRefused checks that somebody is told what anybody would be.
func wantRefused(t *testing.T, user string, e guardedEndpoint, a reply) {
	t.Helper()
	status, code := http.StatusForbidden, "DENIED"
	switch {
	case user == "":
		status, code = http.StatusUnauthorized, "UNAUTHORIZED"
		if got := a.header.Get("Www-Authenticate"); !challenged.MatchString(got) {
			t.Errorf("the challenge is %q", got)
		}
	case e.cut:
		if a.status != 200 || strings.Contains(a.body, "acme") || strings.Contains(a.body, "sha256:") {
			t.Errorf("%q: %s: %d %s", user, e.path, a.status, a.body)
		}
		return
	case e.verb == lading.VerbPull || e.verb == lading.VerbList:
		status, code = http.StatusNotFound, "NAME_UNKNOWN"
	}
	if a.status != status || e.method != "HEAD" && a.code() != code {
		t.Errorf("%q: %s %s: %d %s, want %d %s", user, e.method, e.path, a.status, a.body, status, code)
	}
}

// TestEveryEndpoint: every endpoint of the router has its verb, is reached with
// that alone, and with all others is not, nor without signing in; and then a
// name that exists is answered as one that does not, in a registry with hidden
// content as in an empty one.
func TestEveryEndpoint(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		users := usersFile(t)
		url := func() string {
			if u := fresh(t); strings.HasPrefix(u, "postgres") {
				return u
			}
			return ""
		}
		full, void := guardedBy(t, url(), users, rulesOfAll()...), guardedBy(t, url(), users, rulesOfAll()...)
		full.fill("acme/other")
		table := guardedEndpoints()
		for action := httpapi.Action(1); action < httpapi.Action(httpapi.ActionCount); action++ {
			e, ok := table[action]
			if !ok {
				t.Errorf("%s is a new endpoint: say here what it is guarded by", action)
				continue
			}
			path, query, _ := strings.Cut(e.at("acme/web"), "?")
			if q, err := httpapi.Parse(e.method, path, query); err != nil || q.Action != action {
				t.Errorf("%s %s is %s, %v, and not %s", e.method, e.path, q.Action, err, action)
				continue
			}
			full.fill("acme/web")
			full.send("root", "PUT", "/v2/_lading/access/rules/x", `{"subject":"user:x","scope":"registry","verbs":["pull"]}`)
			refused := []string{"nobody", "", "but-" + e.verb.String()}
			granted := []string{"only-" + e.verb.String()}
			switch e.verb {
			case forAll:
				refused, granted = nil, []string{"", "nobody"}
			case forSignedIn:
				refused, granted = []string{""}, []string{"nobody"}
			}
			for _, user := range refused {
				a := full.send(user, e.method, e.at("acme/web"), e.body)
				wantRefused(t, user, e, a)
				for what, other := range map[string]reply{
					"a name that does not exist": full.send(user, e.method, e.at("acme/none"), e.body),
					"a registry without content": void.send(user, e.method, e.at("acme/web"), e.body),
				} {
					if got, want := view(a), view(other); got != want {
						t.Errorf("%q: %s %s is answered\n%s\nand with %s\n%s", user, e.method, e.path, got, what, want)
					}
				}
			}
			for _, user := range granted {
				a := full.send(user, e.method, e.at("acme/web"), e.body)
				if a.status == 401 || a.status == 403 || a.code() == "NAME_UNKNOWN" || a.status >= 500 {
					t.Errorf("%q: %s %s: %d %s", user, e.method, e.path, a.status, a.body)
				}
				if e.cut && !strings.Contains(a.body, "acme/web") && !strings.Contains(a.body, "sha256:") {
					t.Errorf("%q: %s shows nothing: %s", user, e.path, a.body)
				}
			}
		}
		if strings.Contains(full.log.String(), passwordOfAll) || strings.Contains(full.log.String(), "$2a$") {
			t.Error("the log holds a secret")
		}
	})
}

// TestWrongPassword: whoever says a name is held to it, also where everyone
// may read.
func TestWrongPassword(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), "user:root owner,admin registry", "anonymous reader prefix:public/")
	g.fill("public/web")
	g.must("", "GET", "/v2/public/web/manifests/v1", "", 200)
	g.must("", "GET", "/v2/public/web/tags/list", "", 200)
	g.must("", "PUT", "/v2/public/web/manifests/v2", index(""), 401)
	g.must("", "GET", "/v2/private/web/manifests/v1", "", 401)
	g.must("nobody", "GET", "/v2/public/web/manifests/v1", "", 200)
	if a := g.must("", "GET", "/v2/_catalog", "", 200); !strings.Contains(a.body, `["public/web"]`) {
		t.Error(a.body)
	}
	g.must("", "GET", "/v2/", "", 401)
	for _, user := range []string{"eve", "root"} {
		r, _ := http.NewRequest("GET", g.web.URL+"/v2/public/web/manifests/v1", nil)
		r.SetBasicAuth(user, "wrong")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 401 || res.Header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: %d", user, res.StatusCode)
		}
	}
}

// TestRetag: who may push and not retag makes tags and moves none.
func TestRetag(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), rulesOfAll()...)
	g.fill("acme/web")
	g.must("only-push", "PUT", "/v2/acme/web/manifests/mine", index(""), 201)
	g.must("only-push", "PUT", "/v2/acme/web/manifests/mine", index(""), 201) // is there
	if a := g.must("only-push", "PUT", "/v2/acme/web/manifests/v1", index(""), 403); a.code() != "DENIED" {
		t.Error(a.body)
	}
	g.must("but-retag", "PUT", "/v2/acme/web/manifests/v1", index(""), 403)
	g.must("but-delete", "PUT", "/v2/acme/web/manifests/v1", index(""), 201)
}

// TestMountNeedsPull: a digest is no permission, and a grant to push none to
// read.
func TestMountNeedsPull(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), "user:root owner registry", "user:ada push namespace:a", "user:ada list namespace:b", "user:ada reader namespace:c")
	g.fill("b/x")
	for _, from := range []string{"", "&from=b/x", "&from=b/none"} {
		g.must("ada", "POST", "/v2/a/x/blobs/uploads/?mount="+contentDigest.String()+from, "", 202)
	}
	g.fill("c/x")
	g.must("ada", "POST", "/v2/a/x/blobs/uploads/?mount="+contentDigest.String(), "", 201)
}

// replicas are two registries over one catalog on PostgreSQL, and one twice on
// SQLite.
func replicas(t *testing.T, users string, fn func(t *testing.T, one, two *guarded)) {
	rules := []string{"user:root owner,admin registry"}
	t.Run("sqlite", func(t *testing.T) {
		g := guardedBy(t, "", users, rules...)
		fn(t, g, g)
	})
	t.Run("postgres", func(t *testing.T) {
		url := sqldbtest.Postgres(t)
		fn(t, guardedBy(t, url, users, rules...), guardedBy(t, url, users, rules...))
	})
}

// TestRevocation: what one replica changes holds on the other within a second,
// for pulls and for running streams.
func TestRevocation(t *testing.T) {
	users := usersFile(t)
	replicas(t, users, func(t *testing.T, one, two *guarded) {
		one.fill("acme/web")
		const rule = "/v2/_lading/access/rules/ada"
		one.must("root", "PUT", rule, `{"subject":"user:ada","scope":"namespace:acme","verbs":["reader"]}`, 201)
		one.must("root", "PUT", rule, `{"subject":"user:ada","scope":"namespace:acme","verbs":["list","pull"]}`, 200)
		one.must("ada", "GET", "/v2/acme/web/manifests/v1", "", 200)
		soon := func(status int) time.Duration {
			began := time.Now()
			for two.send("ada", "HEAD", "/v2/acme/web/manifests/v1", "").status != status {
				if time.Since(began) > 10*time.Second {
					t.Fatalf("still not %d", status)
				}
			}
			return time.Since(began)
		}
		granted := soon(200)
		r, _ := http.NewRequest("GET", two.web.URL+"/v2/_lading/watch/events?initial=true", nil)
		r.SetBasicAuth("ada", passwordOfAll)
		r.Header.Set("Accept", "application/x-ndjson")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := make(chan string, 100)
		go func() {
			dec := json.NewDecoder(res.Body)
			for {
				var raw json.RawMessage
				if dec.Decode(&raw) != nil {
					close(lines)
					return
				}
				lines <- string(raw)
			}
		}()
		until := func(part string) {
			t.Helper()
			for timeout := time.After(10 * time.Second); ; {
				select {
				case line, ok := <-lines:
					if strings.Contains(line, part) {
						return
					}
					if !ok {
						t.Fatalf("the stream has ended without %s", part)
					}
				case <-timeout:
					t.Fatalf("no %s", part)
				}
			}
		}
		until(`"acme/web"`)
		one.must("root", "DELETE", rule, "", 202)
		began := time.Now()
		until(`"remove"`)
		streamed := time.Since(began)
		revoked := soon(404)
		t.Logf("granted after %v, told in a stream after %v, refused after %v more", granted, streamed, revoked)
		if a := one.send("ada", "GET", "/v2/_lading/list/repositories", ""); strings.Contains(a.body, "acme") {
			t.Error(a.body)
		}
		if a := one.must("root", "GET", "/v2/_lading/access/rules", "", 200); !strings.Contains(a.body, `"id":"config-`) || strings.Contains(a.body, "user:ada") {
			t.Error(a.body)
		}
	})
}

// TestNoRules: without users and rules everyone may do everything, and there
// are no endpoints for rules.
func TestNoRules(t *testing.T) {
	g := guardedBy(t, "", "")
	g.must("", "PUT", "/v2/acme/web/manifests/v1", index(""), 201)
	g.must("", "GET", "/v2/", "", 200)
	for _, path := range []string{"rules", "rules/x", "explain?subject=anonymous&verb=pull&repository=a", "accounts", "accounts/user:x", "tokens", "sessions", "whoami"} {
		if a := g.must("", "GET", "/v2/_lading/access/"+path, "", 404); a.code() != "EXTENSION_UNKNOWN" {
			t.Error(a.body)
		}
	}
	// A password that nobody asked for is ignored, as before.
	g.must("root", "GET", "/v2/acme/web/manifests/v1", "", 200)
}

func TestExplainAPI(t *testing.T) {
	g := guardedBy(t, "", usersFile(t), "user:root owner,admin registry", "group:dev writer namespace:acme")
	var d lading.AccessDecision
	a := g.must("root", "GET", "/v2/_lading/access/explain?subject=user:ada&group=dev&verb=push&repository=acme/web", "", 200)
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || !d.Allowed || len(d.Rules) != 1 || !regexp.MustCompile(`^config-[0-9a-f]{12}$`).MatchString(d.Rules[0].ID) || d.Rules[0].Source != "configuration" {
		t.Errorf("%s %v", a.body, err)
	}
	a = g.must("root", "GET", "/v2/_lading/access/explain?subject=user:ada&verb=push&repository=acme/web", "", 200)
	if !strings.Contains(a.body, `"allowed":false,"rules":[]`) {
		t.Error(a.body)
	}
	for _, q := range []string{"", "subject=ada&verb=push&repository=a", "subject=user:ada&verb=all&repository=a", "subject=user:ada&verb=push&repository=A", "subject=user:ada&verb=push&repository=a&x=1", "subject=group:dev&verb=push&repository=a", "subject=user:ada&group=&verb=push&repository=a"} {
		if a := g.must("root", "GET", "/v2/_lading/access/explain?"+q, "", 400); a.code() != "PARAMETER_INVALID" {
			t.Error(q, a.body)
		}
	}
}
