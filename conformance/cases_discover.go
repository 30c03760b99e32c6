package conformance

import (
	"net/http"
	"slices"
	"strings"
)

var discoverCases = []Case{
	{"DISC-1", Must, "the extension, its endpoints and its limits are discovered", discoverRegistry},
	{"DISC-2", Must, "a repository's endpoints are discovered; those of one that is not there are not", discoverRepository},
	{"DISC-3", Must, "an endpoint that the extension does not have is 404 EXTENSION_UNKNOWN", discoverUnknown},
}

func discoverRegistry(t *T) {
	a := t.get("/v2/_oci/ext/discover")
	var found extensions
	if err := a.decode(&found); a.status != http.StatusOK || err != nil {
		t.fatalf("status %d: %v", a.status, err)
	}
	for _, e := range found.Extensions {
		if e.Name != "_lading" {
			continue
		}
		for _, want := range []string{"_lading/list/repositories", "_lading/list/tags", "_lading/list/manifests", "_lading/list/namespaces"} {
			if !slices.Contains(e.Endpoints, want) {
				t.errorf("the endpoint %s is not listed", want)
			}
		}
		for _, limit := range []string{"n", "tombstoneDays", "wait"} {
			if e.Limits[limit] < 1 {
				t.errorf("the limit %s is %d", limit, e.Limits[limit])
			}
		}
		if !strings.HasPrefix(e.URL, "http") {
			t.errorf("the url %q is none", e.URL)
		}
		return
	}
	t.errorf("there is no extension _lading")
}

func discoverRepository(t *T) {
	repo := t.repo("app")
	t.wantError(t.get("/v2/"+repo+"/_oci/ext/discover"), http.StatusNotFound, "NAME_UNKNOWN")
	t.push(repo, thing{}, "v1")
	a := t.get("/v2/" + repo + "/_oci/ext/discover")
	for _, want := range []string{"_lading/list/tags", "_lading/list/manifests"} {
		if a.status != http.StatusOK || !strings.Contains(string(a.body), `"`+want+`"`) {
			t.errorf("status %d, and the endpoint %s is not listed", a.status, want)
		}
	}
}

func discoverUnknown(t *T) {
	for _, path := range []string{"/v2/_lading/list/nothing", "/v2/_lading/nothing", "/v2/" + t.repo("app") + "/_lading/list/repositories"} {
		t.wantError(t.get(path), http.StatusNotFound, "EXTENSION_UNKNOWN")
	}
}
