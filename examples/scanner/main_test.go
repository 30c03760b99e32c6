package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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

// asScanner lets the test's binary be the scanner, so that it can be killed.
const asScanner = "LADING_TEST_AS_SCANNER"

func TestMain(m *testing.M) {
	if os.Getenv(asScanner) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// counter counts who reads which manifest.
type counter struct {
	next http.Handler
	mu   sync.Mutex
	got  map[string]int // by digest
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, d, ok := strings.Cut(r.URL.Path, "/manifests/"); ok && r.Method == http.MethodGet && r.UserAgent() == "scanner" {
		c.mu.Lock()
		c.got[d]++
		c.mu.Unlock()
	}
	c.next.ServeHTTP(w, r)
}

func (c *counter) of(d string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[d]
}

func registry(t *testing.T) (*counter, string, *client.Client) {
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	srv, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{next: srv.Handler(), got: map[string]int{}}
	web := httptest.NewServer(c)
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
	return c, web.URL, reg
}

const indexType = "application/vnd.oci.image.index.v1+json"

// push puts an empty index of its own, told by a text.
func push(t *testing.T, reg *client.Client, repo, text string) string {
	t.Helper()
	body := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"text":%q}}`, indexType, text))
	if _, err := reg.PutManifest(t.Context(), repo, lading.Manifest{MediaType: indexType, Bytes: body}, lading.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return string(digest.FromBytes(body))
}

// open reads the scanner's file.
func open(t *testing.T, reg *client.Client, file string) *itemdb.DB {
	t.Helper()
	db, err := itemdb.Open(t.Context(), file, fmt.Sprintf("manifests of %s below %q", reg.Address(), ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// waitFor waits until so many scans are in a state.
func waitFor(t *testing.T, db *itemdb.DB, state string, want int) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var n int
		err := db.SQL.QueryRow(`SELECT count(*) FROM scan WHERE state = ?`, state).Scan(&n)
		if err == nil && n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d are %s, %v", n, want, state, err)
		}
	}
}

// start starts the scanner as a process of its own.
func start(t *testing.T, url, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], url, file)
	cmd.Env = append(os.Environ(), asScanner+"=1", "DOCKER_CONFIG="+t.TempDir())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestKilled kills the scanner again and again while manifests are pushed, and
// deleted, and pushed again. In the end each has been scanned, its result is
// there once, and none was read twice but those it was killed at.
func TestKilled(t *testing.T) {
	count, url, reg := registry(t)
	file := filepath.Join(t.TempDir(), "scans.db")
	rng := rand.New(rand.NewPCG(5, 6))
	pushed := map[string]bool{}
	for i := range 50 {
		pushed[push(t, reg, fmt.Sprintf("acme/r%d", i%7), fmt.Sprint("first ", i))] = true
	}
	kills := 12
	for k := range kills {
		cmd := start(t, url, file)
		killed := time.AfterFunc(time.Duration(20+rng.IntN(180))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for i := range 10 {
			pushed[push(t, reg, fmt.Sprintf("acme/r%d", rng.IntN(7)), fmt.Sprintf("round %d, %d", k, i))] = true
		}
		push(t, reg, "acme/again", fmt.Sprint("first ", rng.IntN(50))) // what is known already
		_ = cmd.Wait()                                                 // it was killed
		killed.Stop()
	}
	last := start(t, url, file)
	db := open(t, reg, file)
	waitFor(t, db, "done", len(pushed))
	known := push(t, reg, "acme/once-more", "first 0")
	before := count.of(known)
	pushed[push(t, reg, "acme/web", "now")] = true // which comes behind it
	waitFor(t, db, "done", len(pushed))
	if n := count.of(known); n != before {
		t.Errorf("what it knows it read again, %d times", n-before)
	}
	if err := last.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := last.Wait(); err != nil {
		t.Errorf("interrupted, it ends with %v", err)
	}
	total := 0
	for d, n := range count.got {
		if total += n; !pushed[d] {
			t.Errorf("it read %s, which nobody pushed", d)
		}
	}
	if len(count.got) != len(pushed) || total > len(pushed)+kills {
		t.Errorf("of %d it read %d, %d times, killed %d times", len(pushed), len(count.got), total, kills)
	}
	t.Logf("%d manifests, read %d times, killed %d times", len(pushed), total, kills)
}

// What is gone before it is scanned is looked for elsewhere, and scanned when
// it comes back.
func TestGone(t *testing.T) {
	_, url, reg := registry(t)
	file := filepath.Join(t.TempDir(), "scans.db")
	first := open(t, reg, file)
	if _, err := newQueue(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	here, gone := push(t, reg, "acme/b", "here"), digest.FromString("gone")
	for _, row := range [][]any{{"acme/a", here}, {"acme/a", string(gone)}} {
		if _, err := first.SQL.Exec(`INSERT INTO scan (repository, digest, state) VALUES (?, ?, 'todo')`, row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Apply(t.Context(), []lading.Item{{Op: lading.OpPut, Key: lading.ManifestKey("acme/b", lading.Digest(here)), Repository: "acme/b",
		Descriptor: &lading.ItemDescriptor{Descriptor: lading.Descriptor{Digest: lading.Digest(here)}}}}, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	out := &strings.Builder{}
	go func() { done <- run(ctx, []string{url, file}, out, os.Stderr) }()
	waitFor(t, first, "gone", 1)
	waitFor(t, first, "done", 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(out.String(), "done acme/b@"+here) || !strings.Contains(out.String(), "gone acme/a@"+string(gone)) {
		t.Errorf("it told\n%s", out)
	}
}
