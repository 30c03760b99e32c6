package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
)

// exposed is the text that a registry of metrics exposes.
func exposed(t testing.TB, reg prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	return w.Body.String()
}

func holds(t testing.TB, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

func TestRequests(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := Requests(reg)
	r, x := someRequest()
	o.Begin()
	o.Begin()
	o.End(r, x)
	o.Begin()
	x.Action, x.Status, x.Cut, x.Held = httpapi.ActionList, 0, true, true
	o.End(r, x)
	text := exposed(t, reg)
	holds(t, text,
		`lading_http_requests_in_flight 1`,
		`lading_http_requests_total{action="manifest_put",class="2xx"} 1`,
		`lading_http_requests_total{action="list",class="none"} 1`,
		`lading_http_requests_total{action="unknown",class="5xx"} 0`,
		`lading_http_requests_cut_total{action="list"} 1`,
		`lading_http_request_bytes_total{action="manifest_put"} 7`,
		`lading_http_response_bytes_total{action="manifest_put"} 9`,
		`lading_http_request_duration_seconds_bucket{action="manifest_put",le="0.001"} 0`,
		`lading_http_request_duration_seconds_bucket{action="manifest_put",le="0.0025"} 1`,
		`lading_http_request_duration_seconds_count{action="list"} 0`)
	if strings.Contains(text, "acme") {
		t.Error("the name of a repository is in the metrics")
	}
}

func TestFollowers(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := NewFollowers(reg)
	clock := time.Unix(100, 0)
	s := NewSweeps(reg, f, func() time.Time { return clock })
	f.Follow("search", func() time.Duration { return 90 * time.Second })
	clock = clock.Add(5 * time.Second)
	s.Swept(2*time.Second, 0, 2, errors.New("no"))
	holds(t, exposed(t, reg), `lading_follower_lag_seconds{follower="search"} 90`, `lading_follower_lag_seconds{follower="sweeper"} 5`,
		`lading_sweeps_total{result="failed"} 1`, `lading_sweep_seconds_total 2`)
	f.Leave("search")
	s.Swept(0, 3, 5, nil)
	text := exposed(t, reg)
	holds(t, text, `lading_follower_lag_seconds{follower="sweeper"} 0`, `lading_sweeps_total{result="done"} 1`, `lading_uploads_expired_total 3`, `lading_orphans_removed_total 7`)
	if strings.Contains(text, "search") {
		t.Error("a follower that left is still there")
	}
}

func TestBlobs(t *testing.T) {
	reg := prometheus.NewRegistry()
	store := Blobs(reg, blob.NewMemory())
	ctx := context.Background()
	for _, d := range []digest.Digest{digest.FromString("hello"), digest.FromString("other")} {
		up, err := store.Create(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(up, "hel"); err != nil {
			t.Fatal(err)
		}
		id := up.ID()
		if err := up.Close(); err != nil {
			t.Fatal(err)
		}
		if up, err = store.Resume(ctx, "a", id); err != nil {
			t.Fatal(err)
		}
		if _, ok := up.(blob.Expecter); !ok {
			t.Error("the upload cannot be told what to expect")
		}
		if _, err := io.WriteString(up, "lo"); err != nil {
			t.Fatal(err)
		}
		_, err = up.Commit(ctx, d)
		if good := d == digest.FromString("hello"); good != (err == nil) {
			t.Errorf("%s: %v", d, err)
		}
	}
	holds(t, exposed(t, reg), `lading_blob_commit_duration_seconds_count{result="done"} 1`, `lading_blob_commit_duration_seconds_count{result="failed"} 1`)
	if _, err := store.Resume(ctx, "b", "none"); !errors.Is(err, blob.ErrUploadUnknown) {
		t.Error(err)
	}
}

// expecting is a store whose uploads tell what they were told to expect.
type expecting struct {
	blob.Store
	told *digest.Algorithm
}

func (e expecting) Create(ctx context.Context, owner string) (blob.Upload, error) {
	up, err := e.Store.Create(ctx, owner)
	return expectingUpload{up, e.told}, err
}

type expectingUpload struct {
	blob.Upload
	told *digest.Algorithm
}

func (u expectingUpload) Expect(alg digest.Algorithm) { *u.told = alg }

// TestExpectIsPassedOn: what only some uploads can do is not lost on the way.
func TestExpectIsPassedOn(t *testing.T) {
	tr := newTracing(sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter()), 1)
	for name, wrap := range map[string]func(blob.Store) blob.Store{
		"metrics": func(s blob.Store) blob.Store { return Blobs(prometheus.NewRegistry(), s) },
		"traces":  tr.Blobs,
	} {
		var told digest.Algorithm
		up, err := wrap(expecting{blob.NewMemory(), &told}).Create(context.Background(), "a")
		if err != nil {
			t.Fatal(err)
		}
		up.(blob.Expecter).Expect(digest.SHA512)
		if told != digest.SHA512 {
			t.Errorf("%s: told %q", name, told)
		}
		if up, err = wrap(blob.NewMemory()).Create(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
		up.(blob.Expecter).Expect(digest.SHA512) // whether or not it is of use
	}
}

func TestBuild(t *testing.T) {
	text := exposed(t, NewMetrics())
	for _, part := range []string{`lading_build_info{commit="`, "\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q", part)
		}
	}
}

func BenchmarkRequests(b *testing.B) {
	r, x := someRequest()
	o := Requests(prometheus.NewRegistry())
	b.ReportAllocs()
	for b.Loop() {
		o.Begin()
		o.End(r, x)
	}
}

// BenchmarkAll is all that a request pays for being seen.
func BenchmarkAll(b *testing.B) {
	r, x := someRequest()
	r.Header.Set("User-Agent", "docker/27.1 go/go1.22 kernel/6.1 os/linux arch/amd64")
	o := Observers{NewLog(config.Log{Format: config.LogText, Level: slog.LevelInfo}, io.Discard).Access(), Requests(prometheus.NewRegistry())}
	b.ReportAllocs()
	for b.Loop() {
		o.Begin()
		o.End(r, x)
	}
}
