// Package core is the registry: the rules of the distribution-spec over a
// catalog, a blob store and the discovery engine. It is the one
// lading.Registry that holds data; who may call it is decided in front of it
// (internal/guard), which also says, in the context, what the caller may see.
package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Registry is the engine. It implements lading.Registry.
type Registry struct {
	cat   *catalog.Catalog
	blobs blob.Store
	disc  *discover.Engine
	opt   Options

	configs *configCache
	large   chan struct{} // taken by who reads a large config
}

// Options are the choices of a registry. The zero value is the strict one.
type Options struct {
	// Sparse accepts manifests that refer to blobs and manifests which are
	// not in their repository. The receipt warns of them. A policy of Types
	// decides otherwise where it says so.
	Sparse bool
	// Types tells what manifests are; nil leaves them unknown.
	Types Types
}

var (
	_ lading.Registry  = (*Registry)(nil)
	_ lading.Historian = (*Registry)(nil)
)

// New returns a registry over its parts, which the caller closes.
func New(cat *catalog.Catalog, blobs blob.Store, disc *discover.Engine, opt Options) *Registry {
	return &Registry{cat: cat, blobs: blobs, disc: disc, opt: opt, configs: newConfigCache(configBudget), large: turns()}
}

// Manifest implements lading.Reader.
func (r *Registry) Manifest(ctx context.Context, repo string, ref lading.Reference) (lading.Manifest, error) {
	return r.cat.GetManifest(ctx, repo, ref)
}

// Resolve implements lading.Reader.
func (r *Registry) Resolve(ctx context.Context, repo string, ref lading.Reference) (lading.Descriptor, error) {
	return r.cat.StatManifest(ctx, repo, ref)
}

// DeleteTag implements lading.Deleter.
func (r *Registry) DeleteTag(ctx context.Context, repo, tag string, opt lading.DeleteOptions) error {
	return catalogError(r.cat.DeleteTagIf(ctx, repo, tag, lading.IdentityFrom(ctx).Subject, opt.If))
}

// DeleteManifest implements lading.Deleter.
func (r *Registry) DeleteManifest(ctx context.Context, repo string, d lading.Digest, opt lading.DeleteOptions) error {
	return catalogError(r.cat.DeleteManifestIf(ctx, repo, d, lading.IdentityFrom(ctx).Subject, opt.If))
}

// DeleteBlob implements lading.Deleter. The bytes stay until nothing links to
// them.
func (r *Registry) DeleteBlob(ctx context.Context, repo string, d lading.Digest) error {
	return catalogError(r.cat.UnlinkBlob(ctx, repo, d))
}

// DeleteRepository implements lading.Deleter.
func (r *Registry) DeleteRepository(ctx context.Context, repo string) error {
	return catalogError(r.cat.DeleteRepository(ctx, repo, lading.IdentityFrom(ctx).Subject))
}

// List implements lading.Lister.
func (r *Registry) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	return r.disc.List(ctx, q)
}

// Watch implements lading.Watcher.
func (r *Registry) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	return r.disc.Watch(ctx, q)
}

// Tags implements lading.Lister.
func (r *Registry) Tags(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	return r.cat.TagNames(ctx, repo, last, n)
}

// TagHistory implements lading.Historian.
func (r *Registry) TagHistory(ctx context.Context, repo, tag string, q lading.HistoryQuery) (lading.TagHistory, error) {
	if q.N < 1 || q.N > lading.MaxPage {
		return lading.TagHistory{}, lading.InvalidParameter("n", "want 1 to %d", lading.MaxPage)
	}
	return r.cat.TagHistory(ctx, repo, tag, q)
}

// Repositories implements lading.Lister.
func (r *Registry) Repositories(ctx context.Context, last string, n int) (lading.Names, error) {
	grants, err := lading.GrantsFrom(ctx)
	if err != nil {
		return lading.Names{}, err
	}
	if last != "" {
		grants = grants.After(last)
	}
	return r.names(ctx, grants, n)
}

// Referrers implements lading.Lister.
func (r *Registry) Referrers(ctx context.Context, repo string, q lading.ReferrersQuery) (lading.Referrers, error) {
	if err := checkForm(q.Subject); err != nil {
		return lading.Referrers{}, lading.ErrDigestInvalid.Wrap(err)
	}
	return r.cat.Referrers(ctx, repo, q)
}

func checkNames(repo string, tags ...string) error {
	if !validRepository(repo) {
		return lading.ErrNameInvalid
	}
	if i := slices.IndexFunc(tags, func(t string) bool { return !validTag(t) }); i >= 0 {
		return lading.ErrTagInvalid
	}
	return nil
}

// catalogError tells a client of a catalog without space; every other error
// stays what it is.
func catalogError(err error) error {
	if sqldb.IsFull(err) {
		return lading.ErrStorageFull.Wrap(err)
	}
	return err
}

// storageError turns the blob store's errors into the registry's.
func storageError(err error, op string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, blob.ErrNotFound):
		return lading.ErrBlobUnknown.Wrap(err)
	case errors.Is(err, blob.ErrUploadUnknown):
		return lading.ErrBlobUploadUnknown.Wrap(err)
	case errors.Is(err, blob.ErrUploadBusy):
		return lading.ErrBlobUploadInvalid.Wrap(err)
	case errors.Is(err, blob.ErrDigestMismatch):
		return lading.ErrDigestInvalid.Wrap(err)
	case errors.Is(err, blob.ErrStorageFull):
		return lading.ErrStorageFull.Wrap(err)
	}
	return fmt.Errorf("core: %s: %w", op, err)
}
