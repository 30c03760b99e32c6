package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

const watchURL = "/v2/_lading/watch/events"

// ends is a StreamObserver that remembers.
type ends struct {
	mu     sync.Mutex
	opened int
	events int
	bytes  int
	told   chan StreamEnd // one for each end
}

func newEnds() *ends { return &ends{told: make(chan StreamEnd, 100)} }

func (e *ends) Opened() { e.mu.Lock(); defer e.mu.Unlock(); e.opened++ }
func (e *ends) Sent(events []lading.Event, bytes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events += len(events)
	e.bytes += bytes
}
func (e *ends) Ended(why StreamEnd) { e.told <- why }

// open opens a stream and returns its lines as they come.
func open(t testing.TB, srv *httptest.Server, path string, head map[string]string) (*http.Response, *bufio.Scanner, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range head {
		req.Header.Set(k, v)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewScanner(resp.Body), cancel
}

func wantLine(t testing.TB, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	if got := lines.Text(); got != want {
		t.Fatalf("line %q, want %q", got, want)
	}
}

func wantEnd(t testing.TB, e *ends, want StreamEnd) {
	t.Helper()
	select {
	case got := <-e.told:
		if got != want {
			t.Errorf("ended by %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("no end, want %q", want)
	}
}

// TestStreamIsAtOnce: the first bytes and each event are on the wire while the
// stream waits for more, and the end of the client ends it.
func TestStreamIsAtOnce(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			m, e := newMemory(), newEnds()
			m.stream = newScripted()
			srv := httptest.NewUnstartedServer(New(m, Options{Streams: e, StreamIdle: time.Second / 2}))
			srv.EnableHTTP2 = protocol == "HTTP/2.0"
			srv.StartTLS()
			t.Cleanup(srv.Close)
			resp, lines, cancel := open(t, srv, watchURL, nil)
			if resp.Proto != protocol || resp.StatusCode != 200 || resp.ContentLength >= 0 {
				t.Fatal(resp.Proto, resp.Status, resp.ContentLength)
			}
			wantLine(t, lines, ": lading")
			lines.Scan() // retry
			wantLine(t, lines, "")
			for i := range 3 {
				m.stream.steps <- []lading.Event{{Control: lading.ControlBookmark, Cursor: "c.7"}}
				for _, want := range []string{"id: c.7", "event: bookmark", "data: {}", ""} {
					wantLine(t, lines, want)
				}
				if i == 1 {
					time.Sleep(700 * time.Millisecond) // longer than a socket may take nothing: this one had nothing to take
				}
			}
			cancel()
			wantEnd(t, e, StreamLeft)
			<-m.stream.closed
		})
	}
}

func TestNDJSONHasNothingBeforeItsEvents(t *testing.T) {
	m := newMemory()
	m.stream = newScripted()
	_, lines, _ := open(t, serveMemory(t, m, Options{}), watchURL, map[string]string{"Accept": mediaTypeStream})
	m.stream.steps <- aPush()[1:]
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	var line struct {
		ID, Event string
		Data      struct{ Source, Subject string }
	}
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.ID != "c.1-_A" || line.Event != "tag.updated" || line.Data.Subject != "tag:acme/web:1.0" {
		t.Errorf("%+v, %v in %s", line, err, lines.Bytes())
	}
}

// TestRetryIsJittered: clients whose server is gone do not come back at once.
func TestRetryIsJittered(t *testing.T) {
	seen := map[string]bool{}
	srv := httptest.NewServer(New(newMemory(), Options{}))
	defer srv.Close()
	for range 10 {
		_, body := get(t, srv, watchURL, nil)
		seen[strings.Split(body, "\n")[1]] = true
	}
	if len(seen) < 3 {
		t.Errorf("all are told %v", seen)
	}
}

// TestLastEventID wins over what the URL says, as a browser sends the same URL
// again.
func TestLastEventID(t *testing.T) {
	m := newMemory()
	srv := serveMemory(t, m, Options{})
	for _, c := range []struct {
		query, id string
		want      lading.WatchQuery
	}{
		{"?since=c.1", "c.9", lading.WatchQuery{Since: "c.9"}},
		{"?initial=true", "c.9", lading.WatchQuery{Since: "c.9"}},
		{"?initial=true", "", lading.WatchQuery{Initial: true}},
		{"?since=now", "", lading.WatchQuery{Since: "now"}},
	} {
		m.watched = nil
		head := map[string]string{"Last-Event-ID": c.id}
		if resp, _ := get(t, srv, watchURL+c.query, head); resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		if got := m.watched[0]; got.Since != c.want.Since || got.Initial != c.want.Initial {
			t.Errorf("%s with %q: %+v", c.query, c.id, got)
		}
	}
}

