package core

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

// PutManifest implements lading.Writer.
func (r *Registry) PutManifest(ctx context.Context, repo string, m lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	if err := checkNames(repo, opt.Tags...); err != nil {
		return lading.Receipt{}, err
	}
	if len(opt.Tags) > 1 && !opt.If.Empty() {
		return lading.Receipt{}, lading.InvalidParameter("tag", "a condition is about one tag: put the manifest once for each")
	}
	if opt.FromBlob != "" {
		var err error
		if m.Bytes, err = r.manifestBlob(ctx, repo, m, opt.FromBlob); err != nil {
			return lading.Receipt{}, err
		}
	}
	p, err := parseManifest(m)
	if err != nil {
		return lading.Receipt{}, err
	}
	put, err := r.putTyped(ctx, repo, p, catalog.PutOptions{Tags: opt.Tags, Actor: lading.IdentityFrom(ctx).Subject, If: opt.If, KeepTags: opt.KeepTags})
	if err != nil {
		return lading.Receipt{}, catalogError(err)
	}
	return lading.Receipt{
		Descriptor: lading.Descriptor{MediaType: p.MediaType, Digest: p.Digest, Size: int64(len(p.Bytes))},
		Subject:    p.Subject,
		Tags:       opt.Tags,
		Warnings:   p.warnings(put),
	}, nil
}

// manifestBlob reads a manifest that was pushed as a blob of the repository.
func (r *Registry) manifestBlob(ctx context.Context, repo string, m lading.Manifest, d lading.Digest) ([]byte, error) {
	if len(m.Bytes) > 0 {
		return nil, lading.ErrManifestInvalid.With("a manifest that is taken from a blob brings no bytes itself")
	}
	b, err := r.Blob(ctx, repo, d)
	if errors.Is(err, lading.ErrBlobUnknown) || errors.Is(err, lading.ErrNameUnknown) {
		return nil, lading.ErrManifestBlobUnknown.With("the blob %s is not in this repository: push it first", d).
			WithDetail([]catalog.MissingDetail{{Digest: d}}).Wrap(err)
	}
	if err != nil {
		return nil, fmt.Errorf("core: manifest from blob: %w", err)
	}
	defer b.Close()
	if b.Descriptor().Size > lading.MaxManifestSize {
		return nil, lading.ErrManifestTooLarge
	}
	raw, err := io.ReadAll(b)
	if err != nil {
		return nil, fmt.Errorf("core: manifest from blob: %w", err)
	}
	return raw, nil
}

// warnings tells what was accepted although it may be a mistake.
func (p *parsed) warnings(put catalog.PutResult) (out []string) {
	if p.untyped {
		out = append(out, "The manifest has no mediaType field: it should say what it is.")
	}
	if n := len(put.Missing); n > 0 {
		out = append(out, fmt.Sprintf("%d of the blobs or manifests that this manifest refers to are not in this repository, the first is %s.", n, put.Missing[0]))
	}
	for _, v := range p.violations {
		out = append(out, fmt.Sprintf("This is not as artifacts of type %s should be: %s.", p.Type, v))
	}
	return out
}
