package modeltest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/discover"
)

// The repositories of the session below. The watcher reads the shared ones;
// the private ones lie before, between, below and behind them.
var (
	shared  = []string{"m/a", "m/a/x", "m/b", "m/c.d", "own/w", "p1", "p2/q", "p2/r"}
	private = []string{"a", "m", "m/a-b", "m/a/y", "m/aa", "m/c", "m/c.d/e", "m/z", "own", "own/v", "z", "o"}
	seen    = rules{{"repo", "m/a"}, {"repo", "m/a/x"}, {"ns", "m/b"}, {"repo", "m/c.d"}, {"repo", "own/w"}, {"repo", "own/new"}, {"prefix", "p"}}
)

const watcher = "watcher"

// session is what a user sees of a registry: a transcript of everything that
// can be asked, while others may be at work.
type session struct {
	t      *testing.T
	w      *world
	h      overHTTP
	secret bool // there are private repositories, and they change
	step   int
	out    []string
	many   int // more repositories that the watcher can read
	cursor map[string]string
}

func (s *session) mustDo(a answer) {
	s.t.Helper()
	if a.code != "" {
		s.t.Fatalf("%s: %s", a.code, a.text)
	}
}

// others lets the owner of the private repositories do something, if there is
// one, in time of its own.
func (s *session) others() {
	s.step++
	s.w.clock.advance(time.Second)
	if s.secret {
		for _, i := range []int{s.step % len(private), (s.step*5 + 3) % len(private)} {
			repo := private[i]
			doc := makeDocument(repo, []int{0, 2, 4, 5, 7, 8}[(s.step+i)%6])
			switch (s.step + i) % 9 {
			case 7:
				s.h.deleteTag(root, repo, "1.0") // which may not be there
			case 8:
				s.h.deleteRepository(root, repo)
			default:
				s.mustDo(s.h.push(root, doc, tagNames[(s.step+i)%3:][:1+s.step%2]))
			}
		}
		s.mustDo(s.h.upload(root, private[s.step%len(private)], []byte("private")))
	}
	s.w.clock.advance(time.Second)
}

// change is a change of what the watcher can read.
func (s *session) change(i int) {
	s.w.clock.advance(time.Second)
	repo := shared[i%len(shared)]
	s.mustDo(s.h.push(root, makeDocument(repo, []int{0, 2, 4, 5, 7, 8}[i%6]), []string{tagNames[i%3]}))
}

var unstable = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*$`),
	regexp.MustCompile(`"incarnation":"[0-9a-f]+"`),
	regexp.MustCompile(`/blobs/uploads/[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`(?m)^(Docker-Upload-Uuid): .*$`),
	regexp.MustCompile(`"retry_after_s":\d+`),
}

var sealed = regexp.MustCompile(`[A-Za-z0-9_-]{80,}`)

// normal takes out what differs between any two answers. Of cursors and
// tokens the length stays.
func normal(text string) string {
	for _, re := range unstable {
		text = re.ReplaceAllString(text, "…")
	}
	return sealed.ReplaceAllStringFunc(text, func(s string) string { return fmt.Sprintf("<%d>", len(s)) })
}

// ask asks one thing and notes the answer. It returns the next page's path.
func (s *session) ask(method, path string, header map[string]string, body string) (next, cursor string) {
	s.t.Helper()
	s.others()
	resp, b, err := s.h.send(watcher, method, path, header, []byte(body))
	if err != nil {
		s.t.Fatal(err)
	}
	etag := ""
	if header["If-None-Match"] != "" {
		etag = " held"
	}
	s.out = append(s.out, normal(fmt.Sprintf("%s %s%s\n%s\n%s%s", method, path, etag, resp.Status, headerText(resp.Header), b)))
	if resp.StatusCode >= 500 {
		s.t.Errorf("%s %s: %s %s", method, path, resp.Status, b)
	}
	return target(resp), resp.Header.Get("Lading-Cursor")
}

