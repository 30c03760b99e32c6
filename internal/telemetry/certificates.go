package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificates tells of the certificates of the registry itself.
type Certificates interface {
	// Expires is when the first of them expires; zero where there is none.
	Expires() time.Time
	// Failures is how many times some could not be used or had.
	Failures() uint64
}

// NewCertificates registers the metrics of certificates. now returns them, nil
// where the registry speaks no TLS.
func NewCertificates(reg prometheus.Registerer, now func() Certificates) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lading_tls_certificate_expires_timestamp_seconds",
		Help: "When the first certificate of the registry expires; 0 where there is none."}, func() float64 {
		if c := now(); c != nil && !c.Expires().IsZero() {
			return float64(c.Expires().Unix())
		}
		return 0
	}), prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lading_tls_certificate_failures_total",
		Help: "Certificates that could not be read or had."}, func() float64 {
		if c := now(); c != nil {
			return float64(c.Failures())
		}
		return 0
	}))
}
