package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

var _ lading.Registry = (*memory)(nil)

// put stores a manifest with its tags.
func (m *memory) put(t testing.TB, repo, body string, tags ...string) lading.Digest {
	r, err := m.PutManifest(context.Background(), repo, lading.Manifest{MediaType: "x/y", Bytes: []byte(body)}, lading.PutOptions{Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return r.Descriptor.Digest
}

func (m *memory) putBlob(repo string, b []byte) lading.Digest {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.repo(repo).blobs[digestOf(b)] = b
	return digestOf(b)
}

// TestEveryResponse looks at the headers that transcripts leave out.
func TestEveryResponse(t *testing.T) {
	srv := serveMemory(t, newMemory(), Options{})
	for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/A/tags/list", "/nothing"} {
		resp, _ := get(t, srv, path, nil)
		for name, want := range map[string]string{
			"Docker-Distribution-Api-Version": "registry/2.0",
			"X-Content-Type-Options":          "nosniff",
			"Content-Security-Policy":         "default-src 'none'; sandbox",
		} {
			if got := resp.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
	}
}

// TestCauseIsLoggedOnly holds that a cause reaches the log, under the id that
// the client was told, and never the client.
func TestCauseIsLoggedOnly(t *testing.T) {
	for _, cause := range []error{errDisk, errPanic} {
		var log bytes.Buffer
		m := newMemory()
		srv := serveMemory(t, m, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		m.fail["Tags"] = cause
		resp, body := get(t, srv, "/v2/a/tags/list", nil)
		id := resp.Header.Get("X-Request-Id")
		if resp.StatusCode != 500 || strings.Contains(body, "secret") || id == "" {
			t.Errorf("%d, id %q: %s", resp.StatusCode, id, body)
		}
		if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "request="+id) || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("id %s is logged as %s", id, &log)
		}
	}
}

// TestClientMistakesAreNoise holds that a client cannot fill the log.
func TestClientMistakesAreNoise(t *testing.T) {
	var log bytes.Buffer
	srv := serveMemory(t, newMemory(), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, path := range []string{"/v2/A/tags/list", "/v2/a/tags/list", "/v2/_lading/list/tags?x=y"} {
		resp, _ := get(t, srv, path, map[string]string{"X-Request-Id": "a\"b c"})
		if id := resp.Header.Get("X-Request-Id"); !validUpload(id) {
			t.Errorf("%s: request id %q", path, id)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
}

func TestOptions(t *testing.T) {
	m := newMemory()
	d := m.put(t, "a", `{}`, "t")
	opt := Options{
		AbsoluteLocations: true, JournalDays: 7, TombstoneDays: 8,
		BaseCheck: func(context.Context) error { return lading.ErrUnauthorized },
		Challenge: func(r *http.Request, q Request) []string { return []string{"Bearer " + q.Repository, "Basic"} },
	}
	srv := serveMemory(t, m, opt)
	if resp, _ := get(t, srv, "/v2/", nil); resp.StatusCode != 401 || len(resp.Header["Www-Authenticate"]) != 2 {
		t.Errorf("base: %d %q", resp.StatusCode, resp.Header["Www-Authenticate"])
	}
	m.fail["Tags"] = lading.ErrUnauthorized
	if resp, _ := get(t, srv, "/v2/a/tags/list", nil); resp.Header.Get("Www-Authenticate") != "Bearer a" {
		t.Errorf("the challenge is %q", resp.Header["Www-Authenticate"])
	}
	if _, body := get(t, srv, "/v2/_oci/ext/discover", nil); !strings.Contains(body, `"limits":{"n":1000,"journalDays":7,"tombstoneDays":8,"wait":60}`) {
		t.Errorf("discover: %s", body)
	}
	if got, want := location(t, srv, "/v2/a/manifests/t"), srv.URL+"/v2/a/manifests/"+string(d); got != want {
		t.Errorf("Location: %s, want %s", got, want)
	}
	opt.ExternalURL = "https://reg.example"
	if got, want := location(t, serveMemory(t, m, opt), "/v2/a/manifests/t"), "https://reg.example/v2/a/manifests/"+string(d); got != want {
		t.Errorf("Location: %s, want %s", got, want)
	}
}

func location(t *testing.T, srv *httptest.Server, path string) string {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, srv.URL+path, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Location")
}

// TestIdentityMakesPrivate holds that an identity without an Authorization
// header (a client certificate, say) keeps listings out of shared caches.
func TestIdentityMakesPrivate(t *testing.T) {
	api := New(newMemory(), Options{})
	for subject, want := range map[string]string{"": "public, max-age=5", "alice": "private, no-cache"} {
		r := httptest.NewRequest("GET", "/v2/_catalog", nil)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r.WithContext(lading.WithIdentity(r.Context(), lading.Identity{Subject: subject})))
		if got := w.Header().Get("Cache-Control"); got != want {
			t.Errorf("%q: %s", subject, got)
		}
	}
}

// TestNamesWithoutLimit holds that an answer has 10,000 names at most, and
// that its Link leads to the rest.
func TestNamesWithoutLimit(t *testing.T) {
	m := newMemory()
	tags := make([]string, 10_001)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%05d", i)
	}
	m.put(t, "a", `{}`, tags...)
	srv := serveMemory(t, m, Options{})
	resp, body := get(t, srv, "/v2/a/tags/list", nil)
	if n := strings.Count(body, `"t`); n != 10_000+1 { // and "tags"
		t.Errorf("%d names", n-1)
	}
	if want := `</v2/a/tags/list?last=t09999&n=10000>; rel="next"`; resp.Header.Get("Link") != want {
		t.Fatalf("Link: %s", resp.Header.Get("Link"))
	}
	resp, body = get(t, srv, "/v2/a/tags/list?last=t09999&n=10000", nil)
	if body != `{"name":"a","tags":["t10000"]}`+"\n" || resp.Header.Get("Link") != "" {
		t.Errorf("%q %s", resp.Header.Get("Link"), body)
	}
}

// TestReferrersAreBounded holds that an answer stays below the 4 MiB that
// clients take, with pages that leave nothing out.
func TestReferrersAreBounded(t *testing.T) {
	m := newMemory()
	subject := digestOf([]byte("subject"))
	want := map[string]bool{}
	for i := range 9 {
		body := fmt.Sprintf(`{"n":%d,"annotations":{"x":%q},"subject":{"digest":%q}}`, i, strings.Repeat("x", 1<<20), subject)
		want[string(m.put(t, "a", body))] = true
	}
	srv := serveMemory(t, m, Options{})
	pages := 0
	for path := "/v2/a/referrers/" + string(subject); path != ""; pages++ {
		resp, body := get(t, srv, path, nil)
		if len(body) > 4<<20 || resp.StatusCode != 200 {
			t.Errorf("%d, %d bytes", resp.StatusCode, len(body))
		}
		for d := range want {
			if strings.Contains(body, d) {
				delete(want, d)
			}
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
	}
	if len(want) > 0 || pages != 3 {
		t.Errorf("%d pages, and never saw %v", pages, want)
	}
}

// TestReferrerLargerThanAPage holds that one that is too long for an answer is
// given all the same: no page is without a way on.
func TestReferrerLargerThanAPage(t *testing.T) {
	m := newMemory()
	subject := digestOf([]byte("subject"))
	d := m.put(t, "a", fmt.Sprintf(`{"annotations":{"x":%q},"subject":{"digest":%q}}`, strings.Repeat("x", 5<<20), subject))
	resp, body := get(t, serveMemory(t, m, Options{}), "/v2/a/referrers/"+string(subject), nil)
	if !strings.Contains(body, string(d)) || resp.Header.Get("Link") != "" {
		t.Errorf("%d bytes, Link %s", len(body), resp.Header.Get("Link"))
	}
}

// TestManifestLimit holds that 4 MiB are taken and a byte more is not, where
// no length is announced.
func TestManifestLimit(t *testing.T) {
	srv := serveMemory(t, newMemory(), Options{})
	for more, want := range map[int]int{0: 201, 1: 413} {
		body := `{"x":"` + strings.Repeat("x", lading.MaxManifestSize-8+more) + `"}`
		req, err := http.NewRequestWithContext(t.Context(), "PUT", srv.URL+"/v2/a/manifests/t", io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if req.ContentLength > 0 || resp.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", len(body), resp.StatusCode, want)
		}
	}
}

// TestBlobFromFile holds that a blob in a file is served from it, whole and in
// part, over more than one step.
func TestBlobFromFile(t *testing.T) {
	m := newMemory()
	m.files = t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), (3*step+100)/16)
	d := m.putBlob("a", content)
	srv := serveMemory(t, m, Options{})
	if _, body := get(t, srv, "/v2/a/blobs/"+string(d), nil); body != string(content) {
		t.Errorf("%d bytes, want %d", len(body), len(content))
	}
	resp, body := get(t, srv, "/v2/a/blobs/"+string(d), map[string]string{"Range": "bytes=5-2000004"})
	if resp.StatusCode != 206 || body != string(content[5:2000005]) {
		t.Errorf("%d, %d bytes", resp.StatusCode, len(body))
	}
}

// TestSendfile holds that the file itself reaches the connection: a wrapped
// one would be copied through the process.
func TestSendfile(t *testing.T) {
	m := newMemory()
	m.files = t.TempDir()
	d := m.putBlob("a", []byte("hello"))
	w := &takesFiles{ResponseRecorder: httptest.NewRecorder()}
	New(m, Options{}).ServeHTTP(w, httptest.NewRequest("GET", "/v2/a/blobs/"+string(d), nil))
	if !w.file || w.Body.String() != "hello" {
		t.Errorf("a file: %v, %q", w.file, w.Body)
	}
}

type takesFiles struct {
	*httptest.ResponseRecorder
	file bool
}

func (w *takesFiles) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if ok {
		_, w.file = limited.R.(*os.File)
	}
	return io.Copy(w.ResponseRecorder, r)
}

