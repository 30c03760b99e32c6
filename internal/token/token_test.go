package token

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// world is a catalog with replicas over it, who all have one clock. ada may do
// everything below acme, and everyone may read below public.
type world struct {
	*catalogtest.World
	now  time.Time
	gone map[string]bool
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, newWorld(t, fresh(t)))
	})
}

func newWorld(t testing.TB, url string) *world {
	return &world{World: catalogtest.Open(t, sqldb.Options{URL: url, Relaxed: true}, catalog.Options{}), now: time.Unix(2e9, 0), gone: map[string]bool{}}
}

func (w *world) open(opt Options) *Service {
	w.T.Helper()
	opt.Now = func() time.Time { return w.now }
	opt.Current = func(id lading.Identity) (lading.Identity, bool) { return id, !w.gone[id.Subject] }
	opt.Granted = func(ctx context.Context, v lading.Verb) (lading.Grants, error) {
		id := lading.IdentityFrom(ctx)
		var g lading.Grants
		if v == lading.VerbPull || v == lading.VerbList {
			g = lading.NewGrants(lading.PrefixRange("public/"))
		}
		if id.Subject == "user:ada" && v != lading.VerbAdmin {
			g = g.Union(lading.NewGrants(lading.NamespaceRanges("acme")...))
		}
		return id.Credential.Limit(v, g, w.now), nil
	}
	s, err := Open(context.Background(), w.Cat, opt)
	w.Must(err)
	return s
}

func as(id lading.Identity) context.Context {
	return lading.WithIdentity(context.Background(), id)
}

var ada = lading.Identity{Subject: "user:ada", Groups: []string{"dev"}}

func (w *world) issue(s *Service, ctx context.Context, q Request) Answer {
	w.T.Helper()
	a, err := s.Issue(ctx, q)
	w.Must(err)
	return a
}

func (w *world) token(s *Service) string { return w.issue(s, as(ada), Request{}).Access }

// wantIdentity checks whom a token names.
func (w *world) want(s *Service, what, text, subject string) lading.Identity {
	w.T.Helper()
	id, err := s.Identify(context.Background(), text)
	if subject == "" {
		if !errors.Is(err, lading.ErrUnauthorized) || !id.Anonymous() || id.Credential != nil {
			w.T.Errorf("%s: %+v %v", what, id, err)
		}
		return id
	}
	if err != nil || id.Subject != subject {
		w.T.Errorf("%s: %+v %v, want %s", what, id, err, subject)
	}
	return id
}

