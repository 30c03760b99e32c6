package conformance

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

var deltaCases = []Case{
	{"DELT-1", Must, "a push is told: the manifest, the tag, a new repository", deltaPush},
	{"DELT-2", Must, "a moved tag is told, with both manifests", deltaMove},
	{"DELT-3", Must, "many changes of one item are one item", deltaCoalesced},
	{"DELT-4", Must, "what was put and deleted since is no put", deltaGone},
	{"DELT-5", Must, "what was deleted and came again is a put", deltaAgain},
	{"DELT-6", Must, "a deleted tag is a remove, and its manifest has one less", deltaTagDeleted},
	{"DELT-7", Must, "a deleted manifest is a remove, and so is each of its tags", deltaManifestDeleted},
	{"DELT-8", Must, "a deleted repository is one remove", deltaRepositoryDeleted},
	{"DELT-9", Must, "a repository deleted and recreated is a reset and its content, of another incarnation", deltaRecreated},
	{"DELT-10", Must, "what leaves the filter is a remove", deltaLeaves},
	{"DELT-11", Must, "what comes into the filter is a put", deltaEnters},
	{"DELT-12", Must, "what is new and does not match is not told", deltaUnmatched},
	{"DELT-13", Must, "a filter on content does not hide the end of a repository", deltaFilteredEnd},
	{"DELT-14", Must, "a delta by page is the whole delta", deltaPages},
	{"DELT-15", Must, "what happens while a delta is read comes with the next one", deltaMeanwhile},
	{"DELT-16", Must, "a push that changes nothing is no change", deltaNothing},
	{"DELT-17", Must, "rev grows with every change, within an incarnation", deltaRev},
	{"DELT-18", Must, "copies of any filter, kept by deltas, are what new listings show", deltaRandom},
}

func deltaPush(t *T) {
	repos, tags, manifests := t.follow(t.listPath("repositories")), t.follow(t.listPath("tags")), t.follow(t.listPath("manifests"))
	repo := t.repo("app")
	d := t.push(repo, thing{}, "v1")
	t.wantOps("repositories", repos.delta(), "put "+lading.RepositoryKey(repo))
	t.wantOps("tags", tags.delta(), "put "+tagKey(repo, "v1"))
	items := manifests.delta()
	t.wantOps("manifests", items, "put "+manifestKey(repo, d))
	if it, ok := byKey(items, manifestKey(repo, d)); ok && !slices.Equal(it.Tags, []string{"v1"}) {
		t.errorf("the manifest has the tags %v", it.Tags)
	}
	t.push(repo, thing{}, "v2")
	t.wantNone("repositories, after another push", repos.delta())
}

func deltaMove(t *T) {
	repo := t.repo("app")
	one := t.push(repo, thing{}, "latest", "v1")
	tags, manifests := t.follow(t.listPath("tags")), t.follow(t.listPath("manifests"))
	two := t.push(repo, thing{}, "latest")
	items := tags.delta()
	t.wantOps("tags", items, "put "+tagKey(repo, "latest"))
	if it, ok := byKey(items, tagKey(repo, "latest")); ok && it.Descriptor.Digest != two.Digest {
		t.errorf("latest points to %s, want %s", it.Descriptor.Digest, two.Digest)
	}
	items = manifests.delta()
	t.wantOps("manifests", items, "put "+manifestKey(repo, one), "put "+manifestKey(repo, two))
	if it, ok := byKey(items, manifestKey(repo, one)); ok && !slices.Equal(it.Tags, []string{"v1"}) {
		t.errorf("the manifest that latest left has the tags %v, want v1", it.Tags)
	}
}

func deltaCoalesced(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "latest")
	tags := t.follow(t.listPath("tags"))
	var last ocispec.Descriptor
	for range 5 {
		last = t.push(repo, thing{}, "latest")
	}
	items := tags.delta()
	t.wantOps("five moves", items, "put "+tagKey(repo, "latest"))
	if it, ok := byKey(items, tagKey(repo, "latest")); ok && it.Descriptor.Digest != last.Digest {
		t.errorf("the state is not the last one")
	}
}

