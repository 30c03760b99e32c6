package oracletest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// answer is what somebody was told, with all that is random taken out.
type answer struct{ question, text string }

// unstable is what no two answers have alike.
var unstable = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^(Date|X-Request-Id|Docker-Upload-Uuid): .*$`),
	regexp.MustCompile(`"incarnation":"[0-9a-f]+"`),
	regexp.MustCompile(`"id":"[0-9a-f]{24}-`),
	regexp.MustCompile(`\b[A-Z2-7]{26}\b`),
	regexp.MustCompile(`"retry_after_s":\d+`),
	regexp.MustCompile(`(?m)^retry: \d+$`),
	regexp.MustCompile(`lading-[0-9a-f]{16}`),
	regexp.MustCompile(`("(id|next)":"|\bafter=)[a-z0-9]{10}-[a-z0-9]+`), // a record of the audit
	regexp.MustCompile(`"request_id":"[a-z0-9]{26}"`),
	regexp.MustCompile(`"eyJ[A-Za-z0-9_-]{71}\.`), // the head of a token, which names its key
	regexp.MustCompile(`"(kid|x|y|n|issued_at)":"[^"]*"`),
}

// sealed is a cursor or the token of a page: of it the length stays.
var sealed = regexp.MustCompile(`[A-Za-z0-9_-]{80,}`)

func normal(text string) string {
	for _, re := range unstable {
		text = re.ReplaceAllString(text, "…")
	}
	return sealed.ReplaceAllStringFunc(text, func(s string) string { return fmt.Sprintf("<%d>", len(s)) })
}

func (r reply) text() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.status)
	names := make([]string, 0, len(r.header))
	for name := range r.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	return normal(b.String() + r.body)
}

// ask asks one question, after others have been at work, and notes the answer.
func (w *world) ask(user string, q question) reply {
	w.t.Helper()
	w.work()
	r := w.send(user, q.method, q.path, q.header, q.body)
	if r.status >= 500 {
		w.t.Errorf("%q: %s %s: %d %s", user, q.method, q.path, r.status, r.body)
	}
	path := q.path
	if w.token != "" {
		path = strings.ReplaceAll(path, w.token, "0123456789abcdef")
	}
	if w.signedIn != "" {
		path = strings.ReplaceAll(path, w.signedIn, noSession)
	}
	if strings.HasPrefix(path, "/v2/_lading/audit") {
		r.header.Del("Content-Length") // a record's id is of any length
	}
	w.out = append(w.out, answer{normal(fmt.Sprintf("%q: %s %s %v", user, q.method, path, q.header)), r.text()})
	return r
}

// all asks for a listing's pages, and returns its cursor.
func (w *world) all(user string, q question) (cursor string) {
	w.t.Helper()
	for pages := 0; ; pages++ {
		r := w.ask(user, q)
		link, _, _ := strings.Cut(strings.TrimPrefix(r.header.Get("Link"), "<"), ">")
		if link == "" || link == q.path { // what follows its own end
			return r.header.Get("Lading-Cursor")
		}
		if pages > 200 {
			w.t.Fatalf("%s has no end", q.path)
		}
		q.path = link
	}
}

// noSession is the id of a session that there is not.
const noSession = "0123456789abcdef0123"

// names are what REPO stands for.
func names() []string {
	n := len(hidden)
	if testing.Short() {
		n = 3
	}
	return slices.Concat([]string{"m/a", "m/listed", "m/pulled", "own/web"}, hidden[:n], nobodys)
}

