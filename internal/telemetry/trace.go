package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
)

// Tracing makes spans of requests and of what they wait for: updates of the
// catalog, and blobs that are opened or committed. Where it is not wanted there
// is none of it, so that a request pays nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	follow   propagation.TraceContext // W3C Trace Context
}

// NewTracing returns what sends spans to the collector of the configuration.
// Close it.
func NewTracing(cfg config.Tracing, log *slog.Logger) *Tracing {
	return newTracing(sdktrace.NewBatchSpanProcessor(newExporter(cfg.Endpoint, log)), cfg.Sample)
}

func newTracing(to sdktrace.SpanProcessor, sample float64) *Tracing {
	version, _ := buildOf(debug.ReadBuildInfo())
	p := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(to),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(sample))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "lading"), attribute.String("service.version", version))))
	return &Tracing{provider: p, tracer: p.Tracer("github.com/lading-dev/lading")}
}

// Close sends what is left, for as long as the context lets it.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Handler puts a span around each request, below the one that its traceparent
// names.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.follow.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Begin implements httpapi.Observer.
func (t *Tracing) Begin() {}

// End implements httpapi.Observer: it names the request's span.
func (t *Tracing) End(r *http.Request, x httpapi.Exchange) {
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	span.SetName(x.Action.String())
	span.SetAttributes(
		attribute.String("http.request.method", cut(r.Method, maxMethod)),
		attribute.Int("http.response.status_code", x.Status),
		attribute.Int64("http.request.body.size", x.In),
		attribute.Int64("http.response.body.size", x.Out),
		attribute.String("lading.request", x.ID),
		attribute.String("lading.repository", x.Repository))
	if x.Code != "" {
		span.SetAttributes(attribute.String("error.type", string(x.Code)))
	}
	if x.Status >= 500 || x.Cut {
		span.SetStatus(codes.Error, "")
	}
}

// Updating makes a span of an update of the catalog: the wait for its group and
// for the commit.
func (t *Tracing) Updating(ctx context.Context) (done func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return func(error) {}
	}
	_, span := t.tracer.Start(ctx, "catalog update")
	return func(err error) { finish(span, err) }
}

// finish ends a span. The text of an error may hold names, and stays in the
// log.
func finish(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Blobs returns the store with spans around what reaches the disk. Bytes that
// are read or written are part of the request's span.
func (t *Tracing) Blobs(store blob.Store) blob.Store { return &tracedBlobs{store, t} }

type tracedBlobs struct {
	blob.Store
	t *Tracing
}

// Open implements blob.Store.
func (b *tracedBlobs) Open(ctx context.Context, d digest.Digest) (blob.Reader, error) {
	_, span := b.t.tracer.Start(ctx, "blob open")
	r, err := b.Store.Open(ctx, d)
	if errors.Is(err, blob.ErrNotFound) {
		span.End()
		return r, err
	}
	finish(span, err)
	return r, err
}

// Create implements blob.Store.
func (b *tracedBlobs) Create(ctx context.Context, owner string) (blob.Upload, error) {
	up, err := b.Store.Create(ctx, owner)
	return b.traced(up, err)
}

// Resume implements blob.Store.
func (b *tracedBlobs) Resume(ctx context.Context, owner, id string) (blob.Upload, error) {
	up, err := b.Store.Resume(ctx, owner, id)
	return b.traced(up, err)
}

func (b *tracedBlobs) traced(up blob.Upload, err error) (blob.Upload, error) {
	if err != nil {
		return nil, err
	}
	return &tracedUpload{up, b.t}, nil
}

type tracedUpload struct {
	blob.Upload
	t *Tracing
}

// Expect implements blob.Expecter, as far as the upload below does.
func (u *tracedUpload) Expect(alg digest.Algorithm) {
	if e, ok := u.Upload.(blob.Expecter); ok {
		e.Expect(alg)
	}
}

// Commit implements blob.Upload.
func (u *tracedUpload) Commit(ctx context.Context, d digest.Digest) (int64, error) {
	ctx, span := u.t.tracer.Start(ctx, "blob commit")
	size, err := u.Upload.Commit(ctx, d)
	span.SetAttributes(attribute.Int64("lading.blob.size", size))
	finish(span, err)
	return size, err
}
