package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// waits notes how long a client would wait.
type waits struct{ all []time.Duration }

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.all = append(w.all, d)
	return ctx.Err()
}

func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		ask    string
		status int
		after  string
		sent   int64 // how often it is sent, of an answer that never gets better
	}{
		{"tags", 429, "7", 4},
		{"tags", 503, "", 4},
		{"tags", 502, "", 4},
		{"tags", 504, "", 4},
		{"tags", 500, "", 1},
		{"tags", 404, "", 1},
		{"upload", 429, "7", 4},
		{"upload", 503, "", 4},
		{"upload", 502, "", 1}, // it may have been carried out
		{"put", 502, "", 4},    // which does no harm
		{"tags", 429, "61", 1}, // nobody waits so long
	} {
		var sent atomic.Int64
		w := &waits{}
		reg := scripted(t, func(rw http.ResponseWriter, _ *http.Request) {
			sent.Add(1)
			if tt.after != "" {
				rw.Header().Set("Retry-After", tt.after)
			}
			rw.WriteHeader(tt.status)
		}, client.Options{Retries: 3, Sleep: w.sleep})
		err := ask[tt.ask](t.Context(), reg)
		var answer *client.ResponseError
		if !errors.As(err, &answer) || answer.Status != tt.status || sent.Load() != tt.sent {
			t.Errorf("%s %d: sent %d times, %v", tt.ask, tt.status, sent.Load(), err)
		}
		least, _ := strconv.Atoi(tt.after)
		for _, d := range w.all {
			if d < time.Duration(least)*time.Second || d > time.Duration(least)*time.Second+10*time.Second {
				t.Errorf("%s %d: waited %v", tt.ask, tt.status, d)
			}
		}
	}
}

// What never reached the registry is sent again, whatever it is.
func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	w := &waits{}
	reg := newClient(t, addr, client.Options{Retries: 3, Sleep: w.sleep})
	if err := ask["upload"](t.Context(), reg); !errors.Is(err, lading.ErrUnavailable) || len(w.all) != 3 {
		t.Errorf("%v, tried again %d times", err, len(w.all))
	}
	for i := range w.all[1:] {
		if w.all[i] > w.all[i+1] && w.all[i+1] < time.Second/5 {
			t.Errorf("it waited %v", w.all)
		}
	}
}

// cutter cuts connections while it has cuts left: of what matches, after some
// bytes of the answer, or of the request.
type cutter struct {
	left  atomic.Int64
	match func(r *http.Request) bool
	read  int64 // of the request
	write int   // of the answer; 0 does not cut it
	after bool  // the request is carried out, and the answer lost
}

func (c *cutter) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.match(r) || c.left.Add(-1) < 0 {
			next.ServeHTTP(w, r)
			return
		}
		switch {
		case c.after:
			next.ServeHTTP(discardWriter{http.Header{}}, r)
		case c.write > 0:
			next.ServeHTTP(&shortWriter{ResponseWriter: w, left: c.write}, r)
		default:
			part := r.Clone(r.Context())
			part.Body, part.ContentLength = io.NopCloser(io.LimitReader(r.Body, c.read)), c.read
			part.Header.Del("Content-Range")
			next.ServeHTTP(discardWriter{http.Header{}}, part)
		}
		panic(http.ErrAbortHandler)
	})
}

type discardWriter struct{ header http.Header }

