package server_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading/internal/config"
)

// credentials are one of each kind, and who has them.
type credentials struct {
	*guarded
	file   string // a password of the users' file: user:ada's
	api    string // an API token: service:robot's
	access string // a token of the registry: user:ada's
	oidc   string // a token of another issuer: service:house/ci's
	asked  atomic.Uint32
}

// everyKind is a registry that takes every kind of credential there is in a
// header.
func everyKind(f *testing.F) *credentials {
	f.Helper()
	issuer, sign := keyedIssuer(f)
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Limits.Rates = f.TempDir(), config.Relaxed, config.Rates{}
	cfg.Auth.Htpasswd, cfg.Auth.Accounts, cfg.Access.Rules = usersFile(f), true, "user:root owner,admin registry"
	cfg.Auth.Issuers = fmt.Sprintf("- {name: house, url: %q, audience: here, accept: bearer, rules: [{when: {sub: ci}, subject: ci}]}", issuer)
	g := guardedWith(f, cfg)
	c := &credentials{guarded: g, file: passwordOfAll, access: g.bearer(caller{"ada", passwordOfAll}, "account:self:*"),
		oidc: sign(map[string]any{"iss": issuer, "aud": "here", "sub": "ci", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()})}
	g.account("service:robot")
	c.api, _ = g.token(root, `{"owner":"service:robot"}`)
	return c
}

// keyedIssuer is an issuer with one key, and signs what it is given.
func keyedIssuer(f *testing.F) (url string, sign func(claims map[string]any) string) {
	f.Helper()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	f.Cleanup(web.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": web.URL, "jwks_uri": web.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: "EdDSA", Use: "sig"}}})
	})
	return web.URL, func(claims map[string]any) string {
		body, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: secret, KeyID: "k"}}, nil)
		if err != nil {
			f.Fatal(err)
		}
		o, err := s.Sign(body)
		if err != nil {
			f.Fatal(err)
		}
		text, err := o.CompactSerialize()
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
}

// who asks with a header who it is.
func (c *credentials) who(t testing.TB, header ...string) (status int, subject string) {
	r := httptest.NewRequest("GET", access+"whoami", nil)
	r.Header["Authorization"] = header
	// Each comes from elsewhere, so that nobody has to wait.
	n := c.asked.Add(1)
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
	w := httptest.NewRecorder()
	c.srv.Handler().ServeHTTP(w, r)
	for _, h := range header {
		if len(h) > 24 && strings.Contains(w.Body.String(), h) {
			t.Errorf("the answer to %q has it: %s", h, w.Body)
		}
	}
	var me struct{ Subject string }
	if err := json.Unmarshal(w.Body.Bytes(), &me); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return w.Code, me.Subject
}

// owner is whom a header names, read anew: the whole of what is let in.
func (c *credentials) owner(header string) string {
	r := &http.Request{Header: http.Header{"Authorization": {header}}}
	name, secret, basic := r.BasicAuth()
	if scheme, token, _ := strings.Cut(header, " "); !basic && strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(token)
	} else if !basic {
		return ""
	}
	switch {
	case secret == c.api:
		return "service:robot"
	case sameToken(secret, c.oidc):
		return "service:house/ci"
	case !basic && secret == c.access:
		return "user:ada"
	case basic && name == "ada" && secret == c.file:
		return "user:ada"
	}
	return ""
}

// sameToken tells whether a text has what a token says, and a signature; the
// last letter of that has bits which say nothing.
func sameToken(text, token string) bool {
	return len(text) == len(token) && text[:len(text)-1] == token[:len(token)-1]
}

// header is an Authorization header with the credentials of this registry in
// place of {file}, {api}, {access} and {oidc}, in a byte of which some bits are
// turned.
func (c *credentials) header(scheme, text string, encoded bool, at uint16, bits byte) string {
	b := []byte(strings.NewReplacer("{file}", c.file, "{api}", c.api, "{access}", c.access, "{oidc}", c.oidc).Replace(text))
	if len(b) > 0 {
		b[int(at)%len(b)] ^= bits
	}
	if encoded {
		return scheme + " " + base64.StdEncoding.EncodeToString(b)
	}
	return scheme + " " + string(b)
}

// FuzzAuthorization asks a whole registry, with each kind of credential that
// there is, who somebody is: nobody is let in but by one of them, and as
// another than its owner.
func FuzzAuthorization(f *testing.F) {
	c := everyKind(f)
	deadline := time.Now().Add(20 * time.Second)
	for status := 0; status != http.StatusOK; status, _ = c.who(f, "Bearer "+c.oidc) {
		if time.Now().After(deadline) {
			f.Fatal("the issuer's keys are not there")
		}
	}
	for _, good := range []struct {
		scheme, text string
		encoded      bool
	}{
		{"Basic", "ada:{file}", true}, {"basic", "x:{api}", true}, {"Basic", ":{api}", true}, {"Basic", "oidc:{oidc}", true},
		{"Bearer", "{api}", false}, {"bearer ", "{access}", false}, {"BEARER", "{oidc}", false},
	} {
		h := c.header(good.scheme, good.text, good.encoded, 0, 0)
		if status, subject := c.who(f, h); status != http.StatusOK || subject == "" || subject != c.owner(h) {
			f.Errorf("%+v: %d %s, want %s", good, status, subject, c.owner(h))
		}
		if status, subject := c.who(f, h, h); status != http.StatusUnauthorized {
			f.Errorf("twice: %d %s", status, subject)
		}
		for _, at := range []uint16{0, 5, 40, 65535} {
			f.Add(good.scheme, good.text, good.encoded, at, byte(0))
			f.Add(good.scheme, good.text, good.encoded, at, byte(1))
			f.Add(good.scheme, good.text+".", good.encoded, at, byte(32))
		}
	}
	for _, odd := range []string{"", "ada:{access}", "ada:", ":", "\x00:\x00", "..", "eyJ.eyJ.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaSJ9.", "{oidc}.{access}", "{access} {api}"} {
		f.Add("Bearer", odd, false, uint16(0), byte(0))
		f.Add("Basic", odd, true, uint16(0), byte(0))
		f.Add(odd, odd, false, uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, scheme, text string, encoded bool, at uint16, bits byte) {
		header := c.header(scheme, text, encoded, at, bits)
		status, subject := c.who(t, header)
		switch {
		case status == http.StatusOK:
			if subject == "" || subject != c.owner(header) {
				t.Errorf("%q is let in as %q, and is of %q", header, subject, c.owner(header))
			}
		case status != http.StatusUnauthorized:
			t.Errorf("%q: %d", header, status)
		}
	})
}
