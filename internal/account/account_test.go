package account

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

const secret = "correct horse battery"

// world is a catalog with a store over it, users who sign in there, and a clock
// that is turned by hand.
type world struct {
	*catalogtest.World
	*Store
	users *auth.Basic
	now   atomic.Int64
	log   bytes.Buffer
	told  atomic.Int64
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		w := &world{World: catalogtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true}, catalog.Options{})}
		w.now.Store(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC).UnixMicro())
		w.open(Options{})
		fn(t, w)
	})
}

func (w *world) clock() time.Time { return time.UnixMicro(w.now.Load()).UTC() }

// pass turns the clock.
func (w *world) pass(d time.Duration) { w.now.Add(d.Microseconds()) }

func (w *world) open(opt Options) *Store {
	w.T.Helper()
	opt.Now, opt.Changed, opt.Logger = w.clock, func() { w.told.Add(1) }, slog.New(slog.NewTextHandler(&w.log, nil))
	if opt.Reserved == nil {
		opt.Reserved = func(s string) bool { return s == "user:taken" }
	}
	s, err := Open(context.Background(), w.Cat, opt)
	w.Must(err)
	w.Store = s
	w.users, err = auth.Open("", auth.Options{Accounts: s, Now: w.clock})
	w.Must(err)
	return s
}

// as is the context of somebody.
func as(subject string) context.Context {
	return lading.WithIdentity(context.Background(), lading.Identity{Subject: subject})
}

func ptr[T any](v T) *T { return &v }

func (w *world) user(name string, groups ...string) {
	w.T.Helper()
	if groups == nil {
		groups = []string{}
	}
	c := lading.AccountChange{Groups: &groups}
	if strings.HasPrefix(name, "user:") {
		c.Password = ptr(secret)
	}
	created, err := w.PutAccount(as("user:root"), name, c, true)
	w.Must(err)
	if !created {
		w.T.Errorf("%s is not new", name)
	}
}

func (w *world) token(in lading.NewAPIToken) (string, lading.APIToken) {
	w.T.Helper()
	text, t, err := w.CreateToken(as(in.Owner), in, nil)
	w.Must(err)
	return text, t
}

// signIn is who the registry takes somebody for.
func (w *world) signIn(name, password string) (lading.Identity, error) {
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.SetBasicAuth(name, password)
	return w.users.Identify(r)
}

func (w *world) bearer(token string) (lading.Identity, error) {
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.users.Identify(r)
}

func (w *world) wantIn(name, password, subject string) lading.Identity {
	w.T.Helper()
	id, err := w.signIn(name, password)
	if err != nil || id.Subject != subject {
		w.T.Errorf("%s: %+v, %v; want %s", name, id, err, subject)
	}
	return id
}

func (w *world) wantOut(name, password string) {
	w.T.Helper()
	w.pass(time.Minute) // nobody is slowed
	if id, err := w.signIn(name, password); !errors.Is(err, lading.ErrUnauthorized) || id.Subject != "" {
		w.T.Errorf("%s: %+v, %v", name, id, err)
	}
}

func TestPasswords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("user:bob", "dev", "acme")
		id := w.wantIn("bob", secret, "user:bob")
		if !slices.Equal(id.Groups, []string{"acme", "dev"}) {
			t.Errorf("%+v", id)
		}
		w.wantOut("bob", "wrong horse battery")
		w.wantOut("Bob", secret)
		w.wantOut("eve", secret)
		if _, ok := w.Current(id); !ok {
			t.Error("bob is not known")
		}

		// A change of groups leaves him in, and is felt at once.
		_, err := w.PutAccount(as("user:root"), "user:bob", lading.AccountChange{Groups: ptr([]string{"ops"})}, false)
		w.Must(err)
		if now, ok := w.Current(id); !ok || !slices.Equal(now.Groups, []string{"ops"}) {
			t.Errorf("%+v %v", now, ok)
		}
		if id := w.wantIn("bob", secret, "user:bob"); !slices.Equal(id.Groups, []string{"ops"}) {
			t.Errorf("%+v", id)
		}

		// A change of the password ends what was signed in with the old one.
		_, err = w.PutAccount(as("user:bob"), "user:bob", lading.AccountChange{Password: ptr("another password")}, false)
		w.Must(err)
		w.wantOut("bob", secret)
		if _, ok := w.Current(id); ok {
			t.Error("the old password is good")
		}
		id = w.wantIn("bob", "another password", "user:bob")

		// Disabled is out, with the right password too, and comes back.
		disable := func(yes bool) {
			_, err := w.PutAccount(as("user:root"), "user:bob", lading.AccountChange{Disabled: &yes}, false)
			w.Must(err)
		}
		disable(true)
		w.wantOut("bob", "another password")
		if _, ok := w.Current(id); ok {
			t.Error("who is disabled is known")
		}
		disable(false)
		w.wantIn("bob", "another password", "user:bob")

		// Removed is out; who has the name then is somebody else.
		w.Must(w.DeleteAccount(as("user:root"), "user:bob"))
		w.wantOut("bob", "another password")
		_, err = w.PutAccount(as("user:root"), "user:bob", lading.AccountChange{Password: ptr("another password")}, true)
		w.Must(err)
		if _, ok := w.Current(id); ok {
			t.Error("the new bob is taken for the old one")
		}
		w.wantIn("bob", "another password", "user:bob")
	})
}

func TestImportedHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
		w.Must(err)
		_, err = w.PutAccount(as(""), "user:old", lading.AccountChange{PasswordHash: ptr(string(old))}, false)
		w.Must(err)
		_, err = w.PutAccount(as(""), "user:new", lading.AccountChange{PasswordHash: ptr(auth.NewHash(secret).Text())}, false)
		w.Must(err)
		w.wantIn("old", secret, "user:old")
		w.wantIn("new", secret, "user:new")
		w.wantOut("old", "wrong")
	})
}

func TestRefusedAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("user:bob")
		long := strings.Repeat("x", 1025)
		for _, tt := range []struct {
			name string
			c    lading.AccountChange
			want error
		}{
			{"user:", lading.AccountChange{}, lading.ErrAccountInvalid},
			{"group:x", lading.AccountChange{}, lading.ErrAccountInvalid},
			{"user:a:b", lading.AccountChange{}, lading.ErrAccountInvalid},
			{"user:a/b", lading.AccountChange{}, lading.ErrAccountInvalid},
			{"user:a b", lading.AccountChange{}, lading.ErrAccountInvalid},
			{"user:" + long, lading.AccountChange{}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Password: ptr("elevenbytes")}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Password: &long}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Password: ptr("twelve bytes\n")}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Password: ptr(newToken())}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Password: ptr(secret), PasswordHash: ptr("$2a$x")}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{PasswordHash: ptr("secret hash")}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{PasswordHash: ptr("$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vt")}, lading.ErrAccountInvalid},
			{"service:x", lading.AccountChange{Password: ptr(secret)}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Groups: ptr([]string{"a b"})}, lading.ErrAccountInvalid},
			{"user:x", lading.AccountChange{Groups: ptr([]string{""})}, lading.ErrAccountInvalid},
			{"user:taken", lading.AccountChange{Password: ptr(secret)}, lading.ErrConflict},
			{"user:bob", lading.AccountChange{}, lading.ErrPreconditionFailed},
		} {
			_, err := w.PutAccount(as("user:root"), tt.name, tt.c, true)
			if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "horse") {
				t.Errorf("%.40s %+v: %v, want %v", tt.name, tt.c, err, tt.want)
			}
		}
		if err := w.DeleteAccount(as(""), "user:x"); !errors.Is(err, lading.ErrAccountUnknown) {
			t.Error(err)
		}
		all, err := w.Accounts(as(""), "", 10)
		w.Must(err)
		if len(all) != 1 {
			t.Errorf("%+v", all)
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("user:bob", "dev")
		w.user("service:ci")
		text, tok := w.token(lading.NewAPIToken{Owner: "user:bob", Description: "laptop", Scopes: []string{"pull namespace:acme"}})
		if !tok.Expires.Equal(w.clock().Add(90*24*time.Hour)) || tok.Owner != "user:bob" || tok.CreatedBy != "user:bob" {
			t.Errorf("%+v", tok)
		}
		for _, user := range []string{"bob", "whoever", ""} {
			id := w.wantIn(user, text, "user:bob")
			c := id.Credential
			if c == nil || c.ID != "token:"+tok.ID || !c.Expires.Equal(tok.Expires) || !slices.Equal(id.Groups, []string{"dev"}) || c.Bound == nil ||
				!c.Bound[lading.VerbPull.Index()].Contains("acme/web") || c.Bound[lading.VerbPull.Index()].Contains("other") || !c.Bound[lading.VerbPush.Index()].Empty() {
				t.Errorf("%+v", id)
			}
		}
		id, err := w.bearer(text)
		if err != nil || id.Subject != "user:bob" {
			t.Error(id, err)
		}
		for _, bad := range []string{text[:len(text)-1], text + "0", strings.ToUpper(text), "lading_pat_", newToken(), "lading_pat_" + strings.Repeat("0", 49)} {
			if id, err := w.bearer(bad); !errors.Is(err, lading.ErrUnauthorized) {
				t.Errorf("%q is %+v, %v", bad, id, err)
			}
		}
		free, _ := w.token(lading.NewAPIToken{Owner: "service:ci", Expires: "never"})
		if id := w.wantIn("x", free, "service:ci"); id.Credential.Bound != nil || !id.Credential.Expires.IsZero() {
			t.Errorf("%+v", id)
		}

		// It ends when it ends, also where it is remembered.
		w.pass(90*24*time.Hour - time.Second)
		w.wantIn("x", text, "user:bob")
		w.pass(time.Second)
		w.wantOut("x", text)
		w.wantIn("x", free, "service:ci")

		// Revoked, and with its owner disabled and gone.
		text, tok = w.token(lading.NewAPIToken{Owner: "user:bob"})
		id = w.wantIn("x", text, "user:bob")
		_, err = w.PutAccount(as(""), "user:bob", lading.AccountChange{Disabled: ptr(true)}, false)
		w.Must(err)
		w.wantOut("x", text)
		_, err = w.PutAccount(as(""), "user:bob", lading.AccountChange{Disabled: ptr(false)}, false)
		w.Must(err)
		w.wantIn("x", text, "user:bob")
		w.Must(w.DeleteToken(as("user:bob"), tok.ID))
		if _, ok := w.Current(id); ok {
			t.Error("a revoked token is known")
		}
		w.wantOut("x", text)
		if err := w.DeleteToken(as("user:bob"), tok.ID); !errors.Is(err, lading.ErrTokenUnknown) {
			t.Error(err)
		}
		text, _ = w.token(lading.NewAPIToken{Owner: "user:bob"})
		w.Must(w.DeleteAccount(as(""), "user:bob"))
		w.user("user:bob")
		w.wantOut("bob", text)
		if all, _ := w.Tokens(as(""), "user:bob", "", 10); len(all) != 0 {
			t.Errorf("the new bob has %+v", all)
		}
	})
}

func TestRefusedTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("user:bob")
		w.open(Options{MaxTokenAge: 30 * 24 * time.Hour})
		_, tok := w.token(lading.NewAPIToken{Owner: "user:bob"})
		if !tok.Expires.Equal(w.clock().Add(30 * 24 * time.Hour)) {
			t.Error(tok.Expires)
		}
		bound, err := lading.ParseBound([]string{"pull,push namespace:acme"})
		w.Must(err)
		small := &lading.Credential{Bound: bound}
		short := &lading.Credential{Expires: w.clock().Add(time.Hour)}
		for _, tt := range []struct {
			in   lading.NewAPIToken
			by   *lading.Credential
			want error
		}{
			{lading.NewAPIToken{Owner: "user:eve"}, nil, lading.ErrAccountUnknown},
			{lading.NewAPIToken{Owner: "user:taken"}, nil, lading.ErrConflict},
			{lading.NewAPIToken{Expires: "never"}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Expires: "soon"}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Expires: "2020-01-01T00:00:00Z"}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Expires: "2026-12-01T00:00:00Z"}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Description: "a\nb"}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Scopes: []string{"pull"}}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Scopes: []string{"all registry"}}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{Scopes: []string{"pull acme"}}, nil, lading.ErrTokenInvalid},
			{lading.NewAPIToken{}, small, lading.ErrDenied},
			{lading.NewAPIToken{Scopes: []string{"pull registry"}}, small, lading.ErrDenied},
			{lading.NewAPIToken{Scopes: []string{"pull namespace:acme", "admin repository:acme"}}, small, lading.ErrDenied},
			{lading.NewAPIToken{Scopes: []string{"pull repository:acme/web"}}, small, nil},
			{lading.NewAPIToken{}, short, nil},
			{lading.NewAPIToken{Expires: "2026-05-04T04:02:02Z"}, short, lading.ErrDenied},
		} {
			if tt.in.Owner == "" {
				tt.in.Owner = "user:bob"
			}
			text, tok, err := w.CreateToken(as("user:bob"), tt.in, tt.by)
			if !errors.Is(err, tt.want) || (err == nil) != (text != "") {
				t.Errorf("%+v: %v, want %v", tt.in, err, tt.want)
			}
			if err == nil && tt.by == short && !tok.Expires.Equal(short.Expires) {
				t.Errorf("%s, and who made it until %s", tok.Expires, short.Expires)
			}
		}
	})
}