func TestIssue(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.open(Options{})
		key := lading.Identity{Subject: "user:ada", Credential: &lading.Credential{ID: "token:1", Expires: w.now.Add(time.Minute), Bound: boundOf([]Scope{{"namespace", "acme/lib", []string{"pull"}}})}}
		for _, tt := range []struct {
			id          lading.Identity
			asked, want string
		}{
			{ada, "", ""},
			{ada, "repository:acme/web:pull,push,delete", "repository:acme/web:pull,push,delete"},
			{ada, "repository:acme/web:*,admin", "repository:acme/web:*"},
			{ada, "repository:other/web:pull,push", ""},
			{ada, "repository:public/a:pull,push repository:acme/a:pull", "repository:public/a:pull repository:acme/a:pull"},
			{ada, "registry:catalog:*", "registry:catalog:*"},
			{lading.Identity{}, "account:self:*", ""},
			{lading.Identity{}, "repository:public/a:pull,push repository:acme/a:pull", "repository:public/a:pull"},
			{lading.Identity{Subject: "user:bob"}, "repository:acme/a:pull,push", ""},
			{key, "repository:acme/web:pull repository:acme/lib/x:pull,push", "repository:acme/lib/x:pull"},
		} {
			a := w.issue(s, as(tt.id), Request{Scopes: []string{tt.asked}, Service: s.Name()})
			if a.Scope() != tt.want {
				t.Errorf("%s asks for %q: %q, want %q", tt.id.Subject, tt.asked, a.Scope(), tt.want)
			}
			id, err := s.Identify(context.Background(), a.Access)
			if err != nil || id.Subject != tt.id.Subject || id.Credential == nil || !id.Credential.Expires.Equal(a.Expires) {
				t.Errorf("%s: %+v %v", tt.asked, id, err)
			}
			for i := range id.Credential.Bound {
				if !id.Credential.Bound[i].Subtract(boundOf(a.Scopes)[i]).Empty() {
					t.Errorf("%s: the token is good for more: %v", tt.asked, id.Credential.Bound[i])
				}
			}
		}
		a := w.issue(s, as(key), Request{Scopes: []string{"registry:catalog:*,pull"}})
		id := w.want(s, "a bounded one", a.Access, "user:ada")
		if id.Credential.ID != "token:1" || !id.Credential.Expires.Equal(key.Credential.Expires) || !id.Credential.Bound[1].Equal(key.Credential.Bound[1]) || !id.Credential.Wider.Bound[1].Equal(key.Credential.Bound[1]) {
			t.Errorf("%+v", id.Credential)
		}
		if self := w.want(s, "as the caller", w.issue(s, as(ada), Request{Scopes: []string{"account:self:*"}}).Access, "user:ada"); self.Credential.Bound != nil || self.Credential.Narrowed() {
			t.Errorf("%+v", self.Credential)
		}
		if self := w.want(s, "as the key", w.issue(s, as(key), Request{Scopes: []string{"account:self:*"}}).Access, "user:ada"); !self.Credential.Bound[1].Equal(key.Credential.Bound[1]) || self.Credential.Narrowed() || !id.Credential.Narrowed() {
			t.Errorf("%+v", self.Credential)
		}
		r := w.open(Options{Refresh: time.Hour})
		source := func(ctx context.Context, q Request) *lading.Credential {
			return w.want(s, "a source", w.issue(r, ctx, q).Access, "user:ada").Credential.Source()
		}
		self := []string{"account:self:*"}
		if c := source(as(ada), Request{Scopes: self}); !c.Expires.IsZero() || c.Bound != nil {
			t.Errorf("of a password: %+v", c)
		}
		if c := source(as(key), Request{Scopes: self}); !c.Expires.Equal(key.Credential.Expires) || c.Bound == nil {
			t.Errorf("of a key: %+v", c)
		}
		if c := source(as(ada), Request{}); c.Expires.IsZero() || c.Bound == nil {
			t.Errorf("of a token for less: %+v", c)
		}
		if c := source(context.Background(), Request{Refresh: w.issue(r, as(ada), Request{Offline: true}).Refresh, Scopes: self}); c.Expires.IsZero() {
			t.Errorf("of a refresh token: %+v", c)
		}
		again := w.issue(s, as(id), Request{Scopes: []string{"repository:acme/web:pull"}, Offline: true})
		if again.Scope() != "" || again.Refresh != "" || again.Expires.After(a.Expires) {
			t.Errorf("a token gets a wider one, or a longer: %+v", again)
		}
		for _, q := range []Request{{Service: "other"}, {Scopes: []string{strings.Repeat("repository:a:pull ", 0) + manyScopes()}}} {
			if _, err := s.Issue(as(ada), q); !errors.Is(err, lading.ErrParameterInvalid) {
				t.Errorf("%.80v: %v", q, err)
			}
		}
	})
}

func manyScopes() string {
	var b strings.Builder
	for i := range MaxScopes + 1 {
		b.WriteString("repository:acme/" + strings.Repeat("a", i+1) + ":pull ")
	}
	return b.String()
}

// forge makes a token of a header and claims, with a signature by fn.
func forge(header, claims map[string]any, fn func(text string) []byte) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(header) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(fn(text))
}