func deltaGone(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	tags := t.follow(t.listPath("tags"))
	t.push(repo, thing{}, "flash")
	t.remove(repo, "flash")
	for _, it := range tags.delta() {
		if it.Op != lading.OpRemove || it.Key != tagKey(repo, "flash") {
			t.errorf("%s %s", it.Op, it.Key)
		}
	}
	tags.check("after a tag came and went")
}

func deltaAgain(t *T) {
	repo := t.repo("app")
	d, body := t.manifest(repo, thing{})
	t.put(repo, d, body, "v1")
	tags, manifests := t.follow(t.listPath("tags")), t.follow(t.listPath("manifests"))
	t.remove(repo, string(d.Digest))
	t.put(repo, d, body, "v1")
	t.wantOps("tags", tags.delta(), "put "+tagKey(repo, "v1"))
	t.wantOps("manifests", manifests.delta(), "put "+manifestKey(repo, d))
	tags.check("tags")
	manifests.check("manifests")
}

func deltaTagDeleted(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{}, "v1", "v2")
	tags, manifests, repoTags := t.follow(t.listPath("tags")), t.follow(t.listPath("manifests")), t.follow(repoPath(repo, "tags"))
	t.remove(repo, "v1")
	t.wantOps("tags", tags.delta(), "remove "+tagKey(repo, "v1"))
	t.wantOps("tags of the repository", repoTags.delta(), "remove "+tagKey(repo, "v1"))
	items := manifests.delta()
	t.wantOps("manifests", items, "put "+manifestKey(repo, d))
	if it, ok := byKey(items, manifestKey(repo, d)); ok && (!slices.Equal(it.Tags, []string{"v2"}) || *it.TagCount != 1) {
		t.errorf("the manifest has the tags %v", it.Tags)
	}
	t.remove(repo, "v2")
	manifests.delta()
	manifests.check("a manifest without tags")
	t.wantKeys("tags", t.all(repoPath(repo, "tags")).Items)
}

func deltaManifestDeleted(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{}, "v1", "v2")
	t.push(repo, thing{}, "other")
	tags, manifests := t.follow(t.listPath("tags")), t.follow(t.listPath("manifests"))
	t.remove(repo, string(d.Digest))
	t.wantOps("tags", tags.delta(), "remove "+tagKey(repo, "v1"), "remove "+tagKey(repo, "v2"))
	t.wantOps("manifests", manifests.delta(), "remove "+manifestKey(repo, d))
}

func deltaRepositoryDeleted(t *T) {
	stock(t)
	gone := lading.RepositoryKey(t.repo("a"))
	for _, kind := range kinds {
		f := t.follow(t.listPath(kind))
		defer func() { t.wantOps(kind, f.delta(), "remove "+gone); f.check(kind) }()
	}
	t.removeRepository(t.repo("a"))
	t.wantError(t.do(request{method: http.MethodDelete, path: managePath(t.repo("a"))}), http.StatusNotFound, "NAME_UNKNOWN")
}

func deltaRecreated(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1", "old")
	tags, manifests, repos, own := t.follow(t.listPath("tags")), t.follow(t.listPath("manifests")), t.follow(t.listPath("repositories")), t.follow(repoPath(repo, "tags"))
	before := repos.copy[lading.RepositoryKey(repo)].Incarnation
	t.removeRepository(repo)
	d := t.push(repo, thing{}, "v1")
	reset := "reset " + lading.RepositoryKey(repo)
	for what, f := range map[string]*follower{"tags": tags, "tags of the repository": own} {
		items := f.delta()
		t.wantOps(what, items, reset, "put "+tagKey(repo, "v1"))
		if len(items) > 0 && items[0].Op != lading.OpReset {
			t.errorf("%s: the reset does not come first", what)
		}
	}
	t.wantOps("manifests", manifests.delta(), reset, "put "+manifestKey(repo, d))
	repos.delta()
	for _, f := range []*follower{tags, manifests, repos, own} {
		f.check("a recreated repository")
	}
	if after := repos.copy[lading.RepositoryKey(repo)].Incarnation; after == before || after == "" {
		t.errorf("the incarnation was %q and is %q", before, after)
	}
}

