package spectest

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestTypeStats: view=stats counts what the caller may see, by type, and
// nothing else (docs/spec/artifact-types.md, "Where definitions live").
func TestTypeStats(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for i, repo := range []string{"bob/charts", "bob/charts", "shared/charts", "secret/charts", "secret/more"} {
			body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json",`+
				`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"annotations":{"n":"%d"}}`, i)
			a := send(t, w.addr(), message{line: fmt.Sprintf("PUT /v2/%s/manifests/%d", repo, i), header: []string{"Content-Type: application/vnd.oci.image.manifest.v1+json"}, body: body})
			if a.status != 201 {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		for user, want := range map[string]any{"ada": 5.0, "bob": 3.0, "carol": 0.0} {
			a := send(t, w.addr(), message{line: "GET /v2/_lading/types/definitions?view=stats", header: []string{userHeader + ": " + user}})
			var got struct {
				Definitions []struct {
					Name  string
					Stats struct{ Manifests any }
				}
			}
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || len(got.Definitions) < 20 {
				t.Fatalf("%s: %d %v %s", user, a.status, err, a.body)
			}
			for _, d := range got.Definitions {
				if d.Name == "helm" && d.Stats.Manifests != want || d.Name != "helm" && d.Stats.Manifests != 0.0 {
					t.Errorf("%s sees %v of type %s, want %v of helm", user, d.Stats.Manifests, d.Name, want)
				}
			}
		}
	})
}
