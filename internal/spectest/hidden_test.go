package spectest

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/opencontainers/go-digest"
)

// bobsView are requests whose answers must not tell of what bob may not see.
func bobsView(blob, manifest string) []message {
	b, m := digest.FromString(blob), digest.FromString(manifest)
	as := []string{userHeader + ": bob"}
	var out []message
	for _, line := range []string{
		"POST /v2/bob/app/blobs/uploads/?mount=%[1]s",
		"POST /v2/bob/app/blobs/uploads/?mount=%[1]s&from=private/r00",
		"POST /v2/bob/app/blobs/uploads/?digest=%[1]s",
		"PUT /v2/bob/app/manifests/v1?from-blob=%[1]s",
		"HEAD /v2/bob/app/blobs/%[1]s",
		"GET /v2/private/r00/blobs/%[1]s",
		"GET /v2/private/r00/manifests/%[2]s",
		"HEAD /v2/private/r00/manifests/v1",
		"GET /v2/private/r00/tags/list",
		"GET /v2/private/r00/referrers/%[1]s",
		"GET /v2/bob/app/referrers/%[1]s",
		"PUT /v2/private/r00/manifests/v1",
		"DELETE /v2/private/r00/manifests/v1",
		"DELETE /v2/private/r00/blobs/%[1]s",
		"GET /v1/search?q=private",
		"GET /v1/search?q=rivate",
		"GET /v1/search?q=",
		"GET /v2/_catalog",
		"POST /v2/private/r00/blobs/uploads/?mount=%[1]s&from=private/r01",
	} {
		out = append(out, message{line: fmt.Sprintf(line+"%.0[1]s%.0[2]s", b, m), header: as})
	}
	out = append(out, message{"PUT /v2/private/r00/manifests/v1", append(as, "If-None-Match: *"), manifest},
		message{"DELETE /v2/private/r00/manifests/v1", append(as, "If-Match: *"), ""})
	return out
}

// random is what differs between any two answers.
var random = regexp.MustCompile(`[A-Z2-7]{26}|[a-z2-7]{26}|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT`)

// TestHidden: a registry full of what bob may not see answers bob, header by
// header, as one without it.
func TestHidden(t *testing.T) {
	const blob = "hidden content"
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"subject":{"mediaType":"a/b","digest":"%s","size":1}}`, digest.FromString(blob))
	each(t, nil, func(t *testing.T, full *world) {
		for i := range 70 {
			repo := fmt.Sprintf("private/r%02d", i)
			for _, m := range []message{
				{"POST /v2/" + repo + "/blobs/uploads/?digest=" + string(digest.FromString(blob)), nil, blob},
				{"PUT /v2/" + repo + "/manifests/v1", nil, manifest},
			} {
				if a := send(t, full.addr(), m); a.status != 201 {
					t.Fatalf("%s: %d %s", m.line, a.status, a.body)
				}
			}
		}
		t.Run("compared", func(t *testing.T) {
			each(t, nil, func(t *testing.T, void *world) {
				for _, m := range bobsView(blob, manifest) {
					got, want := view(t, full, m), view(t, void, m)
					if got != want {
						t.Errorf("%s %v\nanswered\n%s\nwant\n%s", m.line, m.header, got, want)
					}
				}
			})
		})
	})
}

// view is an answer as text, without what is random in it.
func view(t *testing.T, w *world, m message) string {
	a := send(t, w.addr(), m)
	return random.ReplaceAllString(fmt.Sprintf("%d %v\n%s", a.status, a.header, a.body), "*")
}