func deltaLeaves(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{artifactType: "application/vnd.conformance.in"}, "v1")
	tagged, untagged := t.follow(t.listPath("manifests", "tagged", "true")), t.follow(t.listPath("manifests", "tagged", "false"))
	typed := t.follow(t.listPath("tags", "type", "application/vnd.conformance.in"))
	t.push(repo, thing{artifactType: "application/vnd.conformance.out"}, "v1")
	t.wantOps("type", typed.delta(), "remove "+tagKey(repo, "v1"))
	items := tagged.delta()
	if it, ok := byKey(items, manifestKey(repo, d)); !ok || it.Op != lading.OpRemove {
		t.errorf("tagged=true: a manifest that lost its tag is not removed")
	}
	t.wantOps("tagged=false", untagged.delta(), "put "+manifestKey(repo, d))
	t.push(repo, thing{}, "x")
	for _, f := range []*follower{tagged, untagged, typed} {
		f.delta()
		f.check("filters")
	}
}

func deltaEnters(t *T) {
	repo := t.repo("app")
	d, body := t.manifest(repo, thing{artifactType: "application/vnd.conformance.in"})
	t.put(repo, d, body)
	t.push(repo, thing{artifactType: "application/vnd.conformance.out"}, "v1")
	tagged, typed := t.follow(t.listPath("manifests", "tagged", "true", "type", "application/vnd.conformance.in")), t.follow(t.listPath("tags", "type", "application/vnd.conformance.in"))
	t.put(repo, d, body, "v1")
	t.wantOps("tagged and type", tagged.delta(), "put "+manifestKey(repo, d))
	t.wantOps("type", typed.delta(), "put "+tagKey(repo, "v1"))
}

func deltaUnmatched(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	typed, prefix := t.follow(t.listPath("tags", "type", "application/vnd.conformance.in")), t.follow(repoPath(repo, "tags", "prefix", "v"))
	other := t.follow(t.listPath("tags", "exclude", repo))
	t.push(repo, thing{artifactType: "application/vnd.conformance.out"}, "new")
	for what, f := range map[string]*follower{"type": typed, "prefix": prefix, "exclude": other} {
		t.wantNone(what, f.delta())
	}
}

func deltaFilteredEnd(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{artifactType: "application/vnd.conformance.in"}, "v1")
	f := t.follow(t.listPath("tags", "type", "application/vnd.conformance.in", "created_before", "2101-01-01T00:00:00Z"))
	t.removeRepository(repo)
	t.push(repo, thing{}, "v1")
	ops := f.delta()
	if it, ok := byKey(ops, lading.RepositoryKey(repo)); !ok || it.Op == lading.OpPut {
		t.errorf("the end of a repository is not told: %v", keys(ops))
	}
	f.check("a repository that ended")
	t.removeRepository(repo)
	t.wantOps("its second end", f.delta(), "remove "+lading.RepositoryKey(repo))
}

// stir changes a bit of everything that stock pushed.
func stir(t *T) {
	a, b, c := t.repo("a"), t.repo("a-b"), t.repo("a/c")
	t.push(a, thing{}, "latest", "new")
	t.remove(b, "V2")
	t.push(b, thing{artifactType: "application/vnd.conformance.one"}, "1.0", "3.0")
	t.removeRepository(c)
	t.push(c, thing{}, "v1", "v2")
	t.push(t.repo("d"), thing{}, "v1")
}

func deltaPages(t *T) {
	stock(t)
	for _, kind := range kinds {
		f := t.follow(t.listPath(kind))
		defer func() {
			whole := t.all(with(f.path, "since", f.cur))
			if len(whole.Items) < 2 {
				t.errorf("%s: the delta has %d items", kind, len(whole.Items))
			}
			items := f.delta("n", "1")
			if !slices.Equal(keys(items), keys(whole.Items)) {
				t.errorf("%s: n=1: %s", kind, difference(keys(items), keys(whole.Items)))
			}
			f.check(kind)
		}()
	}
	stir(t)
}

