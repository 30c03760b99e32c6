package proxy_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/lading-dev/lading/internal/proxy"
)

// seen is what a handler behind the proxies sees.
type seen struct{ remote, scheme, host string }

func see(t *testing.T, opt proxy.Options, remote string, header map[string][]string) (got seen) {
	t.Helper()
	r := httptest.NewRequest("GET", "http://asked.example/v2/", nil)
	r.RemoteAddr, r.Header = remote, header
	proxy.Handler(opt, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = seen{r.RemoteAddr, proxy.Scheme(r), proxy.Host(r)}
	})).ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func trusted(t *testing.T, text string) []netip.Prefix {
	t.Helper()
	p, err := proxy.ParseTrusted(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHeaders(t *testing.T) {
	type head = map[string][]string
	for _, c := range []struct {
		name   string
		remote string
		header head
		want   seen
	}{
		{"nothing told", "10.0.0.2:9", nil, seen{"10.0.0.2:9", "http", "asked.example"}},
		{"a stranger's word", "192.0.2.9:9",
			head{"X-Forwarded-For": {"198.51.100.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil.example"}},
			seen{"192.0.2.9:9", "http", "asked.example"}},
		{"one proxy", "10.0.0.2:9",
			head{"X-Forwarded-For": {"198.51.100.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"reg.example:8443"}},
			seen{"198.51.100.1:0", "https", "reg.example:8443"}},
		{"the client wrote before it", "10.0.0.2:9", head{"X-Forwarded-For": {"1.1.1.1, 198.51.100.1"}}, seen{"198.51.100.1:0", "http", "asked.example"}},
		{"in a line of its own", "10.0.0.2:9", head{"X-Forwarded-For": {"1.1.1.1", "198.51.100.1"}}, seen{"198.51.100.1:0", "http", "asked.example"}},
		{"two proxies", "10.0.0.2:9", head{"X-Forwarded-For": {"1.1.1.1, 198.51.100.1,10.9.9.9"}}, seen{"198.51.100.1:0", "http", "asked.example"}},
		{"all within", "10.0.0.2:9", head{"X-Forwarded-For": {"10.1.1.1, 10.2.2.2"}}, seen{"10.1.1.1:0", "http", "asked.example"}},
		{"no address", "10.0.0.2:9", head{"X-Forwarded-For": {"198.51.100.1, unknown"}}, seen{"10.0.0.2:9", "http", "asked.example"}},
		{"no address further out", "10.0.0.2:9", head{"X-Forwarded-For": {"1.1.1.1, bad, 10.3.3.3"}}, seen{"10.3.3.3:0", "http", "asked.example"}},
		{"with a port", "10.0.0.2:9", head{"X-Forwarded-For": {"198.51.100.1:77"}}, seen{"198.51.100.1:77", "http", "asked.example"}},
		{"IPv6", "[fd00::2]:9", head{"X-Forwarded-For": {"2001:db8::1"}}, seen{"[2001:db8::1]:0", "http", "asked.example"}},
		{"IPv4 as IPv6", "[::ffff:10.0.0.2]:9", head{"X-Forwarded-For": {"::ffff:198.51.100.1"}}, seen{"198.51.100.1:0", "http", "asked.example"}},
		{"a list of schemes, two proxies", "10.0.0.2:9",
			head{"X-Forwarded-For": {"198.51.100.1, 10.3.3.3"}, "X-Forwarded-Proto": {"gopher, https, http"}, "X-Forwarded-Host": {"evil, out.example, in.example"}},
			seen{"198.51.100.1:0", "https", "out.example"}},
		{"a scheme that is none", "10.0.0.2:9", head{"X-Forwarded-Proto": {"javascript"}, "X-Forwarded-Host": {"a/b"}}, seen{"10.0.0.2:9", "http", "asked.example"}},
		{"the other header", "10.0.0.2:9", head{"Forwarded": {"for=1.1.1.1;proto=https;host=evil.example"}}, seen{"10.0.0.2:9", "http", "asked.example"}},
		{"no TCP", "@", head{"X-Forwarded-For": {"1.1.1.1"}}, seen{"@", "http", "asked.example"}},
	} {
		if got := see(t, proxy.Options{Trusted: trusted(t, "10.0.0.0/8, fd00::/8")}, c.remote, c.header); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestForwarded(t *testing.T) {
	for text, want := range map[string]seen{
		`for=198.51.100.1;proto=https;host=reg.example`:                {"198.51.100.1:0", "https", "reg.example"},
		`For="[2001:db8::1]:4711"; Proto=HTTPS`:                        {"[2001:db8::1]:4711", "https", "asked.example"},
		`for="[2001:db8::1]"`:                                          {"[2001:db8::1]:0", "http", "asked.example"},
		`for=1.1.1.1;proto=http;host=e, for=198.51.100.1;proto=https`:  {"198.51.100.1:0", "https", "asked.example"},
		`for=198.51.100.1;proto=https;host=o, for=10.3.3.3;proto=http`: {"198.51.100.1:0", "https", "o"},
		`for="198.51.100.1\", for=1.1.1.1";proto=https`:                {"10.0.0.2:9", "https", "asked.example"},
		`for=1.1.1.1, for=_hidden;proto=https`:                         {"10.0.0.2:9", "https", "asked.example"},
		`for=1.1.1.1, nonsense`:                                        {"10.0.0.2:9", "http", "asked.example"},
		`for=1.1.1.1, for="10.3.3.3`:                                   {"10.0.0.2:9", "http", "asked.example"},
		`for=198.51.100.1;by="a;b,c=\"";proto=https`:                   {"198.51.100.1:0", "https", "asked.example"},
		`for="\1\98.51.100.1"`:                                         {"198.51.100.1:0", "http", "asked.example"},
		``:                                                             {"10.0.0.2:9", "http", "asked.example"},
	} {
		opt := proxy.Options{Trusted: trusted(t, "10.0.0.0/8"), Standard: true}
		header := map[string][]string{"Forwarded": {text}, "X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Host": {"evil"}}
		if got := see(t, opt, "10.0.0.2:9", header); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if got := see(t, opt, "192.0.2.9:9", header); got != (seen{"192.0.2.9:9", "http", "asked.example"}) {
			t.Errorf("from a stranger: %s: %v", text, got)
		}
	}
}

func TestWhatTheOperatorSays(t *testing.T) {
	for _, c := range []struct {
		name, remote string
		opt          proxy.Options
		want         seen
	}{
		{"TLS outside", "192.0.2.9:9", proxy.Options{TLS: true}, seen{"192.0.2.9:9", "https", "asked.example"}},
		{"TLS at the proxies", "10.0.0.2:9", proxy.Options{TLS: true, Trusted: trusted(t, "10.0.0.2")}, seen{"10.0.0.2:9", "https", "asked.example"}},
		{"not past them", "10.0.0.3:9", proxy.Options{TLS: true, Trusted: trusted(t, "10.0.0.2")}, seen{"10.0.0.3:9", "http", "asked.example"}},
		{"a URL", "10.0.0.3:9", proxy.Options{URL: &url.URL{Scheme: "https", Host: "reg.example"}}, seen{"10.0.0.3:9", "https", "reg.example"}},
	} {
		if got := see(t, c.opt, c.remote, nil); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNoProxy(t *testing.T) {
	r := httptest.NewRequest("GET", "http://asked.example/", nil)
	if proxy.Scheme(r) != "http" || proxy.Host(r) != "asked.example" {
		t.Error(proxy.Scheme(r), proxy.Host(r))
	}
	if r.TLS = new(tls.ConnectionState); proxy.Scheme(r) != "https" {
		t.Error("TLS is not seen")
	}
}

func TestParseTrusted(t *testing.T) {
	if p := trusted(t, " 10.0.0.0/8,192.0.2.1 ::1\nfd00::/8 "); len(p) != 4 || p[1].String() != "192.0.2.1/32" || p[2].String() != "::1/128" {
		t.Error(p)
	}
	for _, text := range []string{"10.0.0.1/8", "nginx", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.0/8;10.1.1.1"} {
		if p, err := proxy.ParseTrusted(text); err == nil {
			t.Errorf("%s: %v", text, p)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add(`for="[2001:db8::1]:4711";proto=https, for=10.0.0.1`, true)
	f.Add("198.51.100.1, 10.0.0.3", false)
	f.Fuzz(func(t *testing.T, text string, standard bool) {
		opt := proxy.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Standard: standard}
		got := see(t, opt, "10.0.0.2:9", map[string][]string{"Forwarded": {text}, "X-Forwarded-For": {text}})
		if _, err := netip.ParseAddrPort(got.remote); err != nil {
			t.Errorf("%q is no address", got.remote)
		}
		// A stranger's own word never changes what a proxy wrote after it.
		if after := see(t, opt, "10.0.0.2:9", map[string][]string{
			"Forwarded": {text, "for=192.0.2.7"}, "X-Forwarded-For": {text, "192.0.2.7"}}); after.remote != "192.0.2.7:0" {
			t.Errorf("%q changed the address to %s", text, after.remote)
		}
	})
}
