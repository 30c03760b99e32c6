package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var delta = map[string]string{"If-None-Match": `"c1"`, "A-Im": "lading-delta"}

// script answers List with one listing after the other, and fails a test that
// asks for more.
func script(t *testing.T, m *memory, answers ...any) {
	m.list = func(context.Context, lading.Query) (lading.Listing, error) {
		if len(answers) == 0 {
			t.Error("List was called once too often")
			return lading.Listing{}, nil
		}
		a := answers[0]
		answers = answers[1:]
		if err, ok := a.(error); ok {
			return lading.Listing{}, err
		}
		return a.(lading.Listing), nil
	}
	t.Cleanup(func() {
		if len(answers) > 0 {
			t.Errorf("List was not called for %v", answers)
		}
	})
}

func items(keys ...string) []lading.Item {
	list := make([]lading.Item, len(keys))
	for i, k := range keys {
		list[i] = lading.Item{Op: lading.OpPut, Key: k}
	}
	return list
}

// TestQueriesOfConditions holds what a registry is asked for the conditions of
// a request: it knows cursors as Since alone.
func TestQueriesOfConditions(t *testing.T) {
	empty := lading.Listing{Delta: true, Next: "p1"}
	change := lading.Listing{Delta: true, Items: items("k"), Next: "p2"}
	end := lading.Listing{Delta: true, Cursor: "c9"}
	full := lading.Listing{Items: items("k"), Cursor: "c9"}
	for _, c := range []struct {
		name    string
		path    string
		head    map[string]string
		answers []any
		status  int
		asked   []lading.Query
	}{
		{"no condition", "?n=7&wait=0", nil, []any{full}, 200, []lading.Query{{N: 7}}},
		{"a delta goes on over empty pages", "?n=7&wait=3", delta, []any{empty, empty, change}, 226,
			[]lading.Query{{N: 7, Since: "c1", Wait: 3 * time.Second}, {N: 7, Page: "p1"}, {N: 7, Page: "p1"}}},
		{"to the end", "?n=7", delta, []any{empty, end}, 304, []lading.Query{{N: 7, Since: "c1"}, {N: 7, Page: "p1"}}},
		{"without A-IM one item is enough to know", "?n=7", map[string]string{"If-None-Match": `"c1"`}, []any{empty, change, full}, 200,
			[]lading.Query{{N: 1, Since: "c1"}, {N: 1, Page: "p1"}, {N: 7, Since: "none"}}},
		{"the second of two is what there is", "", map[string]string{"If-None-Match": `"c1", "c2"`}, []any{change, end}, 304,
			[]lading.Query{{N: 1, Since: "c1"}, {N: 1, Since: "c2"}}},
		{"none of them counts", "", map[string]string{"If-None-Match": `"c1", "c2"`, "A-Im": "lading-delta"},
			[]any{lading.ErrCursorInvalid, lading.ErrCursorExpired, full}, 200,
			[]lading.Query{{Since: "c1"}, {Since: "c2"}, {Since: "none"}}},
		{"four of them are looked at", "", map[string]string{"If-None-Match": `"1", "2", "3", "4", "5"`},
			[]any{lading.ErrCursorInvalid, lading.ErrCursorInvalid, lading.ErrCursorInvalid, lading.ErrCursorInvalid, full}, 200,
			[]lading.Query{{N: 1, Since: "1"}, {N: 1, Since: "2"}, {N: 1, Since: "3"}, {N: 1, Since: "4"}, {Since: "none"}}},
		{"what cannot be a cursor is not asked for", "", map[string]string{"If-None-Match": `"a/b"`}, []any{full}, 200, []lading.Query{{}}},
		{"a page is a page", "?page=p1", delta, []any{full}, 200, []lading.Query{{Page: "p1"}}},
		{"since= comes first", "?since=c5&wait=9", delta, []any{end}, 200, []lading.Query{{Since: "c5", Wait: 9 * time.Second}}},
		{"another failure is one", "", delta, []any{lading.ErrNameUnknown}, 404, []lading.Query{{Since: "c1"}}},
		{"a failure on the way too", "", delta, []any{empty, lading.ErrCursorExpired, full}, 200,
			[]lading.Query{{Since: "c1"}, {Page: "p1"}, {Since: "none"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory()
			script(t, m, c.answers...)
			resp, body := get(t, serveMemory(t, m, Options{}), "/v2/_lading/list/tags"+c.path, c.head)
			if resp.StatusCode != c.status {
				t.Errorf("%d: %s", resp.StatusCode, body)
			}
			for i, q := range c.asked {
				q.Kind = lading.KindTags
				if i >= len(m.calls) || fmt.Sprint(m.calls[i]) != fmt.Sprint(q) {
					t.Errorf("asked %+v\nwant  %+v", m.calls, c.asked)
					break
				}
			}
		})
	}
}

// TestDeltaOverPages follows the Link of a 226 to its end.
func TestDeltaOverPages(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{})
	m.put(t, "a", `{}`, "t0")
	first, _ := get(t, srv, "/v2/a/_lading/list/tags", nil)
	m.put(t, "a", `{}`, "t1", "t2", "t3")
	head := map[string]string{"If-None-Match": first.Header.Get("Etag"), "A-Im": "lading-delta"}
	var keys []string
	var last *http.Response
	for path := "/v2/a/_lading/list/tags?n=2"; path != ""; head = nil {
		resp, body := get(t, srv, path, head)
		if want := map[bool]int{true: 226, false: 200}[head != nil]; resp.StatusCode != want {
			t.Fatalf("%s: %d", path, resp.StatusCode)
		}
		var page struct {
			Kind   string
			Items  []lading.Item
			Cursor string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || page.Kind != "delta" {
			t.Fatalf("%s: %v", body, err)
		}
		for _, i := range page.Items {
			keys = append(keys, i.Key)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
		if (path == "") != (page.Cursor != "") || (page.Cursor != "") != (resp.Header.Get("Etag") != "") || (page.Cursor != "") != (resp.Header.Get("Lading-Cursor") != "") {
			t.Errorf("Link %q, cursor %q, ETag %q", path, page.Cursor, resp.Header.Get("Etag"))
		}
		last = resp
	}
	if strings.Join(keys, " ") != "tag:a:t1 tag:a:t2 tag:a:t3" {
		t.Errorf("items %q", keys)
	}
	again, _ := get(t, srv, "/v2/a/_lading/list/tags", map[string]string{"If-None-Match": last.Header.Get("Etag")})
	if again.StatusCode != 304 {
		t.Errorf("with the new ETag: %d", again.StatusCode)
	}
}

// TestWait holds that a held delta answers when something happens.
func TestWait(t *testing.T) {
	m := newMemory()
	m.put(t, "a", `{}`, "t0")
	srv := serveMemory(t, m, Options{})
	for i, head := range []map[string]string{nil, {"If-None-Match": `"c5"`, "A-Im": "lading-delta"}} {
		path := "/v2/_lading/list/tags?wait=60"
		if head == nil {
			path += "&since=now"
		}
		go func() {
			for { // until the request is there
				m.mu.Lock()
				n := len(m.calls)
				m.mu.Unlock()
				if n > i {
					break
				}
				time.Sleep(time.Millisecond)
			}
			m.put(t, "a", `{}`, fmt.Sprint("t", i+1))
		}()
		_, body := get(t, srv, path, head)
		if !strings.Contains(body, fmt.Sprint("tag:a:t", i+1)) {
			t.Errorf("%s", body)
		}
	}
}

// TestStream holds that a stream is flushed page by page, asks for pages of
// 1,000, and says when it is not whole.
func TestStream(t *testing.T) {
	m := newMemory()
	step := make(chan struct{})
	m.list = func(_ context.Context, q lading.Query) (lading.Listing, error) {
		switch q.Page {
		case "":
			return lading.Listing{Items: items("k1"), Next: "p1"}, nil
		case "p1":
			<-step
			return lading.Listing{Next: "p2"}, nil
		}
		<-step
		return lading.Listing{}, lading.ErrCursorExpired.WithDetail(map[string]any{"reason": "epoch", "secret": 1})
	}
	srv := serveMemory(t, m, Options{})
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v2/_lading/list/tags?prefix=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", mediaTypeStream)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i, want := range []string{
		`{"op":"put","key":"k1"}`, `{"page":"p1"}`, `{"page":"p2"}`,
		`{"error":{"code":"CURSOR_EXPIRED","message":"the cursor is too old: begin again with a full listing","detail":{"reason":"epoch","resync":"/v2/_lading/list/tags?prefix=a","retry_after_s":16}}}`,
	} {
		if i >= 2 {
			step <- struct{}{} // what came before was here before the next page was
		}
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("line %d: %s, %v\nwant %s", i, lines.Text(), lines.Err(), want)
		}
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("a line follows: %s, %v", lines.Text(), lines.Err())
	}
	for _, q := range m.calls {
		if q.N != lading.MaxPage {
			t.Errorf("asked for pages of %d", q.N)
		}
	}
}

