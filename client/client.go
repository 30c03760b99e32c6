package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/lading-dev/lading"
)

// Options are how to talk to a registry. The zero value works.
type Options struct {
	// PlainHTTP talks HTTP without TLS to a registry that was named without a
	// scheme. Without it only a registry on this very machine is talked to so.
	PlainHTTP bool
	// Credentials returns what to sign in to the host ("reg.example:5000")
	// with; the zero Credential is nobody. It is asked for the registry alone.
	// Nil means nobody.
	Credentials func(ctx context.Context, host string) (Credential, error)
	// Transport sends the requests; nil means one like
	// http.DefaultTransport.
	Transport http.RoundTripper
	// UserAgent is how to introduce oneself; empty means "lading-client".
	UserAgent string
	// ChunkSize is how many bytes of an upload are held in memory and sent at
	// once; 0 means 8 MiB. A blob that is no longer goes in one request.
	ChunkSize int
	// Retries is how often a request is sent again that failed for reasons
	// that pass (429, 502, 503, 504, no connection), as far as that does no
	// harm; 0 means 4, less means never.
	Retries int
	// MaxRetryWait is how long a registry may have a request wait before it is
	// sent again; 0 means 60 s. Who is told to wait longer gets the error.
	MaxRetryWait time.Duration
	// Timeout is how long an answer may take to begin, beside the time that
	// a question allows it (Query.Wait); 0 means 60 s. A request that sends
	// content has five times as long.
	Timeout time.Duration
	// Idle is how long an answer, or a stream of changes, may go on without a
	// byte; 0 means 60 s.
	Idle time.Duration
	// Sleep waits, until ctx ends; nil means by the clock.
	Sleep func(ctx context.Context, d time.Duration) error
}

func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.UserAgent == "" {
		o.UserAgent = "lading-client"
	}
	if o.ChunkSize <= 0 {
		o.ChunkSize = 8 << 20
	}
	if o.Retries == 0 {
		o.Retries = 4
	}
	if o.MaxRetryWait == 0 {
		o.MaxRetryWait = time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
}

// maxHeader bounds the headers of an answer, in bytes.
const maxHeader = 256 << 10

func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxResponseHeaderBytes = maxHeader
	t.MaxIdleConnsPerHost = 16
	return t
}

// Client talks to one registry. Any number of goroutines may use it.
type Client struct {
	base *url.URL
	opt  Options
	auth *auth.Client
}

var _ lading.Registry = (*Client)(nil)

// New returns a client of a registry: "host", "host:port", or either with
// "http://" or "https://" before it. It sends nothing yet.
func New(registry string, opt Options) (*Client, error) {
	base, err := parseAddress(registry, opt.PlainHTTP)
	if err != nil {
		return nil, fmt.Errorf("registry %q: %w", registry, err)
	}
	opt = opt.withDefaults()
	c := &Client{base: base, opt: opt}
	c.auth = &auth.Client{
		Client:     &http.Client{Transport: keepRefusals{opt.Transport}, CheckRedirect: checkRedirect},
		Cache:      auth.NewCache(),
		Credential: onlyFor(base.Host, opt.Credentials),
		ClientID:   opt.UserAgent,
	}
	return c, nil
}

// Address is the registry's address, without a path: "https://reg.example".
func (c *Client) Address() string { return c.base.String() }

// Host is the registry's host, with its port where it has one of its own.
func (c *Client) Host() string { return c.base.Host }

func parseAddress(registry string, plain bool) (*url.URL, error) {
	named := strings.Contains(registry, "://")
	if !named {
		registry = "https://" + registry
	}
	u, err := url.Parse(registry)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the scheme is http or https")
	case u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("want a host, with a port or without: repositories, and who signs in, are said elsewhere")
	}
	if !named && (plain || local(u.Hostname())) {
		u.Scheme = "http"
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

// local tells whether the host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// jitter is between half of d and d.
func jitter(d time.Duration) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + rand.N(d/2)
}
