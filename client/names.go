package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// getJSON asks a question whose answer is one JSON document.
func (c *Client) getJSON(ctx context.Context, r request, into any) (*http.Response, error) {
	r.method, r.actions = http.MethodGet, pull
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	data, err := readAll(res, maxAnswer)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return nil, badAnswer(res, "%v", err)
	}
	return res, nil
}

// Ping asks whether there is a registry, and whether one may use it.
//
// Errors: UNAUTHORIZED, UNAVAILABLE.
func (c *Client) Ping(ctx context.Context) error {
	res, err := c.send(ctx, request{method: http.MethodGet, path: "/v2/", missing: lading.CodeUnsupported})
	if err == nil {
		discard(res)
	}
	return err
}

// Tags implements lading.Lister. With n of 0 it leaves to the registry how
// many there are.
func (c *Client) Tags(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	if err := checkName(repo); err != nil {
		return lading.Names{}, err
	}
	var body struct {
		Tags []string `json:"tags"`
	}
	res, err := c.getJSON(ctx, request{path: repoPath(repo, "tags/list"), query: pageQuery(last, n), repo: repo, missing: lading.CodeNameUnknown}, &body)
	if err != nil {
		return lading.Names{}, err
	}
	return lading.Names{Names: body.Tags, More: nextPage(res) != nil}, nil
}

// Repositories implements lading.Lister, as Tags does.
func (c *Client) Repositories(ctx context.Context, last string, n int) (lading.Names, error) {
	var body struct {
		Repositories []string `json:"repositories"`
	}
	res, err := c.getJSON(ctx, request{path: "/v2/_catalog", query: pageQuery(last, n), missing: lading.CodeUnsupported}, &body)
	if err != nil {
		return lading.Names{}, err
	}
	return lading.Names{Names: body.Repositories, More: nextPage(res) != nil}, nil
}

func pageQuery(last string, n int) url.Values {
	q := url.Values{}
	if last != "" {
		q.Set("last", last)
	}
	if n > 0 {
		q.Set("n", strconv.Itoa(n))
	}
	return q
}

// Search implements lading.Lister, by the search of the registry API before
// /v2/.
func (c *Client) Search(ctx context.Context, q lading.SearchQuery) (lading.Names, error) {
	v := url.Values{"q": {q.Text}}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	if q.Page > 0 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	var body struct {
		Page    int `json:"page"`
		Pages   int `json:"num_pages"`
		Results []struct {
			Name string `json:"name"`
		} `json:"results"`
	}
	if _, err := c.getJSON(ctx, request{path: "/v1/search", query: v, missing: lading.CodeUnsupported}, &body); err != nil {
		return lading.Names{}, err
	}
	names := lading.Names{More: body.Pages > body.Page}
	for _, r := range body.Results {
		names.Names = append(names.Names, r.Name)
	}
	return names, nil
}

// Referrers implements lading.Lister. A registry that does not filter is
// filtered here.
func (c *Client) Referrers(ctx context.Context, repo string, q lading.ReferrersQuery) (lading.Referrers, error) {
	if err := checkName(repo); err != nil {
		return lading.Referrers{}, err
	}
	if err := checkDigest(q.Subject); err != nil {
		return lading.Referrers{}, err
	}
	v := pageQuery(string(q.After), q.N)
	if q.ArtifactType != "" {
		v.Set("artifactType", q.ArtifactType)
	}
	var index ocispec.Index
	res, err := c.getJSON(ctx, request{path: repoPath(repo, "referrers/"+string(q.Subject)), query: v, repo: repo, missing: lading.CodeUnsupported,
		header: http.Header{"Accept": {ocispec.MediaTypeImageIndex}}}, &index)
	if err != nil {
		return lading.Referrers{}, err
	}
	out := lading.Referrers{More: nextPage(res) != nil, Manifests: []lading.Descriptor{}}
	for _, d := range index.Manifests {
		if q.ArtifactType == "" || d.ArtifactType == q.ArtifactType {
			out.Manifests = append(out.Manifests, d)
		}
	}
	return out, nil
}