// TestStreamOfAPage resumes a stream with the token of a page line.
func TestStreamOfAPage(t *testing.T) {
	m := newMemory()
	m.put(t, "a", `{}`, "t1", "t2", "t3")
	srv := serveMemory(t, m, Options{})
	head := map[string]string{"Accept": mediaTypeStream}
	_, body := get(t, srv, "/v2/_lading/list/tags?n=1", head)
	lines := strings.Split(body, "\n")
	var at struct{ Page string }
	if err := json.Unmarshal([]byte(lines[1]), &at); err != nil || at.Page == "" {
		t.Fatalf("%s: %v", lines[1], err)
	}
	if _, rest := get(t, srv, "/v2/_lading/list/tags?n=1&page="+at.Page, head); rest != strings.Join(lines[2:], "\n") {
		t.Errorf("resumed:\n%s\nwant\n%s", rest, strings.Join(lines[2:], "\n"))
	}
}

// TestIndexIsAnImageIndex holds that the index form can be read as one, with
// a name a descriptor.
func TestIndexIsAnImageIndex(t *testing.T) {
	m := newMemory()
	d := m.put(t, "a", `{"annotations":{"dev.lading.repository":"liar","org.opencontainers.image.ref.name":"liar"}}`, "t1", "t2")
	_, body := get(t, serveMemory(t, m, Options{}), "/v2/_lading/list/manifests", map[string]string{"Accept": ocispec.MediaTypeImageIndex})
	var index ocispec.Index
	if err := json.Unmarshal([]byte(body), &index); err != nil {
		t.Fatal(err)
	}
	if index.SchemaVersion != 2 || index.MediaType != ocispec.MediaTypeImageIndex || len(index.Manifests) != 2 || index.Annotations["dev.lading.cursor"] != "c4" {
		t.Fatalf("%+v", index)
	}
	for i, m := range index.Manifests {
		want := map[string]string{"org.opencontainers.image.ref.name": fmt.Sprint("t", i+1), "dev.lading.repository": "a"}
		if m.Digest != d || m.Size == 0 || fmt.Sprint(m.Annotations) != fmt.Sprint(want) {
			t.Errorf("descriptor %d: %+v", i, m)
		}
	}
}

