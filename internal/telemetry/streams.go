package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/httpapi"
)

// streamEnds are the values of the label reason.
var streamEnds = []httpapi.StreamEnd{httpapi.StreamLeft, httpapi.StreamStalled, httpapi.StreamFailed,
	httpapi.StreamEnd(lading.GoawayMaxAge), httpapi.StreamEnd(lading.GoawayAuth),
	httpapi.StreamEnd(lading.GoawaySlow), httpapi.StreamEnd(lading.GoawayDrain)}

// streamEvents are the control events; empty stands for changes.
var streamEvents = map[lading.Control]string{"": "change", lading.ControlSynced: "synced", lading.ControlBookmark: "bookmark",
	lading.ControlCoalesced: "coalesced", lading.ControlGoaway: "goaway", lading.ControlError: "error"}

// streams counts streams while they run.
type streams struct {
	open   prometheus.Gauge
	events map[lading.Control]prometheus.Counter
	bytes  prometheus.Counter
	ended  map[httpapi.StreamEnd]prometheus.Counter
}

// Streams registers the metrics of streams and returns the observer that
// counts them.
func Streams(reg prometheus.Registerer) httpapi.StreamObserver {
	m := &streams{
		open:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "lading_streams_open", Help: "Streams of changes that are open."}),
		bytes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "lading_stream_bytes_total", Help: "Bytes of events written to streams."}),
		events: map[lading.Control]prometheus.Counter{}, ended: map[httpapi.StreamEnd]prometheus.Counter{},
	}
	events := counter("lading_stream_events_total", "Events written to streams, by what they tell.", "event")
	ended := counter("lading_streams_ended_total", "Streams that have ended, by why.", "reason")
	reg.MustRegister(m.open, m.bytes, events, ended)
	for control, name := range streamEvents {
		m.events[control] = events.WithLabelValues(name)
	}
	for _, why := range streamEnds {
		m.ended[why] = ended.WithLabelValues(string(why))
	}
	return m
}

// Opened implements httpapi.StreamObserver.
func (m *streams) Opened() { m.open.Inc() }

// Sent implements httpapi.StreamObserver.
func (m *streams) Sent(events []lading.Event, bytes int) {
	changes := 0
	for i := range events {
		if c := events[i].Control; c == "" {
			changes++
		} else if n, ok := m.events[c]; ok {
			n.Inc()
		}
	}
	if changes > 0 {
		m.events[""].Add(float64(changes))
	}
	m.bytes.Add(float64(bytes))
}

// Ended implements httpapi.StreamObserver.
func (m *streams) Ended(why httpapi.StreamEnd) {
	m.open.Dec()
	if n, ok := m.ended[why]; ok {
		n.Inc()
	}
}