// What is shown page by page is all, once.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		names := []string{"service:ci", "user:ann", "user:bob"}
		for _, n := range names {
			w.user(n)
			w.token(lading.NewAPIToken{Owner: n})
			w.token(lading.NewAPIToken{Owner: n})
		}
		var got []string
		for last := ""; ; {
			page, err := w.Accounts(as(""), last, 2)
			w.Must(err)
			if len(page) == 0 {
				break
			}
			for _, a := range page {
				got = append(got, a.Subject)
			}
			last = got[len(got)-1]
		}
		if !slices.Equal(got, names) {
			t.Error(got)
		}
		seen := map[string]bool{}
		for last := ""; ; {
			page, err := w.Tokens(as(""), "", last, 4)
			w.Must(err)
			if len(page) == 0 {
				break
			}
			for _, tok := range page {
				if seen[tok.ID] {
					t.Error("twice:", tok.ID)
				}
				seen[tok.ID], last = true, tok.ID
			}
		}
		if len(seen) != 6 {
			t.Error(seen)
		}
		if mine, _ := w.Tokens(as(""), "user:bob", "", 10); len(mine) != 2 || mine[0].Owner != "user:bob" {
			t.Errorf("%+v", mine)
		}
	})
}

// Uses are written seldom, and never while somebody waits.
func TestUsed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("service:ci")
		text, tok := w.token(lading.NewAPIToken{Owner: "service:ci"})
		used := func() time.Time {
			t.Helper()
			w.Must(w.Keep(context.Background()))
			again := w.open(Options{})
			got, err := again.APIToken(as(""), tok.ID)
			w.Must(err)
			return got.Used
		}
		if u := used(); !u.IsZero() {
			t.Error("used, never:", u)
		}
		w.wantIn("x", text, "service:ci")
		first := w.clock()
		if u := used(); !u.Equal(first) {
			t.Error(u, first)
		}
		w.pass(30 * time.Minute)
		w.wantIn("x", text, "service:ci")
		w.wantIn("x", text, "service:ci")
		if u := used(); !u.Equal(first) {
			t.Error("written again after", u.Sub(first))
		}
		w.wantIn("x", text, "service:ci")
		w.pass(30 * time.Minute)
		w.wantIn("x", text, "service:ci") // remembered
		if u := used(); !u.Equal(w.clock()) {
			t.Error(u, w.clock())
		}
		// What ended long ago goes.
		w.pass(150 * 24 * time.Hour)
		w.Must(w.Keep(context.Background()))
		if _, err := w.APIToken(as(""), tok.ID); !errors.Is(err, lading.ErrTokenUnknown) {
			t.Error(err)
		}
	})
}

// Every change is on record, and nothing secret is in the record or the log.
func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.user("user:bob", "dev")
		text, tok := w.token(lading.NewAPIToken{Owner: "user:bob", Scopes: []string{"reader registry"}})
		_, err := w.PutAccount(as("user:bob"), "user:bob", lading.AccountChange{Password: ptr("another password")}, false)
		w.Must(err)
		_, err = w.PutAccount(as("user:root"), "user:bob", lading.AccountChange{Disabled: ptr(true)}, false)
		w.Must(err)
		_, err = w.PutAccount(as("user:root"), "user:bob", lading.AccountChange{Disabled: ptr(true)}, false) // nothing
		w.Must(err)
		w.Must(w.DB.Update(context.Background(), 0, func(tx *sqldb.Tx) error {
			tx.Exec(`INSERT INTO access_rule(id,subject,scope,verbs) VALUES('r','user:bob','registry','pull')`)
			return nil
		}))
		w.Must(w.DeleteAccount(as("user:root"), "user:bob"))
		var got []string
		var generation, last int64
		w.Must(w.DB.View(context.Background(), func(q sqldb.Querier) error {
			w.Must(q.QueryRow(context.Background(), `SELECT generation FROM access_generation WHERE id=0`).Scan(&generation))
			rows, err := q.Query(context.Background(), `SELECT generation,actor,id,before,after FROM access_change ORDER BY generation`)
			w.Must(err)
			defer rows.Close()
			for rows.Next() {
				var actor, id, before, after string
				w.Must(rows.Scan(&last, &actor, &id, &before, &after))
				got = append(got, actor+"|"+id+"|"+before+"|"+after)
			}
			return rows.Err()
		}))
		want := []string{
			"user:root|user:bob||user:bob groups=dev password changed",
			"user:bob|token:" + tok.ID + "||user:bob expires=" + tok.Expires.Format(time.RFC3339) + " scopes=reader registry",
			"user:bob|user:bob|user:bob groups=dev|user:bob groups=dev password changed",
			"user:root|user:bob|user:bob groups=dev|user:bob groups=dev disabled",
			"user:root|user:bob|user:bob groups=dev disabled|",
			"user:root|token:" + tok.ID + "|user:bob|",
			"user:root|r|user:bob pull registry|",
		}
		if !slices.Equal(got, want) || generation != last {
			t.Errorf("generation %d:\n%s\nwant\n%s", generation, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, s := range []string{secret, "another password", text, text[11:30], "$argon2", "$2"} {
			if strings.Contains(strings.Join(got, "")+w.log.String(), s) {
				t.Error("a secret is written down:", s)
			}
		}
	})
}

