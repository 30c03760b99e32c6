package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/lading-dev/lading"
)

// Credential is what to sign in with. The zero value is nobody.
type Credential struct {
	// Username and Password are for HTTP basic, and for the token server of a
	// registry that has one.
	Username, Password string
	// IdentityToken is exchanged for tokens at the registry's token server
	// (docker calls it so; OAuth 2.0 a refresh token).
	IdentityToken string
	// RegistryToken is a bearer token for the registry itself.
	RegistryToken string
}

// DockerCredentials returns what the Docker configuration ($DOCKER_CONFIG,
// ~/.docker/config.json) and the credential helpers named in it know. They are
// read when they are asked for the first time.
func DockerCredentials() func(ctx context.Context, host string) (Credential, error) {
	open := sync.OnceValues(func() (*credentials.DynamicStore, error) {
		return credentials.NewStoreFromDocker(credentials.StoreOptions{})
	})
	return func(ctx context.Context, host string) (Credential, error) {
		store, err := open()
		if err != nil {
			return Credential{}, fmt.Errorf("read the docker configuration: %w", err)
		}
		c, err := credentials.Credential(store)(ctx, host)
		if err != nil {
			return Credential{}, fmt.Errorf("credentials of %s: %w", host, err)
		}
		return Credential{c.Username, c.Password, c.RefreshToken, c.AccessToken}, nil
	}
}

// onlyFor keeps credentials from every other host: a registry may send a
// client elsewhere, but not with them.
func onlyFor(host string, from func(context.Context, string) (Credential, error)) auth.CredentialFunc {
	return func(ctx context.Context, asked string) (auth.Credential, error) {
		if from == nil || asked != host {
			return auth.EmptyCredential, nil
		}
		c, err := from(ctx, host)
		return auth.Credential{Username: c.Username, Password: c.Password, RefreshToken: c.IdentityToken, AccessToken: c.RegistryToken}, err
	}
}

// maxRedirects is how often an answer may be elsewhere.
const maxRedirects = 5

// checkRedirect follows an answer to where it is. What changes something stays
// at the registry, and nobody is led from TLS to none. That credentials stay
// behind is the work of auth.Client.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case req.Method != first.Method:
		return fmt.Errorf("redirected from %s to %s", first.Method, req.Method)
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("redirected away from TLS")
	case first.Method != http.MethodGet && first.Method != http.MethodHead && !strings.EqualFold(req.URL.Host, first.URL.Host):
		return fmt.Errorf("a %s is redirected to another host, %s", first.Method, req.URL.Host)
	}
	return nil
}

// The actions of token scopes (distribution, "Token Scope Documentation").
var (
	pull       = []string{auth.ActionPull}
	pushPull   = []string{auth.ActionPull, auth.ActionPush}
	deletePull = []string{auth.ActionPull, auth.ActionDelete}
)

// scoped tells the token flow what the request is for, so that it asks for a
// token once and not after every refusal.
func (c *Client) scoped(ctx context.Context, r *request) context.Context {
	host := c.base.Host
	if r.url != nil && r.url.Host != host {
		return ctx
	}
	scopes := []string{auth.ScopeRegistryCatalog}
	if r.repo != "" {
		scopes = []string{auth.ScopeRepository(r.repo, r.actions...)}
	}
	if r.from != "" {
		scopes = append(scopes, auth.ScopeRepository(r.from, pull...))
	}
	return auth.WithScopesForHost(ctx, host, scopes...)
}

// signInError tells whether err is of signing in, rather than of the request.
func signInError(err error) bool {
	var answer *errcode.ErrorResponse
	return errors.Is(err, auth.ErrBasicCredentialNotFound) ||
		errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden)
}

// refusal is the last 401 of a host to a request. It is kept for its words:
// auth.Client takes it away where it can do nothing about it.
type refusal struct {
	host string
	res  *http.Response
}

type refusalKey struct{}

// keepRefusals is a transport that keeps them.
type keepRefusals struct{ http.RoundTripper }

func (k keepRefusals) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := k.RoundTripper.RoundTrip(req)
	kept, ok := req.Context().Value(refusalKey{}).(*refusal)
	if err != nil || !ok || req.URL.Host != kept.host || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	data, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // one that is cut short is as none
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(data))
	again := *res
	again.Body = io.NopCloser(bytes.NewReader(data))
	kept.res = &again
	return res, nil
}

// unauthorized is UNAUTHORIZED for a failure to sign in, in the words of the
// registry that asked for it.
func (r *refusal) unauthorized(q *request, u *url.URL, err error) error {
	if r.res == nil {
		return lading.ErrUnauthorized.Wrap(err)
	}
	e := answerError(q, u, r.res)
	e.Err = errors.Join(e.Err, err)
	return e
}
