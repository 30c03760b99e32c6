package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
)

// screen is what a running command has written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *screen) shows(part string) func() bool {
	return func() bool { return strings.Contains(s.text(), part) }
}

// running is a command that runs until it is ended.
type running struct {
	out, log screen
	end      context.CancelFunc
	code     chan int
}

func runs(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	r := &running{end: end, code: make(chan int, 1)}
	go func() { r.code <- ladingTo(ctx, env(), "", &r.out, &r.log, args...) }()
	t.Cleanup(end)
	return r
}

// ends ends the command as Ctrl-C does; that is no failure.
func (r *running) ends(t *testing.T) {
	t.Helper()
	r.end()
	if code := <-r.code; code != cli.ExitDone {
		t.Errorf("ended with %d: %s", code, r.log.text())
	}
}

// TestWatch follows a repository while it is changed, through a restart of the
// registry.
func TestWatch(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	front := newFront(t, w.host())
	r := runs(t, "watch", front.host()+"/acme/", "--initial", "--kinds", "tag")
	awaits(t, "the state", r.out.shows("synced"))
	does(t, "tag", w.host()+"/acme/web:1.0", "2.0")
	awaits(t, "a new tag", r.out.shows("tag.created         acme/web:2.0  sha256:a18f348dad11  image-index\n"))
	front.cut()
	does(t, "tag", w.host()+"/acme/web:data", "2.0")
	does(t, "rm", w.host()+"/acme/web:amd")
	awaits(t, "what happened while it was cut off", r.out.shows("tag.deleted         acme/web:amd"))
	r.ends(t)
	var seen []string
	for l := range strings.Lines(r.out.text()) {
		words := strings.Fields(l)
		seen = append(seen, words[min(2, len(words)-1)])
	}
	// Where it was cut off the stream may have begun with a difference.
	seen = slices.DeleteFunc(seen, func(s string) bool { return s == "coalesced" })
	if want := []string{"tag.state", "tag.state", "tag.state", "tag.state", "synced", "tag.created", "tag.updated", "tag.deleted"}; !slices.Equal(seen, want) {
		t.Errorf("%q\n%s", seen, r.out.text())
	}
	if !strings.Contains(r.out.text(), "tag.updated         acme/web:2.0  sha256:fd75c6c0ef2b  was sha256:a18f348dad11") || !strings.Contains(r.log.text(), "cursor: ") {
		t.Errorf("%s%s", r.out.text(), r.log.text())
	}
}

// TestWatchResumes goes on behind the cursor in a file, however often.
func TestWatchResumes(t *testing.T) {
	w := open(t)
	index := fill(t, w.host(), "acme/web")
	file := filepath.Join(t.TempDir(), "cursor")
	args := []string{"watch", w.host() + "/acme/web", "--kinds", "tag", "--cursor-file", file, "-o", "ndjson"}
	r := runs(t, append(args, "--initial")...)
	awaits(t, "the state", r.out.shows(`"synced"`))
	r.ends(t)
	var subjects []string
	for i := range 3 {
		tag := fmt.Sprintf("v%d", i)
		does(t, "tag", w.host()+"/acme/web:1.0", tag)
		r := runs(t, append(args, "--initial")...)
		awaits(t, tag, r.out.shows("tag:acme/web:"+tag))
		r.ends(t)
		for l := range strings.Lines(r.out.text()) {
			var e struct {
				ID, Event string
				Data      struct {
					Specversion, Subject, Source string
					Data                         struct{ Descriptor struct{ Digest string } }
				}
			}
			must(t, json.Unmarshal([]byte(l), &e))
			if e.Event == "tag.created" {
				subjects = append(subjects, e.Data.Subject)
				if e.ID == "" || e.Data.Specversion != "1.0" || e.Data.Source != "http://"+w.host()+"/v2/acme/web" || e.Data.Data.Descriptor.Digest != string(index.Digest) {
					t.Errorf("%s", l)
				}
			}
		}
	}
	if want := []string{"tag:acme/web:v0", "tag:acme/web:v1", "tag:acme/web:v2"}; !slices.Equal(subjects, want) {
		t.Errorf("%q, want %q", subjects, want)
	}
	must(t, os.WriteFile(file, []byte("forged\n"), 0o600))
	fails(t, cli.ExitUsage, "CURSOR_INVALID", args...)
}

