package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var hiddenCases = []Case{
	{"HIDE-1", Must, "what a caller may not read is in no listing and moves no page", hiddenListing},
	{"HIDE-2", Must, "a repository that may not be read is answered as one that is not there", hiddenRepository},
	{"HIDE-3", Must, "what happens where a caller may not read is in no delta and moves no page", hiddenDelta},
	{"HIDE-4", Must, "a cursor of somebody else is 400 as since=, and as an ETag as if absent", hiddenCursor},
	{"HIDE-5", Must, "a page token of somebody else is 400", hiddenToken},
	{"HIDE-6", Must, "the other endpoints hide the same", hiddenElsewhere},
}

// twoCallers ends the case where there are no two.
func (t *T) twoCallers() {
	switch {
	case t.s.opt.Other == nil:
		t.skipf("no second caller was given")
	case t.hidden == "":
		t.skipf("no namespace was given that the second caller may not read")
	}
}

// both is the path of a listing of what everybody and what one caller may see.
func (t *T) both(kind string, more ...string) string {
	v := url.Values{"prefix": {t.ns, t.hidden}}
	addPairs(v, more)
	return "/v2/_lading/list/" + kind + "?" + v.Encode()
}

// shape is a listing by page, as the other caller sees it: what is on each.
func (t *T) shape(path string) (out [][]string) {
	p := t.readPage(t.do(request{path: path, other: true}), http.StatusOK)
	out = append(out, keys(p.Items))
	for n := 0; p.next != "" && n < maxPages; n++ {
		p = t.readPage(t.do(request{path: p.next, other: true}), http.StatusOK)
		out = append(out, keys(p.Items))
	}
	return out
}

// hide pushes what the other caller may not see.
func (t *T) hide() {
	for i := range 5 {
		repo := fmt.Sprintf("%s/r%d", t.hidden, i)
		base := t.push(repo, thing{}, "v1", "v2")
		t.push(repo, thing{subject: &base})
	}
	t.remove(t.hidden+"/r0", "v1")
}

func hiddenListing(t *T) {
	t.twoCallers()
	stock(t)
	paths := []string{}
	for _, kind := range kinds {
		for _, more := range [][]string{{"n", "2"}, {"n", "2", "order", "-created"}, {"n", "3", "order", "modified"}} {
			paths = append(paths, t.both(kind, more...))
		}
	}
	var before [][][]string
	for _, path := range paths {
		before = append(before, t.shape(path))
	}
	t.hide()
	for i, path := range paths {
		if after := t.shape(path); fmt.Sprint(after) != fmt.Sprint(before[i]) {
			t.errorf("%s: pages %v before, and %v after something was pushed that may not be seen", path, before[i], after)
		}
	}
	if p := t.all(t.both("repositories")); len(p.Items) < 8 {
		t.errorf("who may see it all sees %v", keys(p.Items))
	}
}

// plain is an answer without what differs between any two.
func plain(a answer, names ...string) string {
	text := fmt.Sprint(a.status, "\n", string(a.body))
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range a.header {
			if !yield(k) {
				return
			}
		}
	}) {
		if name != "Date" && name != "X-Request-Id" {
			text += "\n" + name + ": " + strings.Join(a.header[name], ", ")
		}
	}
	for _, name := range names {
		text = strings.ReplaceAll(text, name, "NAME")
	}
	return text
}

func hiddenRepository(t *T) {
	t.twoCallers()
	t.hide()
	there, missing := t.hidden+"/r1", t.hidden+"/r9"
	for _, end := range []string{"_lading/list/tags", "_lading/list/manifests?n=1", "_oci/ext/discover", "tags/list", "manifests/v1"} {
		a := t.do(request{path: "/v2/" + there + "/" + end, other: true})
		b := t.do(request{path: "/v2/" + missing + "/" + end, other: true})
		if plain(a, there) != plain(b, missing) {
			t.errorf("%s: of a hidden repository\n%s\nand of one that is not there\n%s", end, plain(a, there), plain(b, missing))
		}
		if a.status != http.StatusNotFound && a.status != http.StatusUnauthorized {
			t.errorf("%s: status %d", end, a.status)
		}
	}
}

func hiddenDelta(t *T) {
	t.twoCallers()
	stock(t)
	for _, kind := range kinds {
		path := t.both(kind)
		cur := t.allAs(path, true).Cursor
		defer func() {
			p := t.allAs(with(path, "since", cur), true)
			want := slices.DeleteFunc(keys(p.Items), func(k string) bool { return strings.Contains(k, t.hidden) })
			if len(want) != len(p.Items) {
				t.errorf("%s: the delta names what may not be seen: %v", kind, keys(p.Items))
			}
			if got := t.shape(with(path, "since", cur, "n", "1")); len(got) > len(want)+1 {
				t.errorf("%s: a delta of %d items has %d pages of 1: something hidden moves them", kind, len(want), len(got))
			}
			quiet := t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(p.Cursor)}})
			if quiet.status != http.StatusNotModified {
				t.errorf("%s: status %d, want 304", kind, quiet.status)
			}
			t.push(t.hidden+"/r1", thing{}, kind)
			quiet = t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(p.Cursor)}})
			if quiet.status != http.StatusNotModified {
				t.errorf("%s: status %d after a push that may not be seen, want 304", kind, quiet.status)
			}
		}()
	}
	t.hide()
	t.push(t.repo("a"), thing{}, "seen")
	t.removeRepository(t.hidden + "/r2")
}

func hiddenCursor(t *T) {
	t.twoCallers()
	stock(t)
	t.hide()
	path := t.both("tags")
	cur := t.all(path).Cursor
	t.wantError(t.do(request{path: with(path, "since", cur), other: true}), http.StatusBadRequest, "CURSOR_INVALID")
	a := t.do(request{path: path, other: true, header: map[string]string{"If-None-Match": quoted(cur), "A-IM": "lading-delta"}})
	p := t.rest(t.readPage(a, http.StatusOK), request{other: true})
	if p.Kind != "list" {
		t.errorf("somebody else's cursor as ETag is answered with a %s", p.Kind)
	}
	for _, it := range p.Items {
		if strings.HasPrefix(it.Repository, t.hidden) {
			t.errorf("the listing shows %s", it.Key)
		}
	}
}

func hiddenToken(t *T) {
	t.twoCallers()
	stock(t)
	t.hide()
	p := t.list(t.both("tags", "n", "2"))
	if p.next == "" {
		t.fatalf("there is no next page")
	}
	t.wantError(t.do(request{path: p.next, other: true}), http.StatusBadRequest, "CURSOR_INVALID")
}

func hiddenElsewhere(t *T) {
	t.twoCallers()
	t.hide()
	top, _, _ := strings.Cut(t.hidden, "/")
	for _, path := range []string{"/v2/_catalog", "/v2/_lading/list/namespaces?namespace=" + t.hidden, "/v2/_lading/list/repositories?namespace=" + t.hidden,
		"/v2/_lading/list/namespaces", "/v2/_oci/repositories", "/v2/" + t.hidden + "/_oci/repositories", "/v2/" + t.hidden + "/r1/_oci/tag-history/v1"} {
		a := t.do(request{path: path, other: true})
		if strings.Contains(string(a.body), t.hidden+"/r") || a.status == http.StatusOK && strings.Contains(string(a.body), `"`+top+`"`) && !strings.HasPrefix(t.ns, top+"/") {
			t.errorf("%s tells of what may not be seen: %s", path, cut(string(a.body), 300))
		}
	}
}

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
