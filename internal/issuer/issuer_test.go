package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
)

// provider is an issuer on this machine, whose keys can be changed, and which
// can be silent.
type provider struct {
	t       testing.TB
	srv     *httptest.Server
	key     *rsa.PrivateKey
	kid     string
	set     atomic.Pointer[jose.JSONWebKeySet]
	asked   atomic.Int64
	silent  atomic.Bool
	now     time.Time
	issuers *Issuers
}

const someRules = `
  groups_claim: teams
  rules:
    - when: {repository: acme/*, ref: refs/heads/**}
      subject: "{repository}"
      groups: [ci, "branch-{ref_name}"]
    - when: {kubernetes.io.namespace: prod, "kubernetes.io/sa": "true"}
      subject: "{kubernetes.io.namespace}/{kubernetes.io.serviceaccount.name}"
`

func newProvider(t testing.TB, more string) *provider {
	t.Helper()
	p := &provider{t: t, now: time.Unix(2e9, 0)}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.srv.URL, "jwks_uri": p.srv.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		if p.asked.Add(1); p.silent.Load() {
			<-r.Context().Done()
			return
		}
		_ = json.NewEncoder(w).Encode(p.set.Load())
	})
	p.srv = httptest.NewServer(mux)
	t.Cleanup(p.srv.Close)
	p.newKey("k1")
	named, err := config.Auth{Issuers: "- name: test\n  url: " + p.srv.URL + "\n  audience: registry.example" + more + someRules}.ParsedIssuers()
	if err != nil {
		t.Fatal(err)
	}
	if p.issuers, err = New(named, Options{Now: func() time.Time { return p.now }, Patience: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *provider) newKey(kid string) {
	p.t.Helper()
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		p.t.Fatal(err)
	}
	p.kid = kid
	p.set.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: kid, Algorithm: "RS256", Use: "sig"}}})
}

// fetch fetches the keys once, as Run does.
func (p *provider) fetch() {
	p.t.Helper()
	if err := p.issuers.byURL[p.srv.URL].keys.refresh(context.Background()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *provider) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.issuers.Run(ctx) }()
	p.t.Cleanup(func() { cancel(); <-ended })
}

