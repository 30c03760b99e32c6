package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/httpapi"
)

// latencies are the upper bounds, in seconds, of the buckets of a request's
// time: a HEAD takes well below a millisecond, a large blob minutes.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .1, .5, 2, 10, 60}

// classes are the values of the label class: the first digit of the status.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// requests counts requests. Every series is made at the start, so that a
// request looks nothing up and a rate begins at zero.
type requests struct {
	inFlight prometheus.Gauge
	total    [httpapi.ActionCount][len(classes)]prometheus.Counter
	cut      [httpapi.ActionCount]prometheus.Counter
	seconds  [httpapi.ActionCount]prometheus.Observer
	in, out  [httpapi.ActionCount]prometheus.Counter
}

// Requests registers the metrics of requests and returns the observer that
// counts them.
func Requests(reg prometheus.Registerer) httpapi.Observer {
	m := &requests{inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lading_http_requests_in_flight",
		Help: "Requests that are being answered, held deltas among them."})}
	total := counter("lading_http_requests_total", "Requests answered, by action and class of status.", "action", "class")
	cut := counter("lading_http_requests_cut_total", "Requests whose answer was not finished.", "action")
	in := counter("lading_http_request_bytes_total", "Bytes of request bodies read.", "action")
	out := counter("lading_http_response_bytes_total", "Bytes of response bodies written.", "action")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lading_http_request_duration_seconds",
		Help: "Time from a request's header to the end of its answer; deltas that were held and streams are left out.", Buckets: latencies}, []string{"action"})
	reg.MustRegister(m.inFlight, total, cut, in, out, seconds)
	for i := range m.total {
		action := httpapi.Action(i).String()
		for j, class := range classes {
			m.total[i][j] = total.WithLabelValues(action, class)
		}
		m.cut[i], m.in[i], m.out[i] = cut.WithLabelValues(action), in.WithLabelValues(action), out.WithLabelValues(action)
		m.seconds[i] = seconds.WithLabelValues(action)
	}
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Begin implements httpapi.Observer.
func (m *requests) Begin() { m.inFlight.Inc() }

// End implements httpapi.Observer.
func (m *requests) End(_ *http.Request, x httpapi.Exchange) {
	m.inFlight.Dec()
	class := x.Status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	m.total[x.Action][class].Inc()
	if x.Cut {
		m.cut[x.Action].Inc()
	}
	if x.In > 0 {
		m.in[x.Action].Add(float64(x.In))
	}
	if x.Out > 0 {
		m.out[x.Action].Add(float64(x.Out))
	}
	if !x.Held {
		m.seconds[x.Action].Observe(x.Took.Seconds())
	}
}
