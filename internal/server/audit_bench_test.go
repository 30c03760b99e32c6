package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// BenchmarkAuditPulls is a GET of a manifest that is in memory, by the handler
// alone, with pulls on record and without, in turns: the tenth percentile of
// turns of 50.
func BenchmarkAuditPulls(b *testing.B) {
	var get [2]func()
	for i := range get {
		cfg := config.Default()
		cfg.Data, cfg.Durability, cfg.Audit.Pulls = b.TempDir(), config.Relaxed, i == 1
		srv, err := server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, NoTyping: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = srv.Close(context.Background()) })
		put := httptest.NewRequest("PUT", "/v2/acme/web/manifests/v1", strings.NewReader(index("")))
		put.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		srv.Handler().ServeHTTP(discard{http.Header{}}, put)
		r := httptest.NewRequest("GET", "/v2/acme/web/manifests/v1", nil)
		get[i] = func() { srv.Handler().ServeHTTP(discard{http.Header{}}, r) }
	}
	const batch = 50
	var took [2][]time.Duration
	for b.Loop() {
		for i, fn := range get {
			began := time.Now()
			for range batch {
				fn()
			}
			took[i] = append(took[i], time.Since(began)/batch)
		}
	}
	for i, unit := range []string{"without-ns/get", "pulls-ns/get"} {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/10]), unit)
	}
}

// BenchmarkAuditFile is a put of a manifest, by the handler alone, with the file
// of records and without, in turns: the median of turns of 50. Behind them the
// records are written, so that the mean has what that takes.
func BenchmarkAuditFile(b *testing.B) {
	var put [2]func(n int)
	for i := range put {
		cfg := config.Default()
		cfg.Data, cfg.Durability = b.TempDir(), config.Relaxed
		if i == 1 {
			cfg.Audit.File = filepath.Join(cfg.Data, "audit.ndjson")
		}
		srv, err := server.NewWith(context.Background(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, NoTyping: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = srv.Close(context.Background()) })
		put[i] = func(n int) {
			r := httptest.NewRequest("PUT", "/v2/acme/web/manifests/v1", strings.NewReader(index("")+strings.Repeat(" ", n%1000)))
			r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			srv.Handler().ServeHTTP(discard{http.Header{}}, r)
		}
	}
	const batch = 50
	var took [2][]time.Duration
	var sum [2]time.Duration
	for n := 0; b.Loop(); n += batch {
		for i, fn := range put {
			began := time.Now()
			for j := range batch {
				fn(n + j)
			}
			took[i] = append(took[i], time.Since(began)/batch)
			sum[i] += took[i][len(took[i])-1]
		}
	}
	for i, name := range []string{"without", "file"} {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2]), name+"-ns/put")
		b.ReportMetric(float64(sum[i])/float64(len(took[i])), name+"-mean-ns/put")
	}
}