// TestExpiredWithinAPage holds that a resync URL is left out where it would
// be another listing.
func TestExpiredWithinAPage(t *testing.T) {
	m := newMemory()
	script(t, m, lading.ErrCursorExpired.WithDetail(map[string]string{"reason": "retention"}))
	resp, body := get(t, serveMemory(t, m, Options{}), "/v2/_lading/list/tags?page=x", nil)
	if resp.StatusCode != 410 || !strings.Contains(body, `"detail":{"reason":"retention","retry_after_s":16}`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestExpiredKeepsTheDelay holds that a registry that says when to come back
// is listened to.
func TestExpiredKeepsTheDelay(t *testing.T) {
	m := newMemory()
	script(t, m, lading.ErrCursorExpired.WithDetail(map[string]any{"reason": "epoch", "retry_after_s": 7}))
	_, body := get(t, serveMemory(t, m, Options{}), "/v2/_lading/list/tags?since=c1", nil)
	if want := `"detail":{"reason":"epoch","resync":"/v2/_lading/list/tags","retry_after_s":7}`; !strings.Contains(body, want) {
		t.Errorf("%s", body)
	}
}

// TestRetryAfter holds that a rate guard's own word is passed on.
func TestRetryAfter(t *testing.T) {
	m := newMemory()
	m.fail["List"] = lading.ErrTooManyRequests.WithDetail(struct {
		N int `json:"retry_after_s"`
	}{42})
	resp, _ := get(t, serveMemory(t, m, Options{}), "/v2/_lading/list/tags", nil)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "42" {
		t.Errorf("%d, Retry-After: %s", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

// TestHeadOfAStream holds that a HEAD does not walk the whole listing.
func TestHeadOfAStream(t *testing.T) {
	m := newMemory()
	m.put(t, "a", `{}`, "t1", "t2", "t3")
	r := httptest.NewRequest("HEAD", "/v2/_lading/list/tags?n=1", nil)
	r.Header.Set("Accept", mediaTypeStream)
	New(m, Options{}).ServeHTTP(httptest.NewRecorder(), r)
	if len(m.calls) != 1 {
		t.Errorf("%d pages were asked for", len(m.calls))
	}
}
