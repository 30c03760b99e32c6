package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// send writes to the server as it is told and returns what comes back.
func send(t *testing.T, conn net.Conn, text string) (status int, took time.Duration) {
	defer conn.Close()
	began := time.Now()
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	if conn, ok := conn.(*net.TCPConn); ok {
		_ = conn.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
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
	inBubble(t, New(m, Options{BodyIdle: time.Minute}), func(t *testing.T, srv *bubbled) { testSlowBody(t, m, srv) })
}

func testSlowBody(t *testing.T, m *memory, srv *bubbled) {
	up, err := m.StartBlob(t.Context(), "a", lading.Descriptor{})
	if err != nil || up.Close() != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"PATCH /v2/a/blobs/uploads/up-1", "PUT /v2/a/blobs/uploads/up-1?digest=" + string(d256),
		"POST /v2/a/blobs/uploads/?digest=" + string(d256), "PUT /v2/a/manifests/t",
	} {
		status, took := send(t, srv.dial(), request+" HTTP/1.1\nHost: x\nContent-Length: 100\n\nhalf")
		if status != 408 || took != time.Minute {
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
	inBubble(t, New(newMemory(), Options{BodyIdle: time.Minute}), func(t *testing.T, srv *bubbled) {
		content := make(chan []byte)
		go func() {
			defer close(content)
			for range 10 {
				content <- []byte("a")
				time.Sleep(59 * time.Second) // the slowness at hand
			}
		}()
		resp, err := srv.client.Post("http://x/v2/a/blobs/uploads/?digest="+string(digestOf([]byte("aaaaaaaaaa"))), "", chanReader(content))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 201 {
			t.Errorf("%d", resp.StatusCode)
		}
	})
}

// TestUnreadBody holds that a body nobody wanted does not hold the connection.
func TestUnreadBody(t *testing.T) {
	inBubble(t, New(newMemory(), Options{BodyIdle: time.Minute}), func(t *testing.T, srv *bubbled) {
		conn := srv.dial()
		defer conn.Close()
		fmt.Fprintf(conn, "PATCH /v2/a/blobs/uploads/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 404") {
			t.Errorf("the connection was not closed: %v, %q", err, all)
		}
	})
}

// TestShortBody holds that a body that ends early is no whole one.
func TestShortBody(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{})
	for _, request := range []string{"POST /v2/a/blobs/uploads/?digest=" + string(digestOf([]byte("half"))), "PUT /v2/a/manifests/t"} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := send(t, conn, request+" HTTP/1.1\nHost: x\nContent-Length: 100\n\nhalf"); status != 400 {
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
	inBubble(t, New(m, Options{BodyIdle: time.Minute}), func(t *testing.T, srv *bubbled) {
		body := []byte("hello")
		resp, err := srv.client.Post("http://x/v2/a/blobs/uploads/?digest="+string(digestOf(body)), "", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 201 || m.err != nil {
			t.Errorf("%d, context: %v", resp.StatusCode, m.err)
		}
	})
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
	case <-time.After(10 * time.Minute):
	}
	u.s.err = ctx.Err()
	return u.BlobWriter.Commit(ctx, d)
}

// TestStalledReader holds that a client that takes nothing of a long answer
// is let go, and is no failure of ours.
func TestStalledReader(t *testing.T) {
	var log bytes.Buffer
	m := &endless{memory: newMemory()}
	h := New(m, Options{BodyIdle: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	inBubble(t, h, func(t *testing.T, srv *bubbled) {
		m.done = make(chan struct{})
		conn := srv.dial()
		defer conn.Close()
		began := time.Now()
		fmt.Fprintf(conn, "GET /v2/a/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", d256)
		<-m.done
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it was served for %v", took)
		}
	})
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
}

// TestTricklingReader holds that a client that takes a long answer slowly is no
// stalled one.
func TestTricklingReader(t *testing.T) {
	m := &endless{memory: newMemory()}
	inBubble(t, New(m, Options{BodyIdle: time.Minute}), func(t *testing.T, srv *bubbled) {
		m.done = make(chan struct{})
		conn := srv.dial()
		fmt.Fprintf(conn, "GET /v2/a/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", d256)
		for took := 0; took < 10; took++ {
			if _, err := io.CopyN(io.Discard, conn, step); err != nil {
				t.Fatalf("after %d half minutes: %v", took, err)
			}
			time.Sleep(30 * time.Second)
		}
		conn.Close()
		<-m.done
	})
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
		srv.Config.WriteTimeout = time.Second / 2
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
		time.Sleep(800 * time.Millisecond) // longer than the server's timeout: that is the case at hand
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
	inBubble(t, New(m, Options{BodyIdle: time.Second / 2}), testUsedAgain)
}

func testUsedAgain(t *testing.T, srv *bubbled) {
	conn := srv.dial()
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
