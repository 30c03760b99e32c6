package client

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// CertificateReason is what is wrong with a certificate.
type CertificateReason int

// The reasons.
const (
	// CertificateUntrusted is a registry whose certificate is not trusted here.
	CertificateUntrusted CertificateReason = iota + 1
	// CertificateWanted is a registry that wants to be shown one, and was not.
	CertificateWanted
	// CertificateRefused is a certificate that was shown and not taken, or that
	// the registry says it would not take.
	CertificateRefused
)

// CertificateError is a connection that did not come about because of a
// certificate.
type CertificateError struct {
	Reason CertificateReason
	Host   string // that was spoken to
	// File and Certificate are what was to be shown, if anything was.
	File        string
	Certificate *x509.Certificate
	// Takes names the authorities whose certificates the host takes, as far as
	// it tells.
	Takes []string
	Err   error
}

func (e *CertificateError) Unwrap() error { return e.Err }

func (e *CertificateError) Error() string {
	text, takes := "", strings.Join(e.Takes, " or ")
	switch e.Reason {
	case CertificateUntrusted:
		text = fmt.Sprintf("the certificate of %s is not trusted", e.Host)
	case CertificateWanted:
		text = e.Host + " wants to be shown a certificate"
		if takes != "" {
			text += " that is signed by " + takes
		}
	case CertificateRefused:
		text = fmt.Sprintf("%s does not take the certificate %s (of %s, signed by %s, good until %s)", e.Host, e.File,
			e.Certificate.Subject, e.Certificate.Issuer, e.Certificate.NotAfter.UTC().Format(time.RFC3339))
		if takes != "" {
			text += ", but those signed by " + takes
		}
	}
	return text + ": " + e.Err.Error()
}

// certTransport shows a certificate to one host, and says of failures what a
// certificate has to do with them.
type certTransport struct {
	host        string
	own, others *http.Transport
	shown       *showing
	answered    atomic.Bool // the host has, so it takes what it is shown
}

func (t *certTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	own, by := strings.EqualFold(req.URL.Host, t.host), t.others
	if own {
		by = t.own
	}
	res, err := by.RoundTrip(req)
	if err != nil {
		return nil, t.explain(req.URL.Host, own, err)
	}
	if own {
		t.answered.Store(true)
	}
	return res, nil
}

// CloseIdleConnections closes what is not in use.
func (t *certTransport) CloseIdleConnections() {
	t.own.CloseIdleConnections()
	t.others.CloseIdleConnections()
}

// explain makes a *CertificateError of a failure that is one.
func (t *certTransport) explain(host string, own bool, err error) error {
	var known *CertificateError
	var server *tls.CertificateVerificationError
	switch {
	case errors.As(err, &known):
		known.Host = host
		return known
	case errors.As(err, &server):
		return &CertificateError{Reason: CertificateUntrusted, Host: host, Err: server.Err}
	case !own:
		return err
	}
	return t.shown.explain(host, t.answered.Load(), err)
}

// showing is what there is to show to a host, and what came of it when the host
// asked last.
type showing struct {
	pairs []pair
	must  bool // what there is was named, so it is no use going on without it

	mu    sync.Mutex
	asked bool
	last  *pair // nil for nothing
	takes []string
}

// choose is tls.Config.GetClientCertificate.
func (s *showing) choose(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.last, s.takes = true, nil, namesOf(asked.AcceptableCAs)
	var unfit error
	for i := range s.pairs {
		if unfit = asked.SupportsCertificate(&s.pairs[i].Certificate); unfit == nil {
			s.last = &s.pairs[i]
			return &s.last.Certificate, nil
		}
	}
	if s.must {
		return nil, &CertificateError{Reason: CertificateRefused, File: s.pairs[0].file, Certificate: s.pairs[0].Leaf, Takes: s.takes, Err: unfit}
	}
	return new(tls.Certificate), nil
}

// mostNames is how many authorities are told.
const mostNames = 4

// namesOf are the names of authorities, as a server sends them.
func namesOf(raw [][]byte) (names []string) {
	for _, der := range raw[:min(len(raw), mostNames)] {
		var name pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &name); err == nil {
			names = append(names, clip(name.String(), 200))
		}
	}
	return names
}

// explain tells what a failure has to do with what was shown. A server may hang
// up before its reason is read: then it is enough that it has asked, and never
// answered.
func (s *showing) explain(host string, answered bool, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ofCertificate(err) && (!s.asked || answered || !isCut(err)) {
		return err
	}
	e := &CertificateError{Reason: CertificateWanted, Host: host, Takes: s.takes, Err: err}
	if s.last != nil {
		e.Reason, e.File, e.Certificate = CertificateRefused, s.last.file, s.last.Leaf
	}
	return e
}

// The alerts with which a server refuses what it was shown, or not shown
// (RFC 8446, "Error Alerts").
var certificateAlerts = []tls.AlertError{
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	116, // certificate_required
}

// ofCertificate tells whether a server has refused what it was shown.
// crypto/tls has a type of its own for the alerts it reads; their words are
// those of tls.AlertError.
func ofCertificate(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	for _, alert := range certificateAlerts {
		if op.Err.Error() == alert.Error() {
			return true
		}
	}
	return false
}
