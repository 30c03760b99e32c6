package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME says how to get certificates (RFC 8555), by the challenge tls-alpn-01
// (RFC 8737): the server of certificates connects to port 443 of each host.
type ACME struct {
	// Hosts are the names to have certificates for. Empty is no ACME.
	Hosts []string
	// Email is told the server, which may warn there; it may be empty.
	Email string
	// Directory is the URL of the server; empty means Let's Encrypt.
	Directory string
	// CA is a PEM file with the CAs of that server itself; empty means those of
	// the system.
	CA string
	// Store keeps keys and certificates; nil keeps them in Dir.
	Store Store
	// Dir is a directory for them, each file for its owner alone.
	Dir string
}

// Times between tries to get a certificate that fail: the servers allow few.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

const (
	// turn is how long one server may be about a certificate, which it gives
	// up before.
	turn    = 3 * time.Minute
	giveUp  = turn - 20*time.Second
	maxTurn = 10 * time.Minute // that it keeps after a failure
	// patience is how long a connection waits for the first certificate, and
	// for the answer to a challenge.
	patience = 10 * time.Second
	// renewal is how long before its end a certificate is renewed at the
	// earliest; otherwise when a third of its life is left.
	renewal = 30 * 24 * time.Hour
)

// manager gets certificates and keeps them in date.
type manager struct {
	client *acme.Client
	email  string
	store  Store
	hosts  []*host
	known  bool // the client has its account; by the goroutine of run
}

// host is a name, and its certificate.
type host struct {
	name  string
	ready chan struct{} // closed once there is a certificate

	mu   sync.Mutex
	cert *tls.Certificate // by mu, and so all below
	err  error            // of the last try; nil: it is there
	wait time.Duration    // from the last failure to the next try
	next time.Time
}

func newManager(opt Options) (*manager, error) {
	m := &manager{client: &acme.Client{DirectoryURL: cmp.Or(opt.ACME.Directory, acme.LetsEncryptURL), UserAgent: "lading"},
		email: opt.ACME.Email, store: opt.ACME.Store}
	if m.store == nil {
		m.store = directory{autocert.DirCache(opt.ACME.Dir)}
	}
	for _, name := range opt.ACME.Hosts {
		m.hosts = append(m.hosts, &host{name: name, ready: make(chan struct{})})
	}
	if opt.ACME.CA != "" {
		text, err := readFile(opt.ACME.CA)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no CA is in it", opt.ACME.CA)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		m.client.HTTPClient = &http.Client{Transport: transport}
	}
	return m, nil
}

// challenged tells whether a connection is the server's of certificates, which
// asks for nothing else.
func challenged(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto})
}

// challenge answers it, and asks for no client's certificate. The answer may
// be one that another server has to give.
func (m *manager) challenge() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			h, err := m.host(hello.ServerName)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(hello.Context(), patience)
			defer cancel()
			text, err := m.store.Get(ctx, answerOf(h.name))
			if err != nil || text == nil {
				return nil, errors.Join(errors.New("no challenge is under way for "+h.name), err)
			}
			return decode(text)
		}}
}

// host finds a host by the name that a client says; who says none gets the
// first.
func (m *manager) host(name string) (*host, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, h := range m.hosts {
		if name == h.name || name == "" {
			return h, nil
		}
	}
	return nil, errors.New("not a host of tls.acme_hosts")
}

// get returns the certificate for a connection, which waits a little for the
// first one. There is one certificate a host, with an ECDSA key: whatever a
// client can do, it cannot have others made.
func (m *manager) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	h, err := m.host(hello.ServerName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(hello.Context(), patience)
	defer cancel()
	for {
		cert, failed := h.current()
		if cert != nil || failed != nil {
			return cert, failed
		}
		select {
		case <-h.ready:
		case <-ctx.Done():
			return nil, errors.New("there is no certificate for " + h.name + " yet")
		}
	}
}

// current is the certificate, or why there is none; neither before the first
// try has ended.
func (h *host) current() (*tls.Certificate, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cert != nil {
		return h.cert, nil
	}
	return nil, h.err
}

// expires is when the first certificate expires.
func (m *manager) expires() time.Time {
	var all []time.Time
	for _, h := range m.hosts {
		if cert, _ := h.current(); cert != nil {
			all = append(all, cert.Leaf.NotAfter)
		}
	}
	return earliest(all...)
}

// run keeps the certificates in date until ctx ends.
func (m *manager) run(ctx context.Context, s *Server) {
	poll := time.NewTicker(s.opt.Poll)
	defer poll.Stop()
	for {
		for _, h := range m.hosts {
			m.keep(ctx, s, h)
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}
