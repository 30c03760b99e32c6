package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading"
)

func TestHashes(t *testing.T) {
	made := NewHash("secret")
	if !strings.HasPrefix(made.Text(), "$argon2id$v=19$m=19456,t=2,p=1$") || made.Text() == NewHash("secret").Text() {
		t.Error(made.Text())
	}
	for _, text := range []string{
		made.Text(), hashOf(t, "secret", bcrypt.MinCost),
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$" + b64(argon2.IDKey([]byte("secret"), []byte("somesalt"), 2, 64, 1, 16)),
	} {
		h, err := ParseHash(text)
		if err != nil || h.Text() != text || !h.matches("secret") || h.matches("Secret") || h.matches("") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                                  "want a bcrypt hash",
		"secret":                            "want a bcrypt hash",
		"$2a$31$" + strings.Repeat("a", 53): "takes too long",
		"$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lcw":            "want a bcrypt hash",
		"$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":       "of version 19",
		"$argon2id$v=19$m=64,t=2$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":           "says m=,t=,p=",
		"$argon2id$v=19$m=64,t=2,p=1,x=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":   "says m=,t=,p=",
		"$argon2id$v=19$m=+64,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":      "says m=,t=,p=",
		"$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":  "at most",
		"$argon2id$v=19$m=64,t=11,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":      "at most",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":       "at most",
		"$argon2id$v=19$m=64,t=2,p=0$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA":       "at most",
		"$argon2id$v=19$m=64,t=2,p=1$$c29tZXNhbHRzb21lc2FsdA":                  "is not base64",
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$c2":                           "is not base64",
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$" + strings.Repeat("c", 1000): "too long",
	} {
		h, err := ParseHash(text)
		if err == nil || !strings.Contains(err.Error(), want) || h.matches("secret") || strings.Contains(err.Error(), "c29tZXN") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if (Hash{}).matches("") || !(Hash{}).Zero() {
		t.Error("no hash matches")
	}
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// FuzzHash: whatever is read as a hash costs what it may at most, and is
// written as it was read.
func FuzzHash(f *testing.F) {
	f.Add(NewHash("x").Text())
	f.Add("$2a$04$" + strings.Repeat("a", 53))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHash(text)
		if err != nil {
			return
		}
		if h.Text() != text || h.Zero() {
			t.Errorf("%q becomes %q", text, h.Text())
		}
		if a := h.argo; a != nil && (a.memory > maxArgonMemory || a.time > maxArgonTime || a.threads > maxArgonThreads || a.time == 0 || a.threads == 0) {
			t.Errorf("%q costs too much", text)
		}
	})
}

// some are accounts of a test: one user of each name, and one token.
type some struct {
	none
	hashes map[string]Hash
	gone   bool
}

func (s *some) Password(name string) (lading.Identity, Hash, bool) {
	h, ok := s.hashes[name]
	return lading.Identity{Subject: "user:" + name, Credential: &lading.Credential{ID: "password:" + name}}, h, ok
}

func (s *some) Decoy(uint64) Hash { return s.hashes["bob"] }
func (s *some) Count() int        { return len(s.hashes) }
func (s *some) IsToken(t string) bool {
	return strings.HasPrefix(t, "tok_")
}

func (s *some) Token(t string) (lading.Identity, bool) {
	return lading.Identity{Subject: "user:bob", Credential: &lading.Credential{ID: "token:1", Expires: time.Unix(1e9+100, 0)}}, t == "tok_good" && !s.gone
}

func (s *some) Current(id lading.Identity) (lading.Identity, bool) {
	id.Groups = []string{"dev"}
	return id, id.Subject == "user:bob" && !s.gone
}

// TestAccountsCost: one hash is computed for whoever is not remembered, user or
// not, password right or wrong, in the file or not; none for a token, and none
// for who is remembered, until the account has changed.
func TestAccountsCost(t *testing.T) {
	bcrypted, _ := ParseHash(hashOf(t, "of bob", bcrypt.MinCost))
	accounts := &some{hashes: map[string]Hash{"bob": bcrypted, "ada": bcrypted, "ci": {}}}
	w := open(t, "ada of the file")
	w.Basic.opt.Accounts = accounts
	costs := func(want int64, user, password string, wrong error) {
		t.Helper()
		before := w.computed.Load()
		id, err := w.Identify(request(user, password))
		if got := w.computed.Load() - before; got != want || !errors.Is(err, wrong) {
			t.Errorf("%s with %q: %+v, %v, want %v; %d hashes, want %d", user, password, id, err, wrong, got, want)
		}
	}
	out := lading.ErrUnauthorized
	costs(1, "bob", "of bob", nil)
	costs(0, "bob", "of bob", nil)
	costs(1, "bob", "wrong", out)
	costs(1, "eve", "of bob", out)
	costs(1, "ci", "of bob", out) // has no password
	costs(1, "ci", "", out)
	costs(1, "ada", "of the file", nil)
	costs(1, "ada", "of bob", out) // the file's counts
	costs(0, "x", "tok_good", nil)
	costs(0, "", "tok_good", nil)
	costs(0, "x", "tok_bad", out)
	accounts.gone = true
	costs(0, "x", "tok_good", out)
	costs(1, "bob", "of bob", nil) // it is looked at again
	accounts.gone = false
	costs(0, "x", "tok_good", nil)
	w.now = w.now.Add(101 * time.Second)
	if id, ok := w.still(lading.Identity{Subject: "user:bob", Credential: &lading.Credential{ID: "token:1", Expires: time.Unix(1e9+100, 0)}}); ok {
		t.Errorf("%+v has ended", id)
	}
	if now, ok := w.Current(lading.Identity{Subject: "user:ada", Credential: &lading.Credential{ID: "password:ada"}}); ok {
		t.Errorf("an account that the file hides is %+v", now)
	}
	if now, ok := w.Current(lading.Identity{Subject: "user:bob"}); !ok || len(now.Groups) != 1 {
		t.Errorf("%+v", now)
	}
}

// TestAccountsBearer: a token is taken as a bearer token, and nothing else is.
func TestAccountsBearer(t *testing.T) {
	var log bytes.Buffer
	b, err := Open("", Options{Accounts: &some{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]error{
		"Bearer tok_good": nil, "bearer  tok_good": nil, "Bearer tok_bad": lading.ErrUnauthorized, "Bearer eyJhbGciOiJub25lIn0.e30.": lading.ErrUnauthorized,
		"Bearer": lading.ErrUnauthorized, "Basic tok_good": lading.ErrUnauthorized, "tok_good": lading.ErrUnauthorized,
		"Bearer tok_" + strings.Repeat("x", 2000): lading.ErrUnauthorized,
	} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Header.Set("Authorization", header)
		if id, err := b.Identify(r); !errors.Is(err, want) || (err == nil) != (id.Subject == "user:bob") {
			t.Errorf("%.40q: %+v, %v", header, id, err)
		}
	}
	// Without a file there is nothing to look at.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.Run(ctx)
	b.Refresh()
	if log.Len() > 0 {
		t.Error(log.String())
	}
}