// forms are the requests of a question. The uploads of others have ids that
// cannot be guessed: where there are no others, any takes its place.
func (w *world) forms(q question) (out []question) {
	of := []string{""}
	if strings.Contains(q.path, "REPO") {
		of = names()
	}
	if strings.Contains(q.path, "ELSE") {
		of = slices.Concat(hidden[:3], nobodys)
	}
	for _, name := range of {
		f := q
		f.path = strings.NewReplacer("REPO", name, "ELSE", name).Replace(f.path)
		f.path = strings.ReplaceAll(f.path, "MINE", "own/new")
		f.path = strings.ReplaceAll(f.path, "TOKEN", cmp.Or(w.token, "0123456789abcdef"))
		f.path = strings.ReplaceAll(f.path, "SESSION", cmp.Or(w.signedIn, noSession))
		if strings.Contains(f.path, "UPLOAD") {
			repo, _, _ := strings.Cut(strings.TrimPrefix(f.path, "/v2/"), "/blobs/")
			f.path = strings.ReplaceAll(f.path, "UPLOAD", cmp.Or(w.uploads[repo], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		}
		out = append(out, f)
	}
	return out
}

// actions are all that the router knows.
func actions() (out []httpapi.Action) {
	for a := httpapi.Action(1); a < httpapi.Action(httpapi.ActionCount); a++ {
		out = append(out, a)
	}
	return out
}

// session is all that one caller asks.
func (w *world) session(user string) {
	w.t.Helper()
	type held struct {
		question
		cursor string
	}
	var cursors []held
	for _, action := range actions() {
		for _, q := range questions[action] {
			for _, f := range w.forms(q) {
				if c := w.all(user, f); c != "" {
					cursors = append(cursors, held{f, c})
				}
			}
		}
		for _, repo := range visible {
			if strings.HasPrefix(repo, "own/") {
				w.refill(repo)
			}
		}
	}
	w.refill("m/a")
	for _, c := range cursors {
		tag := map[string]string{"If-None-Match": `"` + c.cursor + `"`}
		w.ask(user, question{method: "GET", path: c.path, header: tag})
		w.all(user, question{method: "GET", path: c.path, header: map[string]string{"If-None-Match": tag["If-None-Match"], "A-IM": "lading-delta"}})
		u, err := url.Parse(c.path)
		if err != nil {
			w.t.Fatal(err)
		}
		v := u.Query()
		v.Set("since", c.cursor)
		u.RawQuery = v.Encode()
		w.all(user, question{method: "GET", path: u.String()})
	}
}

// retype has content typed again that others have, and asks meanwhile.
func (w *world) retype(user, kind string) {
	w.t.Helper()
	w.define(kind)
	for _, q := range slices.Concat(questions[httpapi.ActionList], questions[httpapi.ActionTypesUnknown], questions[httpapi.ActionDefinitions]) {
		if !strings.Contains(q.path, "REPO") {
			w.all(user, q)
		}
	}
	w.typed(kind)
	w.clock.tick()
}

// transcript is what all callers are told by a registry with others, or without.
func transcript(t *testing.T, url string, others bool) []answer {
	t.Helper()
	w := open(t, url, others)
	w.define("secret")
	if others {
		w.hide()
	}
	w.clock.tick()
	w.fill()
	if others {
		w.hide()
	}
	w.clock.tick()
	for i, user := range callers {
		w.session(user)
		w.retype(user, []string{"riddle", "secret"}[i%2])
	}
	return w.out
}

// TestEveryAnswer: what a caller is told does not depend on what it may not
// see, at any endpoint.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		with, without := transcript(t, fresh(t), true), transcript(t, fresh(t), false)
		compare(t, with, without)
		if !slices.ContainsFunc(with, func(a answer) bool { return strings.Contains(a.text, "m/a") }) {
			t.Error("nothing was seen at all")
		}
	})
}

// compare tells the first few differences.
func compare(t *testing.T, with, without []answer) {
	t.Helper()
	differ := 0
	for i := range min(len(with), len(without)) {
		if with[i] == without[i] {
			continue
		}
		t.Errorf("answer %d differs.\nWith others:\n%s\n%s\nwithout:\n%s\n%s", i, with[i].question, with[i].text, without[i].question, without[i].text)
		if differ++; differ == 8 || with[i].question != without[i].question {
			break
		}
	}
	if len(with) != len(without) {
		t.Errorf("%d answers with others, %d without", len(with), len(without))
	}
	t.Logf("%d answers", len(with))
}

// TestEveryEndpoint: each endpoint of the router has questions, and they are
// its own.
func TestEveryEndpoint(t *testing.T) {
	w := &world{t: t}
	for _, action := range actions() {
		asked := false
		for _, q := range questions[action] {
			for _, f := range w.forms(q) {
				path, query, _ := strings.Cut(f.path, "?")
				if r, err := httpapi.Parse(f.method, path, query); err == nil && r.Action == action {
					asked = true
				} else if f.method != http.MethodGet && err == nil {
					t.Errorf("%s %s is %s and not %s", f.method, f.path, r.Action, action)
				}
			}
		}
		if !asked {
			t.Errorf("%s is a new endpoint: say here what could be asked to learn of what is hidden", action)
		}
	}
}
