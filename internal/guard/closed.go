package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

var (
	_ lading.Registry  = Closed{}
	_ lading.Historian = Closed{}
)

// Manifest refuses.
func (Closed) Manifest(context.Context, string, lading.Reference) (lading.Manifest, error) {
	return lading.Manifest{}, lading.ErrDenied
}

// Resolve refuses.
func (Closed) Resolve(context.Context, string, lading.Reference) (lading.Descriptor, error) {
	return lading.Descriptor{}, lading.ErrDenied
}

// Blob refuses.
func (Closed) Blob(context.Context, string, lading.Digest) (lading.BlobReader, error) {
	return nil, lading.ErrDenied
}

// ResolveBlob refuses.
func (Closed) ResolveBlob(context.Context, string, lading.Digest) (lading.Descriptor, error) {
	return lading.Descriptor{}, lading.ErrDenied
}

// PutManifest refuses.
func (Closed) PutManifest(context.Context, string, lading.Manifest, lading.PutOptions) (lading.Receipt, error) {
	return lading.Receipt{}, lading.ErrDenied
}

// StartBlob refuses.
func (Closed) StartBlob(context.Context, string, lading.Descriptor) (lading.BlobWriter, error) {
	return nil, lading.ErrDenied
}

// ResumeBlob refuses.
func (Closed) ResumeBlob(context.Context, string, string) (lading.BlobWriter, error) {
	return nil, lading.ErrDenied
}

// MountBlob refuses.
func (Closed) MountBlob(context.Context, string, string, lading.Digest) (lading.Descriptor, error) {
	return lading.Descriptor{}, lading.ErrDenied
}

// DeleteTag refuses.
func (Closed) DeleteTag(context.Context, string, string, lading.DeleteOptions) error {
	return lading.ErrDenied
}

// DeleteManifest refuses.
func (Closed) DeleteManifest(context.Context, string, lading.Digest, lading.DeleteOptions) error {
	return lading.ErrDenied
}

// DeleteBlob refuses.
func (Closed) DeleteBlob(context.Context, string, lading.Digest) error {
	return lading.ErrDenied
}

// DeleteRepository refuses.
func (Closed) DeleteRepository(context.Context, string) error {
	return lading.ErrDenied
}

// List refuses.
func (Closed) List(context.Context, lading.Query) (lading.Listing, error) {
	return lading.Listing{}, lading.ErrDenied
}

// Tags refuses.
func (Closed) Tags(context.Context, string, string, int) (lading.Names, error) {
	return lading.Names{}, lading.ErrDenied
}

// Repositories refuses.
func (Closed) Repositories(context.Context, string, int) (lading.Names, error) {
	return lading.Names{}, lading.ErrDenied
}

// Search refuses.
func (Closed) Search(context.Context, lading.SearchQuery) (lading.Names, error) {
	return lading.Names{}, lading.ErrDenied
}

// Referrers refuses.
func (Closed) Referrers(context.Context, string, lading.ReferrersQuery) (lading.Referrers, error) {
	return lading.Referrers{}, lading.ErrDenied
}

// Watch refuses.
func (Closed) Watch(context.Context, lading.WatchQuery) (lading.Stream, error) {
	return nil, lading.ErrDenied
}

// TagHistory refuses.
func (Closed) TagHistory(context.Context, string, string, lading.HistoryQuery) (lading.TagHistory, error) {
	return lading.TagHistory{}, lading.ErrDenied
}
