package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

func TestTracesOfARealRegistry(t *testing.T) {
	var sent strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&sent, r.Body)
	}))
	defer collector.Close()
	cfg := config.Default()
	cfg.Data, cfg.Tracing = t.TempDir(), config.Tracing{Endpoint: collector.URL, Sample: 1}
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	push(t, s)
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for name, n := range map[string]int{"upload_whole": 1, "manifest_put": 1, "blob commit": 1, "catalog update": 2} {
		if got := strings.Count(sent.String(), `"name":"`+name+`"`); got != n {
			t.Errorf("%d spans %q, want %d", got, name, n)
		}
	}
}
