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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
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
	return strings.Map(printed, text+": "+e.Err.Error())
}

// printed replaces what does more to a terminal than to be read: names in
// certificates are whatever somebody wrote there.
func printed(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// certTransport shows a certificate to one host, and says of failures what a
// certificate has to do with them.
type certTransport struct {
	host        string
	own, others *http.Transport
	shown       *showing
	answered    atomic.Bool // the host has, so it takes what it is shown
}

// tries is how often a server is asked for why it has hung up: net/http does
// not always read what the server said last.
const tries = 4

func (t *certTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.EqualFold(withoutPort(req.URL.Host), withoutPort(t.host)) {
		res, err := t.others.RoundTrip(req)
		return res, explain(req.URL.Host, err)
	}
	for try := 1; ; try++ {
		res, err := t.own.RoundTrip(req)
		if err == nil {
			t.answered.Store(true)
			return res, nil
		}
		err = explain(t.host, err)
		if req.Context().Err() != nil || t.answered.Load() || !t.shown.suspect(err) {
			return nil, t.shown.explain(t.host, err)
		}
		if try == tries || req.Body != nil && req.Body != http.NoBody || req.Method != http.MethodGet && req.Method != http.MethodHead {
			return nil, t.shown.blame(t.host, err)
		}
	}
}

// withoutPort leaves out the port that HTTPS has anyway.
func withoutPort(host string) string { return strings.TrimSuffix(host, ":443") }

// CloseIdleConnections closes what is not in use.
func (t *certTransport) CloseIdleConnections() {
	t.own.CloseIdleConnections()
	t.others.CloseIdleConnections()
}

// explain makes a *CertificateError of a failure that happened here.
func explain(host string, err error) error {
	var known *CertificateError
	var server *tls.CertificateVerificationError
	switch {
	case errors.As(err, &known):
		known.Host = host
		return known
	case errors.As(err, &server):
		return &CertificateError{Reason: CertificateUntrusted, Host: host, Err: server.Err}
	}
	return err
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

// explain makes a *CertificateError of a failure of which the server says that
// it is one.
func (s *showing) explain(host string, err error) error {
	if s.wasAsked() && refuses(err) {
		return s.blame(host, err)
	}
	return err
}

// suspect tells whether a failure of a server that has never answered may be
// one of a certificate although the server does not say so, or not in time.
func (s *showing) suspect(err error) bool {
	var known *CertificateError
	var n net.Error
	var op *net.OpError
	return s.wasAsked() && !errors.As(err, &known) && !refuses(err) &&
		!(errors.As(err, &n) && n.Timeout()) && !(errors.As(err, &op) && op.Op == "dial")
}

func (s *showing) wasAsked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// blame makes a *CertificateError of a failure.
func (s *showing) blame(host string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// refuses tells whether a server has sent one of these alerts. crypto/tls has a
// type of its own for those it reads; their words are those of tls.AlertError.
func refuses(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" &&
		slices.ContainsFunc(certificateAlerts, func(a tls.AlertError) bool { return op.Err.Error() == a.Error() })
}