func target(resp *http.Response) string {
	link := resp.Header.Get("Link")
	if link == "" {
		return ""
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	return path
}

// all asks for all pages.
func (s *session) all(path string, header map[string]string) {
	s.t.Helper()
	if s.many > 0 {
		path = regexp.MustCompile(`n=[123]\b`).ReplaceAllString(path, "n=90")
	}
	next, cursor := s.ask("GET", path, header, "")
	for pages := 0; next != ""; pages++ {
		if pages > 2000 {
			s.t.Fatalf("%s has no end", path)
		}
		next, cursor = s.ask("GET", next, nil, "")
	}
	if cursor != "" {
		s.cursor[strings.Split(path, "&since=")[0]] = cursor
	}
}

var listings = []string{
	"/v2/_lading/list/tags?n=3", "/v2/_lading/list/manifests?n=3", "/v2/_lading/list/repositories?n=3",
	"/v2/_lading/list/tags?n=2&type=" + url.QueryEscape(typeA), "/v2/_lading/list/manifests?n=2&namespace=m&tagged=true",
	"/v2/_lading/list/manifests?n=2&platform=linux/arm64", "/v2/_lading/list/manifests?n=2&subject=" + url.QueryEscape(string(subjects[0])),
	"/v2/_lading/list/tags?n=2&prefix=m&exclude=m/a*", "/v2/m/a/_lading/list/tags?n=1", "/v2/m/b/_lading/list/manifests?n=2",
}

var views = []string{
	"/v2/_lading/list/tags?n=3&order=-modified", "/v2/_lading/list/manifests?n=3&order=created", "/v2/_lading/list/manifests?n=2&order=-name",
	"/v2/_lading/list/manifests?n=2&order=modified&type=" + url.QueryEscape(typeB), "/v2/_lading/list/repositories?n=2&view=stats",
	"/v2/_lading/list/repositories?n=2&order=-created",
	"/v2/_lading/list/manifests?n=2&order=-created&subject=" + url.QueryEscape(string(subjects[1])),
	"/v2/_lading/list/namespaces?n=1", "/v2/_lading/list/namespaces?n=1&namespace=m&view=stats", "/v2/_lading/list/namespaces?namespace=own", "/v2/_lading/list/namespaces?namespace=z",
	"/v2/_catalog", "/v2/_catalog?n=2", "/v2/_catalog?n=3&last=m/a-a",
}

// run goes through everything.
func (s *session) run() {
	for i := range 24 {
		s.change(i)
	}
	for i := range s.many {
		s.mustDo(s.h.push(root, makeDocument(fmt.Sprintf("p2/many%d", i), 0), []string{"1"}))
	}
	for round := range 3 {
		for _, path := range listings {
			s.all(path, nil)
		}
		for _, path := range views {
			s.all(path, nil)
		}
		s.follow()
		for i := range 5 {
			s.change(30 + 5*round + i)
		}
		s.h.deleteTag(root, "m/a", "1.0")
		s.mustDo(s.h.deleteRepository(root, shared[round]))
		s.follow()
		if err := s.w.sweep(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.names()
	s.changes()
}

// follow presents every cursor, in each form.
func (s *session) follow() {
	for _, path := range listings {
		cursor := s.cursor[path]
		if cursor == "" {
			continue
		}
		s.ask("GET", path, map[string]string{"If-None-Match": `"` + cursor + `"`}, "")
		s.ask("GET", path, map[string]string{"If-None-Match": `"` + cursor + `"`, "A-IM": "lading-delta"}, "")
		s.ask("GET", path, map[string]string{"If-None-Match": `"` + cursor + `"`, "A-IM": "lading-delta", "Accept": "application/x-ndjson"}, "")
		s.ask("GET", path, map[string]string{"Accept": "application/x-ndjson"}, "")
		s.all(path+"&since="+cursor, nil)
	}
}

// names asks about names: those that are there for the watcher, those that are
// private, and those that nobody has.
func (s *session) names() {
	blobs := []string{`{"os":"linux","architecture":"amd64"}`, "private", "nobody has this"}
	for _, repo := range slices.Concat(shared, private, []string{"m/none", "none", "own/new"}) {
		base := "/v2/" + repo
		for _, path := range []string{"/tags/list", "/tags/list?n=1", "/_oci/ext/discover", "/_lading/list/tags", "/_lading/list/manifests?n=2",
			"/referrers/" + string(subjects[0]), "/referrers/" + string(makeDocument(repo, 0).digest), "/manifests/1.0", "/manifests/none"} {
			s.all(base+path, nil)
		}
		for i := range documents {
			path := base + "/manifests/" + string(makeDocument(repo, i).digest)
			s.ask("GET", path, nil, "")
			s.ask("HEAD", path, nil, "")
		}
		for _, b := range blobs {
			path := base + "/blobs/" + string(digest.FromString(b))
			s.ask("GET", path, nil, "")
			s.ask("HEAD", path, nil, "")
			s.ask("GET", path, map[string]string{"Range": "bytes=0-3"}, "")
		}
	}
}

// changes asks for changes that the watcher may not make, and mounts into the
// repository that is its own.
func (s *session) changes() {
	doc := makeDocument("own/new", 0)
	for _, repo := range slices.Concat(private, []string{"m/none", "none", "m/a"}) {
		base := "/v2/" + repo
		s.ask("DELETE", base+"/manifests/1.0", nil, "")
		s.ask("DELETE", base+"/manifests/"+string(makeDocument(repo, 0).digest), nil, "")
		s.ask("DELETE", base+"/blobs/"+string(digest.FromString("private")), nil, "")
		s.ask("DELETE", base+"/_lading/manage/repository", nil, "")
		s.ask("PUT", base+"/manifests/1.0", map[string]string{"Content-Type": doc.mediaType}, string(doc.raw))
		s.ask("POST", base+"/blobs/uploads/", nil, "")
		s.ask("PATCH", base+"/blobs/uploads/0123456789abcdef0123456789abcdef", nil, "x")
		for _, b := range []string{"private", "nobody has this", `{"os":"linux","architecture":"amd64"}`} {
			mount := "/v2/own/new/blobs/uploads/?mount=" + string(digest.FromString(b))
			s.ask("POST", mount+"&from="+repo, nil, "")
			s.ask("POST", mount, nil, "")
		}
	}
	// The watcher's own uploads of what others have, or not.
	for _, b := range []string{"private", "nobody has this either"} {
		s.ask("POST", "/v2/own/new/blobs/uploads/?digest="+string(digest.FromString(b)), map[string]string{"Content-Type": "application/octet-stream"}, b)
	}
	child := makeDocument("m/aa", 6)
	s.ask("PUT", "/v2/own/new/manifests/1.0", map[string]string{"Content-Type": child.mediaType}, string(child.raw)) // of children that are elsewhere
	image := makeDocument("own/new", 4)
	s.ask("PUT", "/v2/own/new/manifests/1.0", map[string]string{"Content-Type": image.mediaType}, string(image.raw)) // of a blob that is elsewhere
	s.ask("PUT", "/v2/own/new/manifests/1.0", map[string]string{"Content-Type": doc.mediaType}, string(doc.raw))
	s.all("/v2/_lading/list/repositories?n=3", nil)
	s.all("/v2/_catalog", nil)
}

func transcript(t *testing.T, st setup, secret bool, many int) []string {
	t.Helper()
	st.start = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, st)
	w.access.set(watcher, seen)
	w.access.write[watcher] = rules{{"repo", "own/new"}}
	s := &session{t: t, w: w, h: w.registry().(overHTTP), secret: secret, many: many, cursor: map[string]string{}}
	s.run()
	return s.out
}

// TestTwoUsers compares what one user sees of a registry in which others have
// and change private repositories with what it sees where there are none: the
// same, to the byte, apart from what differs between any two answers.
func TestTwoUsers(t *testing.T) {
	tight := discover.Options{Scan: 5, Enumerate: 1, Sources: 2, Repositories: 2}
	for name, c := range map[string]struct {
		s    setup
		many int
	}{
		"sqlite":          {setup{}, 0},
		"sqlite, tight":   {setup{options: tight}, 0},
		"sqlite, many":    {setup{}, 270},
		"postgres":        {setup{postgres: true}, 0},
		"postgres, tight": {setup{postgres: true, replicas: 2, options: tight}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name != "sqlite, tight" {
				return
			}
			without, with := transcript(t, c.s, false, c.many), transcript(t, c.s, true, c.many)
			for i := range max(len(without), len(with)) {
				if i >= len(without) || i >= len(with) {
					t.Fatalf("%d answers without the others, %d with them", len(without), len(with))
				}
				if without[i] != with[i] {
					t.Fatalf("answer %d differs.\nWithout the others:\n%s\nWith them:\n%s", i, without[i], with[i])
				}
			}
			t.Logf("%d answers are the same", len(with))
		})
	}
}
