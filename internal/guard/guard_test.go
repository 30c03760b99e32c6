package guard

import (
	"context"
	"errors"
	"reflect"
	"strings"
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
	put     lading.PutOptions
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
func (r *recorder) PutManifest(ctx context.Context, _ string, _ lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	r.put = opt
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

// rules are the repositories in which each verb is allowed.
type rules map[lading.Verb][]string

func (r rules) Granted(_ context.Context, verb lading.Verb) (lading.Grants, error) {
	return named(r[verb]...), nil
}

func named(names ...string) lading.Grants {
	var ranges []lading.Range
	for _, name := range names {
		ranges = append(ranges, lading.RepositoryRange(name))
	}
	return lading.NewGrants(ranges...)
}

type broken struct{ err error }

func (b broken) Granted(context.Context, lading.Verb) (lading.Grants, error) {
	return lading.AllGrants(), b.err
}

// needs is the verb of each method: of pull and list it is what the context
// shows, too; of the others the context shows what may be pulled.
var needs = map[string]lading.Verb{
	"Manifest": lading.VerbPull, "Resolve": lading.VerbPull, "Blob": lading.VerbPull, "ResolveBlob": lading.VerbPull,
	"Tags": lading.VerbPull, "Referrers": lading.VerbPull, "TagHistory": lading.VerbPull,
	"PutManifest": lading.VerbPush, "StartBlob": lading.VerbPush, "ResumeBlob": lading.VerbPush, "MountBlob": lading.VerbPush,
	"DeleteTag": lading.VerbDelete, "DeleteManifest": lading.VerbDelete, "DeleteBlob": lading.VerbDelete, "DeleteRepository": lading.VerbDelete,
	"List": lading.VerbList, "Watch": lading.VerbList, "Repositories": lading.VerbList, "Search": lading.VerbList,
}

// ada is signed in.
func ada() context.Context {
	return lading.WithIdentity(context.Background(), lading.Identity{Subject: "user:ada"})
}

// refusal is what somebody is told who lacks the verb of a method.
func refusal(name string, signedIn bool) error {
	switch {
	case !signedIn:
		return lading.ErrUnauthorized
	case name == "TagHistory":
		return nil // of what may not be read it knows nothing, and says so without an error
	case needs[name] == lading.VerbPull:
		return lading.ErrNameUnknown
	}
	return lading.ErrDenied
}

// TestGuard: each method reaches the registry with its verb, and with every
// other verb but that does not, for names that anybody could have.
func TestGuard(t *testing.T) {
	pull := named("x", "pulled")
	for i := range registryType.NumMethod() {
		name := registryType.Method(i).Name
		verb := needs[name]
		if verb == 0 {
			t.Errorf("%s is a new method: say here what it needs", name)
			continue
		}
		others := rules{}
		for _, v := range lading.AllVerbs() {
			if others[v] = []string{"x"}; v == verb {
				others[v] = []string{"y"}
			}
		}
		for _, signedIn := range []bool{true, false} {
			ctx := context.Background()
			if signedIn {
				ctx = ada()
			}
			rec := &recorder{}
			mine := rules{verb: {"x"}, lading.VerbPull: {"x", "pulled"}}
			if err := call(New(rec, mine), name, ctx, "x"); !errors.Is(err, errReached) || rec.reached[0] != name {
				t.Errorf("%s with %s: %v, reached %v", name, verb, err, rec.reached)
			}
			want := pull
			if verb == lading.VerbList {
				want = named("x")
			}
			if !rec.grants.Equal(want) {
				t.Errorf("%s shows %s, want %s", name, rec.grants, want)
			}
			if verb == lading.VerbList {
				continue // the context cuts what is listed: see TestListings
			}
			rec = &recorder{}
			if err, want := call(New(rec, others), name, ctx, "x"), refusal(name, signedIn); !errors.Is(err, want) || len(rec.reached) > 0 {
				t.Errorf("%s without %s, signed in %v: %v, reached %v; want %v", name, verb, signedIn, err, rec.reached, want)
			} else if errors.Is(err, lading.ErrDenied) && !strings.Contains(err.Error(), "it takes "+verb.String()) {
				t.Errorf("%s without %s does not say what it takes: %v", name, verb, err)
			}
		}
	}
}

// TestListings: who may list nothing of what is asked for lists nothing, and,
// who is not signed in, is told to.
func TestListings(t *testing.T) {
	list := func(access Access, ctx context.Context, s lading.Scope) (lading.Grants, error) {
		rec := &recorder{}
		_, err := New(rec, access).List(ctx, lading.Query{Scope: s})
		watched := &recorder{}
		if _, again := New(watched, access).Watch(ctx, lading.WatchQuery{Scope: s}); !errors.Is(again, err) || !watched.grants.Equal(rec.grants) {
			t.Errorf("list: %v, watch: %v", err, again)
		}
		return rec.grants, err
	}
	some := rules{lading.VerbList: {"a/b", "c"}}
	for _, tt := range []struct {
		access   rules
		signedIn bool
		scope    lading.Scope
		want     error
	}{
		{some, true, lading.Scope{}, errReached}, {some, false, lading.Scope{}, errReached},
		{some, false, lading.Scope{Repository: "c"}, errReached}, {some, false, lading.Scope{Namespace: "a"}, errReached},
		{some, false, lading.Scope{Repository: "a"}, lading.ErrUnauthorized}, {some, true, lading.Scope{Repository: "a"}, errReached},
		{some, false, lading.Scope{Namespace: "b"}, lading.ErrUnauthorized},
		{rules{lading.VerbPull: {"c"}}, false, lading.Scope{}, lading.ErrUnauthorized}, {rules{}, true, lading.Scope{}, errReached},
	} {
		ctx := context.Background()
		if tt.signedIn {
			ctx = ada()
		}
		got, err := list(tt.access, ctx, tt.scope)
		if !errors.Is(err, tt.want) || err == errReached && !got.Equal(named(tt.access[lading.VerbList]...)) {
			t.Errorf("%v, signed in %v, %+v: %v with %s", tt.access, tt.signedIn, tt.scope, err, got)
		}
	}
	for _, name := range []string{"Repositories", "Search"} {
		for want, ctx := range map[error]context.Context{errReached: ada(), lading.ErrUnauthorized: context.Background()} {
			if err := call(New(&recorder{}, rules{}), name, ctx, "x"); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// TestWatchedManifests: events with manifests in them are of what may be pulled.
func TestWatchedManifests(t *testing.T) {
	rec := &recorder{}
	g := New(rec, rules{lading.VerbList: {"both", "listed"}, lading.VerbPull: {"both", "pulled"}})
	for data, want := range map[lading.Data]lading.Grants{"": named("both", "listed"), lading.DataDescriptor: named("both", "listed"), lading.DataManifest: named("both")} {
		if _, err := g.Watch(ada(), lading.WatchQuery{Data: data}); !errors.Is(err, errReached) || !rec.grants.Equal(want) {
			t.Errorf("%s: %v with %s", data, err, rec.grants)
		}
	}
}

// TestKeepTags: who may push, and not move tags, pushes without moving any.
func TestKeepTags(t *testing.T) {
	for _, moves := range []bool{true, false} {
		access := rules{lading.VerbPush: {"x"}, lading.VerbRetag: {"y"}}
		if moves {
			access[lading.VerbRetag] = []string{"x"}
		}
		for _, keep := range []bool{true, false} {
			rec := &recorder{}
			_, err := New(rec, access).PutManifest(ada(), "x", lading.Manifest{}, lading.PutOptions{KeepTags: keep})
			if !errors.Is(err, errReached) || rec.put.KeepTags != (keep || !moves) {
				t.Errorf("may move %v, asked to keep %v: %v, kept %v", moves, keep, err, rec.put.KeepTags)
			}
		}
	}
}

// TestAccessFails: when nobody knows what may be done, nothing is.
func TestAccessFails(t *testing.T) {
	failed := errors.New("failed")
	for name, verb := range needs {
		rec := &recorder{}
		err := call(New(rec, broken{failed}), name, context.Background(), "a")
		if !errors.Is(err, failed) || len(rec.reached) != 0 {
			t.Errorf("%s (%s): %v, reached %v", name, verb, err, rec.reached)
		}
	}
}

func TestMountFromHidden(t *testing.T) {
	rec := &recorder{}
	g := New(rec, rules{lading.VerbPull: {"mine"}, lading.VerbPush: {"mine"}})
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
	may := []string{"mine", "writable"}
	access := rules{lading.VerbPull: {"mine"}, lading.VerbPush: may, lading.VerbRetag: may, lading.VerbDelete: may}
	cond := lading.Precondition{Absent: true}
	for repo, want := range map[string]error{"mine": errReached, "writable": lading.ErrDenied} {
		g, ctx := New(&recorder{}, access), ada()
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
