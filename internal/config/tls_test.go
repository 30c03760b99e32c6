package config_test

import (
	"reflect"
	"testing"

	"github.com/lading-dev/lading/internal/config"
)

func TestTLS(t *testing.T) {
	files := config.TLS{Certificate: "c", Key: "k", ClientAuth: config.RequestCertificate}
	for _, tt := range []struct {
		name, key, wrong string
		change           func(*config.TLS)
	}{
		{"files", "", "", func(*config.TLS) {}},
		{"no key", "tls.key", "is empty", func(c *config.TLS) { c.Key = "" }},
		{"no certificate", "tls.certificate", "is empty", func(c *config.TLS) { c.Certificate = "" }},
		{"both", "tls.acme_hosts", "files or by ACME", func(c *config.TLS) { c.ACMEHosts = "reg.example" }},
		{"ACME", "", "", func(c *config.TLS) { c.Certificate, c.Key, c.ACMEHosts = "", "", "Reg.example, b.example" }},
		{"a short name", "tls.acme_hosts", "a dot", func(c *config.TLS) { c.Certificate, c.Key, c.ACMEHosts = "", "", "registry" }},
		{"an address", "tls.acme_hosts", "no address", func(c *config.TLS) { c.Certificate, c.Key, c.ACMEHosts = "", "", "192.0.2.1" }},
		{"every name", "tls.acme_hosts", "*", func(c *config.TLS) { c.Certificate, c.Key, c.ACMEHosts = "", "", "*.example" }},
		{"a directory over HTTP", "tls.acme_directory", "https://", func(c *config.TLS) { c.ACMEDirectory = "http://ca.example/dir" }},
		{"clients", "", "", func(c *config.TLS) {
			c.ClientCA, c.ClientAuth, c.ClientCRL, c.ClientSubjects = "ca", "require", "crl", "cn * user:*"
		}},
		{"clients without TLS", "tls.client_ca", "where there is TLS", func(c *config.TLS) { c.Certificate, c.Key, c.ClientCA = "", "", "ca" }},
		{"no CA", "tls.client_auth", "no tls.client_ca", func(c *config.TLS) { c.ClientAuth = "require" }},
		{"lists without a CA", "tls.client_crl", "no tls.client_ca", func(c *config.TLS) { c.ClientCRL = "crl" }},
		{"rules without a CA", "tls.client_subjects", "no tls.client_ca", func(c *config.TLS) { c.ClientSubjects = "cn * user:*" }},
		{"no rule", "tls.client_subjects", "rule in line 2: ", func(c *config.TLS) { c.ClientCA, c.ClientSubjects = "ca", "cn * user:*\nou x user:x" }},
		{"maybe", "tls.client_auth", "request or require", func(c *config.TLS) { c.ClientCA, c.ClientAuth = "ca", "maybe" }},
	} {
		c := config.Default()
		c.TLS = files
		tt.change(&c.TLS)
		checkFor(t, tt.name, c, tt.key, tt.wrong)
	}
}

func TestHosts(t *testing.T) {
	if got := (config.TLS{ACMEHosts: " Reg.example,b.example\nc.example"}).Hosts(); !reflect.DeepEqual(got, []string{"reg.example", "b.example", "c.example"}) {
		t.Error(got)
	}
}

func TestOutside(t *testing.T) {
	for _, tt := range []struct {
		name, key, wrong string
		http             config.HTTP
	}{
		{"nothing", "", "", config.HTTP{}},
		{"a URL", "", "", config.HTTP{URL: "https://reg.example:8443"}},
		{"with a path", "http.url", "nothing after it", config.HTTP{URL: "https://reg.example/"}},
		{"with a user", "http.url", "nothing after it", config.HTTP{URL: "https://u:p@reg.example"}},
		{"no scheme", "http.url", "write a scheme", config.HTTP{URL: "reg.example"}},
		{"proxies", "", "", config.HTTP{TrustedProxies: "10.0.0.2, fd00::/8"}},
		{"a name", "http.trusted_proxies", `"nginx" is neither`, config.HTTP{TrustedProxies: "10.0.0.2, nginx"}},
		{"proxies that tell nothing", "", "", config.HTTP{TrustedProxies: "none"}},
		{"none and one", "http.trusted_proxies", `"none" is neither`, config.HTTP{TrustedProxies: "none, 10.0.0.2"}},
		{"another header", "http.forwarded", "x-forwarded or standard", config.HTTP{Forwarded: "x-real-ip"}},
	} {
		c := config.Default()
		c.HTTP.URL, c.HTTP.TrustedProxies = tt.http.URL, tt.http.TrustedProxies
		if tt.http.Forwarded != "" {
			c.HTTP.Forwarded = tt.http.Forwarded
		}
		checkFor(t, tt.name, c, tt.key, tt.wrong)
	}
	c := config.Default()
	c.BehindTLSProxy = true
	checkFor(t, "a proxy that nobody has named", c, "http.trusted_proxies", "trusted_proxies: 10.0.0.2")
	c.HTTP.TrustedProxies = "none"
	checkFor(t, "a proxy that tells nothing", c, "", "")
	if o, err := c.Proxies(); err != nil || len(o.Trusted) != 0 || !o.TLS {
		t.Errorf("%+v, %v", o, err)
	}
	c.HTTP.URL, c.HTTP.TrustedProxies, c.HTTP.Forwarded, c.BehindTLSProxy = "https://reg.example", "::1", config.StandardForwarded, true
	o, err := c.Proxies()
	if err != nil || len(o.Trusted) != 1 || !o.Standard || !o.TLS || o.URL.Host != "reg.example" {
		t.Errorf("%+v, %v", o, err)
	}
}
