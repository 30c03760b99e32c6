package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/guard"
)

// onlyLine picks the lines of one run of the program.
var onlyLine string

// discoveryCommand measures pages, deltas and full listings at several sizes.
func discoveryCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("discovery", flag.ExitOnError)
	var t target
	t.flags(fs)
	sizes := fs.String("sizes", "10000,100000,1000000", "numbers of manifests, growing")
	reqs := fs.Int("n", 500, "requests a line")
	fs.StringVar(&onlyLine, "only", "", "measure only the lines that contain `TEXT`")
	times := fs.Int("multiply", 1, "measure at the last size `times` this as well (SQLite; made in place)")
	fs.Parse(args)
	access := &switchable{}
	access.set(lading.AllGrants())
	r, err := t.start(ctx, access)
	if err != nil {
		return err
	}
	defer r.stop(ctx)
	from := r.seeded(ctx)
	for s := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("-sizes: %w", err)
		}
		if size > from {
			if err := r.seed(ctx, from, size, size); err != nil {
				return err
			}
			from = size
		}
		if err := r.discovery(access, *reqs); err != nil {
			return err
		}
	}
	if *times > 1 {
		if err := r.multiply(ctx, *times); err != nil {
			return err
		}
		return r.discovery(access, *reqs)
	}
	return nil
}

// seeded is how many manifests a kept directory has.
func (r *running) seeded(ctx context.Context) int {
	var n int
	if err := r.Catalog().DB().Read().QueryRow(ctx, `SELECT COALESCE(SUM(manifests),0) FROM repository`).Scan(&n); err != nil {
		return 0
	}
	return n
}

// switchable are grants that the benchmark changes.
type switchable struct{ g atomic.Pointer[lading.Grants] }

func (s *switchable) set(g lading.Grants) { s.g.Store(&g) }

// Granted implements guard.Access: they are what may be read.
func (s *switchable) Granted(_ context.Context, verb lading.Verb) (lading.Grants, error) {
	if verb == lading.VerbList || verb == lading.VerbPull {
		return *s.g.Load(), nil
	}
	return lading.AllGrants(), nil
}

var _ guard.Access = (*switchable)(nil)

func (r *running) discovery(access *switchable, n int) error {
	size := r.seeded(context.Background())
	payload := len(imageManifest(helmConfig, "", "seed 12345"))
	fmt.Printf("\n%d manifests, %.0f bytes of catalog a manifest beside its payload\n", size, float64(r.size())/float64(size)-float64(payload))
	helm, rare := url.QueryEscape(helmConfig), url.QueryEscape(rareConfig)
	pages := []string{
		"list/tags", "list/manifests", "list/repositories",
		"list/manifests?namespace=acme/team02", "list/tags?namespace=big",
		"list/manifests?order=-modified", "list/manifests?order=modified", "list/manifests?order=-created", "list/tags?order=-modified", "list/repositories?order=-created",
		"list/manifests?order=-modified&namespace=acme", "list/manifests?order=-modified&namespace=quiet", "list/manifests?order=created&namespace=acme/team02",
		"list/manifests?type=" + helm, "list/manifests?type=" + rare,
		"list/manifests?type=" + helm + "&order=-created", "list/manifests?type=" + rare + "&order=-modified",
		"list/manifests?tagged=false", "list/manifests?tagged=false&order=-created", "list/manifests?tagged=true&order=-modified",
		"list/manifests?subject=" + string(digest.FromString("subject1")), "list/manifests?order=-created&subject=" + string(digest.FromString("subject1")),
		"list/namespaces", "list/namespaces?namespace=acme",
	}
	for _, p := range pages {
		if err := r.pages(p, "", n); err != nil {
			return err
		}
	}
	if err := r.pages("big/deep/one", "list/tags", n); err != nil {
		return err
	}
	grants := fiftyGrants()
	access.set(grants)
	for _, p := range []string{"list/tags", "list/manifests?order=-modified", "list/manifests?order=-created"} {
		if err := r.pages(p, "50 grants: ", n); err != nil {
			return err
		}
	}
	access.set(lading.AllGrants())
	if onlyLine != "" {
		return nil
	}
	if err := r.deltas(access, grants, n); err != nil {
		return err
	}
	return r.full()
}

