package core

import (
	"context"

	"github.com/lading-dev/lading"
)

// MountBlob implements lading.Writer. Without from it finds nothing yet: where
// else the caller may read is not searched.
func (r *Registry) MountBlob(ctx context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	if err := checkNames(to); err != nil {
		return lading.Descriptor{}, err
	}
	if from == "" {
		return lading.Descriptor{}, lading.ErrBlobUnknown
	}
	grants, err := lading.GrantsFrom(ctx)
	if err != nil {
		return lading.Descriptor{}, err
	}
	if !grants.Contains(from) {
		return lading.Descriptor{}, lading.ErrBlobUnknown
	}
	b, err := r.cat.GetBlob(ctx, from, d)
	if err != nil {
		return lading.Descriptor{}, lading.ErrBlobUnknown.Wrap(err)
	}
	// The other shard's catalog may not have the content of a small blob.
	if err := r.cat.LinkBlob(ctx, to, b); err != nil {
		return lading.Descriptor{}, catalogError(err)
	}
	return lading.Descriptor{MediaType: octets, Digest: d, Size: b.Size}, nil
}
