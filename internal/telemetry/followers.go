package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Followers shows how far whatever follows the registry is behind. A follower
// registers itself under a name of its own.
type Followers struct {
	mu   sync.Mutex
	lags map[string]func() time.Duration
}

var followerLag = prometheus.NewDesc("lading_follower_lag_seconds",
	"How far a follower is behind: the age of the oldest change, or of the round, that it has not finished.", []string{"follower"}, nil)

// NewFollowers registers the metric of followers.
func NewFollowers(reg prometheus.Registerer) *Followers {
	f := &Followers{lags: map[string]func() time.Duration{}}
	reg.MustRegister(f)
	return f
}

// Follow shows the lag of a follower from now on: it is asked whenever metrics
// are read, and must not block. A name is a word for a part of the registry,
// such as "sweeper", never a name of what it holds.
func (f *Followers) Follow(name string, lag func() time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lags[name] = lag
}

// Leave ends what Follow began.
func (f *Followers) Leave(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.lags, name)
}

// Describe implements prometheus.Collector.
func (f *Followers) Describe(to chan<- *prometheus.Desc) { to <- followerLag }

// Collect implements prometheus.Collector.
func (f *Followers) Collect(to chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, lag := range f.lags {
		to <- prometheus.MustNewConstMetric(followerLag, prometheus.GaugeValue, lag().Seconds(), name)
	}
}
