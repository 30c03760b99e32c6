package conformance

import (
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

var filterCases = []Case{
	{"FILT-1", Must, "prefix keeps what begins with any: repositories, and in a repository tags", filterPrefix},
	{"FILT-2", Must, "exclude drops exact names, and what begins with a text that ends in *", filterExclude},
	{"FILT-3", Must, "type keeps artifact types, a tag's being that of what it points to", filterType},
	{"FILT-4", Must, "platform keeps os/arch with every variant; an index has those of its children", filterPlatform},
	{"FILT-5", Must, "tagged keeps manifests with, or without, a tag", filterTagged},
	{"FILT-6", Must, "subject keeps what refers to a digest", filterSubject},
	{"FILT-7", Must, "created_after is inclusive, created_before exclusive", filterCreated},
	{"FILT-8", Must, "modified_after is inclusive, modified_before exclusive", filterModified},
	{"FILT-9", Must, "several filters must all hold", filterTogether},
}

func filterPrefix(t *T) {
	stock(t)
	for _, c := range []struct {
		prefixes []string
		want     []string
	}{
		{[]string{"a"}, []string{"a", "a-b", "a/c"}}, {[]string{"a-"}, []string{"a-b"}}, {[]string{"a/", "a-"}, []string{"a-b", "a/c"}}, {[]string{"z"}, nil},
	} {
		path, want := t.listPath("repositories"), []string{}
		for _, p := range c.prefixes {
			path = with(path, "prefix", t.ns+"/"+p)
		}
		for _, w := range c.want {
			want = append(want, lading.RepositoryKey(t.repo(w)))
		}
		t.wantKeys("prefix "+strings.Join(c.prefixes, ", "), t.all(path).Items, want...)
	}
	b := t.repo("a-b")
	t.wantKeys("prefix 1, _", t.all(repoPath(b, "tags", "prefix", "1", "prefix", "_")).Items, tagKey(b, "1.0"), tagKey(b, "10.0"), tagKey(b, "_x"))
	t.wantKeys("prefix v1", t.all(repoPath(b, "tags", "prefix", "v1")).Items, tagKey(b, "v1"))
}

func filterExclude(t *T) {
	stock(t)
	for _, c := range []struct{ exclude, want []string }{
		{[]string{"a"}, []string{"a-b", "a/c"}}, {[]string{"a*"}, nil}, {[]string{"a/*"}, []string{"a", "a-b"}}, {[]string{"a", "a/c"}, []string{"a-b"}},
	} {
		path, want := t.listPath("repositories"), []string{}
		for _, p := range c.exclude {
			path = with(path, "exclude", t.ns+"/"+p)
		}
		for _, w := range c.want {
			want = append(want, lading.RepositoryKey(t.repo(w)))
		}
		t.wantKeys("exclude "+strings.Join(c.exclude, ", "), t.all(path).Items, want...)
	}
	b := t.repo("a-b")
	t.wantKeys("exclude 1*, v1", t.all(repoPath(b, "tags", "exclude", "1*", "exclude", "v1")).Items, tagKey(b, "2.0"), tagKey(b, "V2"), tagKey(b, "_x"))
}

func filterType(t *T) {
	repo := t.repo("app")
	one := t.push(repo, thing{artifactType: "application/vnd.conformance.one+json"}, "one")
	two := t.push(repo, thing{config: "application/vnd.conformance.two"}, "two", "two-too")
	t.push(repo, thing{artifactType: "application/vnd.conformance.other"}, "other")
	path := t.listPath("manifests", "type", "application/vnd.conformance.one+json")
	t.wantKeys("an artifactType", t.all(path).Items, manifestKey(repo, one))
	path = t.listPath("tags", "type", "application/vnd.conformance.one+json", "type", "application/vnd.conformance.two")
	t.wantKeys("tags of two types, one by its config", t.all(path).Items, tagKey(repo, "one"), tagKey(repo, "two"), tagKey(repo, "two-too"))
	t.wantKeys("in a repository", t.all(repoPath(repo, "manifests", "type", "application/vnd.conformance.two")).Items, manifestKey(repo, two))
	t.wantKeys("a type that nothing has", t.all(t.listPath("tags", "type", "application/vnd.conformance.none")).Items)
	for _, it := range t.all(t.listPath("manifests")).Items {
		if it.Type == "" {
			t.errorf("%s has no short name of a type", it.Key)
		} else if got := keys(t.all(t.listPath("manifests", "type", it.Type)).Items); !slices.Contains(got, it.Key) {
			t.errorf("type=%s, its own, does not find %s", it.Type, it.Key)
		}
	}
	t.wantParameter(t.get(t.listPath("tags", "type", "conformance-no-such-type")), "type")
}

func filterPlatform(t *T) {
	repo := t.repo("app")
	arm := t.push(repo, thing{platform: "linux/arm64/v8"}, "arm")
	amd := t.push(repo, thing{platform: "linux/amd64"}, "amd")
	win := t.push(repo, thing{platform: "windows/amd64"}, "win")
	child := func(d ocispec.Descriptor, p string) ocispec.Descriptor {
		pl := platformOf(p)
		d.Platform = &pl
		return d
	}
	index := t.push(repo, thing{children: []ocispec.Descriptor{child(arm, "linux/arm64/v8"), child(win, "windows/amd64")}}, "both")
	for _, c := range []struct{ platforms, want []string }{
		{[]string{"linux/arm64/v8"}, []string{manifestKey(repo, arm), manifestKey(repo, index)}},
		{[]string{"linux/arm64"}, []string{manifestKey(repo, arm), manifestKey(repo, index)}},
		{[]string{"linux/amd64"}, []string{manifestKey(repo, amd)}},
		{[]string{"linux/amd64", "windows/amd64"}, []string{manifestKey(repo, amd), manifestKey(repo, win), manifestKey(repo, index)}},
		{[]string{"linux/arm64/v7"}, nil}, {[]string{"linux/arm"}, nil},
	} {
		path := t.listPath("manifests")
		for _, p := range c.platforms {
			path = with(path, "platform", p)
		}
		t.wantKeys("platform "+strings.Join(c.platforms, ", "), t.all(path).Items, c.want...)
	}
	t.wantKeys("tags", t.all(repoPath(repo, "tags", "platform", "windows/amd64")).Items, tagKey(repo, "win"), tagKey(repo, "both"))
}

func filterTagged(t *T) {
	repo := t.repo("app")
	a := t.push(repo, thing{}, "v1", "v2")
	b := t.push(repo, thing{})
	t.wantKeys("tagged=true", t.all(t.listPath("manifests", "tagged", "true")).Items, manifestKey(repo, a))
	t.wantKeys("tagged=false", t.all(t.listPath("manifests", "tagged", "false")).Items, manifestKey(repo, b))
}

func filterSubject(t *T) {
	repo, other := t.repo("app"), t.repo("other")
	base := t.push(repo, thing{}, "v1")
	one := t.push(repo, thing{subject: &base})
	two := t.push(other, thing{subject: &base})
	t.push(repo, thing{subject: &one})
	path := t.listPath("manifests", "subject", string(base.Digest))
	t.wantKeys("in the namespace", t.all(path).Items, manifestKey(repo, one), manifestKey(other, two))
	t.wantKeys("newest first, one a page", t.all(with(path, "order", "-created", "n", "1")).Items, manifestKey(repo, one), manifestKey(other, two))
	t.wantKeys("in a repository", t.all(repoPath(repo, "manifests", "subject", string(base.Digest))).Items, manifestKey(repo, one))
}

func filterCreated(t *T) {
	filterTime(t, "created", func(it lading.Item) *time.Time { return it.Created })
}
func filterModified(t *T) {
	filterTime(t, "modified", func(it lading.Item) *time.Time { return it.Modified })
}

func filterTime(t *T, name string, of func(lading.Item) *time.Time) {
	stock(t)
	for _, kind := range kinds {
		all := t.all(t.listPath(kind)).Items
		slices.SortFunc(all, func(a, b lading.Item) int { return of(a).Compare(*of(b)) })
		if len(all) < 3 {
			t.fatalf("%d %s", len(all), kind)
		}
		at := of(all[len(all)/2])
		var before, after []string
		for _, it := range all {
			if of(it).Before(*at) {
				before = append(before, it.Key)
			} else {
				after = append(after, it.Key)
			}
		}
		text := at.Format(time.RFC3339Nano)
		t.wantKeys(kind+" "+name+"_after", t.all(t.listPath(kind, name+"_after", text)).Items, after...)
		t.wantKeys(kind+" "+name+"_before", t.all(t.listPath(kind, name+"_before", text)).Items, before...)
		t.wantKeys(kind+" of no time", t.all(t.listPath(kind, name+"_after", text, name+"_before", text)).Items)
	}
}

func filterTogether(t *T) {
	repo := t.repo("app")
	base := t.push(repo, thing{}, "v1")
	want := t.push(repo, thing{artifactType: "application/vnd.conformance.sig", subject: &base})
	t.push(repo, thing{artifactType: "application/vnd.conformance.sig", subject: &base}, "sig")
	t.push(repo, thing{artifactType: "application/vnd.conformance.sbom", subject: &base})
	t.push(repo, thing{artifactType: "application/vnd.conformance.sig"})
	path := t.listPath("manifests", "type", "application/vnd.conformance.sig", "tagged", "false", "subject", string(base.Digest), "created_after", "2001-01-01T00:00:00Z")
	t.wantKeys("type, tagged, subject and created_after", t.all(path).Items, manifestKey(repo, want))
}
