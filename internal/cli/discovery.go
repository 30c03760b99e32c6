package cli

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// discovery is what a registry with the extension can do beyond the
// distribution-spec.
type discovery interface {
	lading.Lister
	lading.Watcher
	lading.Deleter
}

// extensions is the answer of the extension _oci (distribution-spec,
// extensions/_oci.md).
type extensions struct {
	Extensions []struct {
		Name      string   `json:"name"`
		Endpoints []string `json:"endpoints"`
	} `json:"extensions"`
}

// endpoints are those of the discovery extension; none where a registry does
// not have it.
func (c *conn) endpoints(ctx context.Context) ([]string, error) {
	var told extensions
	var certificate *client.CertificateError
	err := c.ask(ctx, http.MethodGet, "/v2/_oci/ext/discover", &told)
	switch status := statusOf(err); {
	case err == nil:
	case errors.As(err, &certificate):
		return nil, said(c.host, err)
	case status >= 400 && status < 500, status == http.StatusNotImplemented, errors.Is(err, errNotJSON), codeOf(err) == ExitDenied:
		// What registries say to a path that they do not know; some say that
		// one should sign in. Where that is so, the next request tells.
		return nil, nil
	default:
		return nil, said(c.host, err)
	}
	for _, e := range told.Extensions {
		if e.Name == "_lading" {
			return e.Endpoints, nil
		}
	}
	return nil, nil
}

// discovery is the registry with the extension; nil where it does not have the
// endpoint.
func (c *conn) discovery(ctx context.Context, endpoint string) (discovery, error) {
	endpoints, err := c.endpoints(ctx)
	if err != nil || !slices.Contains(endpoints, endpoint) {
		return nil, err
	}
	return c.extended()
}
