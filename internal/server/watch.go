package server

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/gc"
	"github.com/lading-dev/lading/internal/httpapi"
	"github.com/lading-dev/lading/internal/telemetry"
)

// watch is what looks on at a registry. Without metrics nothing is counted.
type watch struct {
	metrics   *prometheus.Registry
	followers *telemetry.Followers
	sweeps    *telemetry.Sweeps
	observers telemetry.Observers
}

// newWatch makes the metrics if somebody can read them.
func newWatch(counted bool, opt Options) *watch {
	w := &watch{}
	if opt.Observer != nil {
		w.observers = append(w.observers, opt.Observer)
	}
	if !counted {
		return w
	}
	now := opt.Now
	if now == nil {
		now = time.Now
	}
	w.metrics = telemetry.NewMetrics()
	w.followers = telemetry.NewFollowers(w.metrics)
	w.sweeps = telemetry.NewSweeps(w.metrics, w.followers, now)
	w.observers = append(w.observers, telemetry.Requests(w.metrics))
	return w
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
}

// swept counts a round of the sweeper.
func (w *watch) swept(r gc.Round) {
	if w.sweeps != nil {
		w.sweeps.Swept(r.Took, r.Uploads, r.Err)
	}
}
