package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

const policiesAt = "/v2/_lading/types/policies"

func TestPoliciesAPI(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		if body := request(t, s, "GET", policiesAt, "", http.StatusOK).Body.String(); strings.TrimSpace(body) != `{"policies":[]}` {
			t.Errorf("at first there are %s", body)
		}
		w := request(t, s, "PUT", policiesAt+"/charts", `{"scope":{"namespace":"acme/charts"},"allow":["helm"]}`, http.StatusCreated)
		if at := w.Header().Get("Location"); at != policiesAt+"/charts" {
			t.Errorf("it is at %s", at)
		}
		request(t, s, "PUT", policiesAt+"/charts", `{"scope":{"namespace":"acme/charts"},"allow":["helm"],"validate":"enforce"}`, http.StatusOK)
		want := `{"id":"charts","policy":{"scope":{"namespace":"acme/charts"},"allow":["helm"],"unknown":"deny","validate":"enforce"}}`
		for at, want := range map[string]string{policiesAt + "/charts": want, policiesAt: `{"policies":[` + want + `]}`} {
			if body := request(t, s, "GET", at, "", http.StatusOK).Body.String(); strings.TrimSpace(body) != want {
				t.Errorf("%s is %s", at, body)
			}
		}
		bad := request(t, s, "PUT", policiesAt+"/odd", "{\n\"scope\":{},\n\"alow\":[]}", http.StatusBadRequest).Body.String()
		if !strings.Contains(bad, `"TYPE_INVALID"`) || !strings.Contains(bad, `"pointer":"/alow","line":3`) {
			t.Errorf("the mistake is told as %s", bad)
		}
		request(t, s, "PUT", policiesAt+"/odd", strings.Repeat(" ", 300<<10), http.StatusBadRequest)
		request(t, s, "PUT", policiesAt+"/Odd", `{"scope":{}}`, http.StatusNotFound)
		request(t, s, "GET", policiesAt+"?n=1", "", http.StatusBadRequest)
		request(t, s, "DELETE", policiesAt+"/charts", "", http.StatusAccepted)
		request(t, s, "DELETE", policiesAt+"/charts", "", http.StatusNotFound)
	})
}

const emptyConfig = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

// What a policy says is what a push is answered, from one request to the next.
func TestPolicyOnPush(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		chart := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":%q,"size":2},"layers":[]}`, emptyConfig)
		image := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[]}`, emptyConfig)
		warned := request(t, s, "PUT", "/v2/acme/charts/web/manifests/1", chart, http.StatusCreated).Header().Values("Warning")
		if len(warned) == 0 || !strings.HasPrefix(warned[0], `299 - "This is not as artifacts of type helm should be: config`) {
			t.Errorf("by default it is warned: %q", warned)
		}
		request(t, s, "PUT", policiesAt+"/charts", `{"scope":{"namespace":"acme/charts"},"allow":["helm"],"validate":"enforce"}`, http.StatusCreated)
		refused := request(t, s, "PUT", "/v2/acme/charts/web/manifests/2", image, http.StatusUnsupportedMediaType).Body.String()
		if !strings.Contains(refused, `"code":"UNSUPPORTED"`) || !strings.Contains(refused, "type image (config application/vnd.oci.image.config.v1+json)") || !strings.Contains(refused, `"detail":["helm"]`) {
			t.Errorf("refused with %s", refused)
		}
		request(t, s, "GET", "/v2/acme/charts/web/manifests/2", "", http.StatusNotFound)
		// Refused too, where it was taken before there was a policy.
		broken := request(t, s, "PUT", "/v2/acme/charts/web/manifests/2", chart, http.StatusBadRequest).Body.String()
		if !strings.Contains(broken, `"code":"MANIFEST_INVALID"`) || !strings.Contains(broken, `"detail":[{"in":"config","pointer":`) {
			t.Errorf("refused with %s", broken)
		}
		request(t, s, "PUT", "/v2/acme/images/web/manifests/1", image, http.StatusCreated)
		request(t, s, "DELETE", policiesAt+"/charts", "", http.StatusAccepted)
		request(t, s, "PUT", "/v2/acme/charts/web/manifests/2", image, http.StatusCreated)
	})
}

// When a policy is in force, nothing that it forbids is stored any more, of
// pushes either that were on their way.
func TestPolicyIsNotOvertaken(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		put := func(repo, tag string) int {
			body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":%q,"size":2},"layers":[],"annotations":{"tag":%q}}`, emptyConfig, tag)
			w, r := httptest.NewRecorder(), httptest.NewRequest("PUT", "/v2/"+repo+"/manifests/"+tag, strings.NewReader(body))
			s.Handler().ServeHTTP(w, r)
			return w.Code
		}
		const pushers = 6
		var wg sync.WaitGroup
		begun := make(chan struct{}, pushers)
		for i := range pushers {
			wg.Go(func() {
				for n := 0; ; n++ {
					switch code := put(fmt.Sprint("r", i), fmt.Sprint("t", n)); code {
					case http.StatusCreated:
					case http.StatusUnsupportedMediaType:
						return
					default:
						t.Errorf("a push is answered %d", code)
						return
					}
					if n == 3 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range pushers {
			<-begun
		}
		request(t, s, "PUT", policiesAt+"/none", `{"scope":{},"deny":["helm"]}`, http.StatusCreated)
		at := list(t, s, "since=now").Cursor
		wg.Wait()
		if later := list(t, s, "since="+at).Items; len(later) > 0 {
			t.Errorf("%d tags were stored behind the policy", len(later))
		}
	})
}
