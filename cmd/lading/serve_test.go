package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

// serving is a `lading serve` inside the test.
type serving struct {
	url   string
	first string // its first line
	stop  context.CancelFunc
	ended chan int // its exit code
	log   *bytes.Buffer
}

// startServing runs `lading serve` on a free port and waits for its first
// line. It has ended when the test has.
func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	s := &serving{stop: stop, ended: make(chan int, 1), log: new(bytes.Buffer)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		code := run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), stdout, s.log)
		stdout.Close()
		s.ended <- code
	}()
	t.Cleanup(func() { stop(); <-done })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		<-done
		t.Fatalf("no first line: %v\n%s", err, s.log)
	}
	s.first = line
	s.url = strings.Fields(line)[2]
	return s
}

func TestServeTellsWhereAndStops(t *testing.T) {
	dir := t.TempDir()
	s := startServing(t, "--data", dir)
	want := fmt.Sprintf("lading serves %s (data in %s, catalog sqlite). Try: curl -i %s/v2/_lading/list/repositories\n", s.url, dir, s.url)
	if s.first != want {
		t.Errorf("first line %q, want %q", s.first, want)
	}
	resp, err := http.Get(s.url + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.stop()
	if code := <-s.ended; code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		t.Error("it still takes connections")
	}
	if !strings.Contains(s.log.String(), "msg=stopped") {
		t.Errorf("the log does not tell the end:\n%s", s.log)
	}
	startServing(t, "--data", dir) // what it held was let go
}

// TestRequestInFlightEnds stops a server while it answers: the answer arrives
// whole.
func TestRequestInFlightEnds(t *testing.T) {
	ln := loopback(t)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop()
		<-stopped // the listener is closed: draining has begun
		if r.Context().Err() != nil {
			return
		}
		io.WriteString(w, "whole")
	})
	ended := make(chan error, 1)
	go func() {
		ended <- serveOn(ctx, closeTeller{ln, stopped}, h, nil, config.Default().HTTP, slog.New(slog.DiscardHandler))
	}()
	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "whole" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRequestThatDoesNotEndIsCut stops a server with a request that never ends
// by itself: when the time is over its context and its connection end, and the
// server once the request has.
func TestRequestThatDoesNotEndIsCut(t *testing.T) {
	t.Run("it waits", func(t *testing.T) { testCut(t, func(r *http.Request) { <-r.Context().Done() }) })
	t.Run("it reads", func(t *testing.T) { testCut(t, func(r *http.Request) { io.Copy(io.Discard, r.Body) }) })
}

func testCut(t *testing.T, hang func(*http.Request)) {
	ln := loopback(t)
	ctx, stop := context.WithCancel(t.Context())
	var over atomic.Bool
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		hang(r)
		<-time.After(20 * time.Millisecond) // what it does last
		over.Store(true)
	})
	ended := make(chan error, 1)
	go func() {
		cfg := config.Default().HTTP
		cfg.DrainTime = time.Millisecond
		ended <- serveOn(ctx, ln, h, nil, cfg, slog.New(slog.DiscardHandler))
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !over.Load() {
		t.Error("the server ended before the request did")
	}
}

// TestSlowHeaderIsCut opens a connection that never finishes its header.
func TestSlowHeaderIsCut(t *testing.T) {
	ln := loopback(t)
	ctx, stop := context.WithCancel(t.Context())
	cfg := config.Default().HTTP
	cfg.HeaderTimeout = 50 * time.Millisecond
	ended := make(chan error, 1)
	go func() {
		ended <- serveOn(ctx, ln, http.NotFoundHandler(), nil, cfg, slog.New(slog.DiscardHandler))
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestListenChecksTheRealAddress binds an address that others reach, as a
// hosts file that lies would make it.
func TestListenChecksTheRealAddress(t *testing.T) {
	cfg := config.Default()
	cfg.Listen = "0.0.0.0:0" // what a check of names alone would let pass
	if ln, err := listen(t.Context(), cfg); err == nil {
		ln.Close()
		t.Error("it listens on every address without authentication")
	}
	cfg.InsecureNoAuth = true
	ln, err := listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

func TestGreetEveryAddress(t *testing.T) {
	var out bytes.Buffer
	greet(&out, &net.TCPAddr{IP: net.IPv6unspecified, Port: 5000}, config.Default())
	if !strings.HasPrefix(out.String(), "lading serves http://127.0.0.1:5000 ") {
		t.Error(out.String())
	}
}

// closeTeller closes told when the listener is closed.
type closeTeller struct {
	net.Listener
	told chan struct{}
}

func (c closeTeller) Close() error {
	select {
	case <-c.told:
	default:
		close(c.told)
	}
	return c.Listener.Close()
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