func (d discardWriter) Header() http.Header         { return d.header }
func (d discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (d discardWriter) WriteHeader(int)             {}

type shortWriter struct {
	http.ResponseWriter
	left int
}

func (s *shortWriter) Write(b []byte) (int, error) {
	n, err := s.ResponseWriter.Write(b[:min(len(b), s.left)])
	if s.left -= n; s.left == 0 {
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// Connections that break, wherever, are gone on with behind what has arrived.
func TestBrokenConnections(t *testing.T) {
	c := &cutter{match: func(*http.Request) bool { return false }}
	w := newWorld(t, sqldbtest.SQLite(t), c.before, client.Options{ChunkSize: 1000, Retries: 3})
	text := strings.Repeat("0123456789", 700)
	d := digest.FromString(text)
	method := func(m, part string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == m && strings.Contains(r.URL.Path, part) }
	}
	for _, tt := range []struct {
		name string
		c    *cutter
	}{
		{"chunk, half of it arrived", &cutter{match: method("PATCH", "/uploads/"), read: 500}},
		{"chunk, none of it arrived", &cutter{match: method("PATCH", "/uploads/"), read: 0}},
		{"chunk, the answer was lost", &cutter{match: method("PATCH", "/uploads/"), after: true}},
		{"commit, the answer was lost", &cutter{match: method("PUT", "/uploads/"), after: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.match, c.read, c.write, c.after = tt.c.match, tt.c.read, tt.c.write, tt.c.after
			c.left.Store(2)
			repo := "acme/" + strings.ReplaceAll(strings.ReplaceAll(tt.name, " ", "-"), ",", "")
			if got := pushBlob(t, w.reg, repo, text); got.Digest != d || got.Size != 7000 {
				t.Errorf("%+v", got)
			}
			if c.left.Load() > 1 {
				t.Error("nothing was cut")
			}
		})
	}
	t.Run("reading", func(t *testing.T) {
		c.match, c.write, c.after = method("GET", "/blobs/"), 1234, false
		c.left.Store(4)
		b, err := w.reg.Blob(t.Context(), "acme/chunk-half-of-it-arrived", d)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if got, err := io.ReadAll(b); err != nil || string(got) != text {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if c.left.Load() > 0 {
			t.Error("nothing was cut")
		}
	})
}

// A stream of items that breaks goes on behind the last whole page, and tells
// nothing twice.
func TestBrokenStream(t *testing.T) {
	c := &cutter{match: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/_lading/list/") }}
	w := newWorld(t, sqldbtest.SQLite(t), c.before, client.Options{Retries: 3})
	m := push(t, w.reg, "acme/web", "x", "t")
	raw, err := w.reg.Manifest(t.Context(), "acme/web", lading.Reference{Digest: m.Descriptor.Digest})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		var tags []string
		for j := range 20 {
			tags = append(tags, fmt.Sprintf("t%d-%02d", i, j))
		}
		if _, err := w.reg.PutManifest(t.Context(), "acme/web", raw, lading.PutOptions{Tags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	s := w.reg.Stream(t.Context(), lading.Query{Kind: lading.KindTags, N: 7})
	want := keys(collect(t, s))
	for _, cut := range []int{1, 3000, 9000, 30000} {
		c.write = cut
		c.left.Store(3)
		s := w.reg.Stream(t.Context(), lading.Query{Kind: lading.KindTags, N: 7})
		if got := keys(collect(t, s)); got != want || s.Cursor() == "" {
			t.Errorf("cut after %d bytes: %s", cut, got)
		}
		if c.left.Load() > 2 {
			t.Error("nothing was cut")
		}
	}
	c.left.Store(1 << 30)
	c.write = 1
	for _, err := range w.reg.Stream(t.Context(), lading.Query{Kind: lading.KindTags, N: 7}).Items() {
		if !errors.Is(err, lading.ErrUnavailable) {
			t.Errorf("cut for ever: %v", err)
		}
	}
}

// Whoever does not want to wait any longer does not.
func TestGivenUp(t *testing.T) {
	for name, question := range ask {
		ctx, cancel := context.WithCancel(t.Context())
		reg := scripted(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, client.Options{})
		if err := question(ctx, reg); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A manifest that another registry takes without its further tags is put under
// each of them.
func TestTagsOneByOne(t *testing.T) {
	var puts []string
	body := []byte("{}")
	reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if !bytes.Equal(got, body) {
			t.Errorf("it sent %q", got)
		}
		puts = append(puts, r.URL.Path[len("/v2/acme/web/manifests/"):][:1])
		w.WriteHeader(http.StatusCreated)
	}, client.Options{})
	r, err := reg.PutManifest(t.Context(), "acme/web", lading.Manifest{Bytes: body, MediaType: imageType}, lading.PutOptions{Tags: []string{"1", "2"}})
	if err != nil || strings.Join(puts, " ") != "s 1 2" || strings.Join(r.Tags, " ") != "1 2" {
		t.Errorf("%q, %+v, %v", puts, r, err)
	}
}