// TestHostile: only what the registry has made itself, for itself, and for now
// is taken.
func TestHostile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.open(Options{})
		k := s.ring.Load().signer
		sign := func(text string) []byte { return ed25519.Sign(k.secret, []byte(text)) }
		_, strange, _ := ed25519.GenerateKey(nil)
		unix := func(d time.Duration) int64 { return w.now.Add(d).Unix() }
		for _, tt := range []struct {
			name           string
			header, claims map[string]any
			sign           func(string) []byte
			good           bool
		}{
			{"as it should be", nil, nil, sign, true},
			{"just begun elsewhere", nil, map[string]any{"nbf": unix(time.Minute), "iat": unix(time.Minute), "exp": unix(2 * time.Minute)}, sign, true},
			{"expired", nil, map[string]any{"exp": unix(0)}, sign, false},
			{"not yet valid", nil, map[string]any{"nbf": unix(2 * time.Minute)}, sign, false},
			{"issued in the future", nil, map[string]any{"iat": unix(2 * time.Minute)}, sign, false},
			{"for a day", nil, map[string]any{"exp": unix(24 * time.Hour)}, sign, false},
			{"without an end", nil, map[string]any{"exp": nil}, sign, false},
			{"without a beginning", nil, map[string]any{"nbf": nil}, sign, false},
			{"without a time", nil, map[string]any{"iat": nil}, sign, false},
			{"without an id", nil, map[string]any{"jti": nil}, sign, false},
			{"of another issuer", nil, map[string]any{"iss": "lading-0"}, sign, false},
			{"for another audience", nil, map[string]any{"aud": "lading-0"}, sign, false},
			{"for several", nil, map[string]any{"aud": []string{s.name, "x"}}, sign, false},
			{"unsigned", map[string]any{"alg": "none"}, nil, func(string) []byte { return nil }, false},
			{"signed and said not to be", map[string]any{"alg": "none"}, nil, sign, false},
			{"HMAC with the public key", map[string]any{"alg": "HS256"}, nil, func(text string) []byte {
				m := hmac.New(sha256.New, k.secret.Public().(ed25519.PublicKey))
				m.Write([]byte(text))
				return m.Sum(nil)
			}, false},
			{"another algorithm", map[string]any{"alg": "ES256"}, nil, sign, false},
			{"a strange key", nil, nil, func(text string) []byte { return ed25519.Sign(strange, []byte(text)) }, false},
			{"a strange key with its name", map[string]any{"kid": "x"}, nil, func(text string) []byte { return ed25519.Sign(strange, []byte(text)) }, false},
			{"a key of its own", map[string]any{"kid": "x", "jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(strange.Public().(ed25519.PublicKey))}}, nil,
				func(text string) []byte { return ed25519.Sign(strange, []byte(text)) }, false},
			{"no key", map[string]any{"kid": nil}, nil, sign, false},
			{"of another kind", map[string]any{"typ": "JWT"}, nil, sign, false},
			{"of no kind", map[string]any{"typ": nil}, nil, sign, false},
			{"with something critical", map[string]any{"crit": []string{"b64"}, "b64": false}, nil, sign, false},
			{"another text signed", nil, nil, func(string) []byte { return sign("x") }, false},
		} {
			header := map[string]any{"alg": "EdDSA", "kid": k.id, "typ": kind}
			claims := map[string]any{"iss": s.name, "aud": s.name, "sub": "user:ada", "jti": newID(), "iat": unix(0), "nbf": unix(0), "exp": unix(time.Minute), "access": []any{}}
			for into, from := range map[*map[string]any]map[string]any{&header: tt.header, &claims: tt.claims} {
				for name, v := range from {
					if (*into)[name] = v; v == nil {
						delete(*into, name)
					}
				}
			}
			want := ""
			if tt.good {
				want = "user:ada"
			}
			w.want(s, tt.name, forge(header, claims, tt.sign), want)
		}
		good := w.token(s)
		w.want(s, "a good one", good, "user:ada")
		for name, text := range map[string]string{
			"empty": "", "cut": good[:len(good)-3], "longer": good + "A", "with a newline": good + "\n", "in two": strings.Replace(good, ".", "..", 1),
			"large": good + strings.Repeat("A", MaxSize), "json": `{"payload":"","signatures":[]}`,
		} {
			w.want(s, name, text, "")
		}
		twice := func(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }
		text := twice(`{"alg":"EdDSA","kid":"`+k.id+`","typ":"`+kind+`"}`) + "." + twice(`{"iss":"`+s.name+`","aud":"`+s.name+`","sub":"user:bob","sub":"user:ada","jti":"1","iat":2000000000,"nbf":2000000000,"exp":2000000060,"access":[]}`)
		w.want(s, "a claim twice", text+"."+base64.RawURLEncoding.EncodeToString(sign(text)), "")
	})
}

// TestKeys: replicas read what any of them has signed, also with a key that was
// made since; one that was replaced is good until its last token has expired.
func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.open(Options{Rotate: time.Hour}), w.open(Options{Rotate: time.Hour})
		old := w.token(a)
		w.want(b, "another replica", old, "user:ada")
		w.now = w.now.Add(time.Hour - time.Minute)
		before := w.token(a)
		w.now = w.now.Add(time.Minute)
		w.Must(a.Refresh(context.Background()))
		after := w.token(a)
		if len(a.ring.Load().keys) != 2 || len(b.ring.Load().keys) != 1 {
			t.Fatal("there should be another key:", len(a.ring.Load().keys), len(b.ring.Load().keys))
		}
		w.want(a, "by the key that was replaced", before, "user:ada")
		w.want(b, "by a key that is new", after, "user:ada")
		w.Must(b.Refresh(context.Background()))
		if len(b.ring.Load().keys) != 2 {
			t.Error("both have made one")
		}
		w.now = w.now.Add(2 * time.Hour)
		w.Must(a.Refresh(context.Background()))
		w.Must(b.Refresh(context.Background()))
		if n := len(b.ring.Load().keys); n != 2 {
			t.Error("keys whose tokens are over:", n)
		}

		now := w.token(a)
		w.want(b, "remembered", now, "user:ada")
		w.Must(a.db.Update(context.Background(), 0, func(tx *sqldb.Tx) error { tx.Exec(`DELETE FROM token_key`); return nil }))
		w.now = w.now.Add(2 * time.Second)
		w.Must(b.Refresh(context.Background()))
		w.want(b, "by a key that was removed", now, "")
		text, err := b.Keys()
		if err != nil || strings.Contains(string(text), `"d"`) || !strings.Contains(string(text), b.ring.Load().signer.id) {
			t.Errorf("%s %v", text, err)
		}
	})
}

