package guard

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/lading-dev/lading"
)

const anyDigest = lading.Digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

// everything is the interface with those that are optional.
type everything interface {
	lading.Registry
	lading.Historian
}

var registryType = reflect.TypeFor[everything]()

// call calls a method of a registry with plausible arguments and returns its
// error.
func call(reg lading.Registry, method string, ctx context.Context, repo string) error {
	m := reflect.ValueOf(reg).MethodByName(method)
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < m.Type().NumIn(); i++ {
		v := reflect.New(m.Type().In(i)).Elem()
		if v.Kind() == reflect.String {
			v.SetString(repo)
		}
		args = append(args, v)
	}
	out := m.Call(args)
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// TestClosed: every method of the interface refuses, those too that are added
// later.
func TestClosed(t *testing.T) {
	for i := range registryType.NumMethod() {
		name := registryType.Method(i).Name
		if err := call(Closed{}, name, context.Background(), "a"); !errors.Is(err, lading.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// recorder notes which methods were reached and what their context shows.
type recorder struct {
	Closed
	reached []string
	grants  lading.Grants
}

var errReached = errors.New("reached")

func (r *recorder) note(ctx context.Context, name string) error {
	r.reached = append(r.reached, name)
	r.grants, _ = lading.GrantsFrom(ctx)
	return errReached
}

func (r *recorder) Manifest(ctx context.Context, _ string, _ lading.Reference) (lading.Manifest, error) {
	return lading.Manifest{}, r.note(ctx, "Manifest")
}
func (r *recorder) Resolve(ctx context.Context, _ string, _ lading.Reference) (lading.Descriptor, error) {
	return lading.Descriptor{}, r.note(ctx, "Resolve")
}
func (r *recorder) Blob(ctx context.Context, _ string, _ lading.Digest) (lading.BlobReader, error) {
	return nil, r.note(ctx, "Blob")
}
func (r *recorder) ResolveBlob(ctx context.Context, _ string, _ lading.Digest) (lading.Descriptor, error) {
	return lading.Descriptor{}, r.note(ctx, "ResolveBlob")
}
func (r *recorder) PutManifest(ctx context.Context, _ string, _ lading.Manifest, _ lading.PutOptions) (lading.Receipt, error) {
	return lading.Receipt{}, r.note(ctx, "PutManifest")
}
func (r *recorder) StartBlob(ctx context.Context, _ string, _ lading.Descriptor) (lading.BlobWriter, error) {
	return nil, r.note(ctx, "StartBlob")
}
func (r *recorder) ResumeBlob(ctx context.Context, _, _ string) (lading.BlobWriter, error) {
	return nil, r.note(ctx, "ResumeBlob")
}
func (r *recorder) MountBlob(ctx context.Context, _, _ string, _ lading.Digest) (lading.Descriptor, error) {
	return lading.Descriptor{}, r.note(ctx, "MountBlob")
}
func (r *recorder) DeleteTag(ctx context.Context, _, _ string, _ lading.DeleteOptions) error {
	return r.note(ctx, "DeleteTag")
}
func (r *recorder) DeleteManifest(ctx context.Context, _ string, _ lading.Digest, _ lading.DeleteOptions) error {
	return r.note(ctx, "DeleteManifest")
}
func (r *recorder) DeleteBlob(ctx context.Context, _ string, _ lading.Digest) error {
	return r.note(ctx, "DeleteBlob")
}
func (r *recorder) DeleteRepository(ctx context.Context, _ string) error {
	return r.note(ctx, "DeleteRepository")
}
func (r *recorder) List(ctx context.Context, _ lading.Query) (lading.Listing, error) {
	return lading.Listing{}, r.note(ctx, "List")
}
func (r *recorder) Watch(ctx context.Context, _ lading.WatchQuery) (lading.Stream, error) {
	return nil, r.note(ctx, "Watch")
}
func (r *recorder) Tags(ctx context.Context, _, _ string, _ int) (lading.Names, error) {
	return lading.Names{}, r.note(ctx, "Tags")
}
func (r *recorder) Repositories(ctx context.Context, _ string, _ int) (lading.Names, error) {
	return lading.Names{}, r.note(ctx, "Repositories")
}
func (r *recorder) Search(ctx context.Context, _ lading.SearchQuery) (lading.Names, error) {
	return lading.Names{}, r.note(ctx, "Search")
}
func (r *recorder) TagHistory(ctx context.Context, _, _ string, _ lading.HistoryQuery) (lading.TagHistory, error) {
	return lading.TagHistory{}, r.note(ctx, "TagHistory")
}
func (r *recorder) Referrers(ctx context.Context, _ string, _ lading.ReferrersQuery) (lading.Referrers, error) {
	return lading.Referrers{}, r.note(ctx, "Referrers")
}

// rules lets read and write what they say.
type rules struct {
	read  lading.Grants
	write []string
	err   error
}

func (r rules) Grants(context.Context) (lading.Grants, error) { return r.read, r.err }
func (r rules) Write(_ context.Context, repo string) error {
	if slices.Contains(r.write, repo) {
		return nil
	}
	return lading.ErrDenied
}

// readers need a repository that may be read, writers one that may be written;
// the rest is cut by the grants in the context.
var (
	readers = []string{"Manifest", "Resolve", "Blob", "ResolveBlob", "Tags", "Referrers"}
	writers = []string{"PutManifest", "StartBlob", "ResumeBlob", "MountBlob", "DeleteTag", "DeleteManifest", "DeleteBlob", "DeleteRepository"}
	cut     = []string{"List", "Watch", "Repositories", "Search"}
	// of what may not be read these know nothing, and say so without an error
	quiet = []string{"TagHistory"}
)

// TestGuard: each method reaches the registry where it may, with the caller's
// grants in the context, and nothing else reaches it; what may not be read
// does not exist.
func TestGuard(t *testing.T) {
	mine := lading.NewGrants(lading.RepositoryRange("mine"), lading.RepositoryRange("readable"))
	access := rules{read: mine, write: []string{"mine", "writable"}}
	known := slices.Concat(readers, writers, cut, quiet)
	for i := range registryType.NumMethod() {
		name := registryType.Method(i).Name
		if !slices.Contains(known, name) {
			t.Errorf("%s is a new method: say here what it needs", name)
			continue
		}
		for _, repo := range []string{"mine", "readable", "writable", "hidden"} {
			var want error = errReached
			switch {
			case slices.Contains(quiet, name) && !mine.Contains(repo):
				want = nil
			case slices.Contains(readers, name) && !mine.Contains(repo):
				want = lading.ErrNameUnknown
			case slices.Contains(writers, name) && !slices.Contains(access.write, repo):
				want = lading.ErrDenied
			case name == "MountBlob" && repo == "writable": // from is the same repository, which may not be read
				want = lading.ErrBlobUnknown
			}
			rec := &recorder{}
			err := call(New(rec, access), name, context.Background(), repo)
			if !errors.Is(err, want) || (len(rec.reached) == 1) != (want == errReached) {
				t.Errorf("%s of %s: %v, reached %v; want %v", name, repo, err, rec.reached, want)
			}
			if want == errReached && (rec.reached[0] != name || !rec.grants.Equal(mine)) {
				t.Errorf("%s of %s reached %v with %v", name, repo, rec.reached, rec.grants)
			}
		}
	}
}

// TestAccessFails: when nobody knows what may be read, nothing is.
func TestAccessFails(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range slices.Concat(readers, quiet) {
		rec := &recorder{}
		if err := call(New(rec, rules{read: lading.AllGrants(), err: broken}), name, context.Background(), "a"); !errors.Is(err, broken) || len(rec.reached) != 0 {
			t.Errorf("%s: %v, reached %v", name, err, rec.reached)
		}
	}
}

func TestMountFromHidden(t *testing.T) {
	rec := &recorder{}
	g := New(rec, rules{read: lading.NewGrants(lading.RepositoryRange("mine")), write: []string{"mine"}})
	if _, err := g.MountBlob(context.Background(), "mine", "hidden", anyDigest); !errors.Is(err, lading.ErrBlobUnknown) || errors.Is(err, errReached) {
		t.Errorf("mount from a hidden repository: %v", err)
	}
	if _, err := g.MountBlob(context.Background(), "mine", "", anyDigest); !errors.Is(err, errReached) {
		t.Errorf("mount from anywhere: %v", err)
	}
}

// TestConditionOnHidden: whether a condition holds tells what is there, so
// that only who may read a repository may ask.
func TestConditionOnHidden(t *testing.T) {
	access := rules{read: lading.NewGrants(lading.RepositoryRange("mine")), write: []string{"mine", "writable"}}
	cond := lading.Precondition{Absent: true}
	for repo, want := range map[string]error{"mine": errReached, "writable": lading.ErrDenied} {
		g, ctx := New(&recorder{}, access), context.Background()
		_, err := g.PutManifest(ctx, repo, lading.Manifest{}, lading.PutOptions{If: cond})
		for name, err := range map[string]error{
			"put":             err,
			"delete tag":      g.DeleteTag(ctx, repo, "a", lading.DeleteOptions{If: cond}),
			"delete manifest": g.DeleteManifest(ctx, repo, anyDigest, lading.DeleteOptions{If: cond}),
		} {
			if !errors.Is(err, want) {
				t.Errorf("%s in %s: %v", name, repo, err)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	rec := &recorder{}
	for i := range registryType.NumMethod() {
		name := registryType.Method(i).Name
		if err := call(New(rec, Open{}), name, context.Background(), "a"); !errors.Is(err, errReached) || !rec.grants.All() {
			t.Errorf("%s: %v with %v", name, err, rec.grants)
		}
	}
}
