package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// ledger is an Observer that keeps what it is told.
type ledger struct {
	begun int
	ended []Exchange
}

func (l *ledger) Begin()                          { l.begun++ }
func (l *ledger) End(_ *http.Request, x Exchange) { l.ended = append(l.ended, x) }

// observe answers one request and returns what the observer was told.
func observe(t *testing.T, m *memory, method, path, body string, head ...string) (Exchange, *httptest.ResponseRecorder) {
	t.Helper()
	l := new(ledger)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }() // an answer that is cut
		New(m, Options{Observer: l}).ServeHTTP(w, r)
	}()
	if l.begun != 1 || len(l.ended) != 1 {
		t.Fatalf("%s %s: %d begun, %d ended", method, path, l.begun, len(l.ended))
	}
	return l.ended[0], w
}

func TestObserverIsToldWhatHappened(t *testing.T) {
	m := newMemory()
	const blob = "hello"
	tests := []struct {
		method, path, body string
		action             Action
		repo               string
		status             int
		code               lading.Code
		in                 int64
	}{
		{"GET", "/v2/", "", ActionBase, "", 200, "", 0},
		{"POST", "/v2/acme/web/blobs/uploads/?digest=" + string(lading.Digest("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")),
			blob, ActionUploadWhole, "acme/web", 201, "", 5},
		{"GET", "/v2/acme/web/blobs/sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "", ActionBlobGet, "acme/web", 200, "", 0},
		{"GET", "/v2/acme/none/manifests/1", "", ActionManifestGet, "acme/none", 404, lading.CodeNameUnknown, 0},
		{"GET", "/v2/acme/web/nothing/here", "", 0, "", 404, lading.CodeNameUnknown, 0},
		{"PUT", "/v2/acme/web/manifests/1", "{", ActionManifestPut, "acme/web", 400, lading.CodeManifestInvalid, 1},
	}
	for _, tt := range tests {
		x, w := observe(t, m, tt.method, tt.path, tt.body)
		if x.Action != tt.action || x.Repository != tt.repo || x.Status != tt.status || x.Status != w.Code || x.Code != tt.code ||
			x.In != tt.in || x.Out != int64(w.Body.Len()) || x.Cut || x.Began.IsZero() {
			t.Errorf("%s %s: told %+v; answered %d with %d bytes", tt.method, tt.path, x, w.Code, w.Body.Len())
		}
		if id := w.Header().Get("X-Request-Id"); id != x.ID || len(id) != 26 {
			t.Errorf("%s %s: the id is %q in the answer, %q to the observer", tt.method, tt.path, id, x.ID)
		}
	}
}

func TestObserverIsToldOfWhatIsCut(t *testing.T) {
	m := newMemory()
	m.fail["Tags"] = errPanic
	if x, _ := observe(t, m, "GET", "/v2/acme/web/tags/list", ""); x.Status != 500 || x.Code != "UNKNOWN" || x.Cut {
		t.Errorf("a panic: %+v", x)
	}
	h := New(newMemory(), Options{Observer: new(ledger)}).(*handler)
	l := new(ledger)
	h.reg = cutShort{}
	h.opt.Observer = l
	func() {
		defer func() { _ = recover() }()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v2/acme/web/blobs/"+string(d256), nil))
	}()
	if len(l.ended) != 1 || !l.ended[0].Cut || l.ended[0].Status != 200 || l.ended[0].Code != lading.CodeInternal {
		t.Errorf("a blob that ends too soon: %+v", l.ended)
	}
}

func TestRequestIDs(t *testing.T) {
	for given, keep := range map[string]bool{
		"abc-123_X": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "a b": false, "a\"b": false, "": false, "ä": false,
	} {
		x, w := observe(t, newMemory(), "GET", "/v2/", "", "X-Request-Id", given)
		if (x.ID == given) != keep || w.Header().Get("X-Request-Id") != x.ID {
			t.Errorf("%q: id %q, answer %q", given, x.ID, w.Header().Get("X-Request-Id"))
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if seen[id] || !validUpload(id) {
			t.Fatalf("%q is not new, or not valid", id)
		}
		seen[id] = true
	}
}

func TestEveryActionHasAName(t *testing.T) {
	seen := map[string]bool{}
	for a := range Action(ActionCount) {
		if n := a.String(); n == "" || seen[n] {
			t.Errorf("action %d is called %q", a, n)
		}
		seen[a.String()] = true
	}
	if Action(ActionCount).String() != "unknown" || int(actionEnd) != ActionCount {
		t.Error("an action has no name")
	}
}

// cutShort has a blob that fails after its first byte.
type cutShort struct{ lading.Registry }

type shortBlob struct{ io.ReadSeekCloser }

func (shortBlob) Descriptor() lading.Descriptor { return lading.Descriptor{Digest: d256, Size: 10} }
func (shortBlob) Read(p []byte) (int, error)    { p[0] = 'x'; return 1, errDisk }
func (shortBlob) Close() error                  { return nil }
func (shortBlob) Seek(_ int64, whence int) (int64, error) {
	return int64(whence/io.SeekEnd) * 10, nil
}

func (cutShort) Blob(context.Context, string, lading.Digest) (lading.BlobReader, error) {
	return shortBlob{}, nil
}

// quiet is an Observer that does nothing.
type quiet struct{}

func (quiet) Begin()                      {}
func (quiet) End(*http.Request, Exchange) {}

// TestObserverIsCheap: beside the id, being observed allocates nothing.
func TestObserverIsCheap(t *testing.T) {
	count := func(o Observer) float64 {
		api := New(newStill(), Options{Observer: o})
		r := httptest.NewRequest("GET", benches[0].url, nil)
		w := &nowhere{http.Header{}}
		return testing.AllocsPerRun(100, func() {
			clear(w.head)
			api.ServeHTTP(w, r)
		})
	}
	if without, with := count(nil), count(quiet{}); with > without+1 {
		t.Errorf("%v allocations, observed %v", without, with)
	}
}

func BenchmarkObserved(b *testing.B) {
	for name, o := range map[string]Observer{"nobody": nil, "quiet": quiet{}} {
		b.Run(name, func(b *testing.B) {
			api := New(newStill(), Options{Observer: o})
			r := httptest.NewRequest("GET", benches[0].url, nil)
			w := &nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.head)
				api.ServeHTTP(w, r)
			}
		})
	}
}