// TestBrokenBlobIsNotWhole holds that a blob that cannot be read to its end
// breaks the connection, and that the cause is logged.
func TestBrokenBlobIsNotWhole(t *testing.T) {
	var log bytes.Buffer
	m := &brokenBlob{newMemory()}
	srv := httptest.NewServer(New(m, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	resp, err := http.Get(srv.URL + "/v2/a/blobs/" + string(d256))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil || n >= brokenSize {
		t.Errorf("%d bytes, %v", n, err)
	}
	srv.Close()
	if !strings.Contains(log.String(), errDisk.Error()) || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("logged: %s", &log)
	}
}

const brokenSize = 5 << 20

type brokenBlob struct{ *memory }

func (b *brokenBlob) Blob(context.Context, string, lading.Digest) (lading.BlobReader, error) {
	return &brokenReader{}, nil
}

type brokenReader struct{ at int64 }

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.at += int64(len(p)); b.at > 2<<20 {
		return 0, errDisk
	}
	return len(p), nil
}
func (b *brokenReader) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return brokenSize, nil
	}
	return off, nil
}
func (b *brokenReader) Close() error { return nil }
func (b *brokenReader) Descriptor() lading.Descriptor {
	return lading.Descriptor{Digest: d256, Size: brokenSize}
}