func (p *provider) claims(more map[string]any) map[string]any {
	c := map[string]any{"iss": p.srv.URL, "aud": "registry.example", "sub": "x", "jti": "id-1", "iat": p.now.Unix(), "nbf": p.now.Unix(), "exp": p.now.Add(time.Minute).Unix(),
		"repository": "acme/web", "ref": "refs/heads/a/b", "ref_name": "main"}
	maps.Copy(c, more)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (p *provider) sign(claims map[string]any) string {
	p.t.Helper()
	b, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.signRaw(jose.RS256, jose.JSONWebKey{Key: p.key, KeyID: p.kid}, b)
}

func (p *provider) signRaw(alg jose.SignatureAlgorithm, key any, payload []byte) string {
	p.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	o, err := s.Sign(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := o.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// ask shows a token as a password.
func (p *provider) ask(text string) (lading.Identity, bool, error) {
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.SetBasicAuth("oidc", text)
	return p.issuers.Authenticate(r)
}

func TestWho(t *testing.T) {
	p := newProvider(t, "")
	p.fetch()
	for _, tt := range []struct {
		name            string
		more            map[string]any
		subject, groups string
	}{
		{"the first rule", nil, "service:test/acme/web", "ci branch-main"},
		{"groups of a claim", map[string]any{"teams": []string{"dev", "ops"}}, "service:test/acme/web", "ci branch-main test/dev test/ops"},
		{"a group without its claim", map[string]any{"ref_name": nil}, "service:test/acme/web", "ci"},
		{"another owner", map[string]any{"repository": "evil/web"}, "", ""},
		{"a deeper one", map[string]any{"repository": "acme/web/x"}, "", ""},
		{"a like one", map[string]any{"repository": "xacme/web"}, "", ""},
		{"a tag", map[string]any{"ref": "refs/tags/v1"}, "", ""},
		{"without the claim", map[string]any{"ref": nil}, "", ""},
		{"a claim of another kind", map[string]any{"ref": map[string]any{"x": "refs/heads/a"}}, "", ""},
		{"claims in claims", map[string]any{"repository": nil, "kubernetes.io/sa": true, "kubernetes.io": map[string]any{"namespace": "prod", "serviceaccount": map[string]any{"name": "robot"}}}, "service:test/prod/robot", ""},
		{"what leads elsewhere", map[string]any{"repository": "acme/.."}, "", ""},
		{"what is no name", map[string]any{"repository": "acme/a b"}, "", ""},
		{"what is too long", map[string]any{"repository": "acme/" + strings.Repeat("a", 300)}, "", ""},
	} {
		id, handled, err := p.ask(p.sign(p.claims(tt.more)))
		if tt.subject == "" {
			if !handled || !errors.Is(err, lading.ErrUnauthorized) || !id.Anonymous() {
				t.Errorf("%s: %+v %v %v", tt.name, id, handled, err)
			}
			continue
		}
		if err != nil || id.Subject != tt.subject || strings.Join(id.Groups, " ") != tt.groups || id.Credential.ID != "oidc:test:id-1" || !id.Credential.Expires.Equal(p.now.Add(time.Minute)) {
			t.Errorf("%s: %+v %+v %v", tt.name, id, id.Credential, err)
		}
		if now, ok := p.issuers.Current(id); !ok || now.Subject != id.Subject {
			t.Errorf("%s is not known afterwards", tt.name)
		}
	}
	for _, id := range []lading.Identity{{Subject: "service:test/x"}, {Subject: "user:ada", Credential: &lading.Credential{ID: "oidc:test:1"}},
		{Subject: "service:other/x", Credential: &lading.Credential{ID: "oidc:other:1"}}, {Subject: "service:test/x", Credential: &lading.Credential{ID: "token:1"}}} {
		if _, ok := p.issuers.Current(id); ok {
			t.Errorf("%+v is known", id)
		}
	}
}

func TestHostile(t *testing.T) {
	p := newProvider(t, "")
	p.fetch()
	unix := func(d time.Duration) int64 { return p.now.Add(d).Unix() }
	good := p.sign(p.claims(nil))
	public := jose.JSONWebKey{Key: p.key.Public(), KeyID: p.kid}
	der, err := public.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(p.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger := newProvider(t, "")
	ours := strings.TrimSuffix(string(payload), "}")
	for name, text := range map[string]string{
		"expired":           p.sign(p.claims(map[string]any{"exp": unix(0)})),
		"for ever":          p.sign(p.claims(map[string]any{"exp": nil})),
		"not yet valid":     p.sign(p.claims(map[string]any{"nbf": unix(time.Hour)})),
		"of the future":     p.sign(p.claims(map[string]any{"iat": unix(2 * time.Minute)})),
		"without a time":    p.sign(p.claims(map[string]any{"iat": nil})),
		"for another":       p.sign(p.claims(map[string]any{"aud": "other.example"})),
		"for nobody":        p.sign(p.claims(map[string]any{"aud": nil})),
		"unsigned":          part(`{"alg":"none"}`) + "." + part(string(payload)) + ".",
		"HMAC by the key":   p.signRaw(jose.HS256, der, payload),
		"a stranger's key":  p.signRaw(jose.RS256, jose.JSONWebKey{Key: stranger.key, KeyID: p.kid}, payload),
		"another kind":      p.signRaw(jose.ES256, jose.JSONWebKey{Key: ec, KeyID: p.kid}, payload),
		"another algorithm": p.signRaw(jose.RS512, jose.JSONWebKey{Key: p.key, KeyID: p.kid}, payload),
		"a claim twice":     p.signRaw(jose.RS256, jose.JSONWebKey{Key: p.key, KeyID: p.kid}, []byte(ours+`,"repository":"acme/web"}`)),
		"a claim as twice":  p.signRaw(jose.RS256, jose.JSONWebKey{Key: p.key, KeyID: p.kid}, []byte(ours+`,"AUD":"registry.example"}`)),
		"another text":      good[:strings.LastIndexByte(good, '.')+1] + part("x"),
	} {
		if id, handled, err := p.ask(text); !handled || !errors.Is(err, lading.ErrUnauthorized) || !id.Anonymous() {
			t.Errorf("%s: %+v %v %v", name, id, handled, err)
		}
	}
	for name, text := range map[string]string{"another issuer's": stranger.sign(stranger.claims(nil)), "large": good + strings.Repeat("A", maxToken), "no token": "password", "a name of an issuer only": "ey.ey.ey"} {
		if _, handled, err := p.ask(text); handled || err != nil {
			t.Errorf("%s is handled: %v", name, err)
		}
	}
	if _, _, err := p.ask(good); err != nil {
		t.Error(err)
	}
	p.now = p.now.Add(time.Minute)
	if _, _, err := p.ask(good); !errors.Is(err, lading.ErrUnauthorized) {
		t.Error("what was right before it expired:", err)
	}
}

func TestBearer(t *testing.T) {
	for more, want := range map[string]bool{"": false, "\n  accept: bearer": true} {
		p := newProvider(t, more)
		p.fetch()
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Header.Set("Authorization", "Bearer "+p.sign(p.claims(nil)))
		if id, handled, err := p.issuers.Authenticate(r); handled != want || err != nil || want != (id.Subject == "service:test/acme/web") {
			t.Errorf("%q: %+v %v %v", more, id, handled, err)
		}
	}
}

// TestKeysChange: a key that is new is fetched when it is met, others not again
// and again.
func TestKeysChange(t *testing.T) {
	p := newProvider(t, "")
	p.issuers.opt.Patience = 5 * time.Second
	for _, is := range p.issuers.byURL {
		is.keys.opt.Patience = 5 * time.Second
	}
	if _, _, err := p.ask(p.sign(p.claims(nil))); !errors.Is(err, lading.ErrUnavailable) && !errors.Is(err, lading.ErrUnauthorized) {
		t.Error("before any key was fetched:", err)
	}
	p.run()
	shown, old := p.sign(p.claims(map[string]any{"jti": "2"})), p.sign(p.claims(nil))
	if _, _, err := p.ask(shown); err != nil {
		t.Fatal(err)
	}
	p.newKey("k2")
	p.now = p.now.Add(20 * time.Second)
	asked := p.asked.Load()
	if _, _, err := p.ask(p.sign(p.claims(nil))); err != nil || p.asked.Load() != asked+1 {
		t.Errorf("by a new key: %v, asked %d times", err, p.asked.Load()-asked)
	}
	for range 5 {
		if _, _, err := p.ask(old); !errors.Is(err, lading.ErrUnauthorized) {
			t.Error("by a key that is gone:", err)
		}
		if _, _, err := p.ask(shown); !errors.Is(err, lading.ErrUnauthorized) {
			t.Error("by a key that is gone, and was right before:", err)
		}
	}
	if n := p.asked.Load(); n != asked+1 {
		t.Errorf("asked %d times", n-asked)
	}
}

// TestSilence: an issuer that does not answer holds up nobody who has a token
// by a known key, and others only a moment.
func TestSilence(t *testing.T) {
	p := newProvider(t, "")
	p.fetch()
	p.silent.Store(true)
	p.run()
	p.now = p.now.Add(20 * time.Second)
	began := time.Now()
	if _, _, err := p.ask(p.sign(p.claims(nil))); err != nil {
		t.Error(err)
	}
	unknown := p.signRaw(jose.RS256, jose.JSONWebKey{Key: p.key, KeyID: "k9"}, []byte(`{"iss":"`+p.srv.URL+`"}`))
	if _, _, err := p.ask(unknown); err == nil {
		t.Error("by a key that nobody knows")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Error("it took", took)
	}
}

// TestFetch: what an issuer says leads nowhere else.
func TestFetch(t *testing.T) {
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a host was asked that nobody named") }))
	defer inner.Close()
	private, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer private.Close()
	var reached atomic.Bool
	go func() {
		if c, err := private.Accept(); err == nil {
			reached.Store(true)
			c.Close()
		}
	}()
	elsewhere := strings.Replace(inner.URL, "127.0.0.1", "127.0.0.2", 1)
	for name, answer := range map[string]http.HandlerFunc{
		"another scheme": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"URL","jwks_uri":"` + elsewhere + `"}`))
		},
		"a private host": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"URL","jwks_uri":"https://` + private.Addr().String() + `/"}`))
		},
		"a file": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"URL","jwks_uri":"file:///etc/passwd"}`))
		},
		"another issuer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://x","jwks_uri":"URL"}`))
		},
		"a redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner.URL, http.StatusFound) },
		"without end":     func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(strings.Repeat(" ", maxFetch+10))) },
		"an error":        func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 500) },
		"no document":     func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`<html>`)) },
		"not even a host": func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"issuer":"URL"}`)) },
	} {
		var srv *httptest.Server
		srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			answer(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			_, _ = w.Write([]byte(strings.ReplaceAll(rec.Body.String(), "URL", srv.URL)))
		}))
		f, err := newFetcher(config.Issuer{URL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		if set, err := f.keys(context.Background()); err == nil {
			t.Errorf("%s: %v", name, set)
		}
		srv.Close()
	}
	if reached.Load() {
		t.Error("a private host was reached")
	}
	for addr, want := range map[string]bool{"10.0.0.1:1": false, "127.0.0.1:1": false, "[::1]:1": false, "169.254.169.254:80": false, "[fe80::1]:1": false, "[fd00::1]:1": false,
		"[::ffff:10.0.0.1]:1": false, "100.64.0.1:1": false, "0.0.0.0:1": false, "224.0.0.1:1": false,
		"0.1.2.3:1": false, "198.18.0.1:1": false, "255.255.255.255:1": false, "[64:ff9b::a00:1]:1": false, "[2002:a00:1::]:1": false, "8.8.8.8:443": true, "[2606:4700::1]:443": true} {
		if err := outside(addr); (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"a*", "a", true}, {"a*", "a/b", false}, {"a**", "a/b", true},
		{"*", "", true}, {"*/web", "acme/web", true}, {"*/web", "a/b/web", false}, {"**/web", "a/b/web", true}, {"a*c*e", "abcde", true}, {"a*c*e", "abcd", false},
		{"repo:acme/*:ref:refs/heads/main", "repo:acme/web:ref:refs/heads/main", true}, {"a?", "ab", false},
	} {
		if got := glob(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q %q: %v", tt.pattern, tt.text, got)
		}
	}
}