// fiftyGrants are 10 namespaces and 40 repositories.
func fiftyGrants() lading.Grants {
	var rs []lading.Range
	for i := range 10 {
		rs = append(rs, lading.NamespaceRanges(fmt.Sprintf("org%03d", i*7))...)
	}
	for i := range 40 {
		rs = append(rs, lading.RepositoryRange(fmt.Sprintf("acme/team%02d/app%04d", i, i)))
	}
	return lading.NewGrants(rs...)
}

// pages measures the first pages of a listing and those behind them.
func (r *running) pages(path, label string, n int) error {
	address := "/v2/_lading/" + path
	name := label + path
	if label == "list/tags" {
		address, name = "/v2/"+path+"/_lading/list/tags", path+": "+label
	}
	if !strings.Contains(name, onlyLine) {
		return nil
	}
	next := ""
	if u, err := url.QueryUnescape(name); err == nil {
		name = u
	}
	return measure(name, 1, n, func(i int) error {
		at := address
		if next != "" && i%2 == 1 {
			at = next
		}
		req, err := http.NewRequest(http.MethodGet, r.base+at, nil)
		if err != nil {
			return err
		}
		h, _, err := do(req, 200)
		next = nextOf(h)
		return err
	})
}

func nextOf(h http.Header) string {
	link := h.Get("Link")
	if i, j := strings.IndexByte(link, '<'), strings.IndexByte(link, '>'); i >= 0 && j > i {
		return link[i+1 : j]
	}
	return ""
}

func (r *running) cursor(path string) (string, error) {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	req, err := http.NewRequest(http.MethodGet, r.base+path+sep+"since=now", nil)
	if err != nil {
		return "", err
	}
	h, _, err := do(req, 200)
	return h.Get("Lading-Cursor"), err
}

// deltas measures deltas of 100 changes, and answers to "nothing changed".
func (r *running) deltas(access *switchable, grants lading.Grants, n int) error {
	lists := []string{"/v2/_lading/list/tags", "/v2/_lading/list/tags?namespace=quiet", "/v2/_lading/list/manifests?type=" + url.QueryEscape(helmConfig), "/v2/big/deep/one/_lading/list/tags"}
	for _, path := range lists {
		if err := r.delta(path, "", n); err != nil {
			return err
		}
		if err := r.unchanged(path, "", n); err != nil {
			return err
		}
	}
	access.set(grants)
	defer access.set(lading.AllGrants())
	if err := r.delta(lists[0], "50 grants: ", n); err != nil {
		return err
	}
	return r.unchanged(lists[0], "50 grants: ", n)
}

func (r *running) delta(path, label string, n int) error {
	cur, err := r.cursor(path)
	if err != nil {
		return err
	}
	if err := r.hundredChanges(); err != nil {
		return err
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return measure(label+"delta of 100 changes "+path, 1, n, func(int) error {
		req, err := http.NewRequest(http.MethodGet, r.base+path+sep+"since="+cur, nil)
		if err != nil {
			return err
		}
		_, _, err = do(req, 200)
		return err
	})
}

func (r *running) unchanged(path, label string, n int) error {
	cur, err := r.cursor(path)
	if err != nil {
		return err
	}
	return measure(label+"304 "+path, 1, n, func(int) error {
		req, err := http.NewRequest(http.MethodGet, r.base+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("If-None-Match", `"`+cur+`"`)
		_, _, err = do(req, 304)
		return err
	})
}

func (r *running) hundredChanges() error {
	ctx := context.Background()
	var linked sync.Map
	for range 100 {
		i := rand.IntN(1 << 30)
		if err := r.seedOne(ctx, i*2, 1_000_000, &linked); err != nil {
			return err
		}
	}
	return nil
}

// full walks a whole listing in pages of 1,000 and as NDJSON.
func (r *running) full() error {
	debug.FreeOSMemory()
	began, items, next := time.Now(), 0, "/v2/_lading/list/manifests?n=1000"
	for next != "" {
		req, err := http.NewRequest(http.MethodGet, r.base+next, nil)
		if err != nil {
			return err
		}
		h, body, err := do(req, 200)
		if err != nil {
			return err
		}
		var page struct{ Items []json.RawMessage }
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		items += len(page.Items)
		next = nextOf(h)
	}
	fmt.Printf("%-52s %d items in %v, RSS %s\n", "all manifests, pages of 1,000", items, time.Since(began).Round(time.Millisecond), rss())
	return nil
}

// rss is the memory of this process, the benchmark's own included.
func rss() string {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
