package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/lading-dev/lading"
)

// DeleteTag implements lading.Deleter.
func (c *Client) DeleteTag(ctx context.Context, repo, tag string, opt lading.DeleteOptions) error {
	if err := errors.Join(checkName(repo), checkTag(tag)); err != nil {
		return err
	}
	return c.delete(ctx, request{path: repoPath(repo, "manifests/"+tag), repo: repo, header: conditions(opt.If), missing: lading.CodeManifestUnknown})
}

// DeleteManifest implements lading.Deleter.
func (c *Client) DeleteManifest(ctx context.Context, repo string, d lading.Digest, opt lading.DeleteOptions) error {
	if err := errors.Join(checkName(repo), checkDigest(d)); err != nil {
		return err
	}
	return c.delete(ctx, request{path: repoPath(repo, "manifests/"+string(d)), repo: repo, header: conditions(opt.If), missing: lading.CodeManifestUnknown})
}

// DeleteBlob implements lading.Deleter.
func (c *Client) DeleteBlob(ctx context.Context, repo string, d lading.Digest) error {
	if err := errors.Join(checkName(repo), checkDigest(d)); err != nil {
		return err
	}
	return c.delete(ctx, request{path: repoPath(repo, "blobs/"+string(d)), repo: repo, missing: lading.CodeBlobUnknown})
}

// DeleteRepository implements lading.Deleter, where the registry has the
// discovery extension.
func (c *Client) DeleteRepository(ctx context.Context, repo string) error {
	if err := checkName(repo); err != nil {
		return err
	}
	return c.delete(ctx, request{path: repoPath(repo, "_lading/manage/repository"), repo: repo, missing: lading.CodeExtensionUnknown})
}

func (c *Client) delete(ctx context.Context, r request) error {
	r.method, r.actions, r.again = http.MethodDelete, deletePull, some
	r.want = []int{http.StatusAccepted, http.StatusOK, http.StatusNoContent}
	res, err := c.send(ctx, r)
	if err == nil {
		discard(res)
	}
	return err
}
