package spectest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// userHeader names who asks; without it, it is ada.
const userHeader = "Test-User"

// users are who asks: ada may do everything; bob may read bob/ and shared/ and
// write below bob/; carol may write below drop/ and read nothing.
type users struct{}

func (users) Granted(ctx context.Context, verb lading.Verb) (lading.Grants, error) {
	reads := verb == lading.VerbList || verb == lading.VerbPull
	switch who := lading.IdentityFrom(ctx).Subject; {
	case who == "ada":
		return lading.AllGrants(), nil
	case verb == lading.VerbAdmin:
	case who == "bob" && reads:
		return lading.NewGrants(lading.PrefixRange("bob/"), lading.PrefixRange("shared/")), nil
	case who == "bob":
		return lading.NewGrants(lading.PrefixRange("bob/")), nil
	case who == "carol" && !reads:
		return lading.NewGrants(lading.PrefixRange("drop/")), nil
	}
	return lading.Grants{}, nil
}

// world is a registry that can be stopped and started again.
type world struct {
	t     *testing.T
	cfg   config.Config
	blobs func(blob.Store) blob.Store
	srv   *server.Server
	web   *httptest.Server
}

// each runs fn with a registry on either catalog.
func each(t *testing.T, change func(*config.Config), fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		w := &world{t: t}
		w.open(t, fresh(t), change)
		fn(t, w)
	})
}

// open starts the registry over an empty directory and closes it when the test
// ends. Without a URL the catalog is in the directory.
func (w *world) open(t *testing.T, url string, change ...func(*config.Config)) {
	w.cfg = config.Default()
	w.cfg.Data, w.cfg.Durability, w.cfg.Catalog.URL = t.TempDir(), config.Relaxed, url
	for _, fn := range change {
		if fn != nil {
			fn(&w.cfg)
		}
	}
	w.start()
	t.Cleanup(w.stop)
}

func (w *world) start() {
	w.t.Helper()
	var err error
	w.srv, err = server.NewWith(context.Background(), w.cfg, slog.New(slog.DiscardHandler), server.Options{
		Access: users{}, NoSweep: true, Blobs: w.blobs,
		Identify: func(r *http.Request) lading.Identity {
			if user := r.Header.Get(userHeader); user != "" {
				return lading.Identity{Subject: user}
			}
			return lading.Identity{Subject: "ada"}
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.web = httptest.NewServer(w.srv.Handler())
}

func (w *world) stop() {
	w.web.Close()
	if err := w.srv.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) restart() {
	w.stop()
	w.start()
}

func (w *world) addr() string { return w.web.Listener.Addr().String() }
