package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// world is a registry behind HTTP, and a client of it.
type world struct {
	web *httptest.Server
	srv *server.Server
	reg *client.Client
}

// each runs fn with a registry on either catalog. outer may stand before it.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, newWorld(t, fresh(t), nil, client.Options{}))
	})
}

// newWorld starts a registry on the catalog; before stands before its handler.
func newWorld(t *testing.T, url string, before func(http.Handler) http.Handler, opt client.Options) *world {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Catalog.URL = t.TempDir(), config.Relaxed, url
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true})
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Handler()
	if before != nil {
		h = before(h)
	}
	w := &world{srv: srv, web: httptest.NewServer(h)}
	t.Cleanup(func() {
		srv.Drain()
		w.web.CloseClientConnections()
		w.web.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.reg = newClient(t, w.web.URL, opt)
	return w
}

// newClient is a client that does not wait for anything.
func newClient(t *testing.T, url string, opt client.Options) *client.Client {
	t.Helper()
	if opt.Sleep == nil {
		opt.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	c, err := client.New(url, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pushBlob puts a blob into a repository.
func pushBlob(t *testing.T, reg lading.Registry, repo, text string) lading.Descriptor {
	t.Helper()
	up, err := reg.StartBlob(t.Context(), repo, lading.Descriptor{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	d, err := up.Commit(t.Context(), digest.FromString(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// image is a manifest of an image whose config is the blob, which mentions a
// text that makes it its own.
func image(config lading.Descriptor, text, subject string) lading.Manifest {
	if subject != "" {
		subject = fmt.Sprintf(`"subject":{"mediaType":%q,"digest":%q,"size":2},`, imageType, subject)
	}
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":%d},
"layers":[],%s"artifactType":"application/vnd.test.thing","annotations":{"text":%q}}`, imageType, config.Digest, config.Size, subject, text)
	return lading.Manifest{MediaType: imageType, Bytes: []byte(body)}
}

// push puts a manifest with its config under the tags.
func push(t *testing.T, reg lading.Registry, repo, text string, tags ...string) lading.Receipt {
	t.Helper()
	m := image(pushBlob(t, reg, repo, "{}"), text, "")
	r, err := reg.PutManifest(t.Context(), repo, m, lading.PutOptions{Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// keys are the operations and keys of items, for comparing.
func keys(items []lading.Item) string {
	var out []string
	for _, it := range items {
		out = append(out, string(it.Op)+" "+it.Key)
	}
	return strings.Join(out, "\n")
}

// everything lets the engine show all that there is.
func everything(ctx context.Context) context.Context {
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
}

// sameItems compares items as they are written.
func sameItems(a, b []lading.Item) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
