package spectest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
)

// told is a blob store that notes which algorithms its uploads are told to
// expect before their first byte.
type told struct {
	blob.Store
	mu   sync.Mutex
	algs []digest.Algorithm
}

type toldUpload struct {
	blob.Upload
	s *told
}

func (u *toldUpload) Expect(alg digest.Algorithm) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.algs = append(u.s.algs, alg)
	u.Upload.(blob.Expecter).Expect(alg)
}

func (s *told) Create(ctx context.Context, owner string) (blob.Upload, error) {
	u, err := s.Store.Create(ctx, owner)
	if err != nil {
		return nil, err
	}
	return &toldUpload{u, s}, nil
}

func (s *told) Resume(ctx context.Context, owner, id string) (blob.Upload, error) {
	u, err := s.Store.Resume(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	return &toldUpload{u, s}, nil
}

// last returns what was expected since the call before.
func (s *told) last() []digest.Algorithm {
	s.mu.Lock()
	defer s.mu.Unlock()
	algs := s.algs
	s.algs = nil
	return algs
}

// TestAlgorithmIsPassedOn: whatever way a client tells its algorithm before
// the first byte, the upload is told, so that the bytes are hashed once.
func TestAlgorithmIsPassedOn(t *testing.T) {
	w := &world{t: t}
	store := &told{}
	w.blobs = func(s blob.Store) blob.Store { store.Store = s; return store }
	w.open(t, "")
	content := strings.Repeat("0123456789abcdef", 4096)
	sha512 := string(digest.SHA512.FromString(content))
	const uploads = "/v2/acme/app/blobs/uploads/"
	start := func(query string) string {
		t.Helper()
		a := send(t, w.addr(), message{line: "POST " + uploads + query})
		if a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a.header.Get("Location")
	}
	finish := func(name, line, body string, want ...digest.Algorithm) {
		t.Helper()
		if a := send(t, w.addr(), message{line: line, body: body}); a.status != 201 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if got := store.last(); !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: %v was expected, want %v", name, got, want)
		}
	}
	at := start("?digest-algorithm=sha512")
	send(t, w.addr(), message{line: "PATCH " + at, body: content})
	finish("announced", "PUT "+at+"?digest="+sha512, "", digest.SHA512)
	finish("in the closing request", "PUT "+start("")+"?digest="+sha512, content, digest.SHA512)
	finish("in one request", "POST "+uploads+"?digest="+sha512, content, digest.SHA512)

	// An upload with bytes is not told any more.
	at = start("")
	send(t, w.addr(), message{line: "PATCH " + at, body: content[:40000]})
	finish("too late", "PUT "+at+"?digest="+sha512, content[40000:])
}

// TestResumeSHA512: an upload that is hashed with another algorithm goes on
// behind a restart, at any point, also before its first byte.
func TestResumeSHA512(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		content := strings.Repeat("all the bytes of a large blob\n", 20_000)
		a := send(t, w.addr(), message{line: "POST /v2/acme/app/blobs/uploads/?digest-algorithm=sha512"})
		at := a.header.Get("Location")
		from := 0
		for _, to := range []int{1, 20_000, 300_000, 400_000} {
			w.restart()
			a := send(t, w.addr(), message{"PATCH " + at, []string{fmt.Sprintf("Content-Range: %d-%d", from, to-1)}, content[from:to]})
			if a.status != 202 || a.header.Get("Range") != fmt.Sprintf("0-%d", to-1) {
				t.Fatalf("to %d: %d %v %s", to, a.status, a.header, a.body)
			}
			at, from = a.header.Get("Location"), to
		}
		w.restart()
		d := string(digest.SHA512.FromString(content))
		if a := send(t, w.addr(), message{line: "PUT " + at + "?digest=" + d, body: content[from:]}); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a := send(t, w.addr(), message{line: "GET /v2/acme/app/blobs/" + d}); a.body != content {
			t.Errorf("%d, %d bytes", a.status, len(a.body))
		}
	})
}
