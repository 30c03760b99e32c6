package oracletest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/server"
)

const password = "open sesame"

// callers are who asks: ada may read some and administers a part, bob has no
// rule, carol may push to a place that she cannot read; the empty one has not
// signed in.
var callers = []string{"ada", "bob", "carol", ""}

// rules are those of both registries.
const rules = `
user:root   owner,admin registry
user:ada    reader      repository:m/a
user:ada    reader      repository:m/b
user:ada    reader      repository:m/c.d
user:ada    list        repository:m/listed
user:ada    pull        repository:m/pulled
user:ada    owner,admin,audit namespace:own
user:ada    reader      prefix:p2
user:ada    reader      repository:p1
user:carol  push        namespace:drop
anonymous   reader      namespace:public
`

// What is where. The hidden names lie before, between, below and behind the
// visible ones, and begin as they do.
var (
	visible = []string{"m/a", "m/b", "m/c.d", "m/listed", "m/pulled", "own/web", "own/app", "p1", "p2/q", "public/x"}
	hidden  = []string{"m/a/y", "own2", "a", "m", "m/a-b", "m/aa", "m/c.d/e", "o", "ow", "pa", "vault/x", "zz", "m/z"}
	nobodys = []string{"m/none", "own/none", "none"}
)

// Content that is in visible and hidden repositories, in hidden ones alone,
// and nowhere.
const (
	sharedBlob = "content that many have"
	secretBlob = "content that only others have"
	noBlob     = "content that nobody has"
)

func digestOf(s string) string { return digest.FromString(s).String() }

// clock is the time of a registry.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// tick lets time pass, by more than whatever others do takes.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
}

// world is a registry, with others or without.
type world struct {
	t      testing.TB
	clock  *clock
	web    *httptest.Server
	others bool
	step   int
	// uploads are ids of uploads that others have begun, by repository.
	uploads  map[string]string
	token    string // the id of a token of others
	signedIn string // the id of a session of others
	out      []answer
}

