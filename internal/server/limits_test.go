package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/informer"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// limited is a registry whose callers say in a header who they are.
type limited struct {
	t   testing.TB
	srv *server.Server
}

func limitedBy(t testing.TB, set func(*config.Config)) *limited {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	set(&cfg)
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	l := &limited{t: t}
	var err error
	l.srv, err = server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, NoTyping: true,
		Identify: func(r *http.Request) lading.Identity { return lading.Identity{Subject: r.Header.Get("X-User")} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.srv.Drain()
		if err := l.srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func rate(text string) config.Rate {
	r, err := config.ParseRate(text)
	if err != nil {
		panic(err)
	}
	return r
}

// ask sends a request of a user from an address.
func (l *limited) ask(user, from, method, path, body string, header ...string) reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = from + ":1234"
	if user != "" {
		r.Header.Set("X-User", "user:"+user)
	}
	if strings.Contains(path, "/manifests/") {
		r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	l.srv.Handler().ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// put pushes an index with tags t000, t001 …, from this machine, which has no
// bounds.
func (l *limited) put(repo string, tags int) { l.putAs("", repo, tags) }

func (l *limited) putAs(user, repo string, tags int) {
	l.t.Helper()
	v := url.Values{}
	for i := range tags {
		v.Add("tag", fmt.Sprintf("t%03d", i))
	}
	body := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	for len(v["tag"]) > 0 { // up to ten tags a push
		n := min(10, len(v["tag"]))
		q := url.Values{"tag": v["tag"][:n]}
		v["tag"] = v["tag"][n:]
		a := l.ask(user, "127.0.0.1", "PUT", "/v2/"+repo+"/manifests/"+string(digest.FromString(body))+"?"+q.Encode(), body)
		if a.status != http.StatusCreated {
			l.t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

const near, far = "192.0.2.1", "198.51.100.7"

// wantLimited wants a refusal for a class, whose headers and detail agree.
func wantLimited(t *testing.T, what string, a reply, limit string) {
	t.Helper()
	var e struct {
		Errors []struct {
			Code   string
			Detail struct {
				Limit      string `json:"limit"`
				RetryAfter int    `json:"retry_after_s"`
			}
		}
	}
	if a.status != http.StatusTooManyRequests || json.Unmarshal([]byte(a.body), &e) != nil || len(e.Errors) != 1 {
		t.Errorf("%s: %d %s", what, a.status, a.body)
		return
	}
	d := e.Errors[0].Detail
	if e.Errors[0].Code != "TOOMANYREQUESTS" || d.Limit != limit || d.RetryAfter < 1 || a.header.Get("Retry-After") != strconv.Itoa(d.RetryAfter) {
		t.Errorf("%s: %s, Retry-After %q, want the limit %s", what, a.body, a.header.Get("Retry-After"), limit)
	}
}

func TestRates(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) {
		c.Limits.Rates = config.Rates{Pull: rate("6/h"), Push: rate("2/h"), List: rate("3/h")}
	})
	l.put("a", 1)
	get := func(user, from string) reply { return l.ask(user, from, "GET", "/v2/a/manifests/t000", "") }
	for i := range 6 {
		a := get("ada", near)
		if a.status != http.StatusOK || (a.header.Get("RateLimit") != "") != (5-i < 3) {
			t.Errorf("pull %d: %d, RateLimit %q", i, a.status, a.header.Get("RateLimit"))
		}
	}
	a := get("ada", near)
	wantLimited(t, "pull 7", a, "pull")
	after, _ := strconv.Atoi(a.header.Get("Retry-After"))
	if after < 599 || after > 902 { // a token comes every 600 s
		t.Errorf("Retry-After: %d", after)
	}
	for name, want := range map[string]string{"RateLimit-Policy": `"pull";q=6;w=3600`, "RateLimit": `"pull";r=0;t=600`,
		"RateLimit-Limit": "6;w=3600", "RateLimit-Remaining": "0;w=3600"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := get("bob", near); a.status != http.StatusOK || a.header.Get("RateLimit") != "" {
		t.Errorf("another user: %d %v", a.status, a.header)
	}
	if a := get("", near); a.status != http.StatusOK {
		t.Errorf("nobody, from there: %d", a.status)
	}
	wantLimited(t, "ada, from elsewhere", get("ada", far), "pull")
	wantLimited(t, "ada, from this machine", get("ada", "127.0.0.1"), "pull")
	for range 6 {
		get("", far)
	}
	wantLimited(t, "nobody", get("", far), "pull")
	for range 20 {
		if a := get("", "127.0.0.1"); a.status != http.StatusOK {
			t.Fatalf("nobody, on this machine: %d", a.status)
		}
	}
	for _, c := range []struct{ method, path, class string }{{"POST", "/v2/a/blobs/uploads/", "push"}, {"GET", "/v2/a/tags/list", "list"}} {
		for a.status = 0; a.status != http.StatusTooManyRequests; {
			if a = l.ask("ada", near, c.method, c.path, ""); a.status >= 500 {
				t.Fatalf("%s: %d", c.path, a.status)
			}
		}
		wantLimited(t, c.path, a, c.class)
	}
	if a := l.ask("bob", near, "POST", "/v2/a/blobs/uploads/", ""); a.status != http.StatusAccepted {
		t.Errorf("bob pushes: %d", a.status)
	}
}

func TestAUnitIsOfADefault(t *testing.T) {
	l := limitedBy(t, func(*config.Config) {})
	l.put("a", 1)
	for range 500 {
		if a := l.ask("ada", near, "GET", "/v2/a/manifests/t000", ""); a.status != http.StatusOK || a.header.Get("RateLimit") != "" {
			t.Fatalf("%d %v", a.status, a.header)
		}
	}
}

type cursorOf struct {
	Cursor string
	Items  []json.RawMessage
}

// TestRowsAreCharged has a listing leave a debt, which delays the next one and
// not who comes with its cursor.
func TestRowsAreCharged(t *testing.T) {
	for name, form := range map[string][]string{"page": nil, "stream": {"Accept", "application/x-ndjson"}} {
		t.Run(name, func(t *testing.T) {
			l := limitedBy(t, func(c *config.Config) { c.Limits.Rates = config.Rates{Sync: rate("1/s burst 100")} })
			l.put("a", 150)
			var first cursorOf
			a := l.ask("ada", near, "GET", "/v2/a/_lading/list/tags?n=1000", "")
			if err := json.Unmarshal([]byte(a.body), &first); err != nil || a.status != http.StatusOK || len(first.Items) != 150 {
				t.Fatalf("%d, %d items, %v", a.status, len(first.Items), err)
			}
			list := func(user, query string, header ...string) reply {
				return l.ask(user, near, "GET", "/v2/a/_lading/list/tags?n=1000"+query, "", header...)
			}
			wantLimited(t, "again", list("ada", "", form...), "sync")
			for what, path := range map[string]string{"tags/list": "/v2/a/tags/list", "_catalog": "/v2/_catalog", "search": "/v1/search?q=a",
				"initial=true": "/v2/_lading/watch/events?initial=true"} {
				wantLimited(t, what, l.ask("ada", near, "GET", path, ""), "sync")
			}
			if a := list("bob", "", form...); a.status != http.StatusOK {
				t.Errorf("bob: %d", a.status)
			}
			if a := l.ask("ada", near, "GET", "/v2/a/manifests/t000", ""); a.status != http.StatusOK {
				t.Errorf("a pull: %d", a.status)
			}
			if a := list("ada", "&since="+first.Cursor, form...); a.status != http.StatusOK {
				t.Errorf("a delta: %d", a.status)
			}
			if a := list("ada", "", "If-None-Match", `"`+first.Cursor+`"`); a.status != http.StatusNotModified {
				t.Errorf("If-None-Match: %d", a.status)
			}
			// Who reads as much again owes more than a cursor is good for.
			list("ada", "", "If-None-Match", `"x"`)
			wantLimited(t, "a delta, twice as much owed", list("ada", "&since="+first.Cursor), "sync")
		})
	}
}

// during is a client that does something else once it has some of an answer.
type during struct {
	*httptest.ResponseRecorder
	writes int
	then   func()
}

func (d *during) Write(p []byte) (int, error) {
	if d.writes++; d.writes == 2 {
		d.then()
	}
	return d.ResponseRecorder.Write(p)
}

// TestAStreamOfPagesIsChargedAsItGoes has a caller who reads everything at once
// ask for everything at once again.
func TestAStreamOfPagesIsChargedAsItGoes(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) { c.Limits.Rates = config.Rates{Sync: rate("1/s burst 10")} })
	l.put("a", 90)
	r := httptest.NewRequest("GET", "/v2/a/_lading/list/tags?n=30", nil)
	r.RemoteAddr = near + ":1234"
	r.Header.Set("Accept", "application/x-ndjson")
	w := &during{ResponseRecorder: httptest.NewRecorder()}
	w.then = func() { wantLimited(t, "beside it", l.ask("", near, "GET", "/v2/a/_lading/list/tags", ""), "sync") }
	l.srv.Handler().ServeHTTP(w, r)
	if w.writes < 3 || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"cursor"`) {
		t.Errorf("%d, %d pieces: what has begun goes on", w.Code, w.writes)
	}
}

// TestNamesAreCharged has what today's clients ask leave a debt too.
func TestNamesAreCharged(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) { c.Limits.Rates = config.Rates{Sync: rate("1/s burst 10")} })
	for i := range 12 {
		l.put(fmt.Sprintf("a/r%02d", i), 12)
	}
	for i, path := range []string{"/v2/a/r00/tags/list", "/v2/_catalog", "/v1/search?q=r", "/v2/_lading/list/namespaces?namespace=a", "/v2/a/_oci/repositories",
		"/v2/a/r00/_oci/tag-history/t000"} {
		who := fmt.Sprint("u", i)
		for n := 0; ; n++ {
			if a := l.ask(who, near, "GET", path, ""); a.status == http.StatusTooManyRequests {
				wantLimited(t, path, a, "sync")
				break
			} else if a.status != http.StatusOK || n > 30 {
				t.Errorf("%s: %d", path, a.status)
				break
			}
		}
	}
}

// TestAStreamIsCharged reads the state of everything from a stream.
func TestAStreamIsCharged(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) { c.Limits.Rates = config.Rates{Sync: rate("100/h")} })
	l.put("a", 150)
	web := httptest.NewServer(l.srv.Handler())
	defer web.Close()
	stop := l.stream(web, "ada", "initial=true", func(line string) bool { return strings.HasPrefix(line, "event: synced") })
	defer stop()
	wantLimited(t, "another", l.ask("ada", "127.0.0.1", "GET", "/v2/_lading/watch/events?initial=true", ""), "sync")
	stop = l.stream(web, "ada", "", func(line string) bool { return strings.HasPrefix(line, "retry:") })
	stop()
}

// stream opens a stream and reads it up to a line.
func (l *limited) stream(web *httptest.Server, user, query string, until func(string) bool) (stop func()) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	l.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", web.URL+"/v2/_lading/watch/events?"+query, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("X-User", "user:"+user)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		l.t.Fatal(res, err)
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if until(lines.Text()) {
			return func() { cancel(); res.Body.Close() }
		}
	}
	l.t.Fatalf("the stream ended: %v", lines.Err())
	return nil
}

// TestWhatIsLeftTellsNothingHidden reads what a caller is told of its rows, in
// two registries, of which one has more that it may not see.
func TestWhatIsLeftTellsNothingHidden(t *testing.T) {
	told := func(hidden bool) (out []string) {
		l := limitedBy(t, func(c *config.Config) {
			c.Limits.Rates = config.Rates{Sync: rate("100/h"), List: rate("40/h")}
			c.Access.Rules = "user:root owner,admin registry\nuser:ada reader namespace:open"
		})
		g := func(repo string, tags int) { l.putAs("root", repo, tags) }
		for i := range 3 {
			g(fmt.Sprintf("open/r%d", i), 20)
			if hidden {
				g(fmt.Sprintf("hidden/r%d", i), 20)
				g(fmt.Sprintf("open-not/r%d", i), 20)
			}
		}
		for _, path := range []string{"/v2/_lading/list/tags?n=7", "/v2/_lading/list/tags?order=-modified&n=30", "/v2/_catalog", "/v2/open/r1/tags/list",
			"/v2/_lading/list/namespaces?view=stats", "/v2/_lading/list/manifests", "/v1/search?q=r", "/v2/_lading/list/tags", "/v2/_lading/list/tags"} {
			a := l.ask("ada", near, "GET", path, "")
			out = append(out, fmt.Sprint(path, a.status, a.header["Ratelimit-Policy"], a.header["Ratelimit"]))
		}
		return out
	}
	a, b := told(false), told(true)
	if !slices.Equal(a, b) {
		t.Errorf("alone\n%s\nbeside\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	if all := strings.Join(a, "\n"); !strings.Contains(all, `"sync";r=`) || !strings.Contains(all, "429") {
		t.Errorf("nothing was told: %s", all)
	}
}

// TestListsOfAccessAreListings: the pages of the audit, and what lists rules,
// accounts and tokens, count as questions about what there is; one of them
// does not. The rows of the audit are charged.
func TestListsOfAccessAreListings(t *testing.T) {
	const access = "/v2/_lading/access/"
	for path, class := range map[string]string{"/v2/_lading/audit": "list", access + "rules": "list", access + "accounts": "list", access + "tokens": "list",
		access + "rules/x": "pull", access + "accounts/user:x": "pull", access + "tokens/x": "pull", access + "whoami": "pull"} {
		l := limitedBy(t, func(c *config.Config) {
			c.Limits.Rates = config.Rates{List: rate("1/m"), Pull: rate("1/h")}
		})
		l.ask("ada", near, "GET", path, "")
		wantLimited(t, path, l.ask("ada", near, "GET", path, ""), class)
	}
	l := limitedBy(t, func(c *config.Config) { c.Limits.Rates = config.Rates{Sync: rate("1/s burst 10")} })
	l.put("a", 300)
	page := l.ask("ada", near, "GET", "/v2/_lading/audit?n=1000", "")
	if n := strings.Count(page.body, `"action":"manifest_put"`); page.status != http.StatusOK || n <= 20 {
		t.Fatalf("%d, %d records", page.status, n)
	}
	wantLimited(t, "the audit again", l.ask("ada", near, "GET", "/v2/_lading/audit", ""), "sync")
	if a := l.ask("ada", near, "GET", access+"rules", ""); a.status == http.StatusTooManyRequests {
		t.Error("the rules are held up by rows that were read")
	}
}

func TestHeld(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) { c.Limits.HeldPerCaller, c.Limits.HeldPerAddress = 2, 3 })
	l.put("a", 1)
	web := httptest.NewServer(l.srv.Handler())
	defer web.Close()
	begun := func(line string) bool { return strings.HasPrefix(line, "retry:") }
	events := func(user, from string) reply {
		return l.ask(user, from, "HEAD", "/v2/_lading/watch/events", "")
	}
	var before cursorOf
	if err := json.Unmarshal([]byte(l.ask("ada", near, "GET", "/v2/_lading/list/tags?since=now", "").body), &before); err != nil {
		t.Fatal(err)
	}
	l.put("b", 1)
	for range 5 { // one after the other
		if a := l.ask("ada", near, "GET", "/v2/_lading/list/tags?wait=9&since="+before.Cursor, ""); a.status != http.StatusOK {
			t.Errorf("a delta that may wait and need not: %d %s", a.status, a.body)
		}
	}
	first := l.stream(web, "ada", "", begun)
	second := l.stream(web, "ada", "", begun)
	wantHeld := func(what string, a reply) {
		t.Helper()
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	wantHeld("a third stream", events("ada", "127.0.0.1"))
	wantLimited(t, "a delta that waits", l.ask("ada", "127.0.0.1", "GET", "/v2/_lading/list/tags?since=now&wait=1", ""), "held")
	if a := l.ask("ada", "127.0.0.1", "GET", "/v2/_lading/list/tags?since=now", ""); a.status != http.StatusOK {
		t.Errorf("a delta that does not wait: %d", a.status)
	}
	if a := events("bob", "127.0.0.1"); a.status != http.StatusOK {
		t.Errorf("bob: %d", a.status)
	}
	first()
	deadline := time.Now().Add(10 * time.Second)
	for events("ada", "127.0.0.1").status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("a stream that has ended still counts")
		}
		time.Sleep(time.Millisecond)
	}
	second()
	// Deltas that wait, of one address: three, of whomever.
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.srv.Drain()
	answers := make(chan reply, 8)
	for i := range 8 {
		wg.Go(func() {
			answers <- l.ask(fmt.Sprint("u", i), near, "GET", "/v2/_lading/list/tags?since=now&wait=30", "")
		})
	}
	for range 5 {
		select {
		case a := <-answers:
			wantLimited(t, "of one address", a, "held")
		case <-time.After(20 * time.Second):
			t.Fatal("more than three deltas of one address are held")
		}
	}
}

func TestRequireCursor(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) { c.Limits.RequireCursor = true })
	l.put("a", 3)
	get := func(path string, header ...string) reply { return l.ask("", near, "GET", path, "", header...) }
	for _, path := range []string{"/v2/_lading/list/tags", "/v2/a/_lading/list/manifests?n=5", "/v2/_lading/list/repositories?namespace=a"} {
		if a := get(path); a.status != http.StatusPreconditionRequired || a.code() != "CURSOR_REQUIRED" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if a := get(path, "If-None-Match", "*"); a.status != http.StatusPreconditionRequired {
			t.Errorf("%s with a star: %d", path, a.status)
		}
	}
	for _, path := range []string{"/v2/_lading/list/tags?order=-modified&n=5", "/v2/_lading/list/namespaces", "/v2/_catalog", "/v2/a/tags/list",
		"/v2/_lading/list/tags?since=now", "/v2/a/manifests/t000", "/v1/search?q=a"} {
		if a := get(path); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	a := get("/v2/_lading/list/tags?since=none&n=2")
	if a.status != http.StatusOK || a.header.Get("Link") == "" {
		t.Fatalf("since=none: %d %s", a.status, a.body)
	}
	next := strings.TrimPrefix(strings.SplitN(a.header.Get("Link"), ">", 2)[0], "<")
	if a = get(next); a.status != http.StatusOK || a.header.Get("ETag") == "" {
		t.Fatalf("its second page: %d %s", a.status, a.body)
	}
	if a := get("/v2/_lading/list/tags", "If-None-Match", a.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("If-None-Match: %d %s", a.status, a.body)
	}
	if a := get("/v2/_lading/list/tags", "If-None-Match", `"of-another"`); a.status != http.StatusOK {
		t.Errorf("If-None-Match of another: %d %s", a.status, a.body)
	}
	if a := get("/v2/_oci/ext/discover"); !strings.Contains(a.body, `"cursorRequired":true`) {
		t.Errorf("discover: %s", a.body)
	}
}

func TestLimitsAreDiscovered(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) {
		c.Limits.HeldPerCaller = 17
		c.Limits.Rates = config.Rates{Pull: rate("10/m burst 30"), Sync: rate("500/s"), SignIn: rate("1/s")}
	})
	a := l.ask("", near, "GET", "/v2/_oci/ext/discover", "")
	if want := `"held":17,"pull":30,"pullSeconds":180,"sync":500,"syncSeconds":1}`; !strings.Contains(a.body, want) {
		t.Errorf("%s, want %s", a.body, want)
	}
	if strings.Contains(a.body, "cursorRequired") {
		t.Errorf("%s", a.body)
	}
}

// TestClientsWait has the project's own clients meet the bounds.
func TestClientsWait(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) {
		c.Limits.RequireCursor = true
		c.Limits.Rates = config.Rates{List: rate("20/s burst 1")}
	})
	l.put("a", 30)
	web := httptest.NewServer(l.srv.Handler())
	defer web.Close()
	var mu sync.Mutex
	var waited []time.Duration
	c, err := client.New(web.URL, client.Options{
		Transport: asUser{}, Sleep: func(_ context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			waited = append(waited, d)
			time.Sleep(60 * time.Millisecond) // when there is a token again
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n := 0
	for q := (lading.Query{Kind: lading.KindTags, N: 10}); ; {
		page, err := c.List(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(page.Items); page.Next == "" {
			break
		}
		q = lading.Query{Kind: q.Kind, N: 10, Page: page.Next}
	}
	if n != 30 || len(waited) == 0 || slices.Min(waited) < time.Second {
		t.Errorf("%d items, waited %v", n, waited)
	}
	i := informer.New(c, informer.Options{Query: lading.Query{Kind: lading.KindTags}})
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := i.WaitForSync(ctx); err != nil {
		t.Error(err)
	}
}

// asUser has every request be ada's.
type asUser struct{}

func (asUser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-User", "user:ada")
	return http.DefaultTransport.RoundTrip(r)
}