// TestHostileHost: what a client calls the registry can break neither lines
// nor JSON, and a name that is none is not repeated.
func TestHostileHost(t *testing.T) {
	api := New(newMemory(), Options{})
	for host, want := range map[string]string{
		"reg.example": "http://reg.example/v2/acme/web", "reg.example:5000": "http://reg.example:5000/v2/acme/web", "[::1]:80": "http://[::1]:80/v2/acme/web",
		"": "/v2/acme/web", "a\",\"b\":\"c": "/v2/acme/web", "a\ndata: x": "/v2/acme/web", "a\r": "/v2/acme/web", "a/b": "/v2/acme/web",
		"a@b": "/v2/acme/web", "ü": "/v2/acme/web", "a b": "/v2/acme/web", strings.Repeat("a", 256): "/v2/acme/web",
	} {
		r := httptest.NewRequest("GET", watchURL, nil)
		r.Host = host
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		for line := range strings.Lines(w.Body.String()) {
			data, ok := strings.CutPrefix(line, "data: ")
			if name, _, known := strings.Cut(line, ": "); line != "\n" && (!known || !strings.Contains("id event data retry ", name+" ") && name != "") {
				t.Errorf("Host %q: line %q", host, line)
			}
			var event struct{ Source, Partitionkey string }
			if err := json.Unmarshal([]byte(data), &event); ok && err != nil {
				t.Errorf("Host %q: %v in %s", host, err, data)
			} else if event.Partitionkey != "" && event.Source != want {
				t.Errorf("Host %q: source %q", host, event.Source)
			}
		}
	}
	r := httptest.NewRequest("GET", watchURL, nil)
	w := httptest.NewRecorder()
	New(newMemory(), Options{Outside: func(*http.Request) (string, string) { return "https", "outside.example" }}).ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `"source":"https://outside.example/v2/acme/web"`) {
		t.Error("the external address is not in", w.Body)
	}
}

