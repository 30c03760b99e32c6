package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/limit"
)

// limits shows what a limiter knows.
type limits struct{ *limit.Limiter }

var (
	rateRefused = prometheus.NewDesc("lading_rate_limited_total",
		"Requests refused because their caller, or its address, asked for too much, by what there was too much of.", []string{"class"}, nil)
	rateCallers = prometheus.NewDesc("lading_rate_callers",
		"Callers that are remembered: who is signed in, addresses of who is not, and addresses of who is.", []string{"kind"}, nil)
	rateDebtors = prometheus.NewDesc("lading_rate_debtors", "Callers who owe rows that were read for them.", nil, nil)
)

// Limits registers the metrics of a limiter.
func Limits(reg prometheus.Registerer, l *limit.Limiter) { reg.MustRegister(limits{l}) }

// Describe implements prometheus.Collector.
func (limits) Describe(to chan<- *prometheus.Desc) {
	to <- rateRefused
	to <- rateCallers
	to <- rateDebtors
}

// Collect implements prometheus.Collector.
func (l limits) Collect(to chan<- prometheus.Metric) {
	f := l.Figures()
	for class, n := range f.Refused {
		to <- prometheus.MustNewConstMetric(rateRefused, prometheus.CounterValue, float64(n), limit.Class(class).String())
	}
	to <- prometheus.MustNewConstMetric(rateRefused, prometheus.CounterValue, float64(f.Unheld), "held")
	for kind, n := range map[string]int{"subject": f.Subjects, "anonymous": f.Addresses, "address": f.Places} {
		to <- prometheus.MustNewConstMetric(rateCallers, prometheus.GaugeValue, float64(n), kind)
	}
	to <- prometheus.MustNewConstMetric(rateDebtors, prometheus.GaugeValue, float64(f.Debtors))
}

// SignIns registers the metric of attempts to sign in, and returns what counts
// one.
func SignIns(reg prometheus.Registerer) func(auth.Outcome) {
	m := counter("lading_signins_total", "Attempts to sign in that were not seen before, by how they went.", "outcome")
	for _, o := range []auth.Outcome{auth.Right, auth.Wrong, auth.Slowed} {
		m.WithLabelValues(string(o))
	}
	reg.MustRegister(m)
	return func(o auth.Outcome) { m.WithLabelValues(string(o)).Inc() }
}