func deltaMeanwhile(t *T) {
	stock(t)
	f := t.follow(t.listPath("tags"))
	stir(t)
	p := t.list(with(f.path, "since", f.cur, "n", "1"))
	f.copy.apply(p.Items)
	t.push(t.repo("a"), thing{}, "aa", "latest")
	t.remove(t.repo("a-b"), "3.0")
	t.removeRepository(t.repo("d"))
	rest := t.rest(page{Kind: "delta", next: p.next}, request{})
	f.copy.apply(rest.Items)
	f.cur = rest.Cursor
	f.delta()
	f.check("changes between the pages of a delta")
}

func deltaNothing(t *T) {
	repo := t.repo("app")
	d, body := t.manifest(repo, thing{})
	t.put(repo, d, body, "v1")
	for _, kind := range kinds {
		f := t.follow(t.listPath(kind))
		defer func() { t.wantNone(kind, f.delta()) }()
	}
	t.put(repo, d, body, "v1")
	t.put(repo, d, body)
}

func deltaRev(t *T) {
	repo := t.repo("app")
	last := int64(0)
	for i := range 4 {
		t.push(repo, thing{}, "latest")
		it, ok := byKey(t.all(repoPath(repo, "tags")).Items, tagKey(repo, "latest"))
		if !ok || it.Rev <= last {
			t.errorf("change %d has the rev %d, the one before %d", i, it.Rev, last)
		}
		last = it.Rev
	}
	seen := map[int64]string{}
	for _, kind := range []string{"tags", "manifests"} {
		for _, it := range t.all(repoPath(repo, kind)).Items {
			if seen[it.Rev] != "" {
				t.errorf("%s and %s have the same rev", it.Key, seen[it.Rev])
			}
			seen[it.Rev] = it.Key
		}
	}
}

// deltaRandom changes things at random and keeps many copies.
func deltaRandom(t *T) {
	stock(t)
	var all []*follower
	for _, path := range []string{t.listPath("repositories"), t.listPath("tags"), t.listPath("manifests"), t.listPath("manifests", "tagged", "true"),
		t.listPath("manifests", "tagged", "false"), t.listPath("tags", "type", "application/vnd.conformance.one"), t.listPath("manifests", "type", "application/vnd.conformance.one"),
		t.listPath("tags", "exclude", t.repo("a")+"*"), t.listPath("tags", "prefix", t.repo("a/"))} {
		all = append(all, t.follow(path))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	repos := []string{t.repo("a"), t.repo("a-b"), t.repo("a/c"), t.repo("e")}
	for range 12 {
		for range 4 {
			t.randomChange(rng, repos[rng.IntN(len(repos))])
		}
		for i, f := range all {
			if rng.IntN(2) == 0 {
				f.delta("n", []string{"1", "3", "1000"}[i%3])
			}
		}
	}
	for _, f := range all {
		f.delta()
		f.check("after random changes")
	}
}

func (t *T) randomChange(rng *rand.Rand, repo string) {
	tag := fmt.Sprintf("t%d", rng.IntN(4))
	switch x := rng.IntN(10); {
	case x < 6:
		m := thing{}
		if rng.IntN(2) == 0 {
			m.artifactType = "application/vnd.conformance.one"
		}
		t.push(repo, m, tag)
	case x < 8:
		_, _ = t.send(request{method: http.MethodDelete, path: "/v2/" + repo + "/manifests/" + tag})
	case x < 9:
		if a, err := t.send(request{path: repoPath(repo, "manifests")}); err == nil && a.status == http.StatusOK {
			if p := t.readPage(a, http.StatusOK); len(p.Items) > 0 {
				_, _ = t.send(request{method: http.MethodDelete, path: "/v2/" + repo + "/manifests/" + string(p.Items[rng.IntN(len(p.Items))].Descriptor.Digest)})
			}
		}
	default:
		_, _ = t.send(request{method: http.MethodDelete, path: managePath(repo)})
		t.forgetBlobs(repo)
	}
}

// forgetBlobs is for a repository that is gone, and its blobs with it.
func (t *T) forgetBlobs(repo string) {
	for key := range t.blobs {
		if strings.HasPrefix(key, repo+"@") {
			delete(t.blobs, key)
		}
	}
}
