package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

var listCases = []Case{
	{"LIST-1", Must, "repositories are listed with all there are, and no others", listRepositories},
	{"LIST-2", Must, "tags are listed with what they point to", listTags},
	{"LIST-3", Must, "manifests are listed with their tags, type, subject and platform", listManifests},
	{"LIST-4", Must, "the default order is that of repository, then tag or digest, bytewise", listOrder},
	{"LIST-5", Must, "every order has the same items, and -order the other way round", listOrders},
	{"LIST-6", Must, "a view has no cursor", listViews},
	{"LIST-7", Must, "a repository's listing is the registry's, narrowed to it", listRepository},
	{"LIST-8", Must, "a namespace is the repository of its name and all below it, whole segments", listNamespace},
	{"LIST-9", Must, "the namespaces view has the next segments, with what is there", listNamespaces},
	{"LIST-10", Should, "view=stats shows counts", listStats},
	{"LIST-11", Must, "annotations are shown up to 4 KiB, and what is left out is said", listAnnotations},
	{"LIST-12", Must, "of a manifest's tags the first 100 are shown, and their number", listManyTags},
	{"LIST-13", Must, "a repository that is not there is 404 NAME_UNKNOWN", listMissing},
	{"LIST-14", Must, "a repository that only has uploads is not there", listUploads},
}

// stock pushes a little of everything into three repositories and returns the
// keys of each kind.
func stock(t *T) map[string][]string {
	a, b, c := t.repo("a"), t.repo("a-b"), t.repo("a/c")
	var tags, manifests []string
	add := func(repo string, m thing, names ...string) ocispec.Descriptor {
		d := t.push(repo, m, names...)
		manifests = append(manifests, manifestKey(repo, d))
		for _, n := range names {
			tags = append(tags, tagKey(repo, n))
		}
		return d
	}
	one := add(a, thing{artifactType: "application/vnd.conformance.one"}, "v1", "latest")
	add(a, thing{artifactType: "application/vnd.conformance.two", subject: &one})
	add(b, thing{config: "application/vnd.conformance.three"}, "v1", "V2", "_x")
	add(b, thing{}, "1.0", "10.0", "2.0")
	add(c, thing{platform: "linux/arm64/v8"}, "v1")
	add(c, thing{})
	return map[string][]string{"tags": tags, "manifests": manifests,
		"repositories": {lading.RepositoryKey(a), lading.RepositoryKey(b), lading.RepositoryKey(c)}}
}

func listRepositories(t *T) {
	want := stock(t)
	p := t.all(t.listPath("repositories"))
	t.wantKeys("repositories", p.Items, want["repositories"]...)
	if got := mediaType(p.header); got != typeList {
		t.errorf("the Content-Type is %q, want %s", got, typeList)
	}
	seen := map[string]string{}
	for _, it := range p.Items {
		if other := seen[it.Incarnation]; other != "" {
			t.errorf("%s and %s have the same incarnation", it.Repository, other)
		}
		seen[it.Incarnation] = it.Repository
	}
}

func listTags(t *T) {
	want := stock(t)
	p := t.all(t.listPath("tags"))
	t.wantKeys("tags", p.Items, want["tags"]...)
	d := t.push(t.repo("a"), thing{artifactType: "application/vnd.conformance.four", annotations: map[string]string{"note": "shown"}}, "four")
	it, ok := byKey(t.all(t.listPath("tags")).Items, tagKey(t.repo("a"), "four"))
	if !ok || it.Tag != "four" || it.Repository != t.repo("a") {
		t.fatalf("the tag is %+v", it)
	}
	t.wantDescriptor(it, d, "application/vnd.conformance.four")
	if it.Descriptor.Annotations["note"] != "shown" {
		t.errorf("the annotations are %v", it.Descriptor.Annotations)
	}
}

func (t *T) wantDescriptor(it lading.Item, want ocispec.Descriptor, artifactType string) {
	d := it.Descriptor
	if d == nil || d.Digest != want.Digest || d.Size != want.Size || d.MediaType != want.MediaType || d.ArtifactType != artifactType {
		t.errorf("%s has the descriptor %+v, want %s, %d bytes, %s, artifactType %q", it.Key, d, want.Digest, want.Size, want.MediaType, artifactType)
	}
}