// TestBlobIsClosed holds that no reader is left open, whatever happens.
func TestBlobIsClosed(t *testing.T) {
	for _, head := range []map[string]string{nil, {"Range": "bytes=-0"}, {"Range": "bytes=9-1"}, {"If-None-Match": "*"}} {
		m := &countClosed{memory: newMemory()}
		d := m.putBlob("a", []byte("hello"))
		srv := httptest.NewServer(New(m, Options{}))
		get(t, srv, "/v2/a/blobs/"+string(d), head)
		srv.Close()
		if m.open != 0 {
			t.Errorf("%v: %d readers are open", head, m.open)
		}
	}
}

type countClosed struct {
	*memory
	open int
}

func (c *countClosed) Blob(ctx context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	b, err := c.memory.Blob(ctx, repo, d)
	if err == nil {
		c.open++
	}
	return countedBlob{b, c}, err
}

type countedBlob struct {
	lading.BlobReader
	c *countClosed
}

func (b countedBlob) Close() error { b.c.open--; return b.BlobReader.Close() }

// send writes to the server as it is told and returns what comes back.
func send(t *testing.T, srv *httptest.Server, text string, closeWrite bool) (status int, took time.Duration) {
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	if closeWrite {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, time.Since(began)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, time.Since(began)
}

// TestSlowBody holds that a client that announces a body and stalls is told
// so, wherever a body is read, and that what it has sent can be resumed.
func TestSlowBody(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{BodyIdle: 100 * time.Millisecond})
	up, err := m.StartBlob(t.Context(), "a", lading.Descriptor{})
	if err != nil || up.Close() != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"PATCH /v2/a/blobs/uploads/up-1", "PUT /v2/a/blobs/uploads/up-1?digest=" + string(d256),
		"POST /v2/a/blobs/uploads/?digest=" + string(d256), "PUT /v2/a/manifests/t",
	} {
		status, took := send(t, srv, request+" HTTP/1.1\nHost: x\nContent-Length: 100\n\nhalf", false)
		if status != 408 || took > 10*time.Second {
			t.Errorf("%s: %d after %v", request, status, took)
		}
	}
	if up.Size() != 8 {
		t.Errorf("the upload holds %d bytes, want 8", up.Size())
	}
	if _, err := m.ResumeBlob(t.Context(), "a", "up-1"); err != nil {
		t.Errorf("it cannot be resumed: %v", err)
	}
}

