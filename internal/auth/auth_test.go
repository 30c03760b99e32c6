package auth

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading"
)

func hashOf(t testing.TB, password string, cost int) string {
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// world is a users' file and who reads it, with a clock that is turned by hand.
type world struct {
	t    testing.TB
	path string
	log  bytes.Buffer
	now  time.Time
	told atomic.Int64
	*Basic
}

func open(t testing.TB, users ...string) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "htpasswd"), now: time.Unix(1e9, 0)}
	w.write(users...)
	var err error
	w.Basic, err = Open(w.path, Options{Now: func() time.Time { return w.now }, Changed: func() { w.told.Add(1) }, Logger: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write writes a file of "name password" pairs, or of whole lines.
func (w *world) write(users ...string) {
	w.t.Helper()
	text := "# users\n\n"
	for _, u := range users {
		name, password, ok := strings.Cut(u, " ")
		if ok {
			u = name + ":" + hashOf(w.t, password, bcrypt.MinCost)
		}
		text += u + "\n"
	}
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func request(user, password string) *http.Request {
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.RemoteAddr = "192.0.2.7:1234"
	r.SetBasicAuth(user, password)
	return r
}

func (w *world) want(user, password string, want error) {
	w.t.Helper()
	id, err := w.Identify(request(user, password))
	if !errors.Is(err, want) || (err == nil) != (id.Subject == "user:"+user) {
		w.t.Errorf("%s with %q: %+v, %v; want %v", user, password, id, err, want)
	}
}

func TestIdentify(t *testing.T) {
	w := open(t, "ada lovelace", "bob builder")
	w.want("ada", "lovelace", nil)
	w.want("bob", "builder", nil)
	for _, wrong := range [][2]string{{"ada", "builder"}, {"ada", ""}, {"ada", "Lovelace"}, {"Ada", "lovelace"}, {"eve", "lovelace"}, {"eve", "builder"}, {"", ""}, {"", "lovelace"}, {"ada", strings.Repeat("x", 2000)}} {
		w.want(wrong[0], wrong[1], lading.ErrUnauthorized)
		w.slow = attempts{}
	}
	if id, err := w.Identify(httptest.NewRequest("GET", "/v2/", nil)); err != nil || !id.Anonymous() {
		t.Error("without a header:", id, err)
	}
	for _, header := range [][]string{{"Bearer abc"}, {"Basic"}, {"Basic !"}, {"Basic YWRh"}, {""}, {"Digest x"},
		{request("ada", "lovelace").Header.Get("Authorization"), request("bob", "builder").Header.Get("Authorization")}} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Header["Authorization"] = header
		if id, err := w.Identify(r); !errors.Is(err, lading.ErrUnauthorized) || !id.Anonymous() {
			t.Errorf("%q: %+v %v", header, id, err)
		}
	}
	if !w.Known("user:ada") || w.Known("user:eve") || w.Known("ada") {
		t.Error("who is known")
	}
	for _, secret := range []string{"lovelace", "builder", "$2"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// A password that was right is not computed again for a while; a wrong one
// always is, and a user that there is not costs the same.
func TestCosts(t *testing.T) {
	w := open(t, "ada lovelace")
	computes := func(want int64, user, password string) {
		t.Helper()
		before := w.computed.Load()
		_, _ = w.Identify(request(user, password))
		if got := w.computed.Load() - before; got != want {
			t.Errorf("%s with %s: %d hashes, want %d", user, password, got, want)
		}
	}
	computes(1, "ada", "lovelace")
	computes(0, "ada", "lovelace")
	computes(1, "ada", "wrong")
	computes(1, "ada", "wrong")
	computes(1, "eve", "wrong")
	computes(1, "eve", "lovelace")
	w.now = w.now.Add(6 * time.Minute)
	computes(1, "ada", "lovelace")
	computes(0, "ada", "lovelace")
}

// Many at once with one password make one look at it, and all are let in.
func TestTogether(t *testing.T) {
	w := open(t, "ada:"+hashOf(t, "lovelace", 8))
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() { w.want("ada", "lovelace", nil) })
	}
	wg.Wait()
	if n := w.computed.Load(); n != 1 {
		t.Errorf("%d hashes", n)
	}
}

func TestSlowed(t *testing.T) {
	w := open(t, "ada lovelace", "bob builder")
	for range freeOfPair {
		w.want("ada", "wrong", lading.ErrUnauthorized)
	}
	before := w.computed.Load()
	w.want("ada", "wrong again", lading.ErrTooManyRequests)
	w.want("ada", "lovelace", lading.ErrTooManyRequests) // the right one, too: it may be guessed
	if w.computed.Load() != before {
		t.Error("what is refused is computed")
	}
	w.want("bob", "builder", nil)
	elsewhere := request("ada", "lovelace")
	elsewhere.RemoteAddr = "192.0.2.8:1"
	if _, err := w.Identify(elsewhere); err != nil {
		t.Error("from elsewhere:", err)
	}
	// Who is in already is not kept out by others' guesses.
	w.want("ada", "lovelace", nil)
	var e *lading.Error
	if _, err := w.Identify(request("ada", "x")); !errors.As(err, &e) || e.Detail != (retryDetail{1}) {
		t.Errorf("%+v", e)
	}
	for _, wait := range []int{1, 2, 4, 8, 16, 30, 30} {
		w.now = w.now.Add(time.Duration(wait) * time.Second)
		w.want("ada", "wrong", lading.ErrUnauthorized)
		w.want("ada", "wrong", lading.ErrTooManyRequests)
	}
	w.now = w.now.Add(forgotten + longest)
	for range freeOfPair {
		w.want("ada", "wrong", lading.ErrUnauthorized)
	}
	// Many names from one address.
	for i := range freeOfPlace {
		_, _ = w.Identify(request(fmt.Sprint("u", i), "x"))
	}
	w.want("carol", "x", lading.ErrTooManyRequests)
}

func TestHost(t *testing.T) {
	for remote, want := range map[string]string{"192.0.2.7:1": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3::4]:9": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "@"} {
		if got := host(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// A change of the file is in force at once, for those too who were let in.
func TestReload(t *testing.T) {
	w := open(t, "ada lovelace", "bob builder")
	w.want("ada", "lovelace", nil)
	w.want("bob", "builder", nil)
	w.Refresh()
	if w.told.Load() != 0 {
		t.Error("nothing has changed")
	}
	w.write("ada countess", "carol singer")
	w.Refresh()
	w.want("ada", "lovelace", lading.ErrUnauthorized)
	w.want("ada", "countess", nil)
	w.want("bob", "builder", lading.ErrUnauthorized)
	w.want("carol", "singer", nil)
	if w.told.Load() != 1 || w.Known("user:bob") {
		t.Errorf("told %d times", w.told.Load())
	}
	// What cannot be used changes nothing, and is said once.
	w.write("ada countess", "nonsense")
	w.Refresh()
	w.Refresh()
	w.want("carol", "singer", nil)
	if n := strings.Count(w.log.String(), "cannot be used"); n != 1 || !strings.Contains(w.log.String(), "htpasswd:4: want name:hash") {
		t.Errorf("%d lines\n%s", n, &w.log)
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	w.Refresh()
	w.want("carol", "singer", nil)
	w.write("carol singer")
	w.Refresh()
	w.want("ada", "countess", lading.ErrUnauthorized)
	w.want("carol", "singer", nil)
}

// TestSettled: a file that changes twice in the time of one tick of its clock
// is read again.
func TestSettled(t *testing.T) {
	w := open(t)
	old, same := time.Now().Add(-time.Hour), time.Now()
	for i, name := range []string{"ada", "bob", "eve"} {
		w.write(name + " password")
		when := same // and of the same size
		if i == 2 {
			when = old
		}
		if err := os.Chtimes(w.path, when, when); err != nil {
			t.Fatal(err)
		}
		w.Refresh()
		if !w.Known("user:" + name) {
			t.Errorf("%s is not known", name)
		}
	}
	if !w.file.Load().fresh(w.path) {
		t.Error("a file of old is read again and again")
	}
}

func TestMistakes(t *testing.T) {
	good := hashOf(t, "secret", bcrypt.MinCost)
	for text, want := range map[string]string{
		"ada":                              ":1: want name:hash",
		":" + good:                         ":1: the name is empty",
		"a b:" + good:                      ":1: the name is empty, too long or has spaces",
		"ada:" + good + "\nada:" + good:    ":2: the user is there twice",
		"ada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37": ":1: want a bcrypt hash",
		"ada:$apr1$x$y":                    ":1: want a bcrypt hash",
		"ada:secret":                       ":1: want a bcrypt hash",
		"ada:" + strings.Replace(good, "$04$", "$20$", 1): ":1: the hash costs 2^20",
		"ada:x\nb:y": ":2: want a bcrypt hash",
	} {
		_, err := parse("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "f"+want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "$04") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, kind := range []string{"$2a$", "$2y$", "$2b$"} {
		f, err := parse("f", []byte("ada:"+strings.Replace(good, "$2a$", kind, 1)+"\r\n#x\n"))
		if err != nil || len(f.users) != 1 {
			t.Error(kind, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// No pair of texts has the digest of another.
func TestKeyed(t *testing.T) {
	k, other := newKeyed(), newKeyed()
	first, again := k.sum("a", "bc"), k.sum("a", "bc")
	if first != again {
		t.Error("a digest changes")
	}
	if k.sum("a", "bc") == k.sum("ab", "c") || k.sum("", "x") == k.sum("x", "") || k.sum("a", "b") == other.sum("a", "b") {
		t.Error("two have one digest")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("ada:" + hashOf(f, "x", bcrypt.MinCost)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := parse("f", text); err == nil && len(got.users) != len(got.byName) {
			t.Error("users and names differ")
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	w := open(f, "ada lovelace")
	f.Add("Basic YWRhOmxvdmVsYWNl")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Header["Authorization"] = []string{header}
		w.slow = attempts{}
		user, password, _ := r.BasicAuth()
		id, err := w.Identify(r)
		if (err == nil) != (user == "ada" && password == "lovelace") || (err == nil) == id.Anonymous() {
			t.Errorf("%q: %+v %v", header, id, err)
		}
	})
}

// BenchmarkWarm is a request of somebody who was let in before.
func BenchmarkWarm(b *testing.B) {
	w := open(b, "ada lovelace")
	r := request("ada", "lovelace")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Identify(r); err != nil {
			b.Fatal(err)
		}
	}
}
