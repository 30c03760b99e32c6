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

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// TestBackupAndRestore copies the catalog of a registry that is being pushed
// to, then its blobs, and looks whether the copy is a whole registry.
func TestBackupAndRestore(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, cfg config.Config) {
		push(t, s)
		stop, stopped, running := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					w := httptest.NewRecorder()
					s.Handler().ServeHTTP(w, httptest.NewRequest("PUT", fmt.Sprintf("/v2/secret/name/manifests/t%d", n),
						strings.NewReader(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)))
					if w.Code != 201 {
						t.Errorf("a push during the backup: %d %s", w.Code, w.Body)
					}
					if n == 0 {
						close(running)
					}
				}
			}
		}()
		<-running
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, httptest.NewRequest("POST", "/backup/catalog", nil))
		close(stop)
		<-stopped
		if left, _ := filepath.Glob(filepath.Join(cfg.Data, ".backup-*")); len(left) > 0 {
			t.Error("left behind:", left)
		}
		if cfg.Catalog.URL != "" {
			if w.Code != 501 || !strings.Contains(w.Body.String(), "pg_dump") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			return
		}
		if w.Code != 200 || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Fatal(w.Code, w.Header())
		}
		restore(t, cfg, w.Body.Bytes())
	})
}

// TestBackupIsNotForPages: a page that a browser on the machine shows may not
// ask for it.
func TestBackupIsNotForPages(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		r := httptest.NewRequest("POST", "/backup/catalog", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		if s.Admin().ServeHTTP(w, r); w.Code != 403 {
			t.Error(w.Code)
		}
	})
}

func restore(t *testing.T, cfg config.Config, catalog []byte) {
	data := filepath.Join(t.TempDir(), "restored")
	if err := os.CopyFS(filepath.Join(data, "blobs"), os.DirFS(filepath.Join(cfg.Data, "blobs"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "catalog.db"), catalog, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Data = data
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	push(t, s) // it is there already, and may be pushed again
	for path, want := range map[string]string{"/v2/secret/name/manifests/1": "schemaVersion", "/v2/secret/name/tags/list": `"1"`} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
