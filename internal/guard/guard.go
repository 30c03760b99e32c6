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
	// Granted tells in which repositories, by their names, the caller may do
	// what the verb says, now. A name need not be one that exists.
	Granted(ctx context.Context, verb lading.Verb) (lading.Grants, error)
}

// Open allows everyone everything. It stands where access rules will stand;
// a registry with it must not listen where strangers can reach it.
type Open struct{}

// Granted implements Access.
func (Open) Granted(context.Context, lading.Verb) (lading.Grants, error) {
	return lading.AllGrants(), nil
}

// New puts access rules before a registry.
func New(reg lading.Registry, access Access) lading.Registry {
	return &guarded{reg: reg, door: door{access}}
}

type guarded struct {
	Closed
	door
	reg lading.Registry
}

// door is what decides, for every guard.
type door struct{ access Access }

// refused is what a caller is told who may not do something: who is not signed
// in shall sign in, whatever there is; to others it is said as err. None of it
// depends on what exists.
func refused(ctx context.Context, err *lading.Error) error {
	if lading.IdentityFrom(ctx).Anonymous() {
		return lading.ErrUnauthorized
	}
	return err.Wrap(lading.ErrRefused)
}

// refusal is refused, where whoever would have enough with a token that is made
// for more shall get that.
func (d door) refusal(ctx context.Context, verb lading.Verb, enough func(lading.Grants) bool, err *lading.Error) error {
	if err.Code == lading.CodeDenied { // says what to ask an administrator for
		err = err.With("%s: it takes %s", err.Message, verb)
	}
	id := lading.IdentityFrom(ctx)
	if id.Anonymous() || id.Credential == nil || id.Credential.Wider == nil {
		return refused(ctx, err)
	}
	id.Credential = id.Credential.Wider
	wider, failed := d.access.Granted(lading.WithIdentity(ctx, id), verb)
	switch {
	case failed != nil:
		return failed
	case enough(wider):
		return lading.ErrInsufficientScope
	}
	return refused(ctx, err)
}

// may reports whether the caller may do what the verb says in a repository, and
// otherwise answers err.
func (d door) may(ctx context.Context, verb lading.Verb, repo string, err *lading.Error) error {
	grants, failed := d.access.Granted(ctx, verb)
	switch {
	case failed != nil:
		return failed
	case !grants.Contains(repo):
		return d.refusal(ctx, verb, func(g lading.Grants) bool { return g.Contains(repo) }, err)
	}
	return nil
}

// read opens a repository for reading. What the caller may not read does not
// exist for it.
func (d door) read(ctx context.Context, repo string) (context.Context, error) {
	return d.with(ctx, lading.VerbPull), d.may(ctx, lading.VerbPull, repo, lading.ErrNameUnknown)
}

// write opens a repository for a change. What the engine reads for it, it reads
// as the caller could.
func (d door) write(ctx context.Context, verb lading.Verb, repo string) (context.Context, error) {
	return d.with(ctx, lading.VerbPull), d.may(ctx, verb, repo, lading.ErrDenied)
}

// change opens a repository for a change under a condition. Whether one holds
// tells what is there: who may not read the repository may not ask.
func (d door) change(ctx context.Context, verb lading.Verb, repo string, cond lading.Precondition) (context.Context, error) {
	ctx, err := d.write(ctx, verb, repo)
	if err == nil && !cond.Empty() {
		err = d.may(ctx, lading.VerbPull, repo, lading.ErrDenied)
	}
	return ctx, err
}

// list opens what is listed. Who is not signed in and may see none of what is
// asked for shall sign in: for others, and for those who may see a part, the
// rest does not exist.
func (d door) list(ctx context.Context, asked lading.Grants, also ...lading.Verb) (context.Context, error) {
	ctx = d.with(ctx, append(also, lading.VerbList)...)
	if id := lading.IdentityFrom(ctx); !id.Anonymous() && id.Credential == nil {
		return ctx, nil
	}
	some := func(g lading.Grants) bool { return !g.Intersect(asked).Empty() }
	grants, err := lading.GrantsFrom(ctx)
	if err != nil || some(grants) {
		return ctx, err
	}
	if err := d.refusal(ctx, lading.VerbList, some, lading.ErrDenied); !errors.Is(err, lading.ErrDenied) {
		return ctx, err
	}
	return ctx, nil // and nothing is listed
}

