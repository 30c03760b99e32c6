package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var legacyCases = []Case{
	{"KEPT-1", Must, "_catalog is in bytewise order, by page, right after a name that is gone", keptCatalog},
	{"KEPT-2", Must, "tags/list is in bytewise order, by page, right after a name that is gone", keptTags},
	{"KEPT-3", Must, "the endpoints for today's clients ignore parameters that they do not know", keptUnknown},
}

// names asks for a list of names.
func (t *T) names(path, field string) (names []string, next string) {
	a := t.get(path)
	var body map[string]json.RawMessage
	if err := a.decode(&body); a.status != http.StatusOK || err != nil {
		t.fatalf("%s: status %d, %v", path, a.status, err)
	}
	if err := json.Unmarshal(body[field], &names); err != nil || names == nil {
		t.fatalf("%s: %s is no array", path, field)
	}
	return names, t.nextOf(a.header)
}

func keptCatalog(t *T) {
	stock(t)
	want := []string{t.repo("a"), t.repo("a-b"), t.repo("a/c")}
	got, _ := t.names("/v2/_catalog?n=3&last="+url.QueryEscape(t.ns+"/Z"), "repositories")
	if !slices.Equal(got, want) {
		t.errorf("after %s/Z there are %q, want %q", t.ns, got, want)
	}
	got, _ = t.names("/v2/_catalog?n=2&last="+url.QueryEscape(t.repo("a")), "repositories")
	if !slices.Equal(got, want[1:]) {
		t.errorf("after %s there are %q, want %q", want[0], got, want[1:])
	}
	if got, next := t.names("/v2/_catalog?n=0", "repositories"); len(got) > 0 || next != "" {
		t.errorf("n=0 has %q, next %q", got, next)
	}
}

func keptTags(t *T) {
	stock(t)
	path, want := "/v2/"+t.repo("a-b")+"/tags/list", []string{"1.0", "10.0", "2.0", "V2", "_x", "v1"}
	if got, _ := t.names(path, "tags"); !slices.Equal(got, want) {
		t.errorf("the tags are %q, want %q", got, want)
	}
	var paged []string
	for next, n := path+"?n=2", 0; next != "" && n < 10; n++ {
		var got []string
		got, next = t.names(next, "tags")
		paged = append(paged, got...)
	}
	if !slices.Equal(paged, want) {
		t.errorf("by page they are %q, want %q", paged, want)
	}
	t.remove(t.repo("a-b"), "2.0")
	if got, _ := t.names(path+"?n=2&last=2.0", "tags"); !slices.Equal(got, []string{"V2", "_x"}) {
		t.errorf("after a tag that is gone there are %q", got)
	}
}

func keptUnknown(t *T) {
	stock(t)
	for _, path := range []string{"/v2/_catalog?n=1&x=y", "/v2/" + t.repo("a") + "/tags/list?x=y&order=z"} {
		if a := t.get(path); a.status != http.StatusOK {
			t.errorf("%s: status %d", path, a.status)
		}
	}
}

var draftCases = []Case{
	{"DRFT-1", May, "the repositories of a namespace, as drafted", draftRepositories},
	{"DRFT-2", May, "the history of a tag, as drafted", draftHistory},
	{"DRFT-3", May, "tags as an image index, as drafted", draftTags},
}

func draftRepositories(t *T) {
	path := "/v2/" + t.repo("a") + "/_oci/repositories"
	if t.get(path).status == http.StatusNotFound {
		t.skipf("the registry does not have it")
	}
	stock(t)
	var got []string
	for next, n := path+"?n=1", 0; next != "" && n < 10; n++ {
		a := t.get(next)
		var list []struct{ Name string }
		if err := a.decode(&list); a.status != http.StatusOK || err != nil || len(list) > 1 {
			t.fatalf("status %d, %v, %d names", a.status, err, len(list))
		}
		for _, x := range list {
			got = append(got, x.Name)
		}
		next = t.nextOf(a.header)
	}
	if want := []string{t.repo("a"), t.repo("a/c")}; !slices.Equal(got, want) {
		t.errorf("the repositories are %q, want %q", got, want)
	}
}

