package conformance

import (
	"net/http"

	"github.com/lading-dev/lading"
)

var scopeCases = []Case{
	{"SCOP-1", Must, "a repository's cursor is not moved by what happens elsewhere", scopeElsewhere},
	{"SCOP-2", Must, "of a repository deleted since, since= is 200 with the remove, and without it 404", scopeDeleted},
	{"SCOP-3", Must, "a repository's cursor is good for its next life", scopeReborn},
	{"SCOP-4", Must, "an emptied repository is there until it is deleted", scopeEmpty},
}

func scopeElsewhere(t *T) {
	stock(t)
	path := repoPath(t.repo("a"), "tags")
	cur := t.all(path).Cursor
	t.push(t.repo("a-b"), thing{}, "latest")
	t.push(t.repo("a/c"), thing{}, "latest")
	if a := t.conditional(path, quoted(cur), false); a.status != http.StatusNotModified {
		t.errorf("status %d after changes elsewhere, want 304", a.status)
	}
	t.push(t.repo("a"), thing{}, "here")
	if a := t.conditional(path, quoted(cur), false); a.status != http.StatusOK {
		t.errorf("status %d after a change here, want 200", a.status)
	}
}

func scopeDeleted(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	tags, manifests := t.follow(repoPath(repo, "tags")), t.follow(repoPath(repo, "manifests"))
	t.removeRepository(repo)
	t.wantError(t.get(repoPath(repo, "tags")), http.StatusNotFound, "NAME_UNKNOWN")
	t.wantOps("tags", tags.delta(), "remove "+lading.RepositoryKey(repo))
	t.wantOps("manifests", manifests.delta(), "remove "+lading.RepositoryKey(repo))
	if len(tags.copy)+len(manifests.copy) > 0 {
		t.errorf("the copies are not empty")
	}
	t.wantNone("once more", tags.delta())
}

func scopeReborn(t *T) {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	f := t.follow(repoPath(repo, "tags"))
	t.removeRepository(repo)
	f.delta()
	t.push(repo, thing{}, "v2")
	f.delta()
	f.check("a repository's next life")
	t.removeRepository(repo)
	t.push(repo, thing{}, "v3")
	f.delta()
	f.check("a life that began and one that ended between two deltas")
}

func scopeEmpty(t *T) {
	repo := t.repo("app")
	d := t.push(repo, thing{}, "v1")
	f := t.follow(t.listPath("repositories"))
	t.remove(repo, string(d.Digest))
	t.wantNone("an emptied repository", f.delta())
	p := t.all(repoPath(repo, "tags"))
	if t.wantKeys("its tags", p.Items); p.Cursor == "" {
		t.errorf("its listing has no cursor")
	}
}
