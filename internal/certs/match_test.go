package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	for _, c := range []struct{ rules, cn, uri, email, want string }{
		{"cn ada user:a", "ada", "", "", "user:a"},
		{"cn ada user:a", "Ada", "", "", ""},
		{"cn ada user:a", "ada ", "", "", ""},
		{"cn * user:*", "", "", "", ""},
		{"cn * user:*", "ada lovelace", "", "", ""},
		{"cn * user:*", "a/b", "", "", ""},
		{"cn * user:*", "ada\u00e9", "", "", ""},
		{"cn *-robot service:*", "ci-robot", "", "", "service:ci"},
		{"cn *-robot service:*", "-robot", "", "", ""},
		{"cn a*a user:*", "a", "", "", ""},
		{"uri spiffe://a/sa/* service:*", "", "spiffe://a/sa/ci", "", "service:ci"},
		{"uri spiffe://a/sa/* service:*", "", "spiffe://a/sa/ci/x", "", ""},
		{"uri spiffe://a/sa/* service:*", "", "spiffe://a.evil/sa/ci", "", ""},
		{"uri spiffe://a/sa/* service:*", "spiffe://a/sa/ci", "", "", ""},
		{"email *@a.example user:*", "", "", "ada@a.example", "user:ada"},
		{"email *@a.example user:*", "", "", "ada@b@a.example", ""},
		{"email *@a.example user:*", "", "", "ada@a.example.evil", ""},
		{"cn x user:x\nemail * user:mail\ncn ada user:second", "ada", "", "", "user:second"},
		{"cn * user:" + strings.Repeat("x", 200) + "*", strings.Repeat("y", 400), "", "", ""},
	} {
		rules, err := ParseSubjects(c.rules)
		if err != nil {
			t.Fatal(err)
		}
		cert := &x509.Certificate{Subject: pkix.Name{CommonName: c.cn}}
		if c.uri != "" {
			u, err := url.Parse(c.uri)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = []*url.URL{u}
		}
		if c.email != "" {
			cert.EmailAddresses = []string{c.email}
		}
		if got := rules.identity(cert).Subject; got != c.want {
			t.Errorf("%q: cn %q uri %q email %q: %q, want %q", c.rules, c.cn, c.uri, c.email, got, c.want)
		}
	}
}

// TestRemembered has more clients than are remembered.
func TestRemembered(t *testing.T) {
	m := clients{known: map[string]*client{}}
	for i := range maxClients + 5 {
		m.keep(string(rune(i)), &client{})
	}
	if len(m.known) != maxClients {
		t.Error(len(m.known))
	}
}
