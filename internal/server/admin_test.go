package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// eachRegistry runs fn with a registry on each catalog, with an address for
// operators.
func eachRegistry(t *testing.T, fn func(t *testing.T, s *server.Server, cfg config.Config)) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return sqldbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Data, cfg.Catalog.URL, cfg.Admin.Listen = filepath.Join(t.TempDir(), "data"), url(t), "127.0.0.1:0"
			s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			closed := false
			t.Cleanup(func() {
				if !closed {
					_ = s.Close(context.Background())
				}
			})
			fn(t, s, cfg)
			closed = true
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func ask(s *server.Server, path string) (int, string) {
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// layer is a blob that is large enough for a file of its own.
var layer = strings.Repeat("layer", 1<<18)

func push(t *testing.T, s *server.Server) {
	t.Helper()
	d := digest.FromString(layer).String()
	post(t, s, "POST", "/v2/secret/name/blobs/uploads/?digest="+d, layer)
	post(t, s, "PUT", "/v2/secret/name/manifests/1", fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
			`"config":{"mediaType":"a/b","size":%d,"digest":%q},"layers":[]}`, len(layer), d))
}

func post(t *testing.T, s *server.Server, method, path, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	if s.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body))); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestMetricsOfARealRegistry(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, cfg config.Config) {
		push(t, s)
		status, text := ask(s, "/metrics")
		if status != 200 {
			t.Fatal(status, text)
		}
		lines := []string{
			`lading_catalog_up 1`,
			`lading_http_requests_total{action="manifest_put",class="2xx"} 1`,
			`lading_http_requests_in_flight 0`,
			`lading_http_request_bytes_total{action="upload_whole"} 1.31072e+06`,
			`lading_blob_commit_duration_seconds_count{result="done"} 1`,
			`lading_journal_rows 3`, // the repository, the manifest, the tag
			`lading_journal_rows_written_total 3`,
		}
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("no line %q in\n%s", line, text)
			}
		}
		if strings.Contains(text, "lading_sqlite_wal_pages") != (cfg.Catalog.URL == "") {
			t.Error("the write-ahead log's figures belong to SQLite, and to nothing else")
		}
		// What is there, and depends on what else the registry does just now.
		for _, name := range []string{`lading_catalog_queue_length`, `lading_follower_lag_seconds{follower="sweeper"}`} {
			if !strings.Contains(text, "\n"+name+" ") {
				t.Errorf("no figure of %q in\n%s", name, text)
			}
		}
		for _, name := range []string{"lading_catalog_commits_total", "lading_catalog_commit_duration_seconds_count"} {
			if !strings.Contains(text, "\n"+name+" ") || strings.Contains(text, "\n"+name+" 0\n") {
				t.Errorf("nothing is counted by %q in\n%s", name, text)
			}
		}
		if strings.Contains(text, "secret") {
			t.Error("the name of a repository is in the metrics")
		}
	})
}

func TestReady(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, cfg config.Config) {
		if status, text := ask(s, "/readyz"); status != 200 || text != "serving: ok\ncatalog: ok\ndata: ok\n" {
			t.Errorf("%d %s", status, text)
		}
		moved := cfg.Data + "-moved"
		if err := os.Rename(cfg.Data, moved); err != nil {
			t.Fatal(err)
		}
		if status, text := ask(s, "/readyz"); status != 503 || !strings.Contains(text, "data: cannot be written") {
			t.Errorf("without its directory: %d %s", status, text)
		}
		if err := os.Rename(moved, cfg.Data); err != nil {
			t.Fatal(err)
		}
		s.Drain()
		if status, text := ask(s, "/readyz"); status != 503 || !strings.Contains(text, "serving: stopping\ncatalog: ok") {
			t.Errorf("while it stops: %d %s", status, text)
		}
		if status, _ := ask(s, "/healthz"); status != 200 {
			t.Errorf("it lives: %d", status)
		}
		if left, _ := filepath.Glob(filepath.Join(cfg.Data, ".ready-*")); len(left) > 0 {
			t.Error("left behind:", left)
		}
	})
}

func TestReadyWithoutACatalog(t *testing.T) {
	cfg := config.Default()
	cfg.Data = t.TempDir()
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(s, "/readyz"); status != 503 || !strings.Contains(text, "catalog: does not answer") {
		t.Errorf("%d %s", status, text)
	}
}

func TestProfiles(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		for path, want := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/cmdline": "server.test"} {
			if status, text := ask(s, path); status != 200 || !strings.Contains(text, want) {
				t.Errorf("%s: %d %.200s", path, status, text)
			}
		}
		for _, path := range []string{"/", "/v2/", "/metric"} {
			if status, _ := ask(s, path); status != 404 {
				t.Errorf("%s: %d", path, status)
			}
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if w.Code != 404 {
			t.Error("the metrics are public:", fmt.Sprint(w.Code))
		}
	})
}