// history asks for all of a tag's history: "event digest", the newest first.
func (t *T) history(path string) (out []string, times []string) {
	for n := 0; path != "" && n < 20; n++ {
		a := t.get(path)
		var index ocispec.Index
		if err := a.decode(&index); a.status != http.StatusOK || err != nil || mediaType(a.header) != ocispec.MediaTypeImageIndex {
			t.fatalf("status %d, %v, Content-Type %q", a.status, err, a.header.Get("Content-Type"))
		}
		for _, d := range index.Manifests {
			if d.MediaType == "" || d.Size <= 0 {
				t.errorf("the descriptor %+v is none", d)
			}
			out = append(out, d.Annotations["org.opencontainers.distribution.tag.event"]+" "+string(d.Digest))
			times = append(times, d.Annotations["org.opencontainers.distribution.tag.timestamp"])
		}
		path = t.nextOf(a.header)
	}
	return out, times
}

func draftHistory(t *T) {
	repo := t.repo("app")
	path := "/v2/" + repo + "/_oci/tag-history/v1"
	if t.get(path).status == http.StatusNotFound {
		t.skipf("the registry does not have it")
	}
	if got, _ := t.history(path); len(got) > 0 {
		t.errorf("a tag that never was has the history %q", got)
	}
	one, two := t.push(repo, thing{}, "v1"), t.push(repo, thing{}, "v1")
	t.remove(repo, "v1")
	three := t.push(repo, thing{}, "v1")
	t.remove(repo, string(two.Digest))
	want := []string{"created " + string(three.Digest), "deleted " + string(two.Digest), "created " + string(two.Digest), "created " + string(one.Digest)}
	got, times := t.history(path)
	if !slices.Equal(got, want) {
		t.fatalf("the history is %q, want %q", got, want)
	}
	if paged, _ := t.history(path + "?n=1"); !slices.Equal(paged, want) {
		t.errorf("by page it is %q", paged)
	}
	if empty, _ := t.history(path + "?n=0"); len(empty) > 0 {
		t.errorf("n=0 has %q", empty)
	}
	bounded, _ := t.history(path + "?" + url.Values{"before": {times[0]}, "since": {times[3]}}.Encode())
	if !slices.Equal(bounded, want[1:3]) {
		t.errorf("between its first and last event there are %q", bounded)
	}
	if of, _ := t.history(path + "?digest=" + url.QueryEscape(string(two.Digest))); !slices.Equal(of, want[1:3]) {
		t.errorf("of one digest there are %q", of)
	}
}

func draftTags(t *T) {
	repo := t.repo("app")
	for _, tag := range []string{"b", "c", "a"} {
		t.push(repo, thing{}, tag)
	}
	path := "/v2/" + repo + "/tags/list"
	a := t.do(request{path: path, header: map[string]string{"Accept": ocispec.MediaTypeImageIndex}})
	if mediaType(a.header) != ocispec.MediaTypeImageIndex {
		t.skipf("the registry does not have it")
	}
	for query, want := range map[string]string{"": "a b c", "sort_order=desc": "c b a", "sort_by=created_at": "b c a", "sort_by=created_at&sort_order=desc": "a c b"} {
		var got []string
		for next, n := path+"?n=2&"+query, 0; next != "" && n < 10; n++ {
			index := t.index(next)
			for _, d := range index.Manifests {
				got = append(got, d.Annotations[ocispec.AnnotationRefName])
				if d.Annotations["org.opencontainers.image.ref.created"] == "" {
					t.errorf("%s has no time", d.Annotations[ocispec.AnnotationRefName])
				}
			}
			next = t.nextOf(t.do(request{path: next, header: map[string]string{"Accept": ocispec.MediaTypeImageIndex}}).header)
		}
		if strings.Join(got, " ") != want {
			t.errorf("%s: the tags are %q, want %s", query, got, want)
		}
	}
}
