package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/lading-dev/lading"
)

// accountHelp tells how accounts are named.
const accountHelp = `

NAME is the name of a user, user:NAME or service:NAME. Users have a password;
services have none, and sign in with API tokens alone.`

// subjectOf is the account that an argument names.
func subjectOf(name string) (string, error) {
	if !strings.Contains(name, ":") {
		name = "user:" + name
	}
	if err := lading.CheckAccount(name); err != nil {
		return "", usage("%v", err)
	}
	return name, nil
}

// askAccounts sends a request about accounts, with a body unless that is nil,
// and decodes the answer into out unless that is nil. What is changed here
// wants the password, or an API token, itself, and not what a client was given
// for it: it is sent at once.
func (f *ruleFlags) askAccounts(ctx context.Context, method, path string, header http.Header, body, out any) (http.Header, error) {
	p, err := parsePlace(f.registry)
	if err != nil {
		return nil, err
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return nil, err
	}
	req, err := accountRequest(ctx, method, c.url()+path, header, body)
	if err != nil {
		return nil, err
	}
	res, err := c.signedIn(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case res.StatusCode >= 300:
		return nil, answerOf(res, answer)
	case out == nil:
		return res.Header, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, errNotJSON, err)
	}
	return res.Header, nil
}

func accountRequest(ctx context.Context, method, at string, header http.Header, body any) (*http.Request, error) {
	var text io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, at, text)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", userAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// signedIn sends a request with the password that the Docker configuration has
// for the host; without one, as any other.
func (c *conn) signedIn(req *http.Request) (*http.Response, error) {
	cred, err := c.client.Credential(req.Context(), req.URL.Host)
	if err != nil {
		return nil, fmt.Errorf("read the docker configuration: %w", err)
	}
	if cred.Username == "" || cred.Password == "" {
		return c.client.Do(req.WithContext(auth.AppendScopes(req.Context(), auth.ScopeRegistryCatalog)))
	}
	req.SetBasicAuth(cred.Username, cred.Password)
	return c.client.Client.Do(req)
}

// allPages asks for all pages of a list; each is given to take.
func allPages[T any](ctx context.Context, f *ruleFlags, path string, take func(T)) error {
	return somePages(ctx, f, path, func(page T) error { take(page); return nil })
}

// somePages asks for the pages of a list until take, which each is given to,
// has an error; it returns that.
func somePages[T any](ctx context.Context, f *ruleFlags, path string, take func(T) error) error {
	for path != "" {
		var page T
		header, err := f.askAccounts(ctx, http.MethodGet, path, nil, nil, &page)
		if err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		link, _, _ := strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
		if link == path || link != "" && !strings.HasPrefix(link, rulesAt) {
			return fmt.Errorf("the next page is at %q, which is nowhere here", link)
		}
		path = link
	}
	return nil
}

// whoAmI asks who the registry takes the caller for.
func (f *ruleFlags) whoAmI(ctx context.Context) (w lading.WhoAmI, err error) {
	_, err = f.askAccounts(ctx, http.MethodGet, rulesAt+"whoami", nil, nil, &w)
	return w, err
}

// accountPath is where an account is.
func accountPath(subject string) string { return rulesAt + "accounts/" + url.PathEscape(subject) }
