package client

import (
	"context"
	"net/http"

	"github.com/lading-dev/lading"
)

// maxLogo bounds a logo, in bytes.
const maxLogo = 1 << 20

// The endpoints of types, as segments of paths.
const (
	definitions = "definitions"
	policies    = "policies"
)

func typesRequest(method, what, name string) (request, error) {
	if len(name) > maxTypeName || !typeForm.MatchString(name) {
		return request{}, lading.ErrTypeUnknown
	}
	return request{method: method, path: "/v2/_lading/types/" + what + "/" + name, missing: lading.CodeTypeUnknown, actions: pull}, nil
}

// Definitions returns the definitions of artifact types in use, by name,
// without logos.
func (c *Client) Definitions(ctx context.Context) ([]lading.Definition, error) {
	var body struct {
		Definitions []lading.Definition `json:"definitions"`
	}
	_, err := c.getJSON(ctx, request{path: "/v2/_lading/types/definitions", missing: lading.CodeExtensionUnknown}, &body)
	return body.Definitions, err
}

// Definition returns a definition with its logo.
//
// Errors: TYPE_UNKNOWN.
func (c *Client) Definition(ctx context.Context, name string) (lading.Definition, error) {
	r, err := typesRequest(http.MethodGet, definitions, name)
	if err != nil {
		return lading.Definition{}, err
	}
	var d lading.Definition
	if _, err := c.getJSON(ctx, r, &d); err != nil {
		return lading.Definition{}, err
	}
	r.path += "/logo"
	res, err := c.send(ctx, r)
	if err != nil {
		return lading.Definition{}, err
	}
	d.Logo, err = readAll(res, maxLogo)
	return d, err
}

// PutDefinition defines a type of artifact, and tells whether there was no
// definition of that name that had come this way.
//
// Errors: TYPE_INVALID, CONFLICT, DENIED.
func (c *Client) PutDefinition(ctx context.Context, name string, body []byte) (created bool, err error) {
	return c.putTypes(ctx, definitions, name, body)
}

// DeleteDefinition removes a definition that came by PutDefinition.
//
// Errors: TYPE_UNKNOWN, CONFLICT, DENIED.
func (c *Client) DeleteDefinition(ctx context.Context, name string) error {
	return c.deleteTypes(ctx, definitions, name)
}

// Policies returns all policies, by id.
//
// Errors: DENIED.
func (c *Client) Policies(ctx context.Context) ([]lading.Policy, error) {
	var body struct {
		Policies []lading.Policy `json:"policies"`
	}
	_, err := c.getJSON(ctx, request{path: "/v2/_lading/types/policies", missing: lading.CodeExtensionUnknown}, &body)
	return body.Policies, err
}

// Policy returns a policy.
//
// Errors: TYPE_UNKNOWN, DENIED.
func (c *Client) Policy(ctx context.Context, id string) (lading.Policy, error) {
	r, err := typesRequest(http.MethodGet, policies, id)
	if err != nil {
		return lading.Policy{}, err
	}
	var p lading.Policy
	_, err = c.getJSON(ctx, r, &p)
	return p, err
}

// PutPolicy takes a policy, and tells whether there was none of that id.
//
// Errors: TYPE_INVALID, CONFLICT, DENIED.
func (c *Client) PutPolicy(ctx context.Context, id string, body []byte) (created bool, err error) {
	return c.putTypes(ctx, policies, id, body)
}

// DeletePolicy removes a policy.
//
// Errors: TYPE_UNKNOWN, CONFLICT, DENIED.
func (c *Client) DeletePolicy(ctx context.Context, id string) error {
	return c.deleteTypes(ctx, policies, id)
}

func (c *Client) putTypes(ctx context.Context, what, name string, body []byte) (created bool, err error) {
	r, err := typesRequest(http.MethodPut, what, name)
	if err != nil {
		return false, err
	}
	r.body, r.header, r.want = append([]byte{}, body...), http.Header{"Content-Type": {"application/json"}}, []int{http.StatusOK, http.StatusCreated}
	res, err := c.send(ctx, r)
	if err != nil {
		return false, err
	}
	discard(res)
	return res.StatusCode == http.StatusCreated, nil
}

func (c *Client) deleteTypes(ctx context.Context, what, name string) error {
	r, err := typesRequest(http.MethodDelete, what, name)
	if err != nil {
		return err
	}
	return c.delete(ctx, r)
}
