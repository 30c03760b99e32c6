package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

// adminAddr finds in the log where operators are served.
var adminAddr = regexp.MustCompile(`msg="operators are served" addr=(\S+)`)

func TestOperatorsAreServedApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lading.yaml")
	write(t, file, "admin: {listen: '127.0.0.1:0'}\n")
	s := startServing(t, "--config", file, "--data", t.TempDir())
	m := adminAddr.FindStringSubmatch(s.log.String())
	if m == nil {
		t.Fatalf("the log does not tell the address:\n%s", s.log)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/debug/pprof/": 200, "/v2/": 404} {
		if got := fetch(t, "http://"+m[1]+path, nil); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
		if got := fetch(t, s.url+path, nil); (got.StatusCode == 200) != (path == "/v2/") {
			t.Errorf("%s of the registry: %d", path, got.StatusCode)
		}
	}
	s.stop()
	<-s.ended
	if _, err := net.Dial("tcp", m[1]); err == nil {
		t.Error("operators are still served")
	}
}

func TestAccessLogOfARealServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lading.yaml")
	for access, lines := range map[string]int{"true": 1, "false": 0} {
		write(t, file, "log: {access: "+access+"}\n")
		s := startServing(t, "--config", file, "--data", t.TempDir())
		resp := fetch(t, s.url+"/v2/acme/web/tags/list?last=SECRET", http.Header{"X-Request-Id": {"my-id"}, "Authorization": {"Basic SECRET"}})
		if got := resp.Header.Get("X-Request-Id"); got != "my-id" {
			t.Errorf("the answer's id is %q", got)
		}
		s.stop()
		<-s.ended
		text := s.log.String()
		if got := strings.Count(text, "request=my-id method=GET action=tags_list repository=acme/web status=404 code=NAME_UNKNOWN"); got != lines {
			t.Errorf("access %s: %d lines\n%s", access, got, text)
		}
		if strings.Contains(text, "SECRET") {
			t.Errorf("a secret is logged:\n%s", text)
		}
	}
}

func fetch(t *testing.T, url string, head http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if head != nil {
		req.Header = head
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestConnectionsAreLimited opens one too many: it is served when the first is
// closed.
func TestConnectionsAreLimited(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.Limits.Connections = "127.0.0.1:0", 1
	ln, err := listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	if _, ok := first.(io.ReaderFrom); !ok {
		t.Error("files cannot be sent as they are")
	}
	select {
	case <-accepted:
		t.Fatal("two connections are open")
	case <-time.After(50 * time.Millisecond): // time in which it would be taken
	}
	first.Close()
	first.Close() // gives back one slot, not two
	second := <-accepted
	ln.Close() // also while it waits for a slot
	if _, open := <-accepted; open {
		t.Error("a connection is taken after the end")
	}
	second.Close()
}

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	s := startServing(t, "--data", t.TempDir())
	s.stop()
	<-s.ended
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		b := make([]byte, 64)
		n, err := c.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("systemd was told %q, %v; want %q", b[:n], err, want)
		}
	}
	t.Setenv("NOTIFY_SOCKET", path+"-none")
	notify("READY=1") // nobody listens
}
