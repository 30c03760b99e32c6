package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
)

// collector takes spans as an OpenTelemetry collector would.
type collector struct {
	*httptest.Server
	status int
	got    []otlpMessage
	raw    string
}

func newCollector(t *testing.T) *collector {
	c := &collector{status: 200}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != "POST" || r.URL.Path != "/base/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		var m otlpMessage
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		c.got, c.raw = append(c.got, m), string(body)
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) spans() map[string]otlpSpan {
	all := map[string]otlpSpan{}
	for _, m := range c.got {
		for _, s := range m.ResourceSpans[0].ScopeSpans[0].Spans {
			all[s.Name] = s
		}
	}
	return all
}

// serveTraced answers one request with a registry that updates the catalog and
// commits a blob, and returns the spans.
func serveTraced(t *testing.T, sample float64, head ...string) (*collector, map[string]otlpSpan) {
	t.Helper()
	c := newCollector(t)
	tr := NewTracing(config.Tracing{Endpoint: c.URL + "/base/", Sample: sample}, slog.New(slog.DiscardHandler))
	store := tr.Blobs(blob.NewMemory())
	h := tr.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tr.Updating(r.Context())(errors.New("a secret cause"))
		up, err := store.Create(r.Context(), "a")
		if err != nil {
			t.Error(err)
		}
		if _, err := up.Commit(r.Context(), digest.FromString("")); err != nil {
			t.Error(err)
		}
		_, _ = store.Open(r.Context(), digest.FromString("none"))
		_, x := someRequest()
		tr.Begin()
		tr.End(r, x)
	}))
	r, _ := someRequest()
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	if err := tr.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return c, c.spans()
}

func TestSpans(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	c, spans := serveTraced(t, 0, "Traceparent", parent) // sampled, because the caller is
	request := spans["manifest_put"]
	if request.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" || request.ParentID != "00f067aa0ba902b7" || request.Kind != 2 || request.Status.Code != 0 {
		t.Errorf("%+v", request)
	}
	for _, name := range []string{"catalog update", "blob commit", "blob open"} {
		s := spans[name]
		if s.TraceID != request.TraceID || s.ParentID != request.SpanID || s.Kind != 1 || len(s.Start) != 19 || s.End < s.Start {
			t.Errorf("%s: %+v", name, s)
		}
		if failed := s.Status.Code == 2; failed != (name == "catalog update") {
			t.Errorf("%s: status %d", name, s.Status.Code)
		}
	}
	for _, part := range []string{`{"key":"service.name","value":{"stringValue":"lading"}}`, `{"key":"http.response.status_code","value":{"intValue":"201"}}`,
		`{"key":"lading.request","value":{"stringValue":"id1"}}`} {
		if !strings.Contains(c.raw, part) {
			t.Errorf("no %s in %s", part, c.raw)
		}
	}
	for _, secret := range []string{"SECRET", "CURSOR", "secret cause"} {
		if strings.Contains(c.raw, secret) {
			t.Errorf("%s is in %s", secret, c.raw)
		}
	}
}

func TestSampling(t *testing.T) {
	if _, spans := serveTraced(t, 0); len(spans) != 0 {
		t.Errorf("nothing is to be traced: %v", spans)
	}
	if _, spans := serveTraced(t, 1); len(spans) != 4 || spans["manifest_put"].ParentID != "" {
		t.Errorf("everything is to be traced: %v", spans)
	}
	const not = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	if _, spans := serveTraced(t, 1, "Traceparent", not); len(spans) != 0 {
		t.Errorf("the caller does not trace: %v", spans)
	}
}

// TestCollectorThatFails: that is told once, and that it works again too.
func TestCollectorThatFails(t *testing.T) {
	c := newCollector(t)
	var out sink
	e := newExporter(c.URL+"/base", slog.New(slog.NewTextHandler(&out, nil)))
	keep := tracetest.NewInMemoryExporter()
	tr := newTracing(sdktrace.NewSimpleSpanProcessor(keep), 1)
	_, span := tr.tracer.Start(context.Background(), "a span")
	span.End()
	spans := keep.GetSpans().Snapshots()
	for _, status := range []int{500, 503, 200, 200, 400} {
		c.status = status
		if err := e.ExportSpans(context.Background(), spans); err != nil {
			t.Error(err)
		}
	}
	if got := out.all(); strings.Count(got, "cannot be sent") != 2 || strings.Count(got, "sent again") != 1 {
		t.Error(got)
	}
}

// TestUpdateOutsideOfATrace: it makes no span and no garbage.
func TestUpdateOutsideOfATrace(t *testing.T) {
	tr := newTracing(sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter()), 1)
	if n := testing.AllocsPerRun(100, func() { tr.Updating(context.Background())(nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	_, x := someRequest()
	tr.End(httptest.NewRequest("GET", "/", nil), x)
	var _ httpapi.Observer = tr
}
