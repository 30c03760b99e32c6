package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveHTTP2 serves over TLS and HTTP/2. The client takes little before it is
// read from, and has one connection.
func serveHTTP2(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tr := srv.Client().Transport.(*http.Transport)
	tr.ForceAttemptHTTP2 = true
	tr.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	return srv
}

// opened sends a request and returns its answer, whose body nobody reads yet.
func opened(t *testing.T, srv *httptest.Server, method, path string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.ProtoMajor != 2 {
		t.Fatal(resp.Proto)
	}
	return resp
}

// TestStalledStreamHTTP2: who takes nothing of a stream is cut off over HTTP/2
// too, while the requests beside it on the connection go on.
func TestStalledStreamHTTP2(t *testing.T) {
	m, e := newMemory(), newEnds()
	m.stream = newScripted()
	srv := serveHTTP2(t, New(m, Options{Streams: e, StreamIdle: 300 * time.Millisecond}))
	resp := opened(t, srv, "GET", watchURL, nil)
	stalls(t, m.stream, e, 100)
	<-m.stream.closed
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the stream seems to have ended well")
	}
	if resp := opened(t, srv, "GET", "/v2/", nil); resp.StatusCode != 200 {
		t.Error("beside it:", resp.Status)
	}
}

// TestQuietStreamHTTP2: a stream that has nothing to tell is not cut off.
func TestQuietStreamHTTP2(t *testing.T) {
	m, e := newMemory(), newEnds()
	m.stream = newScripted()
	srv := serveHTTP2(t, New(m, Options{Streams: e, StreamIdle: 100 * time.Millisecond}))
	resp := opened(t, srv, "GET", watchURL, nil)
	read := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, resp.Body); read <- err }()
	for range 3 {
		m.stream.steps <- aPush()
		select {
		case err := <-read:
			t.Fatal("the stream has ended:", err)
		case <-time.After(200 * time.Millisecond): // longer than StreamIdle: that is the case at hand
		}
	}
}

// TestStalledReaderHTTP2: nor does a client of HTTP/2 hold a blob for ever.
func TestStalledReaderHTTP2(t *testing.T) {
	m := &endless{memory: newMemory(), done: make(chan struct{})}
	srv := serveHTTP2(t, New(m, Options{BodyIdle: 300 * time.Millisecond}))
	began := time.Now()
	opened(t, srv, "GET", "/v2/a/blobs/"+string(d256), nil)
	select {
	case <-m.done:
		if took := time.Since(began); took < 250*time.Millisecond {
			t.Errorf("it was served for %v", took)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is still served")
	}
}

// TestStalledUploadHTTP2: nor a body that does not come.
func TestStalledUploadHTTP2(t *testing.T) {
	srv := serveHTTP2(t, New(newMemory(), Options{BodyIdle: 300 * time.Millisecond}))
	body, send := io.Pipe()
	defer send.Close()
	go io.WriteString(send, "a part")
	resp := opened(t, srv, "POST", "/v2/a/blobs/uploads/?digest="+string(digestOf([]byte("a"))), body)
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != 408 || !strings.Contains(string(text), "REQUEST_TIMEOUT") {
		t.Errorf("%s %s %v", resp.Status, text, err)
	}
}
