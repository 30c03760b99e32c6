package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

// Media types that a person typed into a URL as they are.
func TestPlusInMediaTypes(t *testing.T) {
	const want = "application/vnd.cncf.helm.config.v1+json"
	for _, raw := range []string{want, strings.ReplaceAll(want, "+", "%2B")} {
		r, err := Parse(http.MethodGet, "/v2/_lading/list/tags", "type="+raw)
		if err != nil || len(r.Query.Scope.Types) != 1 || r.Query.Scope.Types[0] != want {
			t.Errorf("type=%s: %v, %v", raw, r.Query.Scope.Types, err)
		}
		r, err = Parse(http.MethodGet, "/v2/a/referrers/sha256:"+strings.Repeat("a", 64), "artifactType="+raw)
		if err != nil || r.ArtifactType != want {
			t.Errorf("artifactType=%s: %q, %v", raw, r.ArtifactType, err)
		}
	}
}
