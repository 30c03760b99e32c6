package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

var update = flag.Bool("update", false, "write what is answered into the transcripts; read the difference before it is kept")

// TestTranscripts holds real connections to what testdata/*.http says. A file
// is one registry's life, exchange by exchange:
//
//	# a comment
//	! Tags DENIED           the next call of Tags fails with that code
//	! Tags error            ... with an error without code; panic: panics
//	! expire                cursors given so far have expired
//	> GET /v2/ HTTP/1.1     the request: line, headers, "> " and the body
//	< 200                   the response: status, all headers but Date and
//	<                       those that are always the same, and the body
//
// A body line "> *N" stands for N zero bytes.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	srv := serveMemory(t, m, Options{})
	var out bytes.Buffer
	for _, block := range blocks(string(text)) {
		got := play(t, m, srv.Listener.Addr().String(), block)
		want := block.response
		if got != want && !*update {
			t.Errorf("%s:%d\n%s\ngot\n%s\nwant\n%s", file, block.line, block.request, got, want)
		}
		out.WriteString(block.before + block.request + got)
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func serveMemory(t testing.TB, m *memory, opt Options) *httptest.Server {
	opt.Jitter = func(n int) int { return n / 2 }
	srv := httptest.NewServer(New(m, opt))
	t.Cleanup(srv.Close)
	return srv
}

// A block is an exchange, with what stands before it.
type block struct {
	before, request, response string
	line                      int
}

func blocks(text string) []block {
	var all []block
	var b block
	for i, line := range strings.SplitAfter(text, "\n") {
		if !strings.HasPrefix(line, "<") && b.response != "" {
			all = append(all, b)
			b = block{}
		}
		switch {
		case strings.HasPrefix(line, ">"):
			if b.request == "" {
				b.line = i + 1
			}
			b.request += line
		case strings.HasPrefix(line, "<"):
			b.response += line
		case b.request != "" && line != "": // a request that has no answer yet
			all = append(all, b)
			b = block{before: line}
		default:
			b.before += line
		}
	}
	if b.request != "" || b.before != "" {
		all = append(all, b)
	}
	return all
}

func play(t *testing.T, m *memory, addr string, b block) string {
	for line := range strings.Lines(b.before) {
		if order, ok := strings.CutPrefix(line, "! "); ok {
			command(m, strings.Fields(order))
		}
	}
	if b.request == "" {
		return ""
	}
	var lines []string
	for line := range strings.Lines(b.request) {
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), ">"), " "))
	}
	return exchange(t, addr, lines)
}

func command(m *memory, words []string) {
	switch words[0] {
	case "expire":
		m.horizon = len(m.changes) + 1
	default:
		m.fail[words[0]] = (&lading.Error{Code: lading.Code(words[1]), Message: "as told"}).Wrap(errDisk)
		switch words[1] {
		case "panic":
			m.fail[words[0]] = errPanic
		case "error":
			m.fail[words[0]] = errDisk
		}
	}
}

// exchange sends the lines as they are, so that what no client would send can
// be sent, and returns the response as it stands in a transcript.
func exchange(t *testing.T, addr string, lines []string) string {
	head, body, _ := cutAt(lines)
	if i := slices.IndexFunc(body, func(s string) bool { return strings.HasPrefix(s, "*") }); i >= 0 {
		n, _ := strconv.Atoi(body[i][1:])
		body = []string{strings.Repeat("\x00", n)}
	}
	content := strings.Join(body, "\n")
	message := strings.Join(head, "\r\n") + "\r\nHost: reg.example\r\nX-Request-Id: test\r\nConnection: close\r\n"
	if !strings.Contains(strings.ToLower(message), "content-length:") && !strings.Contains(message, "chunked") {
		message += fmt.Sprintf("Content-Length: %d\r\n", len(content))
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, message+"\r\n"+content)
	method, _, _ := strings.Cut(head[0], " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", head[0], err)
	}
	return transcribe(t, resp)
}

func cutAt(lines []string) (head, body []string, ok bool) {
	i := slices.Index(lines, "")
	if i < 0 {
		return lines, nil, false
	}
	return lines[:i], lines[i+1:], true
}

// sameForAll are the headers of every response, looked at in TestEveryResponse.
var sameForAll = []string{"Date", "Docker-Distribution-Api-Version", "X-Content-Type-Options", "Content-Security-Policy", "Connection"}

func transcribe(t *testing.T, resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("< %d\n", resp.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		if slices.Contains(sameForAll, name) {
			continue
		}
		for _, v := range resp.Header[name] {
			out += fmt.Sprintf("< %s: %s\n", name, v)
		}
	}
	if len(body) > 0 {
		out += "<\n"
		for _, line := range strings.Split(strings.TrimSuffix(string(body), "\n"), "\n") {
			out += "< " + line + "\n"
		}
	}
	return out
}

func get(t testing.TB, srv *httptest.Server, path string, head map[string]string) (*http.Response, string) {
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
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
