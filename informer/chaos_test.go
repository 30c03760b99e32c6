package informer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/informer"
)

// chaos stands before a registry and cuts answers, and now and then takes a
// cursor for expired.
type chaos struct {
	next http.Handler
	mu   sync.Mutex
	rng  *rand.Rand
	met  map[string]int
}

func (c *chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	dice, cut := c.rng.IntN(10), 1+c.rng.IntN(3000)
	what := "list"
	if strings.Contains(r.URL.Path, "/watch/") {
		what = "watch" // few of them live for long
		dice, cut = dice-5, 2*cut
	}
	switch {
	case dice < 3:
		what += " cut"
	case dice == 3 && r.URL.Query().Get("since") != "none":
		what += " expired"
	}
	c.met[what]++
	c.mu.Unlock()
	switch {
	case strings.HasSuffix(what, "cut"):
		c.next.ServeHTTP(&cutWriter{w, cut}, r)
	case strings.HasSuffix(what, "expired"):
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `{"errors":[{"code":"CURSOR_EXPIRED","message":"so it is","detail":{"reason":"retention","retry_after_s":2}}]}`)
	default:
		c.next.ServeHTTP(w, r)
	}
}

// cutWriter cuts an answer after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left <= 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// Whatever happens to connections and cursors, and whenever a program or the
// registry is stopped: copies end up as the registry is, and each rev is told once.
func TestChaos(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(1, 2))
		c := &chaos{next: w, rng: rand.New(rand.NewPCG(3, 4)), met: map[string]int{}}
		web := httptest.NewServer(c)
		defer web.Close()
		defer web.CloseClientConnections()
		type keeper struct {
			opt   informer.Options
			told  *told
			heard *heard
			stop  func()
		}
		var keepers []*keeper
		for _, q := range []lading.Query{{Kind: lading.KindTags, N: 5}, {Kind: lading.KindManifests, N: 5, Scope: lading.Scope{Namespace: "acme"}}, {Kind: lading.KindRepositories, N: 2}} {
			for _, poll := range []bool{false, true} {
				l := &told{}
				keepers = append(keepers, &keeper{opt: l.options(informer.Options{Query: q, Store: &informer.Memory{}, Poll: poll}), told: l, heard: &heard{}, stop: func() {}})
			}
		}
		start := func(k *keeper) {
			k.stop()
			k.heard.add("-- a new informer")
			k.stop = run(t, informer.New(&hearing{newClient(t, web.URL), k.heard}, k.opt))
		}
		for _, k := range keepers {
			start(k)
		}
		var heard *heard // by whom is looked at
		defer func() {
			if t.Failed() && heard != nil {
				t.Logf("it heard:\n%s", heard)
			}
		}()
		rounds := 6
		if os.Getenv("LADING_LONG") != "" {
			rounds = 300
		}
		for round := range rounds {
			for step := range 25 {
				if step == 12 && round%2 == 1 {
					w.restart()
				}
				w.change(rng)
				if rng.IntN(10) == 0 {
					start(keepers[rng.IntN(len(keepers))])
				}
			}
			for n, k := range keepers {
				q := k.opt.Query
				q.N = 0
				heard = k.heard
				w.current(k.opt.Store, q)
				if wrong := k.told.mistakes(); len(wrong) > 0 {
					t.Fatalf("round %d, keeper %d: %v", round, n, wrong)
				}
				k.heard.forget()
			}
		}
		for _, what := range []string{"list", "watch", "list cut", "watch cut", "list expired", "watch expired"} {
			if c.met[what] == 0 {
				t.Errorf("there was no %s", what)
			}
		}
		for _, k := range keepers {
			k.stop()
		}
	})
}

// change does something to the registry.
func (w *world) change(rng *rand.Rand) {
	w.t.Helper()
	ctx := w.t.Context()
	repo := []string{"acme", "acme/web", "acme/api", "acme/x.y", "other"}[rng.IntN(5)]
	tag := fmt.Sprint(rng.IntN(6))
	var err error
	switch rng.IntN(11) {
	case 10:
		g := lading.NewGrants([][]lading.Range{{{}}, {lading.PrefixRange("acme/")}, {lading.PrefixRange("acme")}, {lading.RepositoryRange(repo)}, {{From: repo}}}[rng.IntN(5)]...)
		w.grants.Store(&g)
	case 0:
		err = w.reg.DeleteRepository(ctx, repo)
	case 1, 2:
		err = w.reg.DeleteTag(ctx, repo, tag, lading.DeleteOptions{})
	case 3:
		var d lading.Descriptor
		if d, err = w.reg.Resolve(ctx, repo, lading.Reference{Tag: tag}); err == nil {
			err = w.reg.DeleteManifest(ctx, repo, d.Digest, lading.DeleteOptions{})
		}
	default:
		w.push(repo, fmt.Sprint(rng.IntN(8)), tag)
	}
	if err != nil && !errors.Is(err, lading.ErrNameUnknown) && !errors.Is(err, lading.ErrManifestUnknown) {
		w.t.Fatal(err)
	}
}

// heard is what an informer was told by the registry.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) add(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

func (h *heard) item(it lading.Item) {
	h.add("   %s %.60s %.4s-%d", it.Op, it.Key, it.Incarnation, it.Rev)
}

func (h *heard) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = nil
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// hearing is a client that writes down what it hears.
type hearing struct {
	*client.Client
	heard *heard
}

func (h *hearing) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	l, err := h.Client.List(ctx, q)
	h.heard.add("list since %.8s page %.8s: delta %v, next %.8s, cursor %.8s, %v", q.Since, q.Page, l.Delta, l.Next, l.Cursor, err)
	for _, it := range l.Items {
		h.heard.item(it)
	}
	return l, err
}

func (h *hearing) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	s, err := h.Client.Watch(ctx, q)
	h.heard.add("watch since %.8s: %v", q.Since, err)
	if err != nil {
		return nil, err
	}
	return &hearingStream{s, h.heard}, nil
}

type hearingStream struct {
	lading.Stream
	heard *heard
}

func (h *hearingStream) Next(ctx context.Context) ([]lading.Event, error) {
	events, err := h.Stream.Next(ctx)
	for _, e := range events {
		h.heard.add("event %s, cursor %.8s", e.Name(), e.Cursor)
		if e.Change != nil {
			h.heard.item(e.Change.Item.Item)
		}
	}
	if err != nil {
		h.heard.add("the stream ended: %v", err)
	}
	return events, err
}