// What one replica changes is in force there at once, and in another when it
// looks.
func TestReplicas(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.open(Options{}), w.open(Options{})
		w.Store = one
		w.user("user:bob")
		text, _ := w.token(lading.NewAPIToken{Owner: "user:bob"})
		if _, ok := two.Token(text); ok {
			t.Error("known before it looked")
		}
		w.Must(two.Refresh(context.Background()))
		id, ok := two.Token(text)
		if !ok {
			t.Fatal("not known")
		}
		told := w.told.Load()
		w.Must(two.Refresh(context.Background()))
		if w.told.Load() != told {
			t.Error("told of no change")
		}
		w.Must(one.DeleteAccount(as(""), "user:bob"))
		w.Must(two.Refresh(context.Background()))
		if _, ok := two.Current(id); ok || w.told.Load() != told+2 {
			t.Error("still known, or nobody told", w.told.Load(), told)
		}
	})
}

// The first account is made once, and its password is in the file alone.
func TestBootstrap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dir := t.TempDir()
		s := w.open(Options{Dir: dir})
		file, err := s.Bootstrap(context.Background())
		w.Must(err)
		text, err := os.ReadFile(file)
		w.Must(err)
		info, err := os.Stat(file)
		w.Must(err)
		if info.Mode().Perm() != 0o600 || len(text) != firstDigits+1 || strings.Contains(w.log.String(), string(text[:20])) {
			t.Errorf("%s %q", info.Mode(), text)
		}
		password := strings.TrimSpace(string(text))
		w.wantIn("admin", password, "user:admin")
		if again, err := s.Bootstrap(context.Background()); again != "" || err != nil {
			t.Error(again, err)
		}
		other := w.open(Options{Dir: t.TempDir()})
		if again, err := other.Bootstrap(context.Background()); again != "" || err != nil {
			t.Error(again, err)
		}
		var rule string
		w.Must(w.DB.Read().QueryRow(context.Background(), `SELECT subject || ' ' || scope || ' ' || verbs FROM access_rule`).Scan(&rule))
		if !strings.HasPrefix(rule, "user:admin registry list,") || !strings.Contains(rule, "admin") {
			t.Error(rule)
		}
		_, err = s.PutAccount(as("user:admin"), "user:admin", lading.AccountChange{Password: ptr(secret)}, false)
		w.Must(err)
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file is there still:", err)
		}
		// Nor does it outlive the account.
		w.Must(os.WriteFile(file, []byte(password+"\n"), 0o600))
		w.Must(s.DeleteAccount(as("user:admin"), "user:admin"))
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file is there still, and the account is not:", err)
		}
	})
}

// Of replicas that begin together one makes the account, and a file that is
// there has the password to be.
func TestBootstrapTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dirs := []string{t.TempDir(), t.TempDir()}
		w.Must(os.WriteFile(dirs[0]+"/"+firstFile, []byte(secret+"\n"), 0o600))
		one, two := w.open(Options{Dir: dirs[0]}), w.open(Options{Dir: dirs[1]})
		made, err := one.Bootstrap(context.Background())
		w.Must(err)
		none, err := two.Bootstrap(context.Background())
		w.Must(err)
		if made == "" || none != "" {
			t.Errorf("%q %q", made, none)
		}
		if _, err := os.Stat(dirs[1] + "/" + firstFile); !errors.Is(err, os.ErrNotExist) {
			t.Error("a file with a password that is none:", err)
		}
		w.wantIn("admin", secret, "user:admin")
	})
}