// TestWatchExpired is told that the registry has forgotten the cursor: it ends,
// or begins anew when that is asked for.
func TestWatchExpired(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	old := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/watch/events") && (r.URL.Query().Get("since") == "old" || r.Header.Get("Last-Event-ID") == "old") {
				http.Error(rw, `{"errors":[{"code":"CURSOR_EXPIRED","message":"too old","detail":{"reason":"retention","retry_after_s":1}}]}`, http.StatusGone)
				return
			}
			h.ServeHTTP(rw, r)
		})
	}
	web := httptest.NewServer(old(w.srv.Handler()))
	defer web.Close()
	host := web.Listener.Addr().String()
	fails(t, cli.ExitFailed, "begin anew with --initial, or say --resync", "watch", host, "--since", "old")
	r := runs(t, "watch", host, "--since", "old", "--resync", "--kinds", "tag")
	awaits(t, "the state", r.out.shows("synced"))
	r.ends(t)
	if strings.Count(r.out.text(), "tag.state") != 4 || !strings.Contains(r.log.text(), "begins anew") {
		t.Errorf("%s%s", r.out.text(), r.log.text())
	}
}

// TestWatchForms shows events by name and by template, and drops what was not
// asked for.
func TestWatchForms(t *testing.T) {
	w := open(t)
	index := fill(t, w.host(), "acme/web")
	names := runs(t, "watch", w.host()+"/acme/web", "-o", "name", "--kinds", "tag", "--initial")
	made := runs(t, "watch", w.host(), "--template", "{{.event}} {{.data.data.repository}} {{.data.data.op}}", "--kinds", "tag", "--initial")
	created := runs(t, "watch", w.host(), "--kinds", "tag", "--actions", "deleted")
	awaits(t, "the state", func() bool { return strings.Count(names.out.text()+made.out.text(), "\n") == 8 })
	for range 3 { // the third stream has no state that tells that it has begun
		does(t, "tag", w.host()+"/acme/web:1.0", "x")
		does(t, "rm", w.host()+"/acme/web:x")
	}
	awaits(t, "a removal", names.out.shows("remove "+w.host()+"/acme/web:x\n"))
	awaits(t, "a removal", made.out.shows("tag.deleted acme/web remove\n"))
	awaits(t, "a removal", func() bool {
		if created.out.text() == "" {
			does(t, "tag", w.host()+"/acme/web:1.0", "x")
			does(t, "rm", w.host()+"/acme/web:x")
		}
		return strings.Contains(created.out.text(), "tag.deleted")
	})
	names.ends(t)
	made.ends(t)
	for data, want := range map[string]string{"manifest": `"manifest":"ey`, "pointer": `"descriptor":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"` + string(index.Digest) + `","size":491}`} {
		r := runs(t, "watch", w.host()+"/acme/web", "--initial", "-o", "ndjson", "--data", data)
		awaits(t, "the state", r.out.shows(`"synced"`))
		r.ends(t)
		if !strings.Contains(r.out.text(), want) {
			t.Errorf("--data %s: no %s in %s", data, want, r.out.text())
		}
	}
	created.ends(t)
	if strings.Contains(created.out.text(), "created") {
		t.Error(created.out.text())
	}
	host := w.host()
	for want, args := range map[string]string{
		"none of repository, tag": "--kinds blob", "none of created": "--actions moved", "none of pointer": "--data all",
		"longer than nothing": "--interval 0s", "no cursor to keep": "--actions created --cursor-file x",
	} {
		fails(t, cli.ExitUsage, want, append([]string{"watch", host}, strings.Fields(args)...)...)
	}
	fails(t, cli.ExitNotFound, "write "+host+"/none/", "watch", host+"/none")
}

// TestWatchPolls compares tags where nobody tells of changes.
func TestWatchPolls(t *testing.T) {
	host := peer(t, "olareg")
	fill(t, host, "acme/web")
	r := runs(t, "watch", host+"/acme/web", "--interval", "20ms", "--initial")
	awaits(t, "the state", r.out.shows("synced"))
	does(t, "tag", host+"/acme/web:1.0", "x")
	awaits(t, "a new tag", r.out.shows("tag.created         acme/web:x  sha256:a18f348dad11\n"))
	does(t, "tag", host+"/acme/web:data", "x")
	awaits(t, "a tag that moved", r.out.shows("tag.updated         acme/web:x  sha256:fd75c6c0ef2b  was sha256:a18f348dad11\n"))
	does(t, "rm", host+"/acme/web:x")
	awaits(t, "a tag that went", r.out.shows("tag.deleted         acme/web:x  was sha256:fd75c6c0ef2b\n"))
	r.ends(t)
	if n := strings.Count(r.out.text(), "\n"); n != 8 || strings.Count(r.log.text(), "\n") != 1 {
		t.Errorf("%s%s", r.out.text(), r.log.text())
	}
}
