package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

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
	}
	srv := serveMemory(t, m, opt)
	if resp, _ := get(t, srv, "/v2/", nil); resp.StatusCode != 401 || resp.Header.Get("Www-Authenticate") != `Basic realm="lading"` {
		t.Errorf("base: %d %q", resp.StatusCode, resp.Header["Www-Authenticate"])
	}
	if _, body := get(t, srv, "/v2/_oci/ext/discover", nil); !strings.Contains(body, `"limits":{"n":1000,"journalDays":7,"tombstoneDays":8,"wait":60}`) {
		t.Errorf("discover: %s", body)
	}
	if got, want := location(t, srv, "/v2/a/manifests/t"), srv.URL+"/v2/a/manifests/"+string(d); got != want {
		t.Errorf("Location: %s, want %s", got, want)
	}
	opt.Outside = func(*http.Request) (string, string) { return "https", "reg.example" }
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
