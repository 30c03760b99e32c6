// Package certs has the certificates of a server that speaks TLS: its own,
// from files or from an ACME server, and those that clients show, which may say
// who is calling. Files are read again when they change, while connections go
// on; what cannot be used leaves what was there in force.
package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where certificates come from: Certificate and Key, or ACME.
type Options struct {
	// Certificate is a PEM file with the certificate and then those between it
	// and its CA; Key is one with its key.
	Certificate, Key string
	// ACME gets certificates where it names hosts.
	ACME ACME
	// ClientCA is a PEM file with the CAs of clients' certificates; empty is
	// that clients are asked for none.
	ClientCA string
	// ClientCRL is a file with lists of revoked certificates of those CAs, PEM
	// or DER; empty is none.
	ClientCRL string
	// RequireClient refuses connections without a client's certificate.
	RequireClient bool
	// Subjects say whom a client's certificate stands for.
	Subjects Subjects
	// Changed is called after the CAs of clients, or what they revoked, have
	// changed; it must not block.
	Changed func()
	// Logger is told what was read again, and what could not be used; nil is
	// nobody.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Poll is how often Run looks at the files; 0 means 1 s.
	Poll time.Duration
}

// Server has the certificates of one server. Its methods may be called from any
// number of goroutines.
type Server struct {
	opt      Options
	acme     *manager // nil without ACME
	current  atomic.Pointer[state]
	refresh  sync.Mutex
	complain string // what was last found wrong with the files; by refresh
	clients  clients
	failures atomic.Uint64
}

// Open reads the files.
//
// Errors: those of the files, with their names.
func Open(opt Options) (*Server, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Changed == nil {
		opt.Changed = func() {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.Poll = cmp.Or(opt.Poll, time.Second)
	s := &Server{opt: opt}
	s.clients.known = map[string]*client{}
	var err error
	if len(opt.ACME.Hosts) > 0 {
		if s.acme, err = newManager(opt); err != nil {
			return nil, err
		}
	}
	text, err := readAll(opt)
	if err != nil {
		return nil, err
	}
	st, err := s.parse(text)
	if err != nil {
		return nil, err
	}
	s.current.Store(st)
	s.tellDates(st)
	return s, nil
}

// TLS is how to serve: TLS 1.2 and later, HTTP/2 before HTTP/1.1, with the
// certificates of now for each new connection.
func (s *Server) TLS() *tls.Config {
	c := s.base()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if s.acme != nil && challenged(hello) {
			return s.acme.challenge(), nil
		}
		return s.current.Load().config, nil
	}
	return c
}

func (s *Server) base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Time: s.opt.Now}
}

// Run looks whether files have changed, and keeps the certificates of ACME in
// date, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	if s.acme != nil {
		all.Go(func() { s.acme.run(ctx, s) })
	}
	poll := time.NewTicker(s.opt.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			s.Refresh()
		}
	}
}

// Refresh reads the files again if they have changed. While they cannot be
// used, what was there stays, which is told once for each reason.
func (s *Server) Refresh() {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	old := s.current.Load()
	text, err := readAll(s.opt)
	if err == nil && text.equal(old.text) {
		s.complain = ""
		return
	}
	var st *state
	if err == nil {
		st, err = s.parse(text)
	}
	if err != nil {
		if err.Error() != s.complain {
			s.complain = err.Error()
			s.failed("certificates cannot be used: those of before stay", err)
		}
		return
	}
	s.complain = ""
	s.current.Store(st)
	s.opt.Logger.Info("certificates were read again", "expires", st.expires())
	s.tellDates(st)
	if text.clients() != old.text.clients() {
		s.clients.judge(st, s.opt.Now())
		s.opt.Changed()
	}
}

// failed tells of certificates that are not to be had.
func (s *Server) failed(what string, err error) {
	s.failures.Add(1)
	s.opt.Logger.Error(what, "error", err)
}

// tellDates warns of what is out of date and used all the same: refusing to
// serve would help nobody.
func (s *Server) tellDates(st *state) {
	now := s.opt.Now()
	if at := st.expires(); !at.IsZero() && now.After(at) {
		s.opt.Logger.Warn("the certificate has expired", "at", at)
	}
	if !st.crlUntil.IsZero() && now.After(st.crlUntil) {
		s.opt.Logger.Warn("a list of revoked certificates is out of date, and used all the same", "since", st.crlUntil)
	}
}

// Expires is when the first of the server's certificates ends; zero where ACME
// has brought none yet.
func (s *Server) Expires() time.Time {
	ends := s.current.Load().expires()
	if s.acme != nil {
		ends = s.acme.expires()
	}
	return ends
}

// Failures is how many times certificates could not be used or were not to be
// had.
func (s *Server) Failures() uint64 { return s.failures.Load() }

// state is what the files said.
type state struct {
	text     contents
	config   *tls.Config
	own      *tls.Certificate // nil with ACME
	trust    trust
	crlUntil time.Time // when the first list of revoked certificates is out of date; zero is never
}

func (st *state) expires() time.Time {
	if st.own == nil {
		return time.Time{}
	}
	return st.own.Leaf.NotAfter
}

// parse makes a state of files.
func (s *Server) parse(text contents) (st *state, err error) {
	st = &state{text: text, config: s.base()}
	switch {
	case s.acme != nil:
		st.config.GetCertificate = s.acme.get
	case len(text.certificate) > 0:
		own, err := tls.X509KeyPair(text.certificate, text.key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", s.opt.Certificate, s.opt.Key, err)
		}
		st.own, st.config.Certificates = &own, []tls.Certificate{own}
	default:
		return nil, errors.New("a certificate is missing")
	}
	if s.opt.ClientCA == "" {
		return st, nil
	}
	if st.trust, st.crlUntil, err = parseTrust(s.opt, text); err != nil {
		return nil, err
	}
	st.config.ClientCAs = st.trust.roots
	st.config.ClientAuth = tls.VerifyClientCertIfGiven
	if s.opt.RequireClient {
		st.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// Resumed sessions come by here as well, with the chains of before.
	st.config.VerifyConnection = func(c tls.ConnectionState) error {
		if len(c.PeerCertificates) == 0 {
			return nil
		}
		return s.current.Load().trust.verify(c.PeerCertificates, s.opt.Now())
	}
	return st, nil
}

// earliest is the first of the times that are not zero.
func earliest(times ...time.Time) time.Time {
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(times, time.Time.Compare)
}
