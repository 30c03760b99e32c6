package importer_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
)

// running serves a tree from a registry of this project and returns the
// handler.
func running(t *testing.T, tree string) http.Handler {
	t.Helper()
	from := open(t, config.Default())
	from.take(openSource(t, unpack(t, tree), source.Options{}))
	return from.srv.Handler()
}

// serveAs serves a handler with no credentials of the person who runs the test.
func serveAs(t *testing.T, h http.Handler) string {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// reachable leaves what a registry leads to: tags, what indexes list, and what
// refers to either.
func (w want) reachable(t *testing.T, url string) want {
	t.Helper()
	found := map[string]bool{}
	var visit func(repo string, d digest.Digest)
	visit = func(repo string, d digest.Digest) {
		if found[repo+"@"+string(d)] {
			return
		}
		found[repo+"@"+string(d)] = true
		_, raw := get(t, url+"/v2/"+repo+"/manifests/"+string(d))
		_, list := get(t, url+"/v2/"+repo+"/referrers/"+string(d))
		for _, doc := range [][]byte{raw, list} {
			var index struct {
				Manifests []struct{ Digest digest.Digest }
			}
			if json.Unmarshal(doc, &index) == nil {
				for _, m := range index.Manifests {
					visit(repo, m.Digest)
				}
			}
		}
	}
	for name, d := range w.Tags {
		repo, _, _ := strings.Cut(name, ":")
		visit(repo, d)
	}
	out := want{Tags: w.Tags, Manifests: map[string]string{}, Referrers: map[string]digest.Digest{}, Blobs: map[string]int64{}}
	for ref := range found {
		if w.Manifests[ref] != "" {
			out.Manifests[ref] = w.Manifests[ref]
		}
		if w.Referrers[ref] != "" {
			out.Referrers[ref] = w.Referrers[ref]
		}
	}
	return out
}

// without hides paths of a handler.
func without(h http.Handler, parts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(r.URL.Path, part) }) {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// sha256Alone says of each blob what distribution says: its SHA-256.
func sha256Alone(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(canonical{w, strings.Contains(r.URL.Path, "/blobs/sha512:")}, r)
	})
}

type canonical struct {
	http.ResponseWriter
	blob bool
}

func (w canonical) WriteHeader(status int) {
	if w.blob {
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("layer of an oddity")))
	}
	w.ResponseWriter.WriteHeader(status)
}

// TestRunningLading takes over from a registry that lists all that it holds:
// nothing differs then, and no time.
func TestRunningLading(t *testing.T) {
	dir, _ := dated(t, time.Date(2021, 3, 1, 12, 0, 0, 5000, time.UTC))
	from := open(t, config.Default())
	from.take(openSource(t, dir, source.Options{}))
	for i := range 1100 { // more than a page
		raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.example.plain+json","annotations":{"n":"%d"}}`, i)
		_, err := from.srv.Engine().PutManifest(t.Context(), "many", lading.Manifest{Bytes: raw}, lading.PutOptions{Tags: []string{fmt.Sprintf("t%d", i)}})
		must(t, err)
	}
	url := serveAs(t, from.srv.Handler())
	to := open(t, config.Default())
	if r := to.take(openSource(t, url, source.Options{})); len(r.Skipped) > 0 {
		t.Error(r.Text())
	}
	got, want := to.byKey(), from.byKey()
	for key, it := range want {
		g := got[key]
		if g.Created == nil || g.Created.Sub(*it.Created).Abs() > near {
			t.Errorf("%s was created at %v, want %v", key, g.Created, it.Created)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d items, want %d", len(got), len(want))
	}
}

// TestRunning takes over from a registry that answers, with a referrers API
// and without.
func TestRunning(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers %v", api), func(t *testing.T) {
			hidden := []string{"/_lading/"}
			if !api {
				hidden = append(hidden, "/referrers/")
			}
			url := serveAs(t, sha256Alone(without(running(t, "distribution-2.8.2"), hidden...)))
			w := wanted(t, "distribution-2.8.2").reachable(t, url)
			if len(w.Referrers) < 3 {
				t.Fatalf("only %d referrers can be reached", len(w.Referrers))
			}
			to := open(t, config.Default())
			src := openSource(t, url, source.Options{})
			if r := to.take(src); len(r.Skipped) > 0 || r.Kind != source.Registry {
				t.Error(r.Text())
			}
			to.holds(w)
			if r := to.take(src); r.Manifests.Imported+r.Tags.Imported+r.Blobs.Imported > 0 {
				t.Error("a second import changed something:", r.Text())
			}
		})
	}
}

