package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exportTime bounds one request to the collector.
const exportTime = 10 * time.Second

// exporter sends spans as OTLP over HTTP in its JSON form (OpenTelemetry
// Protocol, "OTLP/HTTP", "JSON Protobuf Encoding"). The exporter of the
// OpenTelemetry project would bring gRPC with it: see docs/design/0001.
type exporter struct {
	url    string
	client *http.Client
	log    *slog.Logger
	failed atomic.Bool // told once, until it works again
}

func newExporter(endpoint string, log *slog.Logger) *exporter {
	return &exporter{url: strings.TrimSuffix(endpoint, "/") + "/v1/traces", client: &http.Client{Timeout: exportTime}, log: log}
}

// ExportSpans implements sdktrace.SpanExporter. Spans that cannot be sent are
// dropped: they are not worth keeping requests, or memory, for.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.send(ctx, spans)
	switch {
	case err != nil && !e.failed.Swap(true):
		e.log.Warn("traces cannot be sent; they are dropped", "error", err)
	case err == nil && e.failed.Swap(false):
		e.log.Info("traces are sent again")
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

func (e *exporter) send(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(message(spans))
	if err != nil {
		return fmt.Errorf("marshal spans: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("send spans: the collector answers %s", resp.Status)
	}
	return nil
}

// The messages of OTLP, as far as they are used, in lower camel case. Numbers
// of 64 bits are texts, ids hexadecimal.
type (
	otlpMessage struct {
		ResourceSpans []otlpResource `json:"resourceSpans"`
	}
	otlpResource struct {
		Resource struct {
			Attributes []otlpAttribute `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []otlpScope `json:"scopeSpans"`
	}
	otlpScope struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		ParentID   string          `json:"parentSpanId,omitempty"`
		TraceState string          `json:"traceState,omitempty"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     otlpStatus      `json:"status"`
	}
	otlpStatus struct {
		Code int `json:"code,omitempty"`
	}
	otlpAttribute struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// message is all spans of a batch, which share their resource and scope.
func message(spans []sdktrace.ReadOnlySpan) otlpMessage {
	var r otlpResource
	r.Resource.Attributes = attributes(spans[0].Resource().Attributes())
	var s otlpScope
	s.Scope.Name = spans[0].InstrumentationScope().Name
	for _, span := range spans {
		s.Spans = append(s.Spans, spanOf(span))
	}
	r.ScopeSpans = []otlpScope{s}
	return otlpMessage{[]otlpResource{r}}
}

func spanOf(s sdktrace.ReadOnlySpan) otlpSpan {
	o := otlpSpan{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		TraceState: s.SpanContext().TraceState().String(),
		Name:       s.Name(),
		Kind:       int(s.SpanKind()), // the numbers are the same
		Start:      strconv.FormatInt(s.StartTime().UnixNano(), 10),
		End:        strconv.FormatInt(s.EndTime().UnixNano(), 10),
		Attributes: attributes(s.Attributes()),
	}
	if s.Parent().HasSpanID() {
		o.ParentID = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		o.Status.Code = 2 // STATUS_CODE_ERROR
	}
	return o
}

func attributes(from []attribute.KeyValue) []otlpAttribute {
	var all []otlpAttribute
	for _, a := range from {
		value := map[string]any{"stringValue": a.Value.String()}
		if a.Value.Type() == attribute.INT64 {
			value = map[string]any{"intValue": a.Value.String()}
		}
		all = append(all, otlpAttribute{string(a.Key), value})
	}
	return all
}
