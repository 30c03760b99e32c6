package client_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

func TestManifests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), lading.Registry(w.reg)
		config := pushBlob(t, reg, "acme/web", "{}")
		m := image(config, "one", "")
		put, err := reg.PutManifest(ctx, "acme/web", m, lading.PutOptions{Tags: []string{"1"}})
		d := digest.FromBytes(m.Bytes)
		if err != nil || put.Descriptor.Digest != d || put.Descriptor.MediaType != imageType || put.Descriptor.Size != int64(len(m.Bytes)) || !slices.Equal(put.Tags, []string{"1"}) {
			t.Fatalf("put: %+v, %v", put, err)
		}
		for _, ref := range []lading.Reference{{Tag: "1"}, {Digest: d}} {
			got, err := reg.Manifest(ctx, "acme/web", ref)
			if err != nil || got.Digest != d || got.MediaType != imageType || !bytes.Equal(got.Bytes, m.Bytes) {
				t.Errorf("%s: %+v, %v", ref, got, err)
			}
			if desc, err := reg.Resolve(ctx, "acme/web", ref); err != nil || desc.Digest != put.Descriptor.Digest || desc.Size != put.Descriptor.Size || desc.MediaType != imageType {
				t.Errorf("resolve %s: %+v, %v", ref, desc, err)
			}
		}
		if put, err = reg.PutManifest(ctx, "acme/web", m, lading.PutOptions{Tags: []string{"2", "3"}}); err != nil || !slices.Equal(put.Tags, []string{"2", "3"}) {
			t.Errorf("several tags: %+v, %v", put, err)
		}
		signed := image(config, "signature", string(d))
		if put, err = reg.PutManifest(ctx, "acme/web", signed, lading.PutOptions{}); err != nil || put.Subject != d {
			t.Errorf("with a subject: %+v, %v", put, err)
		}
		refs, err := reg.Referrers(ctx, "acme/web", lading.ReferrersQuery{Subject: d, N: 10})
		if err != nil || len(refs.Manifests) != 1 || refs.Manifests[0].Digest != put.Descriptor.Digest || refs.More {
			t.Errorf("referrers: %+v, %v", refs, err)
		}
		if refs, err = reg.Referrers(ctx, "acme/web", lading.ReferrersQuery{Subject: d, ArtifactType: "application/vnd.other"}); err != nil || len(refs.Manifests) != 0 {
			t.Errorf("referrers of another type: %+v, %v", refs, err)
		}
		strong := lading.Manifest{MediaType: imageType, Bytes: m.Bytes, Digest: digest.SHA512.FromBytes(m.Bytes)}
		if put, err = reg.PutManifest(ctx, "acme/strong", image(pushBlob(t, reg, "acme/strong", "{}"), "x", ""), lading.PutOptions{}); err != nil {
			t.Error(err)
		}
		if put, err = reg.PutManifest(ctx, "acme/strong", strong, lading.PutOptions{Tags: []string{"s"}}); err != nil || put.Descriptor.Digest != strong.Digest || !slices.Equal(put.Tags, []string{"s"}) {
			t.Errorf("by another algorithm: %+v, %v", put, err)
		}
		if got, err := reg.Manifest(ctx, "acme/strong", lading.Reference{Tag: "s"}); err != nil || got.Digest != strong.Digest {
			t.Errorf("by another algorithm: %s, %v", got.Digest, err)
		}
	})
}

func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), w.reg
		one := push(t, reg, "acme/web", "one", "1").Descriptor.Digest
		m := image(pushBlob(t, reg, "acme/web", "{}"), "two", "")
		for _, tt := range []struct {
			name string
			cond lading.Precondition
			ok   bool
		}{
			{"absent", lading.Precondition{Absent: true}, false},
			{"another", lading.Precondition{Match: []lading.Digest{digest.FromString("x")}}, false},
			{"none", lading.Precondition{Match: []lading.Digest{}}, false},
			{"not this", lading.Precondition{Differ: []lading.Digest{one}}, false},
			{"this", lading.Precondition{Match: []lading.Digest{digest.FromString("x"), one}}, true},
			{"any", lading.Precondition{Present: true}, true},
		} {
			_, err := reg.PutManifest(ctx, "acme/web", m, lading.PutOptions{Tags: []string{"1"}, If: tt.cond})
			if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, lading.ErrPreconditionFailed) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if err := reg.DeleteTag(ctx, "acme/web", "1", lading.DeleteOptions{If: lading.Precondition{Match: []lading.Digest{one}}}); !errors.Is(err, lading.ErrPreconditionFailed) {
			t.Errorf("delete: %v", err)
		}
	})
}