// TestTricklingBody holds that a slow client is no stalled one.
func TestTricklingBody(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{BodyIdle: 200 * time.Millisecond})
	content := make(chan []byte)
	go func() {
		defer close(content)
		for range 10 {
			content <- []byte("a")
			time.Sleep(50 * time.Millisecond) // the slowness at hand
		}
	}()
	resp, err := http.Post(srv.URL+"/v2/a/blobs/uploads/?digest="+string(digestOf([]byte("aaaaaaaaaa"))), "", chanReader(content))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 201 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestUnreadBody holds that a body nobody wanted does not hold the connection.
func TestUnreadBody(t *testing.T) {
	srv := serveMemory(t, newMemory(), Options{BodyIdle: 100 * time.Millisecond})
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PATCH /v2/a/blobs/uploads/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 404") {
		t.Errorf("the connection was not closed: %v, %q", err, all)
	}
}

// TestShortBody holds that a body that ends early is no whole one.
func TestShortBody(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{})
	for _, request := range []string{"POST /v2/a/blobs/uploads/?digest=" + string(digestOf([]byte("half"))), "PUT /v2/a/manifests/t"} {
		if status, _ := send(t, srv, request+" HTTP/1.1\nHost: x\nContent-Length: 100\n\nhalf", true); status != 400 {
			t.Errorf("%s: %d", request, status)
		}
	}
	if len(m.repos) > 0 {
		t.Error("something was stored")
	}
	if len(m.uploads) > 0 {
		t.Error("an upload that cannot be resumed was left")
	}
}

// TestPatientCommit holds that the deadline of the body is not one of what
// follows it: committing may take longer.
func TestPatientCommit(t *testing.T) {
	m := &slowCommit{memory: newMemory()}
	srv := httptest.NewServer(New(m, Options{BodyIdle: 50 * time.Millisecond}))
	defer srv.Close()
	body := []byte("hello")
	resp, err := http.Post(srv.URL+"/v2/a/blobs/uploads/?digest="+string(digestOf(body)), "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 201 || m.err != nil {
		t.Errorf("%d, context: %v", resp.StatusCode, m.err)
	}
}

type slowCommit struct {
	*memory
	err error
}

func (s *slowCommit) StartBlob(ctx context.Context, repo string, want lading.Descriptor) (lading.BlobWriter, error) {
	up, err := s.memory.StartBlob(ctx, repo, want)
	return slowUpload{up, s}, err
}

type slowUpload struct {
	lading.BlobWriter
	s *slowCommit
}

func (u slowUpload) Commit(ctx context.Context, d lading.Digest) (lading.Descriptor, error) {
	select {
	case <-ctx.Done(): // taken for a client that has gone
	case <-time.After(300 * time.Millisecond):
	}
	u.s.err = ctx.Err()
	return u.BlobWriter.Commit(ctx, d)
}

