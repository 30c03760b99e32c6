package informer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/informer"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// world is a registry behind HTTP, which may be stopped and started.
type world struct {
	t   *testing.T
	cfg config.Config
	mu  sync.RWMutex // held for writing while it is stopped
	srv *server.Server
	web *httptest.Server
	reg *client.Client // which nothing stands before
	// grants are what everybody may read; nil is everything.
	grants atomic.Pointer[lading.Grants]
}

// Granted implements guard.Access.
func (w *world) Granted(_ context.Context, verb lading.Verb) (lading.Grants, error) {
	reads := verb == lading.VerbList || verb == lading.VerbPull
	if g := w.grants.Load(); g != nil && reads {
		return *g, nil
	}
	return lading.AllGrants(), nil
}

// ServeHTTP answers when there is a registry.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	w.srv.Handler().ServeHTTP(rw, r)
}

func (w *world) start() {
	var err error
	w.srv, err = server.NewWith(context.Background(), w.cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, Access: w,
		Identify: func(*http.Request) lading.Identity { return lading.Identity{Subject: "ada"} },
		Discover: discover.Options{Watch: discover.WatchOptions{Regrant: 10 * time.Millisecond}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.srv.Drain()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.srv.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// each runs fn with a registry on either catalog.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) { fn(t, newWorld(t, fresh(t))) })
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Catalog.URL = t.TempDir(), config.Relaxed, url
	w := &world{t: t, cfg: cfg}
	w.start()
	w.web = httptest.NewServer(w)
	t.Cleanup(func() {
		w.srv.Drain()
		w.web.CloseClientConnections()
		w.web.Close()
		if err := w.srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.reg = newClient(t, w.web.URL)
	return w
}

func newClient(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{Sleep: hurry})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hurry waits a thousandth of the time.
func hurry(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d / 1000):
		return nil
	}
}

// push puts a manifest of its own, told by a text, under the tags.
func (w *world) push(repo, text string, tags ...string) lading.Digest {
	w.t.Helper()
	ctx := w.t.Context()
	err := w.reg.PushBlob(ctx, repo, lading.Descriptor{Digest: digest.FromString("{}"), Size: 2}, strings.NewReader("{}"))
	if err != nil {
		w.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},
"layers":[],"artifactType":"application/vnd.test.thing","annotations":{"text":%q}}`, imageType, digest.FromString("{}"), text)
	r, err := w.reg.PutManifest(ctx, repo, lading.Manifest{MediaType: imageType, Bytes: []byte(body)}, lading.PutOptions{Tags: tags})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Descriptor.Digest
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// run runs an informer until the test, or stop, ends it.
func run(t *testing.T, inf *informer.Informer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- inf.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func synced(t *testing.T, inf *informer.Informer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if err := inf.WaitForSync(ctx); err != nil {
		t.Fatal(err)
	}
}

// text is what a copy says of everything, item by item.
func text(items []lading.Item) string {
	var out []string
	for _, it := range items {
		b, err := json.Marshal(it)
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func held(t *testing.T, s informer.Store, sel informer.Selection) (items []lading.Item) {
	t.Helper()
	for it, err := range informer.Select(t.Context(), s, sel) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	return items
}

func (w *world) listed(q lading.Query) (items []lading.Item) {
	w.t.Helper()
	for it, err := range w.reg.All(w.t.Context(), q) {
		if err != nil {
			w.t.Fatal(err)
		}
		items = append(items, it)
	}
	return items
}

// current waits until the copy says what a new listing says.
func (w *world) current(s informer.Store, q lading.Query) {
	w.t.Helper()
	want := text(w.listed(q))
	eventually(w.t, func() (bool, string) {
		got := text(held(w.t, s, informer.Selection{}))
		return got == want, fmt.Sprintf("the copy:\n%s\nthe registry:\n%s", got, want)
	})
}

func eventually(t *testing.T, ok func() (bool, string)) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; {
		is, said := ok()
		if is {
			return
		}
		if time.Now().After(end) {
			t.Fatal(said)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// told notes what is called back, and finds what is told wrongly.
type told struct {
	mu    sync.Mutex
	log   []string
	now   map[string]lading.Item
	wrong []string
}

func (l *told) options(opt informer.Options) informer.Options {
	opt.OnAdd = func(it lading.Item) { l.note("+", it, nil, &it) }
	opt.OnUpdate = func(old, now lading.Item) { l.note("*", now, &old, &now) }
	opt.OnDelete = func(it lading.Item) { l.note("-", it, &it, nil) }
	if opt.Sleep == nil {
		opt.Sleep = hurry
	}
	return opt
}

func (l *told) note(sign string, it lading.Item, old, now *lading.Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil {
		l.now = map[string]lading.Item{}
	}
	before, had := l.now[it.Key]
	switch {
	case had != (old != nil):
		l.wrong = append(l.wrong, fmt.Sprintf("%s%s, was there: %v", sign, it.Key, had))
	case old != nil && (before.Rev != old.Rev || before.Incarnation != old.Incarnation):
		l.wrong = append(l.wrong, fmt.Sprintf("%s%s from rev %d, was told %d", sign, it.Key, old.Rev, before.Rev))
	case old != nil && now != nil && old.Incarnation == now.Incarnation && old.Rev >= now.Rev:
		l.wrong = append(l.wrong, fmt.Sprintf("%s%s from rev %d to %d", sign, it.Key, old.Rev, now.Rev))
	}
	if delete(l.now, it.Key); now != nil {
		l.now[it.Key] = *now
	}
	l.log = append(l.log, sign+it.Key)
}

// since returns, and forgets, what was told, in any order.
func (l *told) since() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.log)
	s := strings.Join(l.log, " ")
	l.log = nil
	return s
}

func (l *told) mistakes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}
