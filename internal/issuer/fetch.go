package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading/internal/config"
)

const (
	fetchTime = 10 * time.Second
	maxFetch  = 1 << 20 // bytes of an answer
	maxKeys   = 100
)

// fetcher gets what an issuer says of itself.
type fetcher struct {
	of     config.Issuer
	hosts  []string // that the operator has named
	client *http.Client
}

func newFetcher(c config.Issuer) (*fetcher, error) {
	f := &fetcher{of: c}
	for _, at := range []string{c.URL, c.JWKS} {
		if u, err := url.Parse(at); err == nil && u.Host != "" {
			f.hosts = append(f.hosts, u.Hostname())
		}
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s has no certificate in it", c.CA)
		}
	}
	f.client = &http.Client{
		Timeout:   fetchTime,
		Transport: &http.Transport{TLSClientConfig: conf, DialContext: f.dial, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
				return errors.New("the redirect leads elsewhere")
			}
			return nil
		},
	}
	return f, nil
}

// dial goes to the hosts that the operator has named, and otherwise to no
// address of a network like this one.
func (f *fetcher) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: fetchTime}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(f.hosts, host) {
		d.Control = func(_, addr string, _ syscall.RawConn) error { return outside(addr) }
	}
	return d.DialContext(ctx, network, addr)
}

// special are networks that are nobody's on the internet, or that lead to other
// addresses, beside those that net/netip knows (IANA, "IPv4 Special-Purpose
// Address Registry" and "IPv6 Special-Purpose Address Registry").
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this network
	netip.MustParsePrefix("100.64.0.0/10"),  // a provider's own
	netip.MustParsePrefix("192.0.0.0/24"),   // protocols'
	netip.MustParsePrefix("198.18.0.0/15"),  // for measurements
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved
	netip.MustParsePrefix("64:ff9b::/96"),   // IPv4 by translation
	netip.MustParsePrefix("64:ff9b:1::/48"), // the same, of one network
	netip.MustParsePrefix("2001::/23"),      // protocols', Teredo among them
	netip.MustParsePrefix("2002::/16"),      // 6to4
}

// outside refuses addresses that are not everybody's.
func outside(addr string) error {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return fmt.Errorf("%s is an address of a private network: name it with jwks_url", ip)
	}
	return nil
}

// keys fetches the keys, from where the operator or else the issuer's discovery
// document says (OpenID Connect Discovery 1.0, 4).
func (f *fetcher) keys(ctx context.Context) (*jose.JSONWebKeySet, error) {
	at := f.of.JWKS
	if at == "" {
		var said struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		if err := f.get(ctx, strings.TrimSuffix(f.of.URL, "/")+"/.well-known/openid-configuration", &said); err != nil {
			return nil, err
		}
		if said.Issuer != f.of.URL {
			return nil, fmt.Errorf("the document is of the issuer %q", said.Issuer)
		}
		at = said.JWKS
	}
	var set jose.JSONWebKeySet
	if err := f.get(ctx, at, &set); err != nil {
		return nil, err
	}
	out := public(&set)
	if len(out.Keys) == 0 || len(out.Keys) > maxKeys {
		return nil, fmt.Errorf("there are %d keys that can be used", len(out.Keys))
	}
	return out, nil
}

func (f *fetcher) get(ctx context.Context, at string, into any) error {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && slices.Contains(f.hosts, u.Hostname())) {
		return fmt.Errorf("%.200q is fetched over https, or not at all", at)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	if err := f.sign(r); err != nil {
		return err
	}
	res, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", at, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFetch+1))
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if len(body) > maxFetch {
		return fmt.Errorf("%s: more than %d bytes", at, maxFetch)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// sign shows the operator's token, to the hosts that he has named.
func (f *fetcher) sign(r *http.Request) error {
	if f.of.TokenFile == "" || !slices.Contains(f.hosts, r.URL.Hostname()) {
		return nil
	}
	text, err := os.ReadFile(f.of.TokenFile)
	if err != nil {
		return fmt.Errorf("token_file: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(text)))
	return nil
}
