package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/httpapi"
)

// Bounds of what a client writes into the log.
const (
	maxMethod = 16
	maxAgent  = 128
)

// accessLog writes a line for each request.
type accessLog struct{ to slog.Handler }

// Access returns the observer that logs a line for each request, at level
// info: what was asked, of which repository, by whom, from where, and what
// came of it. Neither the query of the URL, which may hold cursors, nor any
// header but the User-Agent is in it. What is empty is left out.
func (l *Log) Access() httpapi.Observer { return accessLog{l.access} }

func (accessLog) Begin() {}

func (a accessLog) End(r *http.Request, x httpapi.Exchange) {
	ctx := context.Background() // the request's may have ended
	if !a.to.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 13),
		slog.String("request", x.ID),
		slog.String("method", cut(r.Method, maxMethod)),
		slog.String("action", x.Action.String()))
	if x.Repository != "" {
		attrs = append(attrs, slog.String("repository", x.Repository))
	}
	attrs = append(attrs, slog.Int("status", x.Status))
	if x.Code != "" {
		attrs = append(attrs, slog.String("code", string(x.Code)))
	}
	if x.Cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	attrs = append(attrs,
		slog.Int64("in", x.In),
		slog.Int64("out", x.Out),
		slog.Float64("ms", float64(x.Took/time.Microsecond)/1000),
		slog.String("remote", r.RemoteAddr))
	if who := lading.IdentityFrom(r.Context()).Subject; who != "" {
		attrs = append(attrs, slog.String("who", who))
	}
	attrs = append(attrs, slog.String("agent", cut(r.Header.Get("User-Agent"), maxAgent)))
	line := slog.NewRecord(x.Began.Add(x.Took), slog.LevelInfo, "request", 0)
	line.AddAttrs(attrs...)
	_ = a.to.Handle(ctx, line) // there is nobody to tell
}

// cut bounds what a client has written. The handler escapes what is left.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
