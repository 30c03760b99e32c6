package telemetry

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

// Lines of the access log wait this long, or until there are so many bytes of
// them, so that a write of the operating system is not paid for each.
const (
	logDelay  = 200 * time.Millisecond
	logBuffer = 32 << 10
)

// Log writes log lines in one form to one place. What Logger logs is written
// at once; lines of the access log are gathered for a moment.
type Log struct {
	Logger *slog.Logger
	access *lineWriter
	lines  *lines
}

// NewLog returns a log of the configured form that is written to w. Close it.
func NewLog(cfg config.Log, w io.Writer) *Log {
	l := &lines{to: w}
	l.timer = time.AfterFunc(time.Hour, l.flush)
	l.timer.Stop()
	opt := &slog.HandlerOptions{Level: cfg.Level}
	form := func(w io.Writer) slog.Handler {
		if cfg.Format == config.LogJSON {
			return slog.NewJSONHandler(w, opt)
		}
		return slog.NewTextHandler(w, opt)
	}
	return &Log{Logger: slog.New(form(atOnce{l})), access: &lineWriter{form(l), l, cfg.Format == config.LogJSON}, lines: l}
}

// Close writes what is still waiting. Later lines are written, but for those
// of the access log at any time.
func (l *Log) Close() { l.lines.flush() }

// lines gathers lines in their order.
type lines struct {
	mu    sync.Mutex
	to    io.Writer
	buf   []byte
	timer *time.Timer
}

// Write takes a line that may wait.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) == 0 {
		l.timer.Reset(logDelay)
	}
	l.buf = append(l.buf, p...)
	if len(l.buf) >= logBuffer {
		l.writeOut()
	}
	return len(p), nil
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeOut()
}

// writeOut writes what waits. There is nobody to tell of a log that cannot be
// written. l.mu is held.
func (l *lines) writeOut() {
	if len(l.buf) > 0 {
		_, _ = l.to.Write(l.buf)
		l.buf = l.buf[:0]
	}
}

// atOnce writes a line, and those that waited before it.
type atOnce struct{ l *lines }

func (a atOnce) Write(p []byte) (int, error) {
	a.l.mu.Lock()
	defer a.l.mu.Unlock()
	a.l.buf = append(a.l.buf, p...)
	a.l.writeOut()
	return len(p), nil
}