func listManifests(t *T) {
	want := stock(t)
	t.wantKeys("manifests", t.all(t.listPath("manifests")).Items, want["manifests"]...)
	repo := t.repo("m")
	base := t.push(repo, thing{artifactType: "application/vnd.conformance.base"}, "b", "a")
	ref := t.push(repo, thing{config: "application/vnd.conformance.config", subject: &base})
	img := t.push(repo, thing{platform: "linux/arm64/v8"})
	items := t.all(repoPath(repo, "manifests")).Items
	it, _ := byKey(items, manifestKey(repo, base))
	t.wantDescriptor(it, base, "application/vnd.conformance.base")
	if !slices.Equal(it.Tags, []string{"a", "b"}) || it.TagCount == nil || *it.TagCount != 2 || it.Subject != "" {
		t.errorf("tags %v, tagCount %v, subject %q; want a and b, 2, none", it.Tags, it.TagCount, it.Subject)
	}
	it, _ = byKey(items, manifestKey(repo, ref))
	t.wantDescriptor(it, ref, "application/vnd.conformance.config")
	if it.Subject != base.Digest || len(it.Tags) != 0 {
		t.errorf("the subject is %q, want %s; the tags are %v, want none", it.Subject, base.Digest, it.Tags)
	}
	it, _ = byKey(items, manifestKey(repo, img))
	if p := it.Descriptor; p == nil || p.Platform == nil || p.Platform.OS != "linux" || p.Platform.Architecture != "arm64" || p.Platform.Variant != "v8" {
		t.errorf("the image's descriptor is %+v, want the platform linux/arm64/v8", p)
	}
}

// orderKey is what the default order goes by.
func orderKey(it lading.Item) string {
	key := it.Repository + "\x00" + it.Tag
	if it.Tag == "" && it.Descriptor != nil {
		key += string(it.Descriptor.Digest)
	}
	return key
}

func listOrder(t *T) {
	stock(t)
	for _, kind := range kinds {
		t.wantSorted(kind, t.all(t.listPath(kind)).Items)
		if kind != "repositories" {
			t.wantSorted(kind+" of a repository", t.all(repoPath(t.repo("a-b"), kind)).Items)
		}
	}
}

func (t *T) wantSorted(what string, items []lading.Item) {
	for i := 1; i < len(items); i++ {
		if orderKey(items[i-1]) >= orderKey(items[i]) {
			t.errorf("%s: %s stands before %s", what, items[i-1].Key, items[i].Key)
		}
	}
}

// orders are all orders of a listing.
var orders = []string{"name", "-name", "created", "-created", "modified", "-modified"}

func listOrders(t *T) {
	want := stock(t)
	t.push(t.repo("a"), thing{}, "latest") // what was created first is modified last
	want = map[string][]string{"repositories": want["repositories"], "tags": want["tags"], "manifests": keys(t.all(t.listPath("manifests")).Items)}
	for _, kind := range kinds {
		for _, order := range orders {
			items := t.all(t.listPath(kind, "order", order)).Items
			t.wantKeys(kind+" by "+order, items, want[kind]...)
			back := slices.Clone(items)
			if name, desc := strings.CutPrefix(order, "-"); desc {
				slices.Reverse(back)
				t.wantOrdered(kind, name, back)
			} else {
				t.wantOrdered(kind, name, back)
			}
		}
	}
}

// wantOrdered checks that items stand in an order, the first first.
func (t *T) wantOrdered(kind, order string, items []lading.Item) {
	if order == "name" {
		t.wantSorted(kind+" by name", items)
		return
	}
	at := func(it lading.Item) time.Time { return *it.Created }
	if order == "modified" {
		at = func(it lading.Item) time.Time { return *it.Modified }
	}
	for i := 1; i < len(items); i++ {
		if items[i-1].Created == nil || items[i].Created == nil || at(items[i]).Before(at(items[i-1])) {
			t.errorf("%s by %s: %s stands on the wrong side of %s", kind, order, items[i-1].Key, items[i].Key)
		}
	}
}

func listViews(t *T) {
	stock(t)
	views := [][]string{{"order", "created"}, {"order", "-name"}, {"order", "-modified"}, {"view", "stats"},
		{"modified_after", "2001-01-01T00:00:00Z"}, {"modified_before", "2101-01-01T00:00:00Z"}}
	for _, kind := range kinds {
		for _, v := range views {
			if p := t.all(t.listPath(kind, v...)); p.Cursor != "" {
				t.errorf("%s with %s=%s has a cursor", kind, v[0], v[1])
			}
		}
		if p := t.all(t.listPath(kind)); p.Cursor == "" {
			t.errorf("%s in the default order have no cursor", kind)
		}
	}
}

func listRepository(t *T) {
	stock(t)
	for _, kind := range []string{"tags", "manifests"} {
		var want []lading.Item
		for _, it := range t.all(t.listPath(kind)).Items {
			if it.Repository == t.repo("a") {
				want = append(want, it)
			}
		}
		a, b := copyOf{}, copyOf{}
		a.apply(want)
		b.apply(t.all(repoPath(t.repo("a"), kind)).Items)
		t.wantSame(kind, a, b)
	}
}

