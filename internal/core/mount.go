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
	desc, err := r.ResolveBlob(ctx, from, d)
	if err != nil {
		return desc, lading.ErrBlobUnknown.Wrap(err)
	}
	return desc, catalogError(r.cat.LinkBlob(ctx, to, d, desc.Size))
}
