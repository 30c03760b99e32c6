package httpapi

import (
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestDraftsSwitchedOff: without the drafts nothing of them is there, and
// tags/list is as it always was.
func TestDraftsSwitchedOff(t *testing.T) {
	m := newMemory()
	m.put(t, "a/b", `{}`, "t")
	index := map[string]string{"Accept": ocispec.MediaTypeImageIndex}
	off, on := serveMemory(t, m, Options{}), serveMemory(t, m, Options{OCIDrafts: true})
	for _, path := range []string{"/v2/_oci/repositories", "/v2/a/_oci/repositories", "/v2/a/b/_oci/tag-history/t"} {
		if resp, body := get(t, off, path, nil); resp.StatusCode != 404 || !strings.Contains(body, "EXTENSION_UNKNOWN") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if _, body := get(t, off, "/v2/a/b/tags/list", index); body != "{\"name\":\"a/b\",\"tags\":[\"t\"]}\n" {
		t.Errorf("tags/list without drafts: %s", body)
	}
	if _, body := get(t, off, "/v2/_oci/ext/discover", nil); strings.Contains(body, `"_oci"`) {
		t.Errorf("discovery without drafts: %s", body)
	}
	for path, want := range map[string]string{
		"/v2/a/_oci/repositories":         `[{"name":"a/b"}]`,
		"/v2/a/b/_oci/tag-history/t":      "EXTENSION_UNKNOWN", // this registry remembers nothing
		"/v2/a/b/_oci/tag-history/t?n=x":  "PARAMETER_INVALID",
		"/v2/_oci/ext/discover":           `"_oci/tag-history"`,
		"/v2/a/b/_oci/tag-history/t/more": "EXTENSION_UNKNOWN",
		"/v2/_oci/tag-history/t":          "EXTENSION_UNKNOWN",
	} {
		if _, body := get(t, on, path, nil); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	if resp, _ := get(t, on, "/v2/a/b/tags/list?last=s", index); resp.StatusCode != 400 {
		t.Errorf("an index after a name: %d", resp.StatusCode)
	}
}
