package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// PutManifest implements lading.Writer. A registry that does not take tags
// with a manifest that is put by digest is asked for each of them.
func (c *Client) PutManifest(ctx context.Context, repo string, m lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	want, err := checkPut(repo, m, opt)
	if err != nil {
		return lading.Receipt{}, err
	}
	ref := lading.Reference{Digest: want}
	tags := opt.Tags
	if len(tags) == 1 && (want == "" || want.Algorithm() == digest.Canonical) {
		ref, tags = lading.Reference{Tag: tags[0]}, nil
	}
	receipt, err := c.put(ctx, repo, m, ref, tags, opt)
	if err != nil || ref.Tag != "" {
		return receipt, err
	}
	for _, tag := range tags {
		if slices.Contains(receipt.Tags, tag) {
			continue
		}
		one, err := c.put(ctx, repo, m, lading.Reference{Tag: tag}, nil, opt)
		if err != nil {
			return receipt, err
		}
		receipt.Tags = append(receipt.Tags, one.Tags...)
	}
	return receipt, nil
}

// checkPut checks what the registry would, where that is cheaper than asking,
// and returns the digest to put the manifest by; none for bytes that are those
// of a blob and shall have a tag.
func checkPut(repo string, m lading.Manifest, opt lading.PutOptions) (lading.Digest, error) {
	if err := checkName(repo); err != nil {
		return "", err
	}
	for _, tag := range opt.Tags {
		if err := checkTag(tag); err != nil {
			return "", err
		}
	}
	switch {
	case opt.KeepTags && len(opt.Tags) > 0: // nothing on the wire says so
		return "", lading.ErrUnsupported
	case len(opt.Tags) > 1 && !opt.If.Empty():
		return "", lading.InvalidParameter("tag", "a condition is on one tag")
	case len(m.Bytes) > lading.MaxManifestSize:
		return "", lading.ErrManifestTooLarge
	case m.Digest != "" && !verifiable(m.Digest):
		return "", lading.ErrDigestInvalid
	case opt.FromBlob != "":
		if m.Digest == "" && len(opt.Tags) != 1 {
			return opt.FromBlob, checkDigest(opt.FromBlob)
		}
		return m.Digest, checkDigest(opt.FromBlob)
	case m.Digest == "":
		return digest.FromBytes(m.Bytes), nil
	case m.Digest.Algorithm().FromBytes(m.Bytes) != m.Digest:
		return "", lading.ErrDigestInvalid.With("the manifest is not %s", m.Digest)
	}
	return m.Digest, nil
}

// put puts a manifest by one name.
func (c *Client) put(ctx context.Context, repo string, m lading.Manifest, ref lading.Reference, tags []string, opt lading.PutOptions) (lading.Receipt, error) {
	r := request{method: http.MethodPut, path: repoPath(repo, "manifests/"+ref.String()), repo: repo, actions: pushPull,
		body: m.Bytes, header: conditions(opt.If), query: url.Values{}, want: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
		missing: lading.CodeNameUnknown}
	if !opt.If.Empty() {
		r.again = some // a condition that the first attempt fulfilled fails the second
	}
	if m.MediaType != "" {
		r.header.Set("Content-Type", m.MediaType)
	}
	if len(tags) > 0 {
		r.query["tag"] = tags
	}
	if opt.FromBlob != "" {
		r.query.Set("from-blob", string(opt.FromBlob))
		r.body = []byte{}
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return lading.Receipt{}, err
	}
	discard(res)
	return c.receipt(ctx, repo, m, ref, opt, res)
}

// receipt reads what a registry answers to a manifest that it has taken.
func (c *Client) receipt(ctx context.Context, repo string, m lading.Manifest, ref lading.Reference, opt lading.PutOptions, res *http.Response) (lading.Receipt, error) {
	told, err := digestOf(res, ref)
	if err != nil {
		return lading.Receipt{}, err
	}
	out := lading.Receipt{Subject: lading.Digest(res.Header.Get("Oci-Subject")), Tags: res.Header.Values("Oci-Tag"),
		Warnings: warnings(res.Header.Values("Warning"))}
	if len(out.Tags) == 0 && ref.Tag != "" {
		out.Tags = []string{ref.Tag}
	}
	if opt.FromBlob != "" {
		out.Descriptor, err = c.Resolve(ctx, repo, lading.Reference{Digest: told})
		return out, err
	}
	d := max(told, m.Digest)
	switch {
	case d == "":
		d = digest.FromBytes(m.Bytes)
	case !verifiable(d) || d.Algorithm().FromBytes(m.Bytes) != d:
		return out, badAnswer(res, "it took %s, which is not what was sent", d)
	}
	out.Descriptor = lading.Descriptor{MediaType: declared(m), Digest: d, Size: int64(len(m.Bytes))}
	return out, nil
}

// declared is the media type that a registry takes the manifest to have.
func declared(m lading.Manifest) string {
	if m.MediaType != "" {
		return m.MediaType
	}
	var said struct {
		MediaType string `json:"mediaType"`
	}
	_ = json.Unmarshal(m.Bytes, &said) // the registry has judged it already
	return said.MediaType
}

// conditions are the headers of a precondition (RFC 9110, 13.1).
func conditions(p lading.Precondition) http.Header {
	h := http.Header{}
	switch {
	case p.Present:
		h.Set("If-Match", "*")
	case p.Match != nil:
		// No tag at all cannot be written: this one fits nothing.
		h.Set("If-Match", cmpOr(quoted(p.Match), `"none"`))
	}
	switch {
	case p.Absent:
		h.Set("If-None-Match", "*")
	case len(p.Differ) > 0:
		h.Set("If-None-Match", quoted(p.Differ))
	}
	return h
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func quoted(ds []lading.Digest) string {
	var out []string
	for _, d := range ds {
		out = append(out, `"`+string(d)+`"`)
	}
	return strings.Join(out, ", ")
}

// warnings are the texts of Warning headers (distribution-spec, "Warnings").
func warnings(values []string) (texts []string) {
	for _, v := range values {
		text, ok := strings.CutPrefix(v, `299 - "`)
		if text, whole := strings.CutSuffix(text, `"`); ok && whole && len(text) <= maxMessage {
			texts = append(texts, strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text))
		}
	}
	return texts
}
