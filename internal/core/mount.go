package core

import (
	"context"
	"strings"

	"github.com/lading-dev/lading"
)

// maxProbe is how many repositories of those that the caller may read are
// looked at for a blob, where it is not said from which to mount it.
const maxProbe = 1024

// MountBlob implements lading.Writer.
func (r *Registry) MountBlob(ctx context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	if err := checkNames(to); err != nil {
		return lading.Descriptor{}, err
	}
	grants, err := lading.GrantsFrom(ctx)
	if err != nil {
		return lading.Descriptor{}, err
	}
	if from == "" {
		if from, err = r.findBlob(ctx, to, grants, d); err != nil {
			return lading.Descriptor{}, err
		}
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

// findBlob returns a repository that has the blob and that the caller may
// read, empty if none was found: first those that are near to repo, which is
// where content is shared most, then from the beginning of the names.
func (r *Registry) findBlob(ctx context.Context, repo string, grants lading.Grants, d lading.Digest) (string, error) {
	places := []lading.Grants{}
	if !grants.All() { // who sees all finds it at once
		places = append(places, lading.NewGrants(lading.RepositoryRange(repo)))
		if i := strings.LastIndexByte(repo, '/'); i >= 0 {
			places = append(places, lading.NewGrants(lading.NamespaceRanges(repo[:i])...))
		}
	}
	for _, place := range append(places, lading.AllGrants()) {
		from, err := r.cat.FindLink(ctx, d, place.Intersect(grants).Ranges(), maxProbe)
		if err != nil || from != "" {
			return from, err
		}
	}
	return "", nil
}
