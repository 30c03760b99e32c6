package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// questions are asked of a registry in the same process and of the client of
// it: the answers are to be the same, and so are the failures.
var questions = map[string]func(ctx context.Context, reg lading.Registry) (any, error){
	"manifest":           manifest("acme/web", lading.Reference{Tag: "1"}),
	"no such tag":        manifest("acme/web", lading.Reference{Tag: "9"}),
	"no such manifest":   manifest("acme/web", lading.Reference{Digest: digest.FromString("x")}),
	"no such repository": manifest("acme/none", lading.Reference{Tag: "1"}),
	"resolve":            resolve("acme/web", lading.Reference{Tag: "1"}),
	"resolve no tag":     resolve("acme/web", lading.Reference{Tag: "9"}),
	"resolve no name":    resolve("acme/none", lading.Reference{Tag: "9"}),
	"blob":               resolveBlob("acme/web", digest.FromString("{}")),
	"no such blob":       resolveBlob("acme/web", digest.FromString("x")),
	"blob of no name":    resolveBlob("acme/none", digest.FromString("{}")),
	"read blob":          readBlob("acme/web", digest.FromString("{}")),
	"read no blob":       readBlob("acme/web", digest.FromString("x")),
	"tags":               tags("acme/web", "", 10),
	"tags, a page":       tags("acme/web", "1", 1),
	"tags of nothing":    tags("acme/none", "", 10),
	"repositories":       func(ctx context.Context, r lading.Registry) (any, error) { return r.Repositories(ctx, "acme/api", 1) },
	"search": func(ctx context.Context, r lading.Registry) (any, error) {
		return r.Search(ctx, lading.SearchQuery{Text: "ac", N: 2, Page: 1})
	},
	"referrers":           referrers("acme/web", lading.ReferrersQuery{Subject: digest.FromString("x"), N: 10}),
	"referrers, no name":  referrers("acme/none", lading.ReferrersQuery{Subject: digest.FromString("x"), N: 10}),
	"list":                list(lading.Query{Kind: lading.KindTags, N: 10}),
	"list a page":         list(lading.Query{Kind: lading.KindManifests, N: 1}),
	"list repositories":   list(lading.Query{Kind: lading.KindRepositories, Scope: lading.Scope{Prefix: []string{"acme/"}}}),
	"list by time":        list(lading.Query{Kind: lading.KindTags, Order: lading.OrderModified, Desc: true, N: 3}),
	"list statistics":     list(lading.Query{Kind: lading.KindRepositories, Stats: true}),
	"list namespaces":     list(lading.Query{Kind: lading.KindNamespaces}),
	"list a repository":   list(lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/web", Exclude: []string{"2*"}}}),
	"list no repository":  list(lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/none"}}),
	"list nothing new":    list(lading.Query{Kind: lading.KindTags, Since: "now"}),
	"list an odd type":    list(lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"odd"}}}),
	"list a forged since": list(lading.Query{Kind: lading.KindTags, Since: "forged"}),
	"list a forged page":  list(lading.Query{Kind: lading.KindTags, Page: "forged"}),
	"a view since":        list(lading.Query{Kind: lading.KindTags, Since: "forged", Order: lading.OrderCreated}),
	"put a broken one":    put(lading.Manifest{MediaType: imageType, Bytes: []byte("{")}, lading.PutOptions{Tags: []string{"1"}}),
	"put without a blob":  put(image(lading.Descriptor{Digest: digest.FromString("none"), Size: 4}, "x", ""), lading.PutOptions{}),
	"put another digest":  put(lading.Manifest{MediaType: imageType, Bytes: []byte("{}"), Digest: digest.FromString("x")}, lading.PutOptions{}),
	"put an odd tag":      put(lading.Manifest{MediaType: imageType, Bytes: []byte("{}")}, lading.PutOptions{Tags: []string{"a/b"}}),
	"put no such blob":    put(lading.Manifest{MediaType: imageType}, lading.PutOptions{FromBlob: digest.FromString("x"), Tags: []string{"1"}}),
	"put too much":        put(lading.Manifest{MediaType: imageType, Bytes: make([]byte, lading.MaxManifestSize+1)}, lading.PutOptions{}),
	"put where there is":  put(image(lading.Descriptor{Digest: digest.FromString("{}"), Size: 2}, "x", ""), lading.PutOptions{Tags: []string{"1"}, If: lading.Precondition{Absent: true}}),
	"delete no tag": func(ctx context.Context, r lading.Registry) (any, error) {
		return nil, r.DeleteTag(ctx, "acme/web", "9", lading.DeleteOptions{})
	},
	"delete no manifest": func(ctx context.Context, r lading.Registry) (any, error) {
		return nil, r.DeleteManifest(ctx, "acme/web", digest.FromString("x"), lading.DeleteOptions{})
	},
	"delete no blob": func(ctx context.Context, r lading.Registry) (any, error) {
		return nil, r.DeleteBlob(ctx, "acme/web", digest.FromString("x"))
	},
	"delete a used blob": func(ctx context.Context, r lading.Registry) (any, error) {
		return nil, r.DeleteBlob(ctx, "acme/web", digest.FromString("{}"))
	},
	"delete no repository": func(ctx context.Context, r lading.Registry) (any, error) {
		return nil, r.DeleteRepository(ctx, "acme/none")
	},
	"mount":              mount("acme/api", "acme/web", digest.FromString("{}")),
	"mount nothing":      mount("acme/api", "acme/web", digest.FromString("x")),
	"mount from nowhere": mount("acme/api", "acme/none", digest.FromString("{}")),
	"resume nothing": func(ctx context.Context, r lading.Registry) (any, error) {
		return r.ResumeBlob(ctx, "acme/web", "none")
	},
	"commit another": commit("{}", digest.FromString("x")),
	"commit oddly":   commit("{}", "sha256:odd"),
	"commit":         commit("committed", digest.FromString("committed")),
	"watch a forged since": func(ctx context.Context, r lading.Registry) (any, error) {
		return r.Watch(ctx, lading.WatchQuery{Since: "forged"})
	},
	"watch no repository": func(ctx context.Context, r lading.Registry) (any, error) {
		return r.Watch(ctx, lading.WatchQuery{Scope: lading.Scope{Repository: "acme/none"}})
	},
}