func TestDeletes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), w.reg
		one := push(t, reg, "acme/web", "one", "1", "2").Descriptor.Digest
		if err := reg.DeleteTag(ctx, "acme/web", "1", lading.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := reg.DeleteBlob(ctx, "acme/web", digest.FromString("{}")); !errors.Is(err, lading.ErrConflict) {
			t.Errorf("a blob in use: %v", err)
		}
		if err := reg.DeleteManifest(ctx, "acme/web", one, lading.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := reg.DeleteBlob(ctx, "acme/web", digest.FromString("{}")); err != nil {
			t.Error(err)
		}
		if err := reg.DeleteRepository(ctx, "acme/web"); err != nil {
			t.Error(err)
		}
		if _, err := reg.Tags(ctx, "acme/web", "", 10); !errors.Is(err, lading.ErrNameUnknown) {
			t.Errorf("after all: %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), w.reg
		for _, repo := range []string{"acme/api", "acme/web", "other"} {
			push(t, reg, repo, repo, "1", "2", "3")
		}
		for _, tt := range []struct {
			last string
			n    int
			want string
			more bool
		}{{"", 2, "acme/api acme/web", true}, {"acme/web", 2, "other", false}, {"", 0, "acme/api acme/web other", false}} {
			if got, err := reg.Repositories(ctx, tt.last, tt.n); err != nil || strings.Join(got.Names, " ") != tt.want || got.More != tt.more {
				t.Errorf("%+v: %+v, %v", tt, got, err)
			}
		}
		if got, err := reg.Tags(ctx, "acme/web", "1", 1); err != nil || !slices.Equal(got.Names, []string{"2"}) || !got.More {
			t.Errorf("tags: %+v, %v", got, err)
		}
		var all []string
		for name, err := range client.AllNames(ctx, reg.Repositories) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, name)
		}
		if strings.Join(all, " ") != "acme/api acme/web other" {
			t.Errorf("all names: %q", all)
		}
		got, err := reg.Search(ctx, lading.SearchQuery{Text: "web", N: 10, Page: 1})
		if err != nil || !slices.Equal(got.Names, []string{"acme/web"}) {
			t.Errorf("search: %+v, %v", got, err)
		}
		if err := reg.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestBlobs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		reg := newClient(t, w.web.URL, client.Options{ChunkSize: 1000})
		for _, size := range []int{0, 1, 999, 1000, 1001, 54321} {
			text := strings.Repeat("0123456789", size/10+1)[:size]
			d := pushBlob(t, reg, "acme/web", text)
			if d.Digest != digest.FromString(text) || d.Size != int64(size) {
				t.Errorf("%d bytes: %+v", size, d)
			}
			if desc, err := reg.ResolveBlob(ctx, "acme/web", d.Digest); err != nil || desc.Size != int64(size) {
				t.Errorf("%d bytes: %+v, %v", size, desc, err)
			}
			b, err := reg.Blob(ctx, "acme/web", d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); err != nil || string(got) != text {
				t.Errorf("%d bytes: %d, %v", size, len(got), err)
			}
			if at, err := b.Seek(int64(size/2), io.SeekStart); err != nil || at != int64(size/2) {
				t.Error(at, err)
			}
			if got, err := io.ReadAll(b); err != nil || string(got) != text[size/2:] {
				t.Errorf("the second half of %d bytes: %d, %v", size, len(got), err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		if d, err := reg.MountBlob(ctx, "acme/api", "acme/web", digest.FromString("0")); err != nil || d.Size != 1 {
			t.Errorf("mount: %+v, %v", d, err)
		}
		if _, err := reg.MountBlob(ctx, "acme/api", "acme/web", digest.FromString("nowhere")); !errors.Is(err, lading.ErrBlobUnknown) {
			t.Errorf("mount of what is not there: %v", err)
		}
		if err := reg.PushBlob(ctx, "acme/api", lading.Descriptor{Digest: digest.FromString("pushed"), Size: 6}, strings.NewReader("pushed")); err != nil {
			t.Error(err)
		}
		if err := reg.PushBlob(ctx, "acme/api", lading.Descriptor{Digest: digest.FromString("pushed"), Size: 6}, nil); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := reg.PushBlob(ctx, "acme/api", lading.Descriptor{Digest: digest.FromString("pushed!"), Size: 7}, strings.NewReader("punched")); !errors.Is(err, lading.ErrDigestInvalid) {
			t.Errorf("other bytes: %v", err)
		}
		if err := reg.PushBlob(ctx, "acme/api", lading.Descriptor{Digest: digest.FromString("long"), Size: 5}, strings.NewReader("long")); !errors.Is(err, lading.ErrSizeInvalid) {
			t.Errorf("another size: %v", err)
		}
	})
}

// An upload that is left goes on, by whoever knows its id.
func TestResume(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		text := strings.Repeat("abcdefg", 1000)
		first, err := w.reg.StartBlob(ctx, "acme/web", lading.Descriptor{Digest: digest.SHA512.FromString(text), Size: 7000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(first, text[:3000]); err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second, err := newClient(t, w.web.URL, client.Options{ChunkSize: 700}).ResumeBlob(ctx, "acme/web", first.ID())
		if err != nil || second.Size() != 3000 || second.ID() != first.ID() {
			t.Fatalf("%+v, %v", second, err)
		}
		if _, err := io.WriteString(second, text[3000:]); err != nil {
			t.Fatal(err)
		}
		if d, err := second.Commit(ctx, digest.SHA512.FromString(text)); err != nil || d.Size != 7000 {
			t.Fatalf("%+v, %v", d, err)
		}
		b, err := w.reg.Blob(ctx, "acme/web", digest.SHA512.FromString(text))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if got, err := io.ReadAll(b); err != nil || string(got) != text {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if _, err := w.reg.ResumeBlob(ctx, "acme/web", first.ID()); !errors.Is(err, lading.ErrBlobUploadUnknown) {
			t.Errorf("it has ended: %v", err)
		}
		third, err := w.reg.StartBlob(ctx, "acme/web", lading.Descriptor{})
		if err != nil {
			t.Fatal(err)
		}
		if err := third.Cancel(ctx); err != nil {
			t.Error(err)
		}
		if _, err := w.reg.ResumeBlob(ctx, "acme/web", third.ID()); !errors.Is(err, lading.ErrBlobUploadUnknown) {
			t.Errorf("it was thrown away: %v", err)
		}
	})
}

func TestListings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), w.reg
		for _, repo := range []string{"acme/api", "acme/web", "other"} {
			push(t, reg, repo, repo, "1", "2")
		}
		q := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}, N: 3}
		want := "put tag:acme/api:1\nput tag:acme/api:2\nput tag:acme/web:1\nput tag:acme/web:2"
		var items []lading.Item
		cursor := ""
		for page, err := range client.Pages(ctx, reg, q) {
			if err != nil || page.Delta || len(page.Items) > 3 {
				t.Fatalf("%+v, %v", page, err)
			}
			items, cursor = append(items, page.Items...), page.Cursor
		}
		if keys(items) != want || cursor == "" {
			t.Fatalf("%s\n%q", keys(items), cursor)
		}
		direct, err := w.srv.Engine().List(everything(ctx), lading.Query{Kind: lading.KindTags, Scope: q.Scope})
		if err != nil || !sameItems(items, direct.Items) {
			t.Errorf("in process it is %+v, %v", direct.Items, err)
		}
		s := reg.Stream(ctx, q)
		if got := collect(t, s); keys(got) != want || s.Cursor() == "" || s.Delta() {
			t.Errorf("streamed: %s, %q", keys(got), s.Cursor())
		}
		items = nil
		for it, err := range reg.All(ctx, lading.Query{Kind: lading.KindRepositories, Order: lading.OrderModified, Desc: true}) {
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, it)
		}
		if keys(items) != "put repository:other\nput repository:acme/web\nput repository:acme/api" {
			t.Errorf("newest first: %s", keys(items))
		}
		delta(t, w, cursor)
		spaces, err := reg.List(ctx, lading.Query{Kind: lading.KindNamespaces, Stats: true})
		if err != nil || len(spaces.Namespaces) != 2 || spaces.Namespaces[0].Namespace != "acme" || spaces.Namespaces[0].Stats == nil {
			t.Errorf("namespaces: %+v, %v", spaces, err)
		}
	})
}

