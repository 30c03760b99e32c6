// Package proxy finds out where a request came from before it passed the
// proxies in front of the registry: the client's address, and the scheme and
// host that the client used.
//
// A header that tells such things is believed as far as those who wrote it are
// trusted, and no further: what a client wrote into it itself, or a proxy that
// is not named, counts for nothing.
package proxy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Options say whom to believe, and what. The zero value believes nobody.
type Options struct {
	// Trusted are the addresses of proxies whose word counts.
	Trusted []netip.Prefix
	// Standard reads the header Forwarded (RFC 7239) in place of
	// X-Forwarded-For, -Proto and -Host. It is one or the other: a proxy that
	// writes the one passes on what the client wrote into the other.
	Standard bool
	// TLS tells that clients speak TLS with the proxy, also where no header
	// says so.
	TLS bool
	// URL is how clients reach the registry, such as https://reg.example; nil
	// is the way that each request took.
	URL *url.URL
}

// outer is the way that a request took to the outermost proxy.
type outer struct{ scheme, host string }

type outerKey struct{}

// Handler has next see the client's address in r.RemoteAddr, and what Scheme
// and Host return. The port is 0 where no proxy told it.
func Handler(opt Options, next http.Handler) http.Handler {
	if len(opt.Trusted) == 0 && !opt.TLS && opt.URL == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, opt.seen(r))
	})
}

// seen is the request as its client sent it.
func (o Options) seen(r *http.Request) *http.Request {
	way, client := outer{scheme(r), r.Host}, ""
	believed := o.trusts(r.RemoteAddr)
	if o.TLS && (believed || len(o.Trusted) == 0) {
		way.scheme = "https"
	}
	if believed {
		client = o.follow(r, &way)
	}
	if o.URL != nil {
		way = outer{o.URL.Scheme, o.URL.Host}
	}
	r = r.WithContext(context.WithValue(r.Context(), outerKey{}, way))
	if client != "" {
		r.RemoteAddr = client
	}
	return r
}

// follow goes through what proxies told, the nearest first, as long as they
// are trusted, and returns the address of who is not, or the farthest. It is
// empty where nothing was told that can be read.
func (o Options) follow(r *http.Request, way *outer) string {
	hops := o.hops(r.Header)
	client, passed := "", 0
	for passed < len(hops) {
		addr, port, ok := parseNode(hops[len(hops)-1-passed].client)
		if !ok {
			break
		}
		passed++
		client = net.JoinHostPort(addr.String(), port)
		if !o.contains(addr) {
			break
		}
	}
	o.outermost(r.Header, hops, max(passed, 1), way)
	return client
}

// outermost takes over scheme and host from the outermost proxy that is
// trusted, which is so many hops away.
func (o Options) outermost(h http.Header, hops []hop, away int, way *outer) {
	var proto, host string
	if o.Standard {
		if len(hops) > 0 {
			last := hops[max(0, len(hops)-away)]
			proto, host = last.proto, last.host
		}
	} else {
		proto, host = nth(h["X-Forwarded-Proto"], away), nth(h["X-Forwarded-Host"], away)
	}
	if proto = strings.ToLower(proto); proto == "http" || proto == "https" {
		way.scheme = proto
	}
	if isHost(host) {
		way.host = host
	}
}

func (o Options) trusts(remote string) bool {
	addr, err := netip.ParseAddrPort(remote)
	return err == nil && o.contains(plain(addr.Addr()))
}

func (o Options) contains(addr netip.Addr) bool {
	for _, p := range o.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// plain is an address as prefixes name it: IPv4 as such, and without a zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Scheme is http or https: what the client speaks, with the outermost trusted
// proxy if there is one.
func Scheme(r *http.Request) string {
	if way, ok := r.Context().Value(outerKey{}).(outer); ok {
		return way.scheme
	}
	return scheme(r)
}

// Host is the host, and the port if it is not the scheme's, that the client
// asked for. The client chose it freely unless Options.URL is set.
func Host(r *http.Request) string {
	if way, ok := r.Context().Value(outerKey{}).(outer); ok {
		return way.host
	}
	return r.Host
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// ParseTrusted reads addresses and prefixes (10.0.0.0/8) that are separated by
// commas or spaces.
//
// Errors: what is none of them.
func ParseTrusted(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\t' }) {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = plain(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a prefix: write such as 10.0.0.2 or 10.0.0.0/8", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its prefix: write %v", s, p.Masked())
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is IPv4 written as IPv6: write it as IPv4", s)
	}
	return p, nil
}
