package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTime bounds what one question of /readyz may take.
const readyTime = 2 * time.Second

// Admin answers operators: /healthz while the process lives, /readyz while it
// can do its work, /metrics, a copy of the catalog from POST /backup/catalog,
// and profiles under /debug/pprof/. It asks nobody who he is, so only operators
// may reach it.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	if s.watch.metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.watch.metrics, promhttp.HandlerOpts{}))
	}
	mux.HandleFunc("POST /backup/catalog", s.backup)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	// A page in a browser on this machine may not send it a POST.
	return http.NewCrossOriginProtection().Handler(mux)
}

func tell(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// ready tells whether requests should be sent here, a line for each check.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	status, text := http.StatusOK, ""
	for _, c := range []struct {
		name  string
		check func(context.Context) error
	}{{"serving", s.checkServing}, {"catalog", s.checkCatalog}, {"data", s.checkData}} {
		switch err := c.check(ctx); {
		case err == nil:
			text += c.name + ": ok\n"
		case errors.Is(err, errFull):
			text += c.name + ": " + err.Error() + "\n"
		default:
			status = http.StatusServiceUnavailable
			text += c.name + ": " + err.Error() + "\n"
		}
	}
	tell(w, status, text)
}

var errFull = errors.New("full: pushes fail, pulls go on")

func (s *Server) checkServing(context.Context) error {
	if s.draining.Load() {
		return errors.New("stopping")
	}
	return nil
}

func (s *Server) checkCatalog(ctx context.Context) error {
	var one int64
	if err := s.db.Read().QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("does not answer: %w", err)
	}
	return nil
}

// checkData makes a file in the data directory and removes it. A full disk is
// no reason to send the readers away.
func (s *Server) checkData(context.Context) error {
	f, err := os.CreateTemp(s.data, ".ready-")
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errFull
	}
	if err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	return nil
}
