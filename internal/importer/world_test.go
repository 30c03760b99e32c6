package importer_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// trees are the storages in testdata, each written by the program that it is
// called after.
var trees = []struct {
	name string
	kind source.Kind
}{
	{"distribution-2.8.2", source.Distribution},
	{"distribution-3.1.2", source.Distribution},
	{"zot-2.1.20", source.Zot},
	{"olareg-0.1.1", source.Olareg},
	{"olareg-0.2.2", source.Olareg},
}

// want is what a registry served of its storage; see testdata/README.md.
type want struct {
	Tags      map[string]digest.Digest `json:"tags"`
	Manifests map[string]string        `json:"manifests"`
	Referrers map[string]digest.Digest `json:"referrers"`
	Blobs     map[string]int64         `json:"blobs"`
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wanted(t *testing.T, name string) (w want) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	must(t, err)
	must(t, json.Unmarshal(raw, &w))
	return w
}

// unpack puts a storage into a directory of its own, with the times of its
// files and the links between them.
func unpack(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(filepath.Join("testdata", name+".tar.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(t, err)
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			must(t, os.MkdirAll(to, 0o755))
		case tar.TypeLink:
			must(t, os.Link(filepath.Join(dir, filepath.FromSlash(h.Linkname)), to))
		case tar.TypeReg:
			raw, err := io.ReadAll(r)
			must(t, err)
			must(t, os.WriteFile(to, raw, 0o600))
			must(t, os.Chtimes(to, h.ModTime, h.ModTime))
		default:
			t.Fatalf("%s: %c", h.Name, h.Typeflag)
		}
	}
}

// target is a registry that takes over.
type target struct {
	t      *testing.T
	srv    *server.Server
	clock  *importer.Clock
	sparse bool
}

// eachTarget runs fn with an empty registry on each engine.
func eachTarget(t *testing.T, fn func(t *testing.T, to *target)) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		cfg := config.Default()
		if url := fresh(t); strings.HasPrefix(url, "postgres") {
			cfg.Catalog.URL, cfg.Catalog.Shards = url, 4
		}
		fn(t, open(t, cfg))
	})
}

// open opens a registry, in a directory of its own unless cfg has one. The whole catalog is
// checked when the test ends.
func open(t *testing.T, cfg config.Config) *target {
	t.Helper()
	to := &target{t: t, clock: &importer.Clock{}, sparse: cfg.Manifests.Sparse == config.Allow}
	cfg.Durability = config.Relaxed
	if cfg.Data == config.Default().Data {
		cfg.Data = t.TempDir()
	}
	var err error
	to.srv, err = server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{Now: to.clock.Now, NoSweep: true})
	must(t, err)
	t.Cleanup(func() {
		check := catalogcheck.Check
		if to.sparse {
			check = catalogcheck.CheckSparse
		}
		for _, problem := range check(context.Background(), to.srv.Catalog().DB()) {
			t.Error("the catalog:", problem)
		}
		must(t, to.srv.Close(context.Background()))
	})
	return to
}

// openSource opens a source, closed when the test ends.
func openSource(t *testing.T, place string, opt source.Options) source.Source {
	t.Helper()
	src, err := source.Open(t.Context(), place, opt)
	must(t, err)
	t.Cleanup(func() { must(t, src.Close()) })
	return src
}

// take imports a source as the command does.
func (to *target) take(src source.Source) *importer.Report {
	to.t.Helper()
	return to.takeWith(src, importer.Options{})
}

func (to *target) takeWith(src source.Source, opt importer.Options) *importer.Report {
	to.t.Helper()
	var err error
	opt.Clock = to.clock
	opt.Newest, err = to.srv.Newest(to.t.Context())
	must(to.t, err)
	report, err := importer.Import(to.t.Context(), src, to.srv.Engine(), opt)
	must(to.t, err)
	return report
}

// serve serves the registry until the test ends.
func (to *target) serve() string {
	to.t.Helper()
	s := httptest.NewServer(to.srv.Handler())
	to.t.Cleanup(s.Close)
	return s.URL
}

// list reads a whole listing or delta, and its cursor.
func (to *target) list(q lading.Query) (items []lading.Item, cursor string) {
	to.t.Helper()
	ctx := lading.WithGrants(to.t.Context(), func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
	for {
		page, err := to.srv.Engine().List(ctx, q)
		must(to.t, err)
		items = append(items, page.Items...)
		if page.Next == "" {
			return items, page.Cursor
		}
		q.Page = page.Next
	}
}

// byKey is the whole registry: its manifests and tags by their keys, without
// what differs from one registry to the next.
func (to *target) byKey() map[string]lading.Item {
	to.t.Helper()
	out := map[string]lading.Item{}
	for _, kind := range []lading.Kind{lading.KindManifests, lading.KindTags} {
		items, _ := to.list(lading.Query{Kind: kind, N: 100})
		for _, it := range items {
			it.Incarnation, it.Rev = "", 0
			out[it.Key] = it
		}
	}
	return out
}

// rows is how many rows the journal has.
func (to *target) rows() (n int64) {
	to.t.Helper()
	must(to.t, to.srv.Catalog().DB().View(to.t.Context(), func(q sqldb.Querier) error {
		heads, _, err := to.srv.Catalog().Journal().Heads(to.t.Context(), q)
		for _, h := range heads {
			n += h.Seq
		}
		return err
	}))
	return n
}

// get asks a registry over HTTP.
func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	return res, raw
}

// date gives a file a time.
func date(t *testing.T, when time.Time, path ...string) {
	t.Helper()
	must(t, os.Chtimes(filepath.Join(path...), when, when))
}

// files calls fn for the files below a directory that have a name.
func files(t *testing.T, dir, name string, fn func(path string)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() == name {
			fn(path)
		}
		return err
	}))
}
