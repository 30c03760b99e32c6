package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The bounds of the registry that slow clients meet, and what a loaded
// machine may add to them.
const (
	slowHeader = time.Second
	slowBody   = time.Second
	slack      = 8 * time.Second
)

// slow is a registry with short patience.
type slow struct {
	*process
	t   *testing.T
	api *api
}

func startSlow(t *testing.T) *slow {
	t.Helper()
	file := configFile(t, t.TempDir(), "", "http: {header_timeout: 1s, body_idle: 1s, idle_timeout: 1s, max_header: 16KiB}\n")
	s := &slow{process: start(t, file), t: t}
	s.api = newAPI(s.addr)
	t.Cleanup(s.api.close)
	return s
}

func (s *slow) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// closes checks that the registry ends a connection within the bound, and
// returns what it said.
func (s *slow) closes(c net.Conn, within time.Duration) string {
	s.t.Helper()
	c.SetReadDeadline(time.Now().Add(within + slack))
	said, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("the connection is still open after %v; it said %q", within+slack, said)
	}
	return string(said)
}

// serves checks that others are answered meanwhile.
func (s *slow) serves() {
	s.t.Helper()
	begin := time.Now()
	r, err := s.api.do(s.t.Context(), "GET", "/v2/_lading/list/repositories", nil)
	if err != nil || r.status != http.StatusOK {
		s.t.Fatalf("others: %v, %v", r, err)
	}
	if d := time.Since(begin); d > slack {
		s.t.Errorf("others wait for %v", d)
	}
}