type question = func(ctx context.Context, reg lading.Registry) (any, error)

func manifest(repo string, ref lading.Reference) question {
	return func(ctx context.Context, r lading.Registry) (any, error) { return r.Manifest(ctx, repo, ref) }
}

func resolve(repo string, ref lading.Reference) question {
	return func(ctx context.Context, r lading.Registry) (any, error) { return r.Resolve(ctx, repo, ref) }
}

func resolveBlob(repo string, d lading.Digest) question {
	return func(ctx context.Context, r lading.Registry) (any, error) { return r.ResolveBlob(ctx, repo, d) }
}

func readBlob(repo string, d lading.Digest) question {
	return func(ctx context.Context, r lading.Registry) (any, error) {
		b, err := r.Blob(ctx, repo, d)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		data, err := io.ReadAll(b)
		return []any{b.Descriptor().Digest, b.Descriptor().Size, data}, err
	}
}

func tags(repo, last string, n int) question {
	return func(ctx context.Context, r lading.Registry) (any, error) { return r.Tags(ctx, repo, last, n) }
}

func referrers(repo string, q lading.ReferrersQuery) question {
	return func(ctx context.Context, r lading.Registry) (any, error) { return r.Referrers(ctx, repo, q) }
}

// list leaves out what is sealed, and so differs each time.
func list(q lading.Query) question {
	return func(ctx context.Context, r lading.Registry) (any, error) {
		l, err := r.List(ctx, q)
		return []any{l.Delta, len(l.Items), l.Items, l.Namespaces, l.Next != "", l.Cursor != ""}, err
	}
}

func put(m lading.Manifest, opt lading.PutOptions) question {
	return func(ctx context.Context, r lading.Registry) (any, error) {
		return r.PutManifest(ctx, "acme/web", m, opt)
	}
}

func mount(to, from string, d lading.Digest) question {
	return func(ctx context.Context, r lading.Registry) (any, error) {
		desc, err := r.MountBlob(ctx, to, from, d)
		return []any{desc.Digest, desc.Size}, err
	}
}

func commit(text string, d lading.Digest) question {
	return func(ctx context.Context, r lading.Registry) (any, error) {
		up, err := r.StartBlob(ctx, "acme/web", lading.Descriptor{})
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(up, text); err != nil {
			return nil, err
		}
		return up.Commit(ctx, d)
	}
}

func TestSameAsInProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		push(t, w.reg, "acme/web", "one", "1", "2", "3")
		push(t, w.reg, "acme/api", "two", "1")
		subject := push(t, w.reg, "other", "three", "1").Descriptor.Digest
		signed := image(pushBlob(t, w.reg, "other", "{}"), "signature", string(subject))
		if _, err := w.reg.PutManifest(t.Context(), "other", signed, lading.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		all := map[string]question{"referrers there are": referrers("other", lading.ReferrersQuery{Subject: subject, N: 10})}
		for name, q := range questions {
			all[name] = q
		}
		for name, q := range all {
			here, errHere := q(everything(t.Context()), w.srv.Engine())
			there, errThere := q(t.Context(), w.reg)
			if !sameCode(errHere, errThere) {
				t.Errorf("%s: in process %v, over HTTP %v", name, errHere, errThere)
				continue
			}
			if errHere != nil {
				continue
			}
			a, errA := json.Marshal(here)
			b, errB := json.Marshal(there)
			if errors.Join(errA, errB) != nil || string(a) != string(b) {
				t.Errorf("%s:\nin process %s\nover HTTP  %s", name, a, b)
			}
		}
	})
}

func sameCode(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return lading.AsError(a).Code == lading.AsError(b).Code
}
