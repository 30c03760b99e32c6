// Package guard decides, outside of the engine, what a caller may do. A guard
// wraps a lading.Registry: it refuses what the caller may not do, and hands
// the engine, in the context, what the caller may see. It embeds the type that
// refuses everything, never the wrapped registry, so that a method that is
// added to the interface is closed until somebody opens it here.
package guard

import (
	"context"
	"errors"

	"github.com/lading-dev/lading"
)

// Closed refuses everything: the base of every guard.
type Closed struct{}

// Access decides for one caller, who is in the context.
type Access interface {
	// Grants tells which repositories the caller may read, now.
	Grants(ctx context.Context) (lading.Grants, error)
	// Write returns nil if the caller may change the repository, and
	// otherwise what to answer: DENIED, the same for names that exist and
	// that do not.
	Write(ctx context.Context, repo string) error
}

// Open allows everyone everything. It stands where access rules will stand;
// a registry with it must not listen where strangers can reach it.
type Open struct{}

// Grants implements Access.
func (Open) Grants(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil }

// Write implements Access.
func (Open) Write(context.Context, string) error { return nil }

// New puts access rules before a registry.
func New(reg lading.Registry, access Access) lading.Registry {
	return &guarded{reg: reg, access: access}
}

type guarded struct {
	Closed
	reg    lading.Registry
	access Access
}

// read opens a repository for reading. What the caller may not read does not
// exist for it.
func (g *guarded) read(ctx context.Context, repo string) (context.Context, error) {
	ctx, grants, err := g.see(ctx)
	if err == nil && !grants.Contains(repo) {
		err = lading.ErrNameUnknown
	}
	return ctx, err
}

// write opens a repository for a change.
func (g *guarded) write(ctx context.Context, repo string) (context.Context, error) {
	ctx = g.with(ctx)
	return ctx, g.access.Write(ctx, repo)
}

// change opens a repository for a change under a condition. Whether one holds
// tells what is there: who may not read the repository may not ask.
func (g *guarded) change(ctx context.Context, repo string, cond lading.Precondition) (context.Context, error) {
	ctx, err := g.write(ctx, repo)
	if err != nil || cond.Empty() {
		return ctx, err
	}
	if _, err := g.read(ctx, repo); err != nil {
		return ctx, lading.ErrDenied.Wrap(err)
	}
	return ctx, nil
}

// see hands on what the caller may see.
func (g *guarded) see(ctx context.Context) (context.Context, lading.Grants, error) {
	grants, err := g.access.Grants(ctx)
	return g.with(ctx), grants, err
}

func (g *guarded) with(ctx context.Context) context.Context {
	return lading.WithGrants(ctx, g.access.Grants)
}

func (g *guarded) Manifest(ctx context.Context, repo string, ref lading.Reference) (lading.Manifest, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Manifest{}, err
	}
	return g.reg.Manifest(ctx, repo, ref)
}

func (g *guarded) Resolve(ctx context.Context, repo string, ref lading.Reference) (lading.Descriptor, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Descriptor{}, err
	}
	return g.reg.Resolve(ctx, repo, ref)
}

func (g *guarded) Blob(ctx context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return nil, err
	}
	return g.reg.Blob(ctx, repo, d)
}

func (g *guarded) ResolveBlob(ctx context.Context, repo string, d lading.Digest) (lading.Descriptor, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Descriptor{}, err
	}
	return g.reg.ResolveBlob(ctx, repo, d)
}

func (g *guarded) PutManifest(ctx context.Context, repo string, m lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	ctx, err := g.change(ctx, repo, opt.If)
	if err != nil {
		return lading.Receipt{}, err
	}
	return g.reg.PutManifest(ctx, repo, m, opt)
}

func (g *guarded) StartBlob(ctx context.Context, repo string, want lading.Descriptor) (lading.BlobWriter, error) {
	ctx, err := g.write(ctx, repo)
	if err != nil {
		return nil, err
	}
	return g.reg.StartBlob(ctx, repo, want)
}

func (g *guarded) ResumeBlob(ctx context.Context, repo, id string) (lading.BlobWriter, error) {
	ctx, err := g.write(ctx, repo)
	if err != nil {
		return nil, err
	}
	return g.reg.ResumeBlob(ctx, repo, id)
}

// MountBlob needs both: to write to the one repository and to read the other.
// Where the other may not be read, the blob is unknown.
func (g *guarded) MountBlob(ctx context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	ctx, err := g.write(ctx, to)
	if err != nil {
		return lading.Descriptor{}, err
	}
	if from != "" {
		if _, err := g.read(ctx, from); err != nil {
			return lading.Descriptor{}, lading.ErrBlobUnknown.Wrap(err)
		}
	}
	return g.reg.MountBlob(ctx, to, from, d)
}

func (g *guarded) DeleteTag(ctx context.Context, repo, tag string, opt lading.DeleteOptions) error {
	ctx, err := g.change(ctx, repo, opt.If)
	if err != nil {
		return err
	}
	return g.reg.DeleteTag(ctx, repo, tag, opt)
}

func (g *guarded) DeleteManifest(ctx context.Context, repo string, d lading.Digest, opt lading.DeleteOptions) error {
	ctx, err := g.change(ctx, repo, opt.If)
	if err != nil {
		return err
	}
	return g.reg.DeleteManifest(ctx, repo, d, opt)
}

func (g *guarded) DeleteBlob(ctx context.Context, repo string, d lading.Digest) error {
	ctx, err := g.write(ctx, repo)
	if err != nil {
		return err
	}
	return g.reg.DeleteBlob(ctx, repo, d)
}

func (g *guarded) DeleteRepository(ctx context.Context, repo string) error {
	ctx, err := g.write(ctx, repo)
	if err != nil {
		return err
	}
	return g.reg.DeleteRepository(ctx, repo)
}

func (g *guarded) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	return g.reg.List(g.with(ctx), q)
}

// Watch hands on where to ask what the caller may see: the stream asks again
// while it runs.
func (g *guarded) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	return g.reg.Watch(g.with(ctx), q)
}

func (g *guarded) Tags(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Names{}, err
	}
	return g.reg.Tags(ctx, repo, last, n)
}

func (g *guarded) Repositories(ctx context.Context, last string, n int) (lading.Names, error) {
	return g.reg.Repositories(g.with(ctx), last, n)
}

func (g *guarded) Search(ctx context.Context, q lading.SearchQuery) (lading.Names, error) {
	return g.reg.Search(g.with(ctx), q)
}

func (g *guarded) Referrers(ctx context.Context, repo string, q lading.ReferrersQuery) (lading.Referrers, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Referrers{}, err
	}
	return g.reg.Referrers(ctx, repo, q)
}

// TagHistory is empty for what the caller may not read, as it is for what
// never was; a registry that remembers nothing supports no question.
func (g *guarded) TagHistory(ctx context.Context, repo, tag string, q lading.HistoryQuery) (lading.TagHistory, error) {
	reg, ok := g.reg.(lading.Historian)
	if !ok {
		return lading.TagHistory{}, lading.ErrUnsupported
	}
	ctx, err := g.read(ctx, repo)
	if errors.Is(err, lading.ErrNameUnknown) {
		return lading.TagHistory{}, nil
	}
	if err != nil {
		return lading.TagHistory{}, err
	}
	return reg.TagHistory(ctx, repo, tag, q)
}