// sockets is the number of connections that the process holds.
func (s *slow) sockets() (n int) {
	s.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatalf("open files of a process cannot be counted here: %v", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// TestHeaderTrickle opens connections that send a byte of their header now and
// then, and some that send nothing: each is cut, whatever it sends, and
// nothing of them is left.
func TestHeaderTrickle(t *testing.T) {
	s := startSlow(t)
	s.serves()
	s.api.close()
	before := s.sockets()
	var conns []net.Conn
	for i := range 200 {
		c := s.dial()
		conns = append(conns, c)
		if i%2 == 0 {
			go trickle(c)
		}
	}
	s.serves()
	begin := time.Now()
	for _, c := range conns {
		s.closes(c, slowHeader)
	}
	if d := time.Since(begin); d > slowHeader+slack {
		t.Errorf("the last connection was cut after %v", d)
	}
	s.drains(before, slowHeader)
}

// trickle never ends its header.
func trickle(c net.Conn) {
	header := "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: "
	for i := 0; ; i++ {
		b := byte('x')
		if i < len(header) {
			b = header[i]
		}
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestBodyStall begins uploads and a manifest and stops in the middle: the
// registry ends them, stores nothing, and an upload can be resumed.
func TestBodyStall(t *testing.T) {
	s := startSlow(t)
	r, err := s.api.do(t.Context(), "POST", "/v2/slow/body/blobs/uploads/", nil)
	if err != nil || r.status != http.StatusAccepted {
		t.Fatal(r, err)
	}
	location := r.header.Get("Location")
	blob := []byte("the first part and the rest")
	half := len("the first part")
	var conns []net.Conn
	for _, head := range []string{
		"PATCH " + location + " HTTP/1.1",
		"PUT /v2/slow/body/manifests/latest HTTP/1.1\r\nContent-Type: " + imageType,
		"POST /v2/slow/body/blobs/uploads/?digest=" + digestOf(blob) + " HTTP/1.1",
	} {
		c := s.dial()
		fmt.Fprintf(c, "%s\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", head, len(blob), blob[:half])
		conns = append(conns, c)
	}
	s.serves()
	for _, c := range conns {
		said := s.closes(c, slowBody)
		if said != "" && !strings.HasPrefix(said, "HTTP/1.1 408 ") {
			t.Errorf("answered %q", said)
		}
	}
	for _, k := range []string{blobKey("slow/body", digestOf(blob)), tagKey("slow/body", "latest")} {
		if got, err := observe(t.Context(), s.api, k); err != nil || got != "" {
			t.Errorf("%s: %q, %v", k, got, err)
		}
	}
	s.resume(location, blob)
}

// resume goes on with an upload where the registry says that it stands.
func (s *slow) resume(location string, blob []byte) {
	s.t.Helper()
	r, err := s.api.do(s.t.Context(), "GET", location, nil)
	if err != nil || r.status != http.StatusNoContent {
		s.t.Fatal(r, err)
	}
	have := 0
	if rg := r.header.Get("Range"); rg != "0--1" {
		if _, err := fmt.Sscanf(rg, "0-%d", &have); err != nil {
			s.t.Fatalf("Range %q: %v", rg, err)
		}
		have++
	}
	r, err = s.api.do(s.t.Context(), "PUT", r.header.Get("Location")+"?digest="+digestOf(blob), blob[have:])
	if err != nil || r.status != http.StatusCreated {
		s.t.Errorf("resumed at %d: %v, %v", have, r, err)
	}
}

// TestHugeHeader sends a header without an end.
func TestHugeHeader(t *testing.T) {
	s := startSlow(t)
	c := s.dial()
	fmt.Fprint(c, "GET /v2/ HTTP/1.1\r\nHost: x\r\n")
	line := "X-Huge: " + strings.Repeat("x", 1000) + "\r\n"
	sent := 0
	c.SetWriteDeadline(time.Now().Add(slack))
	for sent < 64<<20 {
		n, err := io.WriteString(c, line)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= 64<<20 {
		t.Error("64 MiB of header were taken")
	}
	s.serves()
	r, err := s.api.do(t.Context(), "GET", "/v2/", nil, "X-Huge", strings.Repeat("x", 32<<10))
	if err != nil || r.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 32 KiB: %v, %v", r, err)
	}
}

// TestHalfClosed sends whole requests and closes its side: each is answered,
// and a push that was answered with success is there.
func TestHalfClosed(t *testing.T) {
	s := startSlow(t)
	created := 0
	for i := range 20 {
		c := s.dial()
		blob := fmt.Appendf(nil, "half closed %d", i)
		fmt.Fprintf(c, "POST /v2/slow/half/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", digestOf(blob), len(blob), blob)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(slack))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		s.closes(c, slowBody)
		got, err := observe(t.Context(), s.api, blobKey("slow/half", digestOf(blob)))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusCreated {
			created++
		}
		if (resp.StatusCode == http.StatusCreated) != (got != "") && resp.StatusCode < 500 {
			t.Errorf("answered %s, the blob is %q", resp.Status, got)
		}
	}
	if created != 20 {
		t.Errorf("%d of 20 whole pushes went well", created)
	}
}

// TestSlowReader asks for a large blob and reads nothing.
func TestSlowReader(t *testing.T) {
	s := startSlow(t)
	blob := random(32 << 20)
	if r, err := s.api.pushBlob(t.Context(), "slow/reader", blob, 0); err != nil || r.status != http.StatusCreated {
		t.Fatal(r, err)
	}
	s.api.close()
	before := s.sockets()
	for range 50 {
		fmt.Fprintf(s.dial(), "GET /v2/slow/reader/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", digestOf(blob))
	}
	s.serves()
	s.drains(before, slowBody)
}

// drains waits until the process holds no more sockets than before. Each is cut
// after the bound, but how long it takes to serve all that comes before that is
// the machine's affair: none may pass without an end of some.
func (s *slow) drains(before int, within time.Duration) {
	s.t.Helper()
	s.api.close()
	held, since := s.sockets(), time.Now()
	for n := held; n > before; n = s.sockets() {
		if n < held {
			held, since = n, time.Now()
		} else if time.Since(since) > within+slack {
			s.t.Fatalf("the registry holds %d sockets, %d before; none has ended for %v", n, before, time.Since(since))
		}
		s.api.close()
		time.Sleep(50 * time.Millisecond)
	}
}
