package clienttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// provider is a running OpenID Connect provider: the example server of a
// library that others build theirs with. It makes itself a new key at each
// start.
type provider struct {
	url   string // the issuer, as its tokens name it
	port  string
	users string // its file of them
	cmd   *exec.Cmd
	log   *bytes.Buffer
}

const (
	// The provider's own client, to whom it gives tokens: their audience.
	oidcClient, oidcSecret = "web", "secret"
	oidcCallback           = "http://localhost:9999/auth/callback"
)

// startProvider starts one that knows ada and eve.
func startProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{port: freePort(t), users: filepath.Join(t.TempDir(), "users.json"), log: new(bytes.Buffer)}
	p.url = "http://localhost:" + p.port + "/"
	users := map[string]map[string]any{}
	for _, name := range []string{"ada", "eve"} {
		users[name] = map[string]any{"ID": name, "Username": name, "Password": adasPassword, "PreferredLanguage": "en"}
	}
	text, err := json.Marshal(users)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p.users, string(text))
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("the provider's log:\n%s", p.log)
		}
	})
	p.start(t)
	return p
}

func (p *provider) start(t *testing.T) {
	t.Helper()
	c := newTool(t, "server")
	p.cmd = exec.Command(c.path)
	p.cmd.Dir, p.cmd.Env = c.dir, append(c.env, "PORT="+p.port, "USERS_FILE="+p.users, "REDIRECT_URI="+oidcCallback)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the OpenID Connect provider", func() bool {
		resp, err := http.Get(p.url + ".well-known/openid-configuration")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (p *provider) stop() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGKILL)
	p.cmd.Wait()
	p.cmd = nil
}

// idToken signs a user in as a browser does, and has the client get the token
// (OpenID Connect Core 1.0, 3.1).
func (p *provider) idToken(t *testing.T, user string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), oidcCallback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, _ := p.do(t, browser, "GET", p.url+"auth?"+url.Values{"client_id": {oidcClient}, "redirect_uri": {oidcCallback},
		"response_type": {"code"}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"}}.Encode(), nil)
	back, text := p.do(t, browser, "POST", p.url+"login/username",
		url.Values{"id": {page.Request.URL.Query().Get("authRequestID")}, "username": {user}, "password": {adasPassword}})
	at, err := url.Parse(back.Header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" {
		t.Fatalf("%s does not lead back: %v %s %s", user, err, back.Status, text)
	}
	_, text = p.do(t, browser, "POST", p.url+"oauth/token", url.Values{"grant_type": {"authorization_code"},
		"code": {at.Query().Get("code")}, "redirect_uri": {oidcCallback}})
	got := parse[struct {
		IDToken string `json:"id_token"`
	}](t, text)
	if got.IDToken == "" {
		t.Fatalf("there is no token: %s", text)
	}
	return got.IDToken
}

// do sends a form, as the provider's client.
func (p *provider) do(t *testing.T, c *http.Client, method, at string, form url.Values) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if form.Has("grant_type") {
		r.SetBasicAuth(oidcClient, oidcSecret)
	}
	return answer(t, c, r)
}

func answer(t *testing.T, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// startTrusting starts a registry that takes the provider's tokens: ada may do
// everything below acme, and eve comes by no rule.
func startTrusting(t *testing.T, p *provider) *registry {
	t.Helper()
	file := configFile(t, "")
	writeFile(t, file, readFile(t, file)+fmt.Sprintf(`auth:
  issuers: |
    - name: house
      url: %s
      audience: %s
      rules:
        - when: {sub: ada}
          subject: "{sub}"
access:
  rules: |
    service:house/ada owner namespace:acme
`, p.url, oidcClient))
	return startRegistry(t, file)
}

// exchange gives a token of the provider for one of the registry (RFC 8693,
// 2.1).
func (r *registry) exchange(t *testing.T, token, scope string) (status int, access, granted string) {
	t.Helper()
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "scope": {scope}}
	q, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.addr+"/v2/_lading/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, text := answer(t, http.DefaultClient, q)
	got := parse[struct {
		AccessToken string `json:"access_token"`
		Scope       string `json:"scope"`
	}](t, text)
	return resp.StatusCode, got.AccessToken, got.Scope
}

