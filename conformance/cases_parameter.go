package conformance

import (
	"net/http"
)

var parameterCases = []Case{
	{"PARM-1", Must, "an unknown parameter is 400 PARAMETER_INVALID and names it", parameterUnknown},
	{"PARM-2", Must, "a parameter where it does not belong is 400, never ignored", parameterMisplaced},
	{"PARM-3", Must, "a bad value is 400", parameterBad},
	{"PARM-4", Must, "a parameter that may not be repeated, and an empty one, is 400", parameterTwice},
}

// wantParameter checks that a parameter is refused by its name.
func (t *T) wantParameter(a answer, name string) {
	detail := t.wantError(a, http.StatusBadRequest, "PARAMETER_INVALID")
	if detail["parameter"] != name || detail["reason"] == "" || detail["reason"] == nil {
		t.errorf("the detail is %v, want {parameter: %q, reason: …}", detail, name)
	}
}

// everyListing are the listings, with one in a repository of the case.
func everyListing(t *T) []string {
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	return []string{"/v2/_lading/list/repositories", "/v2/_lading/list/tags", "/v2/_lading/list/manifests", "/v2/_lading/list/namespaces",
		repoPath(repo, "tags"), repoPath(repo, "manifests")}
}

func parameterUnknown(t *T) {
	for _, path := range everyListing(t) {
		for _, name := range []string{"limit", "last", "Namespace", "artifactType", "N"} {
			t.wantParameter(t.get(with(path, name, "1")), name)
		}
	}
}

// anyDigest is the digest of nothing.
const anyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func parameterMisplaced(t *T) {
	l := everyListing(t)
	repos, tags, names, repoTags, repoManifests := l[0], l[1], l[3], l[4], l[5]
	for _, c := range []struct{ path, name, value string }{
		{repos, "type", "a/b"}, {repos, "platform", "linux/amd64"}, {repos, "tagged", "true"}, {repos, "subject", anyDigest},
		{tags, "tagged", "true"}, {tags, "subject", anyDigest}, {repoTags, "tagged", "true"}, {repoTags, "subject", anyDigest},
		{repoTags, "namespace", "a"}, {repoManifests, "namespace", "a"}, {repoManifests, "prefix", "a"}, {repoManifests, "exclude", "a"},
		{names, "prefix", "a"}, {names, "type", "a/b"}, {names, "order", "name"}, {names, "since", "none"}, {names, "created_after", "2026-01-01T00:00:00Z"},
	} {
		t.wantParameter(t.get(with(c.path, c.name, c.value)), c.name)
	}
}

func parameterBad(t *T) {
	l := everyListing(t)
	tags, manifests, repoTags := l[1], l[2], l[4]
	for _, c := range []struct{ path, name, value string }{
		{tags, "namespace", "A"}, {tags, "namespace", "/a"}, {tags, "namespace", "a/"}, {tags, "prefix", "A"}, {tags, "exclude", "a**"},
		{repoTags, "prefix", "a/b"}, {tags, "type", "a/b/c"}, {tags, "type", "UPPER"}, {tags, "platform", "linux"}, {tags, "platform", "a/b/c/d"},
		{manifests, "tagged", "yes"}, {manifests, "tagged", "1"}, {manifests, "subject", "abc"}, {manifests, "subject", "sha256:12"},
		{tags, "created_after", "yesterday"}, {tags, "created_before", "2026-01-01"}, {tags, "modified_after", "1"}, {tags, "modified_before", "0"},
		{tags, "order", "size"}, {tags, "order", "+name"}, {tags, "n", "0"}, {tags, "n", "1001"}, {tags, "wait", "1"}, {tags, "view", "all"}, {tags, "since", "a/b"}, {tags, "page", "a b"},
	} {
		t.wantParameter(t.get(with(c.path, c.name, c.value)), c.name)
	}
}

func parameterTwice(t *T) {
	tags := everyListing(t)[1]
	for name, value := range map[string]string{"namespace": "a", "order": "name", "n": "1", "since": "none", "view": "stats", "created_after": "2026-01-01T00:00:00Z"} {
		t.wantParameter(t.get(with(tags, name, value, name, value)), name)
		t.wantParameter(t.get(with(tags, name, "")), name)
	}
	t.wantParameter(t.get(with(tags, "prefix", "")), "prefix")
}
