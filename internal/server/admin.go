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

// checkData writes a few bytes into the data directory and removes them. A full
// disk is no reason to send the readers away.
func (s *Server) checkData(context.Context) error {
	err := tryWrite(s.data)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return errFull
	}
	return fmt.Errorf("cannot be written: %w", err)
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".ready-")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