func listNamespace(t *T) {
	want := stock(t)
	p := t.all("/v2/_lading/list/repositories?namespace=" + t.repo("a"))
	t.wantKeys("namespace a", p.Items, lading.RepositoryKey(t.repo("a")), lading.RepositoryKey(t.repo("a/c")))
	p = t.all("/v2/_lading/list/repositories?namespace=" + t.repo("a/c"))
	t.wantKeys("namespace a/c", p.Items, lading.RepositoryKey(t.repo("a/c")))
	p = t.all("/v2/_lading/list/tags?namespace=" + t.repo("nothing"))
	t.wantKeys("namespace nothing", p.Items)
	if p.Cursor == "" {
		t.errorf("an empty listing has no cursor")
	}
	_ = want
}

func listNamespaces(t *T) {
	stock(t)
	t.push(t.repo("z/y/x"), thing{}, "v1")
	var got []string
	p := t.all("/v2/_lading/list/namespaces?namespace=" + t.ns)
	for _, n := range p.Namespaces {
		got = append(got, fmt.Sprintf("%s %v %v", strings.TrimPrefix(n.Namespace, t.ns+"/"), n.Repository, n.More))
	}
	want := []string{"a true true", "a-b true false", "z false true"}
	if !same(got, want) {
		t.errorf("got %q, want %q (segment, repository, more)", got, want)
	}
	if p.Cursor != "" {
		t.errorf("the namespaces view has a cursor")
	}
	var paged []string
	for _, n := range t.all("/v2/_lading/list/namespaces?n=1&namespace=" + t.ns).Namespaces {
		paged = append(paged, fmt.Sprintf("%s %v %v", strings.TrimPrefix(n.Namespace, t.ns+"/"), n.Repository, n.More))
	}
	if !slices.Equal(paged, got) {
		t.errorf("by page %q, at once %q", paged, got)
	}
}

func listStats(t *T) {
	stock(t)
	items := t.all(t.listPath("repositories", "view", "stats")).Items
	it, ok := byKey(items, lading.RepositoryKey(t.repo("a-b")))
	if !ok || it.Stats == nil || fmt.Sprint(it.Stats.Tags) != "6" || fmt.Sprint(it.Stats.Manifests) != "2" {
		t.errorf("the stats of a repository with 6 tags and 2 manifests are %+v", it.Stats)
	}
	for _, it := range t.all(t.listPath("repositories")).Items {
		if it.Stats != nil {
			t.errorf("a listing that is no view shows stats")
		}
	}
}

func listAnnotations(t *T) {
	repo := t.repo("app")
	short := t.push(repo, thing{annotations: map[string]string{"k": strings.Repeat("x", 3000)}})
	long := t.push(repo, thing{annotations: map[string]string{"k": strings.Repeat("x", 3000), "l": strings.Repeat("y", 3000)}})
	items := t.all(repoPath(repo, "manifests")).Items
	it, _ := byKey(items, manifestKey(repo, short))
	if it.Descriptor == nil || it.Descriptor.AnnotationsTruncated || len(it.Descriptor.Annotations["k"]) != 3000 {
		t.errorf("3,000 bytes of annotations are not shown whole")
	}
	it, _ = byKey(items, manifestKey(repo, long))
	if it.Descriptor == nil || !it.Descriptor.AnnotationsTruncated {
		t.errorf("of 6,000 bytes of annotations nobody says that some are left out")
	}
}

func listManyTags(t *T) {
	repo := t.repo("app")
	d, body := t.manifest(repo, thing{})
	var tags []string
	for i := range 103 {
		tags = append(tags, fmt.Sprintf("t%03d", i))
	}
	t.put(repo, d, body, tags...)
	it, _ := byKey(t.all(repoPath(repo, "manifests")).Items, manifestKey(repo, d))
	if !slices.Equal(it.Tags, tags[:100]) || it.TagCount == nil || *it.TagCount != 103 {
		t.errorf("%d tags are shown and tagCount is %v, want the first 100 and 103", len(it.Tags), it.TagCount)
	}
	t.wantKeys("tags", t.all(repoPath(repo, "tags", "prefix", "t10")).Items, tagKey(repo, "t100"), tagKey(repo, "t101"), tagKey(repo, "t102"))
}

func listMissing(t *T) {
	for _, kind := range []string{"tags", "manifests"} {
		t.wantError(t.get(repoPath(t.repo("nothing"), kind)), http.StatusNotFound, "NAME_UNKNOWN")
	}
}

func listUploads(t *T) {
	repo := t.repo("uploads")
	t.blob(repo, ocispec.MediaTypeEmptyJSON, []byte("{}"))
	t.wantKeys("repositories", t.all(t.listPath("repositories")).Items)
	t.wantError(t.get(repoPath(repo, "tags")), http.StatusNotFound, "NAME_UNKNOWN")
}
