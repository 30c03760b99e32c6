package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// gate is a registry whose Tags waits until it is opened.
type gate struct {
	*memory
	entered chan struct{}
	open    chan struct{}
}

func (g *gate) Tags(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	g.entered <- struct{}{}
	<-g.open
	return lading.Names{}, nil
}

func TestTooManyRequestsAtOnce(t *testing.T) {
	g := &gate{newMemory(), make(chan struct{}), make(chan struct{})}
	h := New(g, Options{MaxRequests: 1})
	status := func(url string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return w.Code
	}
	first := make(chan int)
	go func() { first <- status("/v2/acme/web/tags/list") }()
	<-g.entered
	if got := status("/v2/"); got != http.StatusTooManyRequests {
		t.Errorf("beside another: %d", got)
	}
	if got := status("/v2/_lading/list/tags?since=now&wait=1"); got != http.StatusOK {
		t.Errorf("one that may wait: %d", got)
	}
	close(g.open)
	if got := <-first; got != http.StatusOK {
		t.Errorf("the first: %d", got)
	}
	if got := status("/v2/"); got != http.StatusOK {
		t.Errorf("after it: %d", got)
	}
}

func TestBlobSize(t *testing.T) {
	const hello = "/v2/acme/web/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	for _, announced := range []bool{true, false} {
		for limit, want := range map[int64]int{0: 201, 5: 201, 4: 413, 1: 413} {
			r := httptest.NewRequest("POST", hello, strings.NewReader("hello"))
			if !announced {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			New(newMemory(), Options{MaxBlob: limit}).ServeHTTP(w, r)
			if w.Code != want || (want == 413) != strings.Contains(w.Body.String(), `"SIZE_INVALID"`) {
				t.Errorf("limit %d, announced %v: %d %s", limit, announced, w.Code, w.Body)
			}
		}
	}
}

// TestBlobSizeCountsWhatWasThere sends a blob in two chunks.
func TestBlobSizeCountsWhatWasThere(t *testing.T) {
	h := New(newMemory(), Options{MaxBlob: 4})
	do := func(method, url, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, url, strings.NewReader(body)))
		return w
	}
	at := do("POST", "/v2/acme/web/blobs/uploads/", "").Header().Get("Location")
	if w := do("PATCH", at, "hel"); w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := do("PATCH", at, "lo"); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