// TestStreamErrors: what fails after the first byte is told in the stream, in
// the form of all errors, and nothing of its cause; then the stream ends.
func TestStreamErrors(t *testing.T) {
	expired := lading.ErrCursorExpired.WithDetail(map[string]string{"reason": "retention"}).Wrap(errDisk)
	const told = `{"errors":[{"code":"CURSOR_EXPIRED","message":"the cursor is too old: begin again with a full listing","detail":{"reason":"retention","resync":"/v2/_lading/watch/events?initial=true&kinds=tag","retry_after_s":16}}]}`
	const failed = `{"errors":[{"code":"UNKNOWN","message":"the registry failed: see its log"}]}`
	for name, c := range map[string]struct {
		stream *scripted
		want   string
	}{
		"told":               {newScripted([]lading.Event{{Control: lading.ControlError, Err: expired}}).ended(nil), told},
		"returned":           {newScripted().ended(expired), told},
		"unknown":            {newScripted().ended(errDisk), failed},
		"without its error":  {newScripted([]lading.Event{{Control: lading.ControlError}}), failed},
		"nothing after it":   {newScripted([]lading.Event{{Control: lading.ControlError, Err: expired}}, aPush()), told},
		"of another's words": {newScripted([]lading.Event{{Control: lading.ControlError, Err: &lading.Error{Code: "SECRET", Message: "secret"}}}), failed},
	} {
		var log bytes.Buffer
		m, e := newMemory(), newEnds()
		m.stream = c.stream
		srv := serveMemory(t, m, Options{Streams: e, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		resp, body := get(t, srv, watchURL+"?kinds=tag", nil)
		if resp.StatusCode != 200 || !strings.HasSuffix(body, "\n\nevent: error\ndata: "+c.want+"\n\n") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
		wantEnd(t, e, StreamFailed)
		if strings.Contains(body, "secret") || !strings.Contains(log.String(), "request failed") {
			t.Errorf("%s: logged %s", name, &log)
		}
	}
}

// TestStreamEnds: a goaway is the last that is written, with its reason for
// the figures.
func TestStreamEnds(t *testing.T) {
	m, e := newMemory(), newEnds()
	m.stream = newScripted([]lading.Event{{Control: lading.ControlGoaway, Goaway: &lading.Goaway{Reason: lading.GoawayDrain, RetryMS: 7}}}, aPush())
	_, body := get(t, serveMemory(t, m, Options{Streams: e}), watchURL, map[string]string{"Accept": mediaTypeStream})
	if body != `{"event":"goaway","data":{"reason":"drain","retry_ms":7}}`+"\n" {
		t.Error(body)
	}
	wantEnd(t, e, StreamEnd(lading.GoawayDrain))
	if e.opened != 1 || e.events != 1 || e.bytes != len(body) {
		t.Errorf("%d streams, %d events, %d bytes", e.opened, e.events, e.bytes)
	}
}

// TestStreamLimit: streams have a limit of their own, and take nothing of that
// of requests.
func TestStreamLimit(t *testing.T) {
	m, e := newMemory(), newEnds()
	srv := serveMemory(t, m, Options{MaxRequests: 1, MaxStreams: 2, Streams: e})
	var leave []context.CancelFunc
	for range 2 {
		m.mu.Lock()
		m.stream = newScripted()
		m.mu.Unlock()
		resp, lines, cancel := open(t, srv, watchURL, nil)
		if leave = append(leave, cancel); resp.StatusCode != 200 || !lines.Scan() {
			t.Fatal(resp.Status)
		}
	}
	resp, body := get(t, srv, watchURL, nil)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "3" || !strings.Contains(body, "TOOMANYREQUESTS") {
		t.Error(resp.Status, resp.Header, body)
	}
	if resp, _ := get(t, srv, "/v2/", nil); resp.StatusCode != 200 {
		t.Error("streams take the place of requests:", resp.Status)
	}
	leave[0]()
	wantEnd(t, e, StreamLeft)
	m.mu.Lock()
	m.stream = nil
	m.mu.Unlock()
	// The slot is given back after the observer is told.
	for deadline := time.Now().Add(10 * time.Second); ; {
		if resp, _ := get(t, srv, watchURL, nil); resp.StatusCode == 200 {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("after one has left:", resp.Status)
		}
	}
}

// TestStalledStream: who takes nothing is cut off after StreamIdle, and what
// waits for it in memory is bounded.
func TestStalledStream(t *testing.T) {
	m, e := newMemory(), newEnds()
	m.stream = newScripted()
	srv := serveMemory(t, m, Options{Streams: e, StreamIdle: 300 * time.Millisecond})
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+watchURL+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	stalls(t, m.stream, e, 2000)
	<-m.stream.closed
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection goes on")
	}
}

// stalls gives a stream events until its reader, who takes nothing, is cut off:
// not before StreamIdle, and with no more batches than buffers hold.
func stalls(t *testing.T, stream *scripted, e *ends, most int) {
	t.Helper()
	many := make([]lading.Event, 100)
	for i := range many {
		many[i] = aPush()[0]
	}
	began, asked := time.Now(), 0
	for stalled := false; !stalled; {
		select {
		case stream.steps <- many:
			asked++
		case why := <-e.told:
			if stalled = true; why != StreamStalled {
				t.Errorf("ended by %q", why)
			}
		}
	}
	if took := time.Since(began); took < 300*time.Millisecond || took > 10*time.Second || asked > most {
		t.Errorf("cut off after %v and %d batches", took, asked)
	}
}

// TestOneWrite: what is ready goes out in one piece.
func TestOneWrite(t *testing.T) {
	m := newMemory()
	m.stream = newScripted(aPush()).ended(nil)
	w := &countWrites{ResponseRecorder: httptest.NewRecorder()}
	New(m, Options{}).ServeHTTP(w, httptest.NewRequest("GET", watchURL, nil))
	if w.writes != 2 || w.flushes != 2 { // the first comment, and the push
		t.Errorf("%d writes, %d flushes", w.writes, w.flushes)
	}
}

type countWrites struct {
	*httptest.ResponseRecorder
	writes, flushes int
}

func (w *countWrites) Write(p []byte) (int, error) {
	w.writes++
	return w.ResponseRecorder.Write(p)
}
func (w *countWrites) Flush() { w.flushes++ }

// TestStreamIsObserved: its time says nothing of the registry, a client that
// leaves is no failure, and an error in it is told.
func TestStreamIsObserved(t *testing.T) {
	m := newMemory()
	m.stream = newScripted().ended(lading.ErrUnavailable)
	var seen []Exchange
	srv := serveMemory(t, m, Options{Observer: observerFunc(func(x Exchange) { seen = append(seen, x) })})
	get(t, srv, watchURL, nil)
	srv.Close()
	if len(seen) != 1 || seen[0].Action != ActionWatch || !seen[0].Held || seen[0].Cut || seen[0].Status != 200 || seen[0].Code != lading.CodeUnavailable || seen[0].Out == 0 {
		t.Errorf("%+v", seen)
	}
}

type observerFunc func(Exchange)

func (observerFunc) Begin()                            {}
func (f observerFunc) End(_ *http.Request, x Exchange) { f(x) }