// with hands on where the caller may do all of some things: the engine asks
// again while a request takes long.
func (d door) with(ctx context.Context, verbs ...lading.Verb) context.Context {
	if len(verbs) == 1 {
		return lading.WithGrants(ctx, func(ctx context.Context) (lading.Grants, error) { return d.access.Granted(ctx, verbs[0]) })
	}
	return lading.WithGrants(ctx, func(ctx context.Context) (lading.Grants, error) {
		all := lading.AllGrants()
		for _, verb := range verbs {
			grants, err := d.access.Granted(ctx, verb)
			if err != nil {
				return lading.Grants{}, err
			}
			all = all.Intersect(grants)
		}
		return all, nil
	})
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

// PutManifest needs the right to push. Whether a tag would move is known only
// where it is put: without the right to move tags, the put is refused there if
// it would.
func (g *guarded) PutManifest(ctx context.Context, repo string, m lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	ctx, err := g.change(ctx, lading.VerbPush, repo, opt.If)
	if err != nil {
		return lading.Receipt{}, err
	}
	moves, err := g.access.Granted(ctx, lading.VerbRetag)
	if err != nil {
		return lading.Receipt{}, err
	}
	opt.KeepTags = opt.KeepTags || !moves.Contains(repo)
	return g.reg.PutManifest(ctx, repo, m, opt)
}

func (g *guarded) StartBlob(ctx context.Context, repo string, want lading.Descriptor) (lading.BlobWriter, error) {
	ctx, err := g.write(ctx, lading.VerbPush, repo)
	if err != nil {
		return nil, err
	}
	return g.reg.StartBlob(ctx, repo, want)
}

func (g *guarded) ResumeBlob(ctx context.Context, repo, id string) (lading.BlobWriter, error) {
	ctx, err := g.write(ctx, lading.VerbPush, repo)
	if err != nil {
		return nil, err
	}
	return g.reg.ResumeBlob(ctx, repo, id)
}

// MountBlob needs both: to write to the one repository and to read the other.
// Where the other may not be read, the blob is unknown.
func (g *guarded) MountBlob(ctx context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	ctx, err := g.write(ctx, lading.VerbPush, to)
	if err != nil {
		return lading.Descriptor{}, err
	}
	if from != "" {
		if err := g.may(ctx, lading.VerbPull, from, lading.ErrBlobUnknown); err != nil {
			return lading.Descriptor{}, lading.ErrBlobUnknown.Wrap(err)
		}
	}
	return g.reg.MountBlob(ctx, to, from, d)
}

func (g *guarded) DeleteTag(ctx context.Context, repo, tag string, opt lading.DeleteOptions) error {
	ctx, err := g.change(ctx, lading.VerbDelete, repo, opt.If)
	if err != nil {
		return err
	}
	return g.reg.DeleteTag(ctx, repo, tag, opt)
}

func (g *guarded) DeleteManifest(ctx context.Context, repo string, d lading.Digest, opt lading.DeleteOptions) error {
	ctx, err := g.change(ctx, lading.VerbDelete, repo, opt.If)
	if err != nil {
		return err
	}
	return g.reg.DeleteManifest(ctx, repo, d, opt)
}

func (g *guarded) DeleteBlob(ctx context.Context, repo string, d lading.Digest) error {
	ctx, err := g.write(ctx, lading.VerbDelete, repo)
	if err != nil {
		return err
	}
	return g.reg.DeleteBlob(ctx, repo, d)
}

func (g *guarded) DeleteRepository(ctx context.Context, repo string) error {
	ctx, err := g.write(ctx, lading.VerbDelete, repo)
	if err != nil {
		return err
	}
	return g.reg.DeleteRepository(ctx, repo)
}

func (g *guarded) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	ctx, err := g.list(ctx, namesOf(q.Scope))
	if err != nil {
		return lading.Listing{}, err
	}
	return g.reg.List(ctx, q)
}

// Watch hands on where to ask what the caller may see: the stream asks again
// while it runs. Events with manifests in them are of what the caller may pull.
func (g *guarded) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	var also []lading.Verb
	if q.Data == lading.DataManifest {
		also = []lading.Verb{lading.VerbPull}
	}
	ctx, err := g.list(ctx, namesOf(q.Scope), also...)
	if err != nil {
		return nil, err
	}
	return g.reg.Watch(ctx, q)
}

// namesOf are the names that a scope is about, or some more.
func namesOf(s lading.Scope) lading.Grants {
	switch {
	case s.Repository != "":
		return lading.NewGrants(lading.RepositoryRange(s.Repository))
	case s.Namespace != "":
		return lading.NewGrants(lading.NamespaceRanges(s.Namespace)...)
	}
	return lading.AllGrants()
}

func (g *guarded) Tags(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	ctx, err := g.read(ctx, repo)
	if err != nil {
		return lading.Names{}, err
	}
	return g.reg.Tags(ctx, repo, last, n)
}

func (g *guarded) Repositories(ctx context.Context, last string, n int) (lading.Names, error) {
	ctx, err := g.list(ctx, lading.AllGrants())
	if err != nil {
		return lading.Names{}, err
	}
	return g.reg.Repositories(ctx, last, n)
}

func (g *guarded) Search(ctx context.Context, q lading.SearchQuery) (lading.Names, error) {
	ctx, err := g.list(ctx, lading.AllGrants())
	if err != nil {
		return lading.Names{}, err
	}
	return g.reg.Search(ctx, q)
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
