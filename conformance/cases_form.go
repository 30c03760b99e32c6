package conformance

import (
	"net/http"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

var formCases = []Case{
	{"FORM-1", Must, "an Accept that the registry does not understand is answered in JSON", formDefault},
	{"FORM-2", Must, "application/x-ndjson is the whole listing, an item a line, and the cursor last", formLines},
	{"FORM-3", Must, "the lines can be resumed at a page line", formResume},
	{"FORM-4", Must, "the lines of a view end with {\"end\":true}", formView},
	{"FORM-5", Must, "a delta can be had in lines", formDelta},
	{"FORM-6", Must, "an image index of tags is valid and names repository, tag and cursor", formIndexTags},
	{"FORM-7", Must, "an image index of manifests has each under each of its names", formIndexManifests},
}

func formDefault(t *T) {
	stock(t)
	for _, accept := range []string{"", "*/*", "application/json", "text/html", "application/vnd.oci.image.index.v1+json;q=0, application/json", ";;"} {
		a := t.do(request{path: t.listPath("tags"), header: map[string]string{"Accept": accept}})
		if a.status != http.StatusOK || mediaType(a.header) != typeList {
			t.errorf("Accept %q: status %d, Content-Type %q, want %s", accept, a.status, a.header.Get("Content-Type"), typeList)
		}
	}
	a := t.do(request{path: t.listPath("repositories"), header: map[string]string{"Accept": ocispec.MediaTypeImageIndex}})
	if mediaType(a.header) != typeList {
		t.errorf("repositories cannot be an image index and are %s", a.header.Get("Content-Type"))
	}
}

func formLines(t *T) {
	stock(t)
	for _, kind := range kinds {
		want := t.all(t.listPath(kind))
		got := t.stream(t.listPath(kind), nil)
		a, b := copyOf{}, copyOf{}
		a.apply(got.Items)
		b.apply(want.Items)
		t.wantSame(kind+" in lines", a, b)
		if !slices.Equal(keys(got.Items), keys(want.Items)) {
			t.errorf("%s: the lines are in another order than the pages", kind)
		}
		if got.end != "cursor" {
			t.errorf("%s: the last line is %q, want a cursor", kind, got.end)
			continue
		}
		if d := t.all(t.listPath(kind, "since", got.Cursor)); len(d.Items) != 0 {
			t.errorf("%s: after the cursor of the lines there are %v", kind, keys(d.Items))
		}
	}
}

func formResume(t *T) {
	stock(t)
	whole := t.stream(t.listPath("tags", "n", "2"), nil)
	if len(whole.pages) == 0 {
		t.fatalf("with n=2 there is no page line in %d items", len(whole.Items))
	}
	for i, token := range whole.pages {
		rest := t.stream(with("/v2/_lading/list/tags", "page", token), nil)
		if want := keys(whole.Items[whole.after[i]:]); !slices.Equal(keys(rest.Items), want) {
			t.errorf("resumed behind %d items: %s", whole.after[i], difference(keys(rest.Items), want))
		}
		if rest.end != "cursor" {
			t.errorf("what is resumed ends with %q", rest.end)
		}
	}
}

func formView(t *T) {
	stock(t)
	got := t.stream(t.listPath("tags", "order", "-created"), nil)
	if want := keys(t.all(t.listPath("tags", "order", "-created")).Items); !slices.Equal(keys(got.Items), want) {
		t.errorf("the lines are not the view's: %s", difference(keys(got.Items), want))
	}
	if got.end != "end" {
		t.errorf("the last line is %q, want {\"end\":true}", got.end)
	}
}

func formDelta(t *T) {
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	t.push(t.repo("a"), thing{}, "new")
	t.remove(t.repo("a"), "v1")
	got := t.stream(t.listPath("tags", "since", cur), nil)
	t.wantOps("in lines", got.Items, "put "+tagKey(t.repo("a"), "new"), "remove "+tagKey(t.repo("a"), "v1"))
	got = t.stream(t.listPath("tags"), map[string]string{"If-None-Match": `"` + cur + `"`, "A-IM": "lading-delta"})
	if got.status != http.StatusIMUsed {
		t.errorf("status %d, want 226", got.status)
	}
	t.wantOps("by ETag, in lines", got.Items, "put "+tagKey(t.repo("a"), "new"), "remove "+tagKey(t.repo("a"), "v1"))
}

// wantOps checks operations with their keys, in any order. A registry may
// remove more than it must, which does no harm: where it does, the copies that
// other cases keep tell.
func (t *T) wantOps(what string, items []lading.Item, want ...string) {
	got := []string{}
	for _, it := range items {
		op := string(it.Op) + " " + it.Key
		if it.Op != lading.OpRemove || slices.Contains(want, op) || slices.Contains(want, "put "+it.Key) {
			got = append(got, op)
		}
	}
	if !same(got, want) {
		t.errorf("%s: %s", what, difference(got, want))
	}
}

// wantNone checks that nothing is told.
func (t *T) wantNone(what string, items []lading.Item) {
	for _, it := range items {
		t.errorf("%s: %s %s is told", what, it.Op, it.Key)
	}
}

// index asks for a listing as an image index.
func (t *T) index(path string) ocispec.Index {
	a := t.do(request{path: path, header: map[string]string{"Accept": ocispec.MediaTypeImageIndex}})
	var index ocispec.Index
	if err := a.decode(&index); a.status != http.StatusOK || err != nil || mediaType(a.header) != ocispec.MediaTypeImageIndex {
		t.fatalf("status %d, Content-Type %q, %v", a.status, a.header.Get("Content-Type"), err)
	}
	if index.SchemaVersion != 2 || index.MediaType != ocispec.MediaTypeImageIndex || index.Manifests == nil {
		t.errorf("schemaVersion %d, mediaType %q, manifests %v: this is no image index", index.SchemaVersion, index.MediaType, index.Manifests != nil)
	}
	for _, d := range index.Manifests {
		if d.MediaType == "" || d.Size <= 0 || d.Digest.Validate() != nil {
			t.errorf("the descriptor %+v is none", d)
		}
	}
	return index
}

// namesIn are "repository tag digest" of an index's descriptors.
func namesIn(index ocispec.Index) (out []string) {
	for _, d := range index.Manifests {
		out = append(out, d.Annotations["dev.lading.repository"]+" "+d.Annotations[ocispec.AnnotationRefName]+" "+string(d.Digest))
	}
	return out
}

func formIndexTags(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{annotations: map[string]string{ocispec.AnnotationRefName: "lie"}}, "v1", "v2")
	index := t.index(t.listPath("tags"))
	if want := []string{repo + " v1 " + string(d.Digest), repo + " v2 " + string(d.Digest)}; !same(namesIn(index), want) {
		t.errorf("the index names %q, want %q", namesIn(index), want)
	}
	if cur := index.Annotations["dev.lading.cursor"]; cur == "" {
		t.errorf("the index has no cursor")
	} else if p := t.all(t.listPath("tags", "since", cur)); len(p.Items) > 0 {
		t.errorf("after its cursor there are %v", keys(p.Items))
	}
}

func formIndexManifests(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{}, "v1", "v2")
	e := t.push(repo, thing{})
	index := t.index(repoPath(repo, "manifests"))
	if want := []string{repo + " v1 " + string(d.Digest), repo + " v2 " + string(d.Digest), repo + "  " + string(e.Digest)}; !same(namesIn(index), want) {
		t.errorf("the index names %q, want %q", namesIn(index), want)
	}
}