func usersFile(t testing.TB) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, name := range []string{"root", "ada", "bob", "carol"} {
		text += name + ":" + string(hash) + "\n"
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open starts a registry on an empty catalog.
func open(t testing.TB, url string, others bool) *world {
	t.Helper()
	w := &world{t: t, others: others, uploads: map[string]string{}, clock: &clock{now: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)}}
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	if strings.HasPrefix(url, "postgres") {
		cfg.Catalog.URL = url
	}
	cfg.Auth.Htpasswd, cfg.Access.Rules, cfg.HTTP.OCIDrafts = usersFile(t), rules, true
	srv, err := server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{
		NoSweep: true, Now: w.clock.Now,
		Discover: discover.Options{Watch: discover.WatchOptions{Bookmark: 200 * time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.web = httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		srv.Drain()
		w.web.CloseClientConnections()
		w.web.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// reply is an answer as it came.
type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) request(ctx context.Context, user, method, path string, header map[string]string, body string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.web.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = "registry.example"
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return r
}

func (w *world) send(user, method, path string, header map[string]string, body string) reply {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := http.DefaultTransport.RoundTrip(w.request(ctx, user, method, path, header, body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// do is a request of root's that must succeed, or find nothing to do.
func (w *world) do(method, path, body string) reply {
	w.t.Helper()
	header := map[string]string{}
	if strings.Contains(path, "/manifests/") {
		header["Content-Type"] = indexType
	}
	a := w.send("root", method, path, header, body)
	if a.status >= 400 && !(method == "DELETE" && a.status == 404) {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

const indexType = "application/vnd.oci.image.index.v1+json"

// index is a manifest of a type, with a subject or without.
func index(artifactType, subject, note string) string {
	if subject != "" {
		subject = fmt.Sprintf(`,"subject":{"mediaType":"%s","digest":"%s","size":1}`, indexType, subject)
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","artifactType":"%s","manifests":[]%s,"annotations":{"note":"%s"}}`, indexType, artifactType, subject, note)
}

// Manifests of all repositories, and those of hidden ones alone.
var (
	first    = index("application/x-seen", "", "first")
	second   = index("application/vnd.cncf.helm.config.v1+json", "", "second")
	referrer = index("application/x-seen", digestOf(first), "referrer")
	secret   = index("application/x-secret", "", "secret")
	accuser  = index("application/x-riddle", digestOf(first), "of what is seen")
	nothing  = index("application/x-nothing", "", "nothing")
)

func (w *world) put(repo, ref, manifest string) {
	w.t.Helper()
	w.do("PUT", "/v2/"+repo+"/manifests/"+ref, manifest)
}

func (w *world) blob(repo, content string) {
	w.t.Helper()
	w.do("POST", "/v2/"+repo+"/blobs/uploads/?digest="+digestOf(content), content)
}

// fill puts what the callers may see.
func (w *world) fill() {
	w.do("PUT", "/v2/_lading/access/rules/seen", `{"subject":"user:eve","scope":"namespace:own","verbs":["reader"]}`)
	for _, repo := range append([]string{"p3"}, visible...) {
		w.refill(repo)
		w.put(repo, "v3", index("application/x-seen", "", repo))
		w.clock.tick()
	}
	w.do("DELETE", "/v2/p3/_lading/manage/repository", "")
	w.clock.tick()
	w.do("DELETE", "/v2/m/b/manifests/v3", "")
	w.clock.tick()
}

// refill puts what a visible repository has; a change a tick.
func (w *world) refill(repo string) {
	w.blob(repo, sharedBlob)
	for _, m := range [][2]string{{"v1", first}, {"v2", second}, {digestOf(referrer), referrer}} {
		w.clock.tick()
		w.put(repo, m[0], m[1])
	}
	w.clock.tick()
}

// define makes the definition that matches one kind of hidden manifests, and no
// others.
func (w *world) define(kind string) {
	w.t.Helper()
	w.do("PUT", "/v2/_lading/types/definitions/gadget",
		`{"name":"gadget","match":[{"artifactType":"application/x-`+kind+`"}],"logo":"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><path d=\"M1 2h3v4z\"/></svg>"}`)
}

// typed waits until all that there is has the type of its definition.
func (w *world) typed(kind string) {
	w.t.Helper()
	count := func(what string) int {
		return strings.Count(w.do("GET", "/v2/_lading/list/manifests?n=1000&type="+what, "").body, `"application/x-`+kind+`"`)
	}
	for range 1000 {
		if count("gadget") == count("application/x-"+kind) && !strings.Contains(w.do("GET", "/v2/_lading/list/manifests?n=1000&type=gadget", "").body, other(kind)) {
			return
		}
		time.Sleep(10 * time.Millisecond) // another goroutine types, in its own time
	}
	w.t.Fatal("not all is typed")
}

func other(kind string) string {
	if kind == "secret" {
		return "application/x-riddle"
	}
	return "application/x-secret"
}

// hide puts what only others may see.
func (w *world) hide() {
	for i, repo := range hidden {
		w.blob(repo, sharedBlob)
		w.blob(repo, secretBlob)
		for _, m := range [][2]string{{"v1", first}, {"v2", second}, {"secret", secret}, {digestOf(accuser), accuser}, {digestOf(referrer), referrer}} {
			w.put(repo, m[0], m[1])
		}
		w.uploads[repo] = w.do("POST", "/v2/"+repo+"/blobs/uploads/", "").header.Get("Docker-Upload-Uuid")
		if i%4 == 3 {
			w.do("DELETE", "/v2/"+repo+"/_lading/manage/repository", "")
		}
	}
	for _, repo := range []string{"own/web", "own/new"} {
		w.uploads[repo] = w.do("POST", "/v2/"+repo+"/blobs/uploads/", "").header.Get("Docker-Upload-Uuid")
	}
	for id, scope := range map[string]string{"taken": "namespace:vault", "also": "repository:own2"} {
		w.do("PUT", "/v2/_lading/access/rules/"+id, fmt.Sprintf(`{"subject":"user:eve","scope":"%s","verbs":["owner","admin"]}`, scope))
	}
	w.account("user:ghost")
	w.account("service:robot")
	w.signIn()
	w.do("PUT", "/v2/_lading/types/policies/taken", `{"scope":{"namespace":"vault"},"deny":["helm"]}`)
}

// account makes an account, with a token.
func (w *world) account(subject string) {
	w.t.Helper()
	path := "/v2/_lading/access/accounts/" + subject
	if r := w.send("root", "GET", path, nil, ""); strings.Contains(r.body, "EXTENSION_UNKNOWN") {
		return // there are none
	}
	w.do("PUT", path, `{}`)
	var made struct{ ID string }
	r := w.do("POST", "/v2/_lading/access/tokens", `{"owner":"`+subject+`"}`)
	if err := json.Unmarshal([]byte(r.body), &made); err != nil {
		w.t.Fatal(r.body)
	}
	w.token = made.ID
}

// signIn makes a session of root's.
func (w *world) signIn() {
	w.t.Helper()
	w.do("GET", "/v2/_lading/auth/token?offline_token=true&client_id=theirs", "")
	var all struct{ Sessions []struct{ ID string } }
	r := w.do("GET", "/v2/_lading/access/sessions", "")
	if err := json.Unmarshal([]byte(r.body), &all); err != nil || len(all.Sessions) == 0 {
		w.t.Fatal(r.body)
	}
	w.signedIn = all.Sessions[0].ID
}

// work is what others do between two questions. Time passes as well where
// there are none.
func (w *world) work() {
	w.t.Helper()
	w.step++
	if w.others {
		w.deed(w.step%7, hidden[w.step%len(hidden)])
	}
	w.clock.tick()
}

func (w *world) deed(i int, repo string) {
	w.t.Helper()
	switch i {
	case 0:
		w.do("DELETE", "/v2/"+repo+"/_lading/manage/repository", "")
	case 1:
		w.do("POST", "/v2/"+repo+"/blobs/uploads/?digest="+digestOf(secretBlob), secretBlob)
	case 2:
		w.do("PUT", "/v2/"+repo+"/manifests/v1", index("application/x-secret", digestOf(first), fmt.Sprint(w.step)))
	case 3:
		w.do("DELETE", "/v2/"+repo+"/manifests/v1", "")
	case 4:
		w.do("PUT", "/v2/_lading/access/rules/busy", fmt.Sprintf(`{"subject":"user:u%d","scope":"repository:%s","verbs":["reader"]}`, w.step, repo))
	case 5:
		w.do("POST", "/v2/"+repo+"/blobs/uploads/", "")
	default:
		w.do("PUT", "/v2/"+repo+"/manifests/secret", secret)
	}
}
