package telemetry

import (
	"net/http"

	"github.com/lading-dev/lading/internal/httpapi"
)

// Bounds of what a client writes into the log.
const (
	maxMethod = 16
	maxAgent  = 128
)

// accessLog writes a line for each request.
type accessLog struct{ to *lineWriter }

// Access returns the observer that logs a line for each request, at level
// info: what was asked, of which repository, by whom, from where, and what
// came of it. Neither the query of the URL, which may hold cursors, nor any
// header but the User-Agent is in it. What is empty is left out.
func (l *Log) Access() httpapi.Observer { return accessLog{l.access} }

func (accessLog) Begin() {}

func (a accessLog) End(r *http.Request, x httpapi.Exchange) {
	var room [14]field
	fields := append(room[:0],
		field{key: "request", text: x.ID},
		field{key: "method", text: cut(r.Method, maxMethod)},
		field{key: "action", text: x.Action.String()})
	if x.Repository != "" {
		fields = append(fields, field{key: "repository", text: x.Repository})
	}
	fields = append(fields, field{key: "status", kind: aNumber, number: int64(x.Status)})
	if x.Code != "" {
		fields = append(fields, field{key: "code", text: string(x.Code)})
	}
	if x.Cut {
		fields = append(fields, field{key: "cut", kind: isTrue})
	}
	fields = append(fields,
		field{key: "in", kind: aNumber, number: x.In},
		field{key: "out", kind: aNumber, number: x.Out},
		field{key: "ms", kind: aDuration, number: int64(x.Took)},
		field{key: "remote", text: r.RemoteAddr})
	if x.Subject != "" {
		fields = append(fields, field{key: "who", text: x.Subject})
	}
	fields = append(fields, field{key: "agent", text: cut(r.Header.Get("User-Agent"), maxAgent)})
	a.to.write(x.Began.Add(x.Took), "request", fields)
}

// cut bounds what a client has written. The handler escapes what is left.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
