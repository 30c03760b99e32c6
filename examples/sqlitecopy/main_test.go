package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/examples/itemdb"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// registry starts a registry and returns its address and a client of it.
func registry(t *testing.T) (string, *client.Client) {
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	srv, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		srv.Drain()
		web.CloseClientConnections()
		web.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	reg, err := client.New(web.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return web.URL, reg
}

const indexType = "application/vnd.oci.image.index.v1+json"

// push puts an empty index of its own, told by a text.
func push(t *testing.T, reg *client.Client, repo, text string, tags ...string) lading.Digest {
	t.Helper()
	body := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"text":%q}}`, indexType, text))
	if _, err := reg.PutManifest(t.Context(), repo, lading.Manifest{MediaType: indexType, Bytes: body}, lading.PutOptions{Tags: tags}); err != nil {
		t.Fatal(err)
	}
	return digest.FromBytes(body)
}

// lockedBuffer is what run writes to while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// waitFor waits for a number of lines and returns them; the next wait is for
// others.
func (l *lockedBuffer) waitFor(t *testing.T, lines int) string {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		l.mu.Lock()
		s := l.b.String()
		if n := strings.Count(s, "\n"); n >= lines || time.Now().After(end) {
			l.b.Reset()
			l.mu.Unlock()
			if n != lines {
				t.Fatalf("%d lines, want %d:\n%s", n, lines, s)
			}
			return s
		}
		l.mu.Unlock()
	}
}

// The file follows the registry, is let alone, and goes on where it was.
func TestCopy(t *testing.T) {
	url, reg := registry(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	out := &lockedBuffer{}
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- run(ctx, []string{"-namespace", "acme", url, file}, out, out) }()
		return func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
		}
	}
	one := push(t, reg, "acme/web", "one", "1", "2")
	push(t, reg, "other", "one", "1")
	stop := start()
	if got, want := out.waitFor(t, 2), fmt.Sprintf("added   tag:acme/web:1 %s\nadded   tag:acme/web:2 %s\n", one, one); got != want {
		t.Errorf("it told\n%s", got)
	}
	two := push(t, reg, "acme/web", "two", "2")
	if got, want := out.waitFor(t, 1), fmt.Sprintf("updated tag:acme/web:2 %s\n", two); got != want {
		t.Errorf("it told\n%s", got)
	}
	stop()
	if err := reg.DeleteTag(t.Context(), "acme/web", "1", lading.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	stop = start()
	if got := out.waitFor(t, 1); got != "deleted tag:acme/web:1\n" {
		t.Errorf("it told\n%s", got)
	}
	stop()
	db, err := itemdb.Open(t.Context(), file, fmt.Sprintf("tags of %s below %q", reg.Address(), "acme"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var repo, tag, d string
	if err := db.SQL.QueryRow(`SELECT repository, tag, digest FROM item`).Scan(&repo, &tag, &d); err != nil || repo+":"+tag+"@"+d != "acme/web:2@"+string(two) {
		t.Errorf("the file has %s:%s@%s, %v", repo, tag, d, err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"reg.example"}, {"-odd", "a", "b"}, {"http://a/b", "file"}} {
		out := &lockedBuffer{}
		if err := run(t.Context(), args, out, out); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
