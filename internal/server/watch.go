package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/gc"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/telemetry"
)

// watch is what looks on at a registry. Without metrics nothing is counted.
type watch struct {
	metrics   *prometheus.Registry
	followers *telemetry.Followers
	sweeps    *telemetry.Sweeps
	observers telemetry.Observers
	streams   httpapi.StreamObserver // nil where nobody counts
	tracing   *telemetry.Tracing     // nil where nothing is traced
	certs     atomic.Pointer[certs.Server]
}

// newWatch makes the metrics if somebody can read them, and the traces if
// somebody takes them.
func newWatch(cfg config.Config, log *slog.Logger, opt Options) *watch {
	w := &watch{}
	if opt.Observer != nil {
		w.observers = append(w.observers, opt.Observer)
	}
	if cfg.Admin.Listen != "" {
		w.count(opt.Now)
	}
	if cfg.Tracing.Endpoint != "" {
		w.tracing = telemetry.NewTracing(cfg.Tracing, log)
		w.observers = append(w.observers, w.tracing)
	}
	return w
}

func (w *watch) count(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	w.metrics = telemetry.NewMetrics()
	w.followers = telemetry.NewFollowers(w.metrics)
	w.sweeps = telemetry.NewSweeps(w.metrics, w.followers, now)
	w.observers = append(w.observers, telemetry.Requests(w.metrics))
	w.streams = telemetry.Streams(w.metrics)
	telemetry.NewCertificates(w.metrics, func() telemetry.Certificates {
		if c := w.certs.Load(); c != nil {
			return c
		}
		return nil
	})
}

// observer is nil where nobody looks on, so that nothing is paid for it.
func (w *watch) observer() httpapi.Observer {
	switch len(w.observers) {
	case 0:
		return nil
	case 1:
		return w.observers[0]
	}
	return w.observers
}

// stores puts the clocks and the counters on the opened stores.
func (w *watch) stores(s *Server, log *slog.Logger) {
	if w.metrics != nil {
		telemetry.Stores(w.metrics, s.db, s.cat.Journal(), log)
		s.blobs = telemetry.Blobs(w.metrics, s.blobs)
	}
	if w.tracing != nil {
		s.blobs = w.tracing.Blobs(s.blobs)
	}
}

// certificates tells of the registry's own.
func (w *watch) certificates(c *certs.Server) { w.certs.Store(c) }

// swept counts a round of the sweeper.
func (w *watch) swept(r gc.Round) {
	if w.sweeps != nil {
		w.sweeps.Swept(r.Took, r.Uploads, r.Orphans, r.Err)
	}
}

// database has the updates of a database traced.
func (w *watch) database(o *sqldb.Options) {
	if w.tracing != nil {
		o.Updating = w.tracing.Updating
	}
}

// handler puts spans around requests.
func (w *watch) handler(next http.Handler) http.Handler {
	if w.tracing == nil {
		return next
	}
	return w.tracing.Handler(next)
}

// close sends the spans that are left.
func (w *watch) close(ctx context.Context) error {
	if w.tracing == nil {
		return nil
	}
	return w.tracing.Close(ctx)
}