// TestUnknownKeys: who writes tokens with keys that there are not has the
// catalog asked once in a while only.
func TestUnknownKeys(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/c.db")
	s := w.open(Options{})
	asked := s.read
	forged := forge(map[string]any{"alg": "EdDSA", "kid": "x", "typ": kind}, map[string]any{}, func(string) []byte { return make([]byte, 64) })
	for range 10 {
		w.want(s, "forged", forged, "")
	}
	if s.read != asked {
		t.Error("it was asked at once")
	}
	w.now = w.now.Add(s.opt.Poll)
	w.want(s, "forged", forged, "")
	if s.read == asked {
		t.Error("it was not asked again")
	}
}

func TestGone(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/c.db")
	s := w.open(Options{Refresh: time.Hour})
	a := w.issue(s, as(ada), Request{Offline: true})
	w.want(s, "there", a.Access, "user:ada")
	w.gone["user:ada"] = true
	w.want(s, "gone", a.Access, "")
	if _, err := s.Issue(context.Background(), Request{Refresh: a.Refresh}); !errors.Is(err, lading.ErrUnauthorized) {
		t.Error("who has gone comes back:", err)
	}
	other := newWorld(t, "sqlite:"+t.TempDir()+"/c.db").open(Options{})
	w.want(other, "of another registry", a.Access, "")
}

func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, none := w.open(Options{Refresh: time.Hour}), w.open(Options{})
		if a := w.issue(none, as(ada), Request{Offline: true}); a.Refresh != "" {
			t.Error("none shall be given")
		}
		if a := w.issue(s, as(lading.Identity{}), Request{Offline: true}); a.Refresh != "" {
			t.Error("nobody has got one")
		}
		bound := lading.Identity{Subject: "user:ada", Credential: &lading.Credential{ID: "token:1", Bound: boundOf([]Scope{{"namespace", "acme/lib", []string{"pull"}}})}}
		full, part := w.issue(s, as(ada), Request{Offline: true, Client: "docker"}), w.issue(s, as(bound), Request{Offline: true})
		q := Request{Refresh: full.Refresh, Scopes: []string{"repository:acme/web:pull,push repository:acme/lib/x:pull"}}
		a := w.issue(s, context.Background(), q)
		if a.Scope() != "repository:acme/web:pull,push repository:acme/lib/x:pull" || a.Refresh != full.Refresh {
			t.Errorf("%+v", a)
		}
		if id := w.want(s, "refreshed", a.Access, "user:ada"); id.Credential.ID != auth.Session+auth.Refreshed || len(id.Groups) != 1 {
			t.Errorf("%+v %+v", id, id.Credential)
		}
		q.Refresh = part.Refresh
		if a := w.issue(s, context.Background(), q); a.Scope() != "repository:acme/lib/x:pull" {
			t.Errorf("the bound is forgotten: %+v", a)
		}
		refused := func(what, text string) {
			t.Helper()
			if _, err := s.Issue(context.Background(), Request{Refresh: text}); !errors.Is(err, lading.ErrUnauthorized) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("an unknown one", Prefix+"AAAA")
		refused("an access token", a.Access)
		refused("a long one", Prefix+strings.Repeat("A", 1<<20))
		w.Must(s.EndSession(context.Background(), session{hash: hashOf(part.Refresh)}.id()))
		refused("one that was ended", part.Refresh)
		w.issue(s, context.Background(), Request{Refresh: full.Refresh})
		w.now = w.now.Add(time.Hour)
		refused("an expired one", full.Refresh)
		w.Must(s.Keep(context.Background()))
		var n int
		w.Must(s.db.Read().QueryRow(context.Background(), `SELECT count(*) FROM refresh_token`).Scan(&n))
		if n != 0 {
			t.Error("they stay:", n)
		}
		for range maxRefresh + 3 {
			w.now = w.now.Add(time.Second)
			w.issue(s, as(ada), Request{Offline: true})
		}
		w.Must(s.db.Read().QueryRow(context.Background(), `SELECT count(*) FROM refresh_token`).Scan(&n))
		if n != maxRefresh {
			t.Error("there are", n)
		}
		w.Must(s.EndSessions(context.Background(), "user:ada"))
		w.Must(s.db.Read().QueryRow(context.Background(), `SELECT count(*) FROM refresh_token`).Scan(&n))
		if n != 0 {
			t.Error("there are still", n)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	w := newWorld(f, "sqlite:"+f.TempDir()+"/c.db")
	s := w.open(Options{})
	good := w.token(s)
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(strings.Repeat(".", 10))
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := s.Identify(context.Background(), text); err == nil && text != good {
			t.Errorf("%q is taken for %+v", text, id)
		}
	})
}
