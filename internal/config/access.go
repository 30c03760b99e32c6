package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
)

// Public tells whether the registry may be served where other machines reach
// it: callers sign in, and what they show is not there for all to read on its
// way; or an operator has said that neither need be.
func (c Config) Public() bool {
	return c.InsecureNoAuth || c.SignIn() && (c.TLS.On() || c.BehindTLSProxy)
}

// SignIn tells whether callers can sign in.
func (c Config) SignIn() bool {
	return c.Auth.Htpasswd != "" || c.Auth.Accounts || c.TLS.ClientSubjects != "" || c.Auth.Issuers != ""
}

// NotPublic is what keeps a registry from being Public, and what to do.
func (c Config) NotPublic() string {
	if !c.SignIn() {
		return "callers are not authenticated: set auth.accounts: true, or auth.htpasswd and access.rules, and TLS; or listen on a loopback address " +
			"(127.0.0.1, [::1], localhost); or set insecure_no_auth: true, or --insecure-no-auth, to let everyone who can reach it push and delete"
	}
	return "there is no TLS, so passwords could be read on their way: set tls.certificate and tls.key, or tls.acme_hosts; " +
		"or have a proxy speak TLS in front, name it in http.trusted_proxies and set behind_tls_proxy: true, or --behind-tls-proxy; " +
		"or listen on a loopback address (127.0.0.1, [::1], localhost); or set insecure_no_auth: true, or --insecure-no-auth, to serve without TLS all the same"
}

// Parsed are the rules, in the order of the text.
//
// Errors: every line that is no rule, with its number.
func (a Access) Parsed() (rules []lading.AccessRule, err error) {
	var wrong []error
	for i, line := range strings.Split(a.Rules, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := lading.ParseAccessRule(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("rule in line %d: %w", i+1, err))
			continue
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(wrong...)
}

func (m *Mistakes) access(a Access) {
	if _, err := a.Parsed(); err != nil {
		m.add("access.rules", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}
