package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/proxy"
)

// On tells whether the registry itself speaks TLS.
func (t TLS) On() bool { return t.Certificate != "" || t.ACMEHosts != "" }

// Hosts are the names of ACMEHosts, in lower case.
func (t TLS) Hosts() []string {
	return strings.FieldsFunc(strings.ToLower(t.ACMEHosts), func(c rune) bool { return strings.ContainsRune(", \t\n", c) })
}

// Subjects are the rules of ClientSubjects.
//
// Errors: every line that is no rule, with its number.
func (t TLS) Subjects() (certs.Subjects, error) { return certs.ParseSubjects(t.ClientSubjects) }

// nobody is what http.trusted_proxies says of proxies that tell nothing.
const nobody = "none"

// trusted are the proxies that are named.
func (h HTTP) trusted() ([]netip.Prefix, error) {
	if h.TrustedProxies == nobody {
		return nil, nil
	}
	return proxy.ParseTrusted(h.TrustedProxies)
}

// Proxies are what is to be believed of who is in front.
//
// Errors: what is no address, and no URL.
func (c Config) Proxies() (proxy.Options, error) {
	trusted, err := c.HTTP.trusted()
	if err != nil {
		return proxy.Options{}, err
	}
	o := proxy.Options{Trusted: trusted, Standard: c.HTTP.Forwarded == StandardForwarded, TLS: c.BehindTLSProxy}
	if c.HTTP.URL != "" {
		o.URL, err = parseOutside(c.HTTP.URL)
	}
	return o, err
}

// parseOutside reads the URL of a registry: a scheme and a host.
func parseOutside(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != text {
		return nil, fmt.Errorf("%q is not the URL of a registry: write a scheme and a host, such as https://reg.example, and nothing after it", text)
	}
	return u, nil
}

func (m *Mistakes) outside(h HTTP, behind bool) {
	if h.URL != "" {
		if _, err := parseOutside(h.URL); err != nil {
			m.add("http.url", "%s", err)
		}
	}
	if _, err := h.trusted(); err != nil {
		m.add("http.trusted_proxies", "%s", err)
	}
	if behind && h.TrustedProxies == "" {
		m.add("http.trusted_proxies", "is empty with behind_tls_proxy: every caller would have the proxy's address, so that one who guesses passwords or asks for "+
			"too much slows down all, and records tell nothing. Write in the section http, with the address or the network of the proxy, trusted_proxies: 10.0.0.2 "+
			"(127.0.0.1 for one on this machine), and have the proxy set X-Forwarded-For, -Proto and -Host; or trusted_proxies: none, if it cannot")
	}
	if h.Forwarded != XForwarded && h.Forwarded != StandardForwarded {
		m.add("http.forwarded", "%q is not a kind of header: write x-forwarded or standard", h.Forwarded)
	}
}

func (m *Mistakes) tls(t TLS) {
	switch {
	case t.Certificate != "" && t.ACMEHosts != "":
		m.add("tls.acme_hosts", "there is tls.certificate as well: certificates come from files or by ACME")
	case t.Certificate != "" && t.Key == "":
		m.add("tls.key", "is empty: name the file with the key of tls.certificate")
	case t.Certificate == "" && t.Key != "":
		m.add("tls.certificate", "is empty: name the file with the certificate of tls.key")
	}
	m.acme(t)
	m.clients(t)
}

// acmeHost is the form of a name that a certificate can be had for: with a dot,
// as a public CA knows no others.
var acmeHost = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (m *Mistakes) acme(t TLS) {
	for _, host := range t.Hosts() {
		if _, err := netip.ParseAddr(host); err == nil || !acmeHost.MatchString(host) {
			m.add("tls.acme_hosts", "%q is not a name to get a certificate for: write one with a dot, such as reg.example.com, and no address, port or *", host)
			break
		}
	}
	if t.ACMEDirectory != "" {
		if u, err := url.Parse(t.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
			m.add("tls.acme_directory", "%q is not the URL of an ACME directory: it begins with https://", t.ACMEDirectory)
		}
	}
}

func (m *Mistakes) clients(t TLS) {
	if !slices.Contains([]ClientAuth{RequestCertificate, RequireCertificate}, t.ClientAuth) {
		m.add("tls.client_auth", "%q is nothing that can be asked: write request or require", t.ClientAuth)
	}
	if _, err := t.Subjects(); err != nil {
		m.add("tls.client_subjects", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	switch {
	case t.ClientCA != "" && !t.On():
		m.add("tls.client_ca", "clients show certificates where there is TLS: set tls.certificate and tls.key, or tls.acme_hosts")
	case t.ClientCA == "" && t.ClientAuth == RequireCertificate:
		m.add("tls.client_auth", "there is no tls.client_ca to hold certificates against")
	case t.ClientCA == "" && t.ClientCRL != "":
		m.add("tls.client_crl", "there is no tls.client_ca whose lists they could be")
	case t.ClientCA == "" && t.ClientSubjects != "":
		m.add("tls.client_subjects", "there is no tls.client_ca to hold certificates against")
	}
}
