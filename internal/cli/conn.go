package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// connFlags say how registries are spoken to.
type connFlags struct {
	plainHTTP, insecure bool
	caFile, cert, key   string
	// end is what stands before the names of cert and key where they are for
	// one end of a copy; both is that they are for either, where one may do
	// without.
	end  string
	both bool
}

func (f *connFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "speak HTTP, whatever the host is")
	f.addTLS(cmd)
}

// addTLS adds the flags of what is spoken to over HTTPS.
func (f *connFlags) addTLS(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.insecure, "insecure", false, "do not verify the registry's certificate")
	fl.StringVar(&f.caFile, "ca-file", "", "trust the authorities in `FILE` (PEM) as well")
	fl.StringVar(&f.cert, "cert", "", "show the registry the certificate in `FILE` (PEM)")
	fl.StringVar(&f.key, "key", "", "the private key of --cert is in `FILE` (PEM), if not in the same")
	fileFlags(cmd, "ca-file", "cert", "key")
}

// fileFlags has the shell offer files of certificates and keys.
func fileFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		_ = cmd.MarkFlagFilename(name, "pem", "crt", "cert", "key")
	}
}

// addBelow adds the flags for all commands below one.
func (f *connFlags) addBelow(cmd *cobra.Command) {
	own := &cobra.Command{}
	f.add(own)
	cmd.PersistentFlags().AddFlagSet(own.Flags())
}

// conn is the way to one registry.
type conn struct {
	place
	plain     bool
	transport http.RoundTripper
	client    *auth.Client
}

// dial prepares to speak to the registry that p names; nothing is sent yet.
func (f *connFlags) dial(p place) (*conn, error) {
	plain := f.plainHTTP || p.scheme == "http" || p.scheme == "" && loopback(p.host)
	transport, err := f.transport(p.host, plain)
	if err != nil {
		return nil, err
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the docker configuration: %w", err)
	}
	return &conn{place: p, plain: plain, transport: transport, client: &auth.Client{
		Client:     &http.Client{Transport: retry.NewTransport(bytesTell{transport})},
		Header:     http.Header{"User-Agent": {userAgent}},
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}}, nil
}

// bytesTell drops what a registry says of a blob's digest: the bytes tell.
// distribution names the SHA-256 of a blob that was pushed under another
// algorithm.
type bytesTell struct{ http.RoundTripper }

func (t bytesTell) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil && strings.Contains(req.URL.Path, "/blobs/") {
		res.Header.Del("Docker-Content-Digest")
	}
	return res, err
}

// url is the registry's address, without a path.
func (c *conn) url() string {
	host := registry.Reference{Registry: c.host}.Host() // docker.io is elsewhere
	if c.plain {
		return "http://" + host
	}
	return "https://" + host
}

// registry is the registry as the distribution-spec has it.
func (c *conn) registry() (*remote.Registry, error) {
	reg, err := remote.NewRegistry(c.host)
	if err != nil {
		return nil, usage("%v", err)
	}
	reg.PlainHTTP, reg.Client = c.plain, c.client
	return reg, nil
}

// repo is one repository of it.
func (c *conn) repo(name string) (*remote.Repository, error) {
	ref := registry.Reference{Registry: c.host, Repository: name}
	if err := ref.ValidateRepository(); err != nil {
		return nil, usage("%v", err)
	}
	return &remote.Repository{Client: c.client, Reference: ref, PlainHTTP: c.plain, SkipReferrersGC: true}, nil
}

// maxAnswer is how much is read of an answer that is no content, in bytes.
const maxAnswer = 32 << 20

// ask sends a request and decodes the JSON of a good answer into out, unless
// that is nil.
//
// Errors: *errcode.ErrorResponse for any status from 300; errNotJSON.
func (c *conn) ask(ctx context.Context, method, path string, out any, accept ...string) error {
	_, err := c.send(ctx, method, path, out, accept)
	return err
}

// askPage is ask of a page; it returns the path of the next one, if there is
// one (RFC 8288).
func (c *conn) askPage(ctx context.Context, path string, out any, accept ...string) (next string, err error) {
	header, err := c.send(ctx, http.MethodGet, path, out, accept)
	if err != nil {
		return "", err
	}
	link, params, _ := strings.Cut(header.Get("Link"), ">")
	if link, ok := strings.CutPrefix(link, "<"); ok && strings.Contains(params, `rel="next"`) {
		u, err := url.Parse(link)
		if err != nil || u.Host != "" && u.Host != c.host {
			return "", fmt.Errorf("the next page is at %q, which is nowhere here", link)
		}
		return u.RequestURI(), nil
	}
	return "", nil
}

func (c *conn) send(ctx context.Context, method, path string, out any, accept []string) (http.Header, error) {
	req, err := http.NewRequestWithContext(c.scoped(ctx, method), method, c.url()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header["Accept"] = accept
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case res.StatusCode >= 300:
		return nil, answerOf(res, body)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is larger than %s", size(maxAnswer))
	case out == nil:
		return res.Header, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, errNotJSON, err)
	}
	return res.Header, nil
}

// scoped tells the token flow what a request is for.
func (c *conn) scoped(ctx context.Context, method string) context.Context {
	if c.path == "" || c.below {
		return auth.AppendScopes(ctx, auth.ScopeRegistryCatalog)
	}
	actions := []string{auth.ActionPull}
	if method == http.MethodDelete {
		actions = append(actions, auth.ActionDelete)
	}
	return auth.AppendRepositoryScope(ctx, registry.Reference{Registry: c.host, Repository: c.path}, actions...)
}

func answerOf(res *http.Response, body []byte) error {
	e := &errcode.ErrorResponse{Method: res.Request.Method, URL: res.Request.URL, StatusCode: res.StatusCode}
	var said struct{ Errors errcode.Errors }
	if json.Unmarshal(body, &said) == nil {
		e.Errors = said.Errors
	}
	return e
}

// errNotJSON is an answer that no registry gives: it comes from something else.
var errNotJSON = errors.New("the answer is not what was asked for")