// delta follows a listing of the tags below acme.
func delta(t *testing.T, w *world, cursor string) {
	ctx, reg := t.Context(), w.reg
	q := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}, Since: cursor}
	if d, err := reg.List(ctx, q); err != nil || !d.Delta || len(d.Items) != 0 || d.Cursor == "" {
		t.Errorf("nothing has changed: %+v, %v", d, err)
	}
	if err := reg.DeleteTag(ctx, "acme/api", "2", lading.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	push(t, reg, "acme/web", "new", "3")
	s := reg.Stream(ctx, q)
	got := collect(t, s)
	slices.SortFunc(got, func(a, b lading.Item) int { return strings.Compare(a.Key, b.Key) })
	if keys(got) != "remove tag:acme/api:2\nput tag:acme/web:3" || !s.Delta() || s.Cursor() == "" {
		t.Errorf("%s, %q", keys(got), s.Cursor())
	}
	q.Since, q.Wait = s.Cursor(), 30*time.Second
	answer := make(chan lading.Listing, 1)
	go func() {
		l, err := reg.List(ctx, q)
		if err != nil {
			t.Error(err)
		}
		answer <- l
	}()
	push(t, reg, "acme/web", "newer", "4")
	if l := <-answer; keys(l.Items) != "put tag:acme/web:4" {
		t.Errorf("held: %s", keys(l.Items))
	}
}

func collect(t *testing.T, s *client.ItemStream) (items []lading.Item) {
	t.Helper()
	for it, err := range s.Items() {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	return items
}
