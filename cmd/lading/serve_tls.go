package main

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"

	"github.com/lading-dev/lading/internal/config"
)

// maxConcurrent is how many requests one HTTP/2 connection may have at the same
// time; the client keeps further ones back.
const maxConcurrent = 100

// newServer bounds what each connection may take. Reads and writes of bodies
// have deadlines of their own, set as they move, so there is no ReadTimeout or
// WriteTimeout: both would bound whole transfers.
func newServer(h http.Handler, cfg config.HTTP, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    int(cfg.MaxHeader),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// A connection that takes nothing at all is closed, whatever its
		// streams wait for.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxConcurrent, WriteByteTimeout: cfg.BodyIdle},
	}
}

// serveTLS serves with TLS unless conf is nil. Who comes to check a name for
// ACME has its answer in the handshake: net/http speaks no protocol that it
// does not know.
func serveTLS(srv *http.Server, ln net.Listener, conf *tls.Config) error {
	if conf == nil {
		return srv.Serve(ln)
	}
	srv.TLSConfig = conf
	return srv.ServeTLS(ln, "", "")
}

// tellTransport warns of passwords that can be read on their way, and of
// proxies that tell nothing of who is calling.
func tellTransport(cfg config.Config, addr net.Addr, log *slog.Logger) {
	if !cfg.SignIn() || cfg.TLS.On() || !reachable(addr) {
		return
	}
	switch {
	case !cfg.BehindTLSProxy:
		log.Warn("there is no TLS: passwords go over the network as they are", "addr", addr)
	case cfg.HTTP.TrustedProxies == "none":
		log.Warn("http.trusted_proxies is none: all callers seem to come from the proxy's address, in the log and where guessing is slowed down")
	}
}
