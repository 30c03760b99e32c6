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
	// Dir keeps keys and certificates, each file for its owner alone. Processes
	// that serve the same hosts share it.
	Dir string
}

// Times between tries to get a certificate that fail: the servers allow few.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// manager gets certificates and keeps them in date.
type manager struct {
	auto  *autocert.Manager
	hosts []string
	mu    sync.Mutex
	tries map[string]try // the last for each host; by mu
}

// try is what came of asking for a certificate.
type try struct {
	err     error         // nil: it is there
	wait    time.Duration // from this failure to the next try
	next    time.Time
	expires time.Time // of the certificate; zero before the first
}

func newManager(opt Options) (*manager, error) {
	client := &acme.Client{DirectoryURL: cmp.Or(opt.ACME.Directory, acme.LetsEncryptURL), UserAgent: "lading"}
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
		client.HTTPClient = &http.Client{Transport: transport}
	}
	return &manager{
		hosts: opt.ACME.Hosts,
		tries: map[string]try{},
		auto: &autocert.Manager{Prompt: autocert.AcceptTOS, Client: client, Email: opt.ACME.Email,
			Cache: autocert.DirCache(opt.ACME.Dir), HostPolicy: autocert.HostWhitelist(opt.ACME.Hosts...)},
	}, nil
}

// challenged tells whether a connection is the server's of certificates, which
// asks for nothing else.
func challenged(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto})
}

// challenge answers it, and asks for no client's certificate.
func (m *manager) challenge() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, GetCertificate: m.auto.GetCertificate}
}

// get returns the certificate for a connection; clients that name no host get
// that of the first. There is one certificate a host, with an ECDSA key:
// whatever a client can do, it cannot have others made.
func (m *manager) get(hello *tls.ClientHelloInfo, s *Server) (*tls.Certificate, error) {
	host := cmp.Or(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")), m.hosts[0])
	if !slices.Contains(m.hosts, host) {
		return nil, errors.New("not a host of tls.acme_hosts")
	}
	if err := m.failing(host, s.opt.Now()); err != nil {
		return nil, err
	}
	c, err := m.auto.GetCertificate(&tls.ClientHelloInfo{ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
	if m.tried(host, c, err, s.opt.Now()) {
		s.failed("no certificate could be had for "+host, err)
	}
	return c, err
}

// failing is why the last try failed, while it is too soon for the next.
func (m *manager) failing(host string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tries[host]; now.Before(t.next) {
		return t.err
	}
	return nil
}

// tried notes what came of a try, and reports whether a failure is a new one:
// connections that waited for the same try fail together.
func (m *manager) tried(host string, c *tls.Certificate, err error, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tries[host]
	switch {
	case err == nil:
		m.tries[host] = try{expires: c.Leaf.NotAfter}
		return false
	case now.Before(t.next):
		return false
	}
	wait := min(max(2*t.wait, firstRetry), lastRetry)
	m.tries[host] = try{err: err, wait: wait, next: now.Add(wait), expires: t.expires}
	return true
}

// expires is when the first certificate expires.
func (m *manager) expires() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []time.Time
	for _, t := range m.tries {
		all = append(all, t.expires)
	}
	return earliest(all...)
}

// run gets the certificate of each host before a client asks for it, and looks
// at it now and then, so that Expires tells of the one in use.
func (m *manager) run(ctx context.Context, s *Server) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, host := range m.hosts {
		all.Go(func() {
			for first := true; first || sleep(ctx, firstRetry); first = false {
				_, _ = m.get(&tls.ClientHelloInfo{ServerName: host}, s) // told there
			}
		})
	}
}

// sleep reports whether ctx has not ended in the time.
func sleep(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
	return errors.Is(ctx.Err(), context.DeadlineExceeded)
}
