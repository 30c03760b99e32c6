package server

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"

	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/proxy"
	"github.com/lading-dev/lading/internal/replica"
)

// openTLS opens the certificates of a registry that speaks TLS itself. Those of
// clients are known to openDoor.
func (s *Server) openTLS(cfg config.Config, opt Options) error {
	if !cfg.TLS.On() || opt.Alone {
		return nil
	}
	subjects, err := cfg.TLS.Subjects()
	if err != nil {
		return err
	}
	t := cfg.TLS
	var shared certs.Store // nil keeps what ACME brings in the data directory
	if cfg.Catalog.URL != "" {
		shared = replica.NewACME(s.db, s.turns)
	}
	s.certs, err = certs.Open(certs.Options{
		Certificate: t.Certificate, Key: t.Key,
		ACME: certs.ACME{Hosts: t.Hosts(), Email: t.ACMEEmail, Directory: t.ACMEDirectory, CA: t.ACMECA,
			Store: shared, Dir: filepath.Join(cfg.Data, "acme")},
		ClientCA: t.ClientCA, ClientCRL: t.ClientCRL, RequireClient: t.ClientAuth == config.RequireCertificate, Subjects: subjects,
		Changed: s.engine.Regranted, Logger: s.log, Now: opt.Now,
	})
	if err != nil {
		return err
	}
	s.watch.certificates(s.certs)
	s.background(func(ctx context.Context) { s.certs.Run(ctx) })
	return nil
}

// TLS is how to serve the handler; nil is without TLS.
func (s *Server) TLS() *tls.Config {
	if s.certs == nil {
		return nil
	}
	return s.certs.TLS()
}

// outside has requests seen as their clients sent them, past the proxies that
// are trusted.
func outside(cfg config.Config, next http.Handler) (http.Handler, error) {
	o, err := cfg.Proxies()
	return proxy.Handler(o, next), err
}

// reached is the way by which a client reaches the registry.
func reached(r *http.Request) (scheme, host string) { return proxy.Scheme(r), proxy.Host(r) }
