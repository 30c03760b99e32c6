package conformance_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/conformance"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/server"
)

// userHeader names who asks.
const userHeader = "Test-User"

// users are who asks: ada may do everything, bob may read everything but what
// is below secret/.
type users struct{}

func (users) Granted(ctx context.Context, verb lading.Verb) (lading.Grants, error) {
	who := lading.IdentityFrom(ctx).Subject
	switch {
	case who == "ada":
		return lading.AllGrants(), nil
	case who == "bob" && (verb == lading.VerbList || verb == lading.VerbPull):
		return lading.AllGrants().Subtract(lading.NewGrants(lading.PrefixRange("secret/"))), nil
	}
	return lading.Grants{}, nil
}

func asUser(name string) http.Header { return http.Header{userHeader: {name}} }

// registry runs a registry over a database and returns options that hold the
// whole of the suite against it.
func registry(t *testing.T, url string, engine discover.Options) (conformance.Options, http.Handler) {
	t.Helper()
	var back atomic.Int64 // how far back the registry's clock is
	back.Store(int64(100 * 24 * time.Hour))
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Catalog.URL = t.TempDir(), config.Relaxed, url
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{
		Access: users{}, NoSweep: true, Discover: engine,
		Now:      func() time.Time { return time.Now().Add(-time.Duration(back.Load())) },
		Identify: func(r *http.Request) lading.Identity { return lading.Identity{Subject: r.Header.Get(userHeader)} },
	})
	if err != nil {
		t.Fatal(err)
	}
	opt := conformance.Options{Header: asUser("ada"), Other: asUser("bob"), Hidden: "secret"}
	opt.Expired = cursorNow(t, srv.Handler())
	back.Store(0)
	t.Cleanup(func() {
		srv.Drain()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return opt, srv.Handler()
}

// bounded is a registry that demands cursors and whose callers may have little.
func bounded(t *testing.T) http.Handler {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability = t.TempDir(), config.Relaxed
	cfg.Limits.RequireCursor, cfg.Limits.HeldPerCaller = true, 3
	cfg.Limits.Rates.List = config.Rate{Count: 20, Per: time.Second, Burst: 30}
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{
		Access: users{}, NoSweep: true,
		Identify: func(r *http.Request) lading.Identity { return lading.Identity{Subject: r.Header.Get(userHeader)} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Drain()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return srv.Handler()
}

// cursorNow is a cursor of all tags.
func cursorNow(t *testing.T, h http.Handler) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/v2/_lading/list/tags", nil)
	r.Header.Set(userHeader, "ada")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var page struct{ Cursor string }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Cursor == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return page.Cursor
}

// serve listens for the time of the test.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}

// run holds the suite against what a handler answers.
func run(t *testing.T, h http.Handler, opt conformance.Options) *conformance.Report {
	t.Helper()
	opt.URL = serve(t, h)
	report, err := conformance.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
