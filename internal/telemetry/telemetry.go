// Package telemetry is what operators see of a registry: its log lines, its
// metrics and its traces. It looks on: it answers nobody, and a registry
// without it does the same.
//
// Neither names of repositories nor anything else without a bound becomes a
// label of a metric: who reads metrics need not be one who may see every name,
// and a series costs memory for ever.
package telemetry

import (
	"net/http"

	"github.com/lading-dev/lading/internal/httpapi"
)

// Observers tells several observers of each request, in their order.
type Observers []httpapi.Observer

// Begin implements httpapi.Observer.
func (o Observers) Begin() {
	for _, one := range o {
		one.Begin()
	}
}

// End implements httpapi.Observer.
func (o Observers) End(r *http.Request, x httpapi.Exchange) {
	for _, one := range o {
		one.End(r, x)
	}
}
