package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func digestOf(s string) lading.Digest { return digest.FromString(s) }

// each runs fn with a registry on every engine, and the context of somebody
// who may see everything.
func each(t *testing.T, fn func(t *testing.T, ctx context.Context, r *Registry)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := context.Background()
		cat, err := catalog.Open(ctx, sqldbtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true}), catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		disc, err := discover.New(ctx, cat, discover.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx = lading.WithIdentity(ctx, lading.Identity{Subject: "ada"})
		fn(t, see(ctx, lading.AllGrants()), New(cat, blob.NewMemory(), disc, Options{}))
	})
}

func see(ctx context.Context, g lading.Grants) context.Context {
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return g, nil })
}

// upload pushes a blob.
func push(t *testing.T, ctx context.Context, r *Registry, repo, content string) lading.Digest {
	t.Helper()
	w, err := r.StartBlob(ctx, repo, lading.Descriptor{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	d, err := w.Commit(ctx, digestOf(content))
	if err != nil {
		t.Fatal(err)
	}
	return d.Digest
}

func index(t *testing.T, v map[string]any) lading.Manifest {
	t.Helper()
	doc := map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{}}
	maps.Copy(doc, v)
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return lading.Manifest{MediaType: indexType, Bytes: raw}
}

// TestReferrers: in full, by type, in pages, also of a subject that is not
// there.
func TestReferrers(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		const repo = "a"
		subject := digestOf("not there")
		long := map[string]string{}
		for i := range 100 {
			long[fmt.Sprint("key", i)] = strings.Repeat("x", 100)
		}
		for i := range 5 {
			m := index(t, map[string]any{"subject": map[string]any{"mediaType": indexType, "digest": subject, "size": 1},
				"artifactType": []string{"a/a", "b/b"}[i%2], "annotations": map[string]string{"n": fmt.Sprint(i)}})
			if i == 0 {
				m = index(t, map[string]any{"subject": map[string]any{"mediaType": indexType, "digest": subject, "size": 1},
					"artifactType": "a/a", "annotations": long})
			}
			if rc, err := r.PutManifest(ctx, repo, m, lading.PutOptions{}); err != nil || rc.Subject != subject {
				t.Fatalf("%+v, %v", rc, err)
			}
		}
		read := func(q lading.ReferrersQuery) (out []lading.Descriptor) {
			q.Subject = subject
			for {
				page, err := r.Referrers(ctx, repo, q)
				if err != nil || len(page.Manifests) > q.N {
					t.Fatalf("%d referrers: %v", len(page.Manifests), err)
				}
				if out = append(out, page.Manifests...); !page.More {
					return out
				}
				q.After = out[len(out)-1].Digest
			}
		}
		for n := 1; n < 7; n++ {
			all := read(lading.ReferrersQuery{N: n})
			if len(all) != 5 {
				t.Fatalf("n=%d: %d referrers", n, len(all))
			}
			for i := range all[1:] {
				if all[i].Digest >= all[i+1].Digest {
					t.Errorf("n=%d: %s before %s", n, all[i].Digest, all[i+1].Digest)
				}
			}
			full := 0
			for _, d := range all {
				if maps.Equal(d.Annotations, long) {
					full++
				}
			}
			if full != 1 {
				t.Errorf("n=%d: the long annotations are not shown in full", n)
			}
			if got := read(lading.ReferrersQuery{N: n, ArtifactType: "a/a"}); len(got) != 3 {
				t.Errorf("n=%d: %d referrers of a type", n, len(got))
			}
		}
		if got := read(lading.ReferrersQuery{N: 10, ArtifactType: "c/c\x00"}); len(got) != 0 {
			t.Errorf("%d referrers of no type", len(got))
		}
		l, err := r.List(ctx, lading.Query{Kind: lading.KindManifests, Scope: lading.Scope{Repository: repo}})
		if err != nil {
			t.Fatal(err)
		}
		cut := 0
		for _, it := range l.Items {
			if it.Descriptor.AnnotationsTruncated {
				cut++
				if raw, _ := json.Marshal(it.Descriptor.Annotations); len(raw) > lading.MaxAnnotations || len(raw) < lading.MaxAnnotations/2 {
					t.Errorf("%d bytes of annotations in a listing", len(raw))
				}
			}
		}
		if cut != 1 {
			t.Errorf("%d items have truncated annotations", cut)
		}
		if _, err := r.Referrers(ctx, repo, lading.ReferrersQuery{Subject: "x", N: 1}); !errors.Is(err, lading.ErrDigestInvalid) {
			t.Errorf("no digest: %v", err)
		}
	})
}

