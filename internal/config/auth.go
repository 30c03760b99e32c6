package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Issuer is an OpenID Connect issuer whose tokens are taken.
type Issuer struct {
	// Name is what its callers' subjects begin with: service:NAME/….
	Name string `yaml:"name"`
	// URL is the issuer, as its tokens name it.
	URL string `yaml:"url"`
	// Audience is whom its tokens must be for: this registry.
	Audience string `yaml:"audience"`
	// JWKS is where its keys are; empty is where its discovery document says.
	JWKS string `yaml:"jwks_url"`
	// CA is a file with the certificates of authorities; empty is the system's.
	CA string `yaml:"ca_file"`
	// TokenFile has a token that fetches are made with, such as Kubernetes
	// wants; empty is none. It is read at each fetch.
	TokenFile string `yaml:"token_file"`
	// Accept is bearer where its tokens are taken as such, beside as passwords
	// and for exchange.
	Accept string `yaml:"accept"`
	// GroupsClaim is a claim with more groups, a text or a list; empty is none.
	GroupsClaim string `yaml:"groups_claim"`
	// Rules say who its callers are: the first that fits.
	Rules []IssuerRule `yaml:"rules"`
}

// AcceptBearer is the other value of Issuer.Accept.
const AcceptBearer = "bearer"

// IssuerRule says who a caller is.
type IssuerRule struct {
	// When are claims and what they must be; "*" stands for any text, also
	// none, without a slash, and "**" for any at all. A claim in a claim is
	// named with a dot: kubernetes.io.namespace. All must fit.
	When map[string]string `yaml:"when"`
	// Subject is the caller's name after service:NAME/, with claims in braces.
	Subject string `yaml:"subject"`
	// Groups are the caller's, with claims in braces.
	Groups []string `yaml:"groups"`
}

var issuerName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// ParsedIssuers are the issuers.
//
// Errors: what is no such list.
func (a Auth) ParsedIssuers() (out []Issuer, err error) {
	dec := yaml.NewDecoder(bytes.NewReader([]byte(a.Issuers)))
	dec.KnownFields(true)
	if err := dec.Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("is no list of issuers: %s", strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	var wrong []error
	for i, is := range out {
		if err := is.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("issuer %d: %w", i+1, err))
		}
		if slices.ContainsFunc(out[:i], func(o Issuer) bool { return o.Name == is.Name || o.URL == is.URL }) {
			wrong = append(wrong, fmt.Errorf("issuer %d: the name, or the url, is another one's too", i+1))
		}
	}
	return out, errors.Join(wrong...)
}

func (is Issuer) check() error {
	switch {
	case !issuerName.MatchString(is.Name) || len(is.Name) > 40:
		return fmt.Errorf("name %q: write lower-case letters and digits, 40 at most", is.Name)
	case is.Audience == "":
		return errors.New("audience is missing: tokens for others would be taken")
	case is.Accept != "" && is.Accept != AcceptBearer:
		return fmt.Errorf("accept %q: write %s, or leave it out", is.Accept, AcceptBearer)
	case len(is.Rules) == 0:
		return errors.New("rules are missing: say who its callers are")
	}
	for _, at := range []string{is.URL, is.JWKS} {
		if err := checkFetch(at); err != nil && (at != "" || at == is.URL) {
			return err
		}
	}
	for i, r := range is.Rules {
		if r.Subject == "" || len(r.When) == 0 {
			return fmt.Errorf("rule %d: say when, and the subject", i+1)
		}
		for claim, want := range r.When {
			if want == "" || strings.Trim(want, "*") == "" && len(r.When) == 1 {
				return fmt.Errorf("rule %d: %s would be anything", i+1, claim)
			}
		}
	}
	return nil
}

// checkFetch wants https, but on this machine.
func checkFetch(at string) error {
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q is not the URL of an issuer: write such as https://token.actions.githubusercontent.com", at)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return fmt.Errorf("%q: keys are fetched over https, but from a loopback address", at)
	}
	return nil
}

func (m *Mistakes) auth(a Auth) {
	if _, err := a.ParsedIssuers(); err != nil {
		m.add("auth.issuers", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if a.MinPassword < 8 || a.MinPassword > 1024 {
		m.add("auth.min_password", "%d: want 8 to 1024 bytes", a.MinPassword)
	}
	m.within("auth.max_token_age", a.MaxTokenAge, 0, 3650*24*time.Hour)
	m.within("auth.tokens.lifetime", a.Tokens.Lifetime, time.Minute, time.Hour)
	m.within("auth.tokens.refresh", a.Tokens.Refresh, 0, 3650*24*time.Hour)
	m.within("auth.tokens.rotate", a.Tokens.Rotate, time.Hour, 3650*24*time.Hour)
}