// pushes puts a manifest without a blob, with a bearer token.
func (r *registry) pushes(t *testing.T, token, repository string) (status int, text string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+r.addr+"/v2/"+repository+"/manifests/1",
		strings.NewReader(`{"schemaVersion":2,"mediaType":"`+ocispec.MediaTypeImageIndex+`","manifests":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", ocispec.MediaTypeImageIndex)
	q.Header.Set("Authorization", "Bearer "+token)
	resp, text := answer(t, http.DefaultClient, q)
	return resp.StatusCode, text
}

// signsIn has oras sign in with a token as the password; it tells how that
// went.
func signsIn(t *testing.T, oras tool, addr, token string) bool {
	t.Helper()
	_, _, err := oras.try("login", "--plain-http", "-u", "oidc", "-p", token, addr)
	return err == nil
}

// TestOIDC: who a real provider says is there, by a token that is exchanged and
// by one that is a password; also while the provider is gone, and after it has
// come back with another key.
func TestOIDC(t *testing.T) {
	p := startProvider(t)
	r := startTrusting(t, p)
	const scope = "repository:acme/web:pull,push repository:other/web:pull,push"
	first := p.idToken(t, "ada")
	// Keys are fetched after the start.
	waitFor(t, "the issuer's keys", func() bool { status, _, _ := r.exchange(t, first, scope); return status == http.StatusOK })

	t.Run("exchange", func(t *testing.T) {
		_, access, granted := r.exchange(t, first, scope)
		equal(t, "the scope", granted, "repository:acme/web:pull,push")
		if status, text := r.pushes(t, access, "acme/web"); status != http.StatusCreated {
			t.Error("with the token that was got:", status, text)
		}
		for _, tt := range []struct {
			to, token string
			status    int
		}{{"other/web", access, 403}, {"acme/other", access, 401}, {"acme/web", first, 401}} {
			if status, text := r.pushes(t, tt.token, tt.to); status != tt.status {
				t.Errorf("to %s, for which the token is not: %d %s, want %d", tt.to, status, text, tt.status)
			}
		}
		if status, access, _ := r.exchange(t, p.idToken(t, "eve"), scope); status != http.StatusUnauthorized || access != "" {
			t.Error("who comes by no rule:", status, access)
		}
		if status, _, _ := r.exchange(t, first[:len(first)-8]+"AAAAAAAA", scope); status != http.StatusUnauthorized {
			t.Error("with another signature:", status)
		}
	})
	oras := newTool(t, "oras")
	writeFile(t, filepath.Join(oras.dir, "note.txt"), "hello")
	ref, other := r.addr+"/acme/note:1", r.addr+"/other/note:1"
	t.Run("oras", func(t *testing.T) {
		oras.run(t, "login", "--plain-http", "-u", "oidc", "-p", first, r.addr)
		oras.run(t, "push", "--plain-http", ref, "note.txt")
		oras.run(t, "pull", "--plain-http", "-o", t.TempDir(), ref)
		oras.fails(t, "denied", "push", "--plain-http", other, "note.txt")
		if signsIn(t, newTool(t, "oras"), r.addr, p.idToken(t, "eve")) {
			t.Error("eve, who comes by no rule, is let in")
		}
	})
	second, third := p.idToken(t, "ada"), p.idToken(t, "ada")
	p.stop()
	t.Run("without the provider", func(t *testing.T) {
		oras.run(t, "push", "--plain-http", ref, "note.txt")
		oras.run(t, "login", "--plain-http", "-u", "oidc", "-p", second, r.addr) // not shown before
		oras.run(t, "pull", "--plain-http", "-o", t.TempDir(), ref)
		oras.fails(t, "denied", "push", "--plain-http", other, "note.txt")
	})
	p.start(t) // with another key
	t.Run("another key", func(t *testing.T) {
		fresh := p.idToken(t, "ada")
		waitFor(t, "the issuer's new key", func() bool { return signsIn(t, oras, r.addr, fresh) })
		oras.run(t, "push", "--plain-http", ref, "note.txt")
		oras.fails(t, "denied", "push", "--plain-http", other, "note.txt")
		for name, old := range map[string]string{"shown": first, "not shown": third} {
			if signsIn(t, newTool(t, "oras"), r.addr, old) {
				t.Errorf("a token by the key that is gone, %s before, is good", name)
			}
		}
	})
	for _, secret := range []string{first, second, third, "eyJ"} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the registry's log holds a token")
		}
	}
	if !strings.Contains(r.log.String(), "who=service:house/ada") {
		t.Error("the log does not tell who asked")
	}
}
