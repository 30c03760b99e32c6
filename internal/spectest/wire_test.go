package spectest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// message is a request as it goes over the wire.
type message struct {
	line   string // "GET /v2/", as it stands
	header []string
	body   string
}

func (m message) method() string {
	method, _, _ := strings.Cut(m.line, " ")
	return method
}

func (m message) has(name string) bool {
	return slices.ContainsFunc(m.header, func(h string) bool { return strings.HasPrefix(strings.ToLower(h), name+":") })
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a message as it stands, so that also what no client would send
// can be sent, and reads the answer.
func send(t testing.TB, addr string, m message) answer {
	t.Helper()
	return sendUntil(t, addr, m, nil)
}

// sendUntil is send for an answer that has no end: it is read until enough has
// come, or for some seconds.
func sendUntil(t testing.TB, addr string, m message, enough func(body string) bool) answer {
	t.Helper()
	head := append([]string{m.line + " HTTP/1.1", "Host: " + addr, "Connection: close"}, m.header...)
	if !m.has("content-length") && !m.has("transfer-encoding") {
		head = append(head, fmt.Sprintf("Content-Length: %d", len(m.body)))
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// A server that refuses a large body need not read it.
		_, _ = io.WriteString(conn, strings.Join(head, "\r\n")+"\r\n\r\n"+m.body)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: m.method()})
	if err != nil {
		t.Fatalf("%s: %v", m.line, err)
	}
	defer resp.Body.Close()
	body, err := readBody(conn, resp.Body, enough)
	if err != nil {
		t.Fatalf("%s: %v", m.line, err)
	}
	conn.Close()
	<-sent
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func readBody(conn net.Conn, body io.Reader, enough func(string) bool) ([]byte, error) {
	if enough == nil {
		return io.ReadAll(body)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	var all []byte
	part := make([]byte, 64<<10)
	for {
		n, err := body.Read(part)
		if all = append(all, part[:n]...); enough(string(all)) || err != nil {
			return all, nil // what is missing is told by who compares
		}
	}
}
