package telemetry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/httpapi"
)

func TestStreams(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := Streams(reg)
	o.Opened()
	o.Opened()
	o.Sent([]lading.Event{{Change: &lading.Change{}}, {Change: &lading.Change{}}, {Control: lading.ControlCoalesced}}, 700)
	o.Sent([]lading.Event{{Control: lading.ControlBookmark}, {Control: "a control event of tomorrow"}}, 50)
	o.Ended(httpapi.StreamEnd(lading.GoawayDrain))
	o.Opened()
	o.Ended("an end of tomorrow")
	holds(t, exposed(t, reg),
		`lading_streams_open 1`,
		`lading_stream_events_total{event="change"} 2`,
		`lading_stream_events_total{event="coalesced"} 1`,
		`lading_stream_events_total{event="bookmark"} 1`,
		`lading_stream_events_total{event="error"} 0`,
		`lading_stream_bytes_total 750`,
		`lading_streams_ended_total{reason="drain"} 1`,
		`lading_streams_ended_total{reason="client"} 0`,
		`lading_streams_ended_total{reason="stalled"} 0`)
}
