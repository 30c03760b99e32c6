package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer, and patience how long it takes,
// beyond what it was asked to wait.
const (
	maxAnswer = 64 << 20
	patience  = 60 * time.Second
)

// request is a request of the suite.
type request struct {
	method string // empty is GET
	path   string // with its query
	header map[string]string
	body   []byte
	other  bool // asked by the other caller
	wait   time.Duration
}

// answer is an answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(into any) error { return json.Unmarshal(a.body, into) }

// open sends a request.
func (t *T) open(ctx context.Context, q request) (*http.Response, error) {
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, t.s.base+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, q.path, err)
	}
	from := t.s.opt.Header
	if q.other {
		from = t.s.opt.Other
	}
	for name, values := range from {
		req.Header[name] = values
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	return t.s.client.Do(req)
}

// send sends a request and reads all of the answer.
func (t *T) send(q request) (answer, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience+q.wait)
	defer cancel()
	resp, err := t.open(ctx, q)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status != http.StatusOK || !strings.Contains(q.path, "/_lading/watch/") { // a stream that was to be refused has no end
		a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	}
	t.note(q, a)
	return a, err
}

// do is send for a request that must be answered, whatever the answer is.
func (t *T) do(q request) answer {
	a, err := t.send(q)
	if err != nil {
		t.fatalf("no answer: %v", err)
	}
	return a
}

// get asks for a path.
func (t *T) get(path string) answer { return t.do(request{path: path}) }

// note remembers an exchange; pushes that went well are of no interest.
func (t *T) note(q request, a answer) {
	if q.method != "" && a.status < 300 {
		return
	}
	var req, ans strings.Builder
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	fmt.Fprintf(&req, "%s %s\n", method, q.path)
	for _, name := range slices.Sorted(maps.Keys(q.header)) {
		fmt.Fprintf(&req, "%s: %s\n", name, q.header[name])
	}
	if q.other {
		req.WriteString("(as the other caller)\n")
	}
	fmt.Fprintf(&ans, "%d\n", a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		fmt.Fprintf(&ans, "%s: %s\n", name, strings.Join(a.header[name], ", "))
	}
	ans.WriteString("\n" + cut(string(a.body), 2000))
	t.exchanges = lastOf(append(t.exchanges, Exchange{req.String(), ans.String()}), maxExchanges)
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// extensions is what a registry says it has.
type extensions struct {
	Extensions []struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		URL         string         `json:"url"`
		Endpoints   []string       `json:"endpoints"`
		Limits      map[string]int `json:"limits"`

		CursorRequired bool `json:"cursorRequired"`
	} `json:"extensions"`
}

// errorBody is an error of the distribution-spec ("Error Codes").
type errorBody struct {
	Errors []struct {
		Code    string         `json:"code"`
		Message string         `json:"message"`
		Detail  map[string]any `json:"detail"`
	} `json:"errors"`
}

// wantError checks that an answer is this error, in the form of the
// distribution-spec, and returns its detail.
func (t *T) wantError(a answer, status int, code string) map[string]any {
	var e errorBody
	if err := a.decode(&e); err != nil || len(e.Errors) == 0 {
		t.errorf("status %d with a body that is no OCI error, want %d %s", a.status, status, code)
		return nil
	}
	if a.status != status || e.Errors[0].Code != code {
		t.errorf("%d %s, want %d %s", a.status, e.Errors[0].Code, status, code)
	}
	if e.Errors[0].Message == "" {
		t.errorf("the error %s has no message", code)
	}
	return e.Errors[0].Detail
}