// TestMount: only from where the caller may read.
func TestMount(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		d := push(t, ctx, r, "private/x", "content")
		narrow := see(ctx, lading.NewGrants(lading.RepositoryRange("mine")))
		for name, do := range map[string]func() error{
			"may not read": func() error { _, err := r.MountBlob(narrow, "mine", "private/x", d); return err },
			"nowhere":      func() error { _, err := r.MountBlob(narrow, "mine", "", d); return err },
			"not there":    func() error { _, err := r.MountBlob(ctx, "mine", "private/y", d); return err },
			"other blob":   func() error { _, err := r.MountBlob(ctx, "mine", "private/x", anyDigest); return err },
		} {
			if err := do(); !errors.Is(err, lading.ErrBlobUnknown) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.ResolveBlob(ctx, "mine", d); !errors.Is(err, lading.ErrNameUnknown) {
			t.Errorf("a refused mount left something: %v", err)
		}
		if _, err := r.MountBlob(ctx, "mine", "private/x", d); err != nil {
			t.Fatal(err)
		}
		b, err := r.Blob(ctx, "mine", d)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if raw, err := io.ReadAll(b); err != nil || !bytes.Equal(raw, []byte("content")) {
			t.Errorf("%q, %v", raw, err)
		}
	})
}

// TestNameErrors: names are checked before anything else.
func TestNameErrors(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		m := index(t, nil)
		put := func(repo string, tags ...string) error {
			_, err := r.PutManifest(ctx, repo, m, lading.PutOptions{Tags: tags})
			return err
		}
		for name, test := range map[string]struct{ err, want error }{
			"repository":        {put("A"), lading.ErrNameInvalid},
			"tag":               {put("a", "ok", "-bad"), lading.ErrTagInvalid},
			"zero byte":         {put("a\x00"), lading.ErrNameInvalid},
			"upload":            {func() error { _, err := r.StartBlob(ctx, "../a", lading.Descriptor{}); return err }(), lading.ErrNameInvalid},
			"mount":             {func() error { _, err := r.MountBlob(ctx, "a//b", "b", anyDigest); return err }(), lading.ErrNameInvalid},
			"size not as told":  {sizeTold(ctx, r), lading.ErrSizeInvalid},
			"digest of nothing": {wrongDigest(ctx, r), lading.ErrDigestInvalid},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: %v", name, test.err)
			}
		}
		if got, err := r.Repositories(ctx, "", 10); err != nil || len(got.Names) != 0 {
			t.Errorf("%v, %v", got.Names, err)
		}
		if got, err := r.Repositories(ctx, "\x00\xff", 10); err != nil || len(got.Names) != 0 {
			t.Errorf("after no name: %v, %v", got.Names, err)
		}
	})
}

func sizeTold(ctx context.Context, r *Registry) error {
	w, err := r.StartBlob(ctx, "a", lading.Descriptor{Size: 5})
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.WriteString(w, "four"); err != nil {
		return err
	}
	_, err = w.Commit(ctx, digestOf("four"))
	return err
}

func wrongDigest(ctx context.Context, r *Registry) error {
	w, err := r.StartBlob(ctx, "a", lading.Descriptor{})
	if err != nil {
		return err
	}
	defer w.Close()
	_, err = w.Commit(ctx, lading.Digest("sha256:e3b0"))
	return err
}
