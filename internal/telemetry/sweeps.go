package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sweeps counts the rounds of the sweeper.
type Sweeps struct {
	now     func() time.Time
	last    atomic.Int64 // when a round last went well, or the start; in nanoseconds
	rounds  [2]prometheus.Counter
	seconds prometheus.Counter
	uploads prometheus.Counter
	orphans prometheus.Counter
}

// NewSweeps registers the metrics of the sweeper, which is a follower too: it
// is as far behind as its last good round is old.
func NewSweeps(reg prometheus.Registerer, followers *Followers, now func() time.Time) *Sweeps {
	rounds := counter("lading_sweeps_total", "Rounds of the sweeper, by how they went.", "result")
	s := &Sweeps{now: now, rounds: [2]prometheus.Counter{rounds.WithLabelValues("done"), rounds.WithLabelValues("failed")},
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "lading_sweep_seconds_total", Help: "Time that the sweeper worked."}),
		uploads: prometheus.NewCounter(prometheus.CounterOpts{Name: "lading_uploads_expired_total", Help: "Unfinished uploads removed."}),
		orphans: prometheus.NewCounter(prometheus.CounterOpts{Name: "lading_orphans_removed_total", Help: "Manifests removed after the index or the subject that they belonged to."})}
	reg.MustRegister(rounds, s.seconds, s.uploads, s.orphans)
	s.last.Store(now().UnixNano())
	followers.Follow("sweeper", func() time.Duration { return time.Duration(s.now().UnixNano() - s.last.Load()) })
	return s
}

// Swept counts a round, with the uploads and the orphans that it removed.
func (s *Sweeps) Swept(took time.Duration, uploads, orphans int, err error) {
	s.seconds.Add(took.Seconds())
	s.uploads.Add(float64(uploads))
	s.orphans.Add(float64(orphans))
	if err != nil {
		s.rounds[1].Inc()
		return
	}
	s.rounds[0].Inc()
	s.last.Store(s.now().UnixNano())
}
