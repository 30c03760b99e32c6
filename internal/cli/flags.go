package cli

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// What ends the help of commands that speak to a registry: where credentials
// and certificates are from, and what they end with.
const (
	SignInHelp = signInHelp
	ExitHelp   = exitHelp
)

// Flags are the flags of how registries are spoken to, for commands of other
// packages.
type Flags struct{ conn connFlags }

// AddBelow adds all of them to the commands below one.
func (f *Flags) AddBelow(cmd *cobra.Command) { f.conn.addBelow(cmd) }

// AddTLS adds those of TLS, for a command that is told the scheme.
func (f *Flags) AddTLS(cmd *cobra.Command) { f.conn.addTLS(cmd) }

// Open returns a client that signs in to a registry, HOST, http://HOST or
// https://HOST, with what the Docker configuration and its helpers have, and
// the registry's address without a path.
//
// Errors: of the command line, and of files of certificates.
func (f *Flags) Open(registry string) (signedIn *auth.Client, address string, err error) {
	p, err := parsePlace(registry)
	if err != nil {
		return nil, "", err
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return nil, "", err
	}
	return c.client, c.url(), nil
}

// Transport returns the way to a registry, http://HOST or https://HOST; nil
// where that is no such address, which is for others to say.
//
// Errors: as of Open.
func (f *Flags) Transport(registry string) (http.RoundTripper, error) {
	u, err := url.Parse(registry)
	if err != nil || u.Host == "" {
		return nil, nil
	}
	return f.conn.transport(u.Host, u.Scheme == "http")
}

// Told makes an error for people of what happened at a registry, with the exit
// code that it stands for.
func Told(registry string, err error) error { return failureOf(said(registry, err)) }