// TestRunningOlareg takes over from olareg while it runs.
func TestRunningOlareg(t *testing.T) {
	path, err := filepath.Abs("../../.tools/bin/olareg")
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatal("olareg is missing: run `make deps`")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := ln.Addr().(*net.TCPAddr)
	must(t, ln.Close())
	cmd := exec.Command(path, "serve", "--addr", "127.0.0.1", "--port", fmt.Sprint(addr.Port), "--store-ro", "--dir", unpack(t, "olareg-0.1.1"))
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url, up := "http://"+addr.String(), false
	for begun := time.Now(); !up && time.Since(begun) < 10*time.Second; {
		conn, err := net.Dial("tcp", addr.String())
		if up = err == nil; up {
			conn.Close()
		}
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	w := wanted(t, "olareg-0.1.1").reachable(t, url)

	// It lists no repositories.
	to := open(t, config.Default())
	src := openSource(t, url, source.Options{})
	if _, err := importer.Import(t.Context(), src, to.srv.Engine(), importer.Options{}); err == nil || !strings.Contains(err.Error(), "--repo NAME") {
		t.Errorf("without a catalog: %v", err)
	}
	names := map[string]bool{}
	for name := range w.Tags {
		repo, _, _ := strings.Cut(name, ":")
		names[repo] = true
	}
	var repos []string
	for name := range names {
		repos = append(repos, name)
	}
	if r := to.take(openSource(t, url, source.Options{Repositories: repos})); len(r.Skipped) > 0 {
		t.Error(r.Text())
	}
	to.holds(w)
}

// TestCredentials: what the docker configuration knows is used, for a password
// and for a token; without it nothing is taken, and that is said.
func TestCredentials(t *testing.T) {
	for _, scheme := range []string{"Basic", "Bearer"} {
		t.Run(scheme, func(t *testing.T) {
			h := running(t, "zot-2.1.20")
			var url string
			url = serveAs(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				good := user == "ada" && password == "secret"
				switch {
				case r.URL.Path == "/token" && good:
					fmt.Fprint(w, `{"token":"tok"}`)
				case scheme == "Basic" && good, scheme == "Bearer" && r.Header.Get("Authorization") == "Bearer tok":
					h.ServeHTTP(w, r)
				case scheme == "Basic":
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
				default:
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+url+`/token",service="x"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			if _, err := source.Open(t.Context(), url, source.Options{}); err == nil || !strings.Contains(err.Error(), url) {
				t.Errorf("without credentials: %v", err)
			}
			login := base64.StdEncoding.EncodeToString([]byte("ada:secret"))
			write(t, fmt.Appendf(nil, `{"auths":{"%s":{"auth":"%s"}}}`, strings.TrimPrefix(url, "http://"), login), os.Getenv("DOCKER_CONFIG"), "config.json")
			to := open(t, config.Default())
			if r := to.take(openSource(t, url, source.Options{})); len(r.Skipped) > 0 || r.Tags.Imported == 0 {
				t.Error(r.Text())
			}
		})
	}
}

// TestDamagedOnTheWay: bytes that a registry sends wrong are not taken.
func TestDamagedOnTheWay(t *testing.T) {
	h, layer := running(t, "zot-2.1.20"), digest.FromString("layer of an oddity")
	url := serveAs(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/blobs/"+string(layer)) {
			fmt.Fprint(w, "layer of An oddity")
			return
		}
		h.ServeHTTP(w, r)
	}))
	to := open(t, config.Default())
	r := to.take(openSource(t, url, source.Options{}))
	tells(t, r, "blob", "odd/things", string(layer), "damaged")
	tells(t, r, "tag", "odd/things", "nomediatype", "skipped")
	if r.Tags.Imported < 8 {
		t.Error(r.Text())
	}
}
