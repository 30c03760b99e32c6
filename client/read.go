package client

import (
	"context"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// manifestTypes are what registries want to be asked for that keep several
// forms of a manifest. All else is taken as well.
var manifestTypes = strings.Join([]string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	"*/*;q=0.5",
}, ", ")

func (c *Client) manifestRequest(method, repo string, ref lading.Reference) (request, error) {
	if err := checkName(repo); err != nil {
		return request{}, err
	}
	if err := checkReference(ref); err != nil {
		return request{}, err
	}
	return request{method: method, path: repoPath(repo, "manifests/"+ref.String()), repo: repo, actions: pull,
		missing: lading.CodeManifestUnknown,
		// Bytes with a digest are not to be packed on the way.
		header: http.Header{"Accept": {manifestTypes}, "Accept-Encoding": {"identity"}}}, nil
}

// Manifest implements lading.Reader. The bytes have the digest that is
// returned, and the one that was asked for.
func (c *Client) Manifest(ctx context.Context, repo string, ref lading.Reference) (lading.Manifest, error) {
	r, err := c.manifestRequest(http.MethodGet, repo, ref)
	if err != nil {
		return lading.Manifest{}, err
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return lading.Manifest{}, err
	}
	return readManifest(res, ref)
}

func readManifest(res *http.Response, ref lading.Reference) (lading.Manifest, error) {
	data, err := readAll(res, lading.MaxManifestSize)
	if err != nil {
		return lading.Manifest{}, err
	}
	d, err := digestOf(res, ref)
	if err != nil {
		return lading.Manifest{}, err
	}
	if d == "" {
		d = digest.FromBytes(data)
	}
	if !verifiable(d) {
		return lading.Manifest{}, badAnswer(res, "no digest that can be verified: %q", clip(string(d), maxDigest))
	}
	if d.Algorithm().FromBytes(data) != d {
		return lading.Manifest{}, wrongContent(res, d)
	}
	return lading.Manifest{MediaType: mediaType(res), Digest: d, Bytes: data}, nil
}

// Resolve implements lading.Reader.
func (c *Client) Resolve(ctx context.Context, repo string, ref lading.Reference) (lading.Descriptor, error) {
	r, err := c.manifestRequest(http.MethodHead, repo, ref)
	if err != nil {
		return lading.Descriptor{}, err
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return lading.Descriptor{}, err
	}
	discard(res)
	d, err := digestOf(res, ref)
	if err != nil {
		return lading.Descriptor{}, err
	}
	if d == "" || res.ContentLength < 0 {
		// It does not say: the bytes do.
		m, err := c.Manifest(ctx, repo, ref)
		return lading.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Bytes))}, err
	}
	return lading.Descriptor{MediaType: mediaType(res), Digest: d, Size: res.ContentLength}, nil
}

// digestOf is the digest of what an answer is about: that which was asked for
// or, of a tag, that which the registry tells; empty where it tells none.
func digestOf(res *http.Response, ref lading.Reference) (lading.Digest, error) {
	told := lading.Digest(res.Header.Get("Docker-Content-Digest"))
	if told != "" && checkDigest(told) != nil {
		return "", badAnswer(res, "Docker-Content-Digest is no digest")
	}
	if ref.Digest == "" || told == "" {
		return max(ref.Digest, told), nil
	}
	// A registry may know the content by another algorithm.
	if told.Algorithm() == ref.Digest.Algorithm() && told != ref.Digest {
		return "", badAnswer(res, "it is %s, not what was asked for", told)
	}
	return ref.Digest, nil
}

func wrongContent(res *http.Response, d lading.Digest) error {
	return lading.ErrDigestInvalid.With("the content that the registry sent is not %s", d).Wrap(badAnswer(res, "not the content of %s", d))
}

// mediaType is the answer's, without parameters.
func mediaType(res *http.Response) string {
	s, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return strings.TrimSpace(s)
}