// TestStalledReader holds that a client that takes nothing of a long answer
// is let go, and is no failure of ours.
func TestStalledReader(t *testing.T) {
	var log bytes.Buffer
	m := &endless{memory: newMemory(), done: make(chan struct{})}
	srv := httptest.NewServer(New(m, Options{BodyIdle: 200 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v2/a/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", d256)
	select {
	case <-m.done:
	case <-time.After(20 * time.Second):
		t.Error("the blob is still being served")
	}
	srv.Close()
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
}

type endless struct {
	*memory
	done chan struct{}
}

func (e *endless) Blob(context.Context, string, lading.Digest) (lading.BlobReader, error) {
	return endlessBlob{e}, nil
}

type endlessBlob struct{ e *endless }

func (endlessBlob) Read(p []byte) (int, error) { return len(p), nil }
func (endlessBlob) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 1 << 40, nil
	}
	return off, nil
}
func (b endlessBlob) Close() error                { close(b.e.done); return nil }
func (endlessBlob) Descriptor() lading.Descriptor { return lading.Descriptor{Digest: d256} }

// TestServerTimeouts holds that uploads, streams and held deltas outlive the
// timeouts of a server that has them.
func TestServerTimeouts(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		m := newMemory()
		m.put(t, "a", `{}`, "t")
		srv := httptest.NewUnstartedServer(New(m, Options{}))
		srv.Config.WriteTimeout = 100 * time.Millisecond
		if srv.EnableHTTP2 = http2; http2 {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		outlives(t, srv)
		srv.Close()
	}
}

func outlives(t *testing.T, srv *httptest.Server) {
	resp, body := get(t, srv, "/v2/_lading/list/tags?since=now&wait=1", nil)
	if resp.StatusCode != 200 || !strings.Contains(body, `"kind":"delta"`) {
		t.Errorf("held delta: %d %s", resp.StatusCode, body)
	}
	content := make(chan []byte)
	go func() {
		content <- []byte("a")
		time.Sleep(300 * time.Millisecond) // longer than the server's timeout: that is the case at hand
		close(content)
	}()
	up, err := srv.Client().Post(srv.URL+"/v2/a/blobs/uploads/?digest="+string(digestOf([]byte("a"))), "", chanReader(content))
	if err != nil {
		t.Fatal(err)
	}
	up.Body.Close()
	if up.StatusCode != 201 {
		t.Errorf("upload: %d", up.StatusCode)
	}
}

type chanReader chan []byte

func (c chanReader) Read(p []byte) (int, error) {
	b, ok := <-c
	if !ok {
		return 0, io.EOF
	}
	return copy(p, b), nil
}

// TestConnectionIsUsedAgain holds that no deadline of one request is left to
// the next on the same connection.
func TestConnectionIsUsedAgain(t *testing.T) {
	m := newMemory()
	m.put(t, "a", `{}`, "t")
	srv := serveMemory(t, m, Options{BodyIdle: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, request := range []string{
		"GET /v2/a/manifests/t HTTP/1.1\r\nHost: x\r\n\r\n",
		"PUT /v2/a/manifests/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"GET /v2/_lading/list/tags?since=now&wait=1 HTTP/1.1\r\nHost: x\r\n\r\n", // longer than BodyIdle
		"GET /v2/a/manifests/t HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v", strconv.Quote(request), err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode >= 400 {
			t.Errorf("%q: %d", request, resp.StatusCode)
		}
	}
}

// TestPanicAfterTheBeginning holds that a panic in the middle of an answer
// breaks the connection.
func TestPanicAfterTheBeginning(t *testing.T) {
	m := newMemory()
	calls := 0
	m.list = func(context.Context, lading.Query) (lading.Listing, error) {
		if calls++; calls > 1 {
			panic("in the middle")
		}
		return lading.Listing{Items: []lading.Item{{Op: "put", Key: "k"}}, Next: "p"}, nil
	}
	srv := serveMemory(t, m, Options{})
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v2/_lading/list/tags", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", mediaTypeStream)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the answer ended with %v", err)
	}
}
