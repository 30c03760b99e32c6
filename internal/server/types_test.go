package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/server"
)

// newType is a definition of a type that the code has never heard of.
func newType(name string) string {
	return fmt.Sprintf(`{"name": %q, "match": [{"config": "application/vnd.example.%s+json"}], "show": {"version": "/version"},
		"logo": "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><script>alert(1)</script><path d=\"M1 2h3v4z\"/></svg>"}`, name, name)
}

// request sends a request to the registry and returns the answer.
func request(t *testing.T, s *server.Server, method, path, body string, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if strings.Contains(path, "/manifests/") {
		r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	}
	s.Handler().ServeHTTP(w, r)
	if w.Code != status {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w
}

// pushTyped pushes an artifact whose config is of a type that a new one
// matches.
func pushTyped(t *testing.T, s *server.Server, typ, tag string) {
	t.Helper()
	config := fmt.Sprintf(`{"version":%q}`, tag)
	d := digest.FromString(config)
	request(t, s, "POST", "/v2/acme/web/blobs/uploads/?digest="+d.String(), config, http.StatusCreated)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.example.%s+json","digest":"%s","size":%d},"layers":[],"annotations":{"tag":%q}}`, typ, d, len(config), tag)
	request(t, s, "PUT", "/v2/acme/web/manifests/"+tag, manifest, http.StatusCreated)
}

type listing struct {
	Items  []lading.Item `json:"items"`
	Cursor string        `json:"cursor"`
}

func list(t *testing.T, s *server.Server, query string) (l listing) {
	t.Helper()
	w := request(t, s, "GET", "/v2/_lading/list/tags?"+query, "", http.StatusOK)
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// A type that the code has never heard of needs a file, or a request, and
// nothing else: such an artifact is found by its short name, with its logo, in
// listings, in deltas and in the journal.
func TestNewType(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, cfg config.Config) {
		for name, define := range map[string]func(){
			"byfile": func() {
				dir := filepath.Join(cfg.Data, "types")
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "byfile.json"), []byte(newType("byfile")), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := s.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
			"byapi": func() {
				w := request(t, s, "PUT", "/v2/_lading/types/definitions/byapi", newType("byapi"), http.StatusCreated)
				if at := w.Header().Get("Location"); at != "/v2/_lading/types/definitions/byapi" {
					t.Errorf("it is at %s", at)
				}
			},
		} {
			pushTyped(t, s, name, name+"-before")
			request(t, s, "GET", "/v2/_lading/list/tags?type="+name, "", http.StatusBadRequest)
			cursor := list(t, s, "since=now").Cursor
			define()
			pushTyped(t, s, name, name+"-after")
			found := map[string]string{}
			for deadline := time.Now().Add(20 * time.Second); len(found) < 2 && time.Now().Before(deadline); {
				l := list(t, s, "wait=5&since="+cursor) // the one pushed before comes as it is typed again
				cursor = l.Cursor
				for _, it := range l.Items {
					found[it.Tag] = it.Type + " " + it.Shown["version"] + " " + it.Descriptor.ArtifactType
				}
			}
			for _, tag := range []string{name + "-before", name + "-after"} {
				if want := name + " " + tag + " application/vnd.example." + name + "+json"; found[tag] != want {
					t.Errorf("the deltas tell %q of %s, want %q", found[tag], tag, want)
				}
			}
			if l := list(t, s, "type="+name); len(l.Items) != 2 || l.Items[0].Type != name {
				t.Errorf("the listing is %+v", l.Items)
			}
			inJournal(t, s, name)
			logo := request(t, s, "GET", "/v2/_lading/types/definitions/"+name+"/logo", "", http.StatusOK)
			head := logo.Header()
			if head.Get("Content-Type") != "image/svg+xml" || !strings.Contains(logo.Body.String(), "M1 2h3v4z") || strings.Contains(logo.Body.String(), "script") ||
				head.Get("Content-Security-Policy") != "default-src 'none'; style-src 'none'; sandbox" || !strings.Contains(head.Get("Cache-Control"), "max-age") {
				t.Errorf("the logo is %s, with %v", logo.Body, head)
			}
			again := httptest.NewRequest("GET", "/v2/_lading/types/definitions/"+name+"/logo", nil)
			again.Header.Set("If-None-Match", head.Get("ETag"))
			w := httptest.NewRecorder()
			if s.Handler().ServeHTTP(w, again); w.Code != http.StatusNotModified {
				t.Errorf("the logo again: %d", w.Code)
			}
		}
		for _, problem := range catalogcheck.Check(t.Context(), s.Catalog().DB()) {
			t.Error(problem)
		}
	})
}

// inJournal looks for the rows of both pushes, and of the one that was typed
// again.
func inJournal(t *testing.T, s *server.Server, name string) {
	t.Helper()
	rows, err := s.Catalog().Journal().Read(t.Context(), s.Catalog().Shard("acme/web"), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, r := range rows {
		typ, err := s.Catalog().Type(t.Context(), s.Catalog().DB().Read(), r.Type)
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == journal.Tag && typ.Name() == name {
			found[fmt.Sprint(r.Action, " ", r.Name)]++
		}
	}
	if found[fmt.Sprint(journal.Updated, " ", name, "-before")] != 1 || found[fmt.Sprint(journal.Created, " ", name, "-after")] != 1 {
		t.Errorf("the journal has %v", found)
	}
}

func TestDefinitionsAPI(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		const at = "/v2/_lading/types/definitions"
		var all struct {
			Definitions []struct{ Name, Source, Logo string } `json:"definitions"`
		}
		if err := json.Unmarshal(request(t, s, "GET", at, "", http.StatusOK).Body.Bytes(), &all); err != nil || len(all.Definitions) < 20 {
			t.Errorf("%d definitions, %v", len(all.Definitions), err)
		}
		for _, d := range all.Definitions {
			request(t, s, "GET", d.Logo, "", http.StatusOK)
		}
		bad := request(t, s, "PUT", at+"/odd", "{\n\"name\": \"odd\",\n\"match\": [{\"colour\": \"red\"}]}", http.StatusBadRequest)
		if body := bad.Body.String(); !strings.Contains(body, `"TYPE_INVALID"`) || !strings.Contains(body, `"pointer":"/match/0/colour","line":3`) {
			t.Errorf("the mistake is told as %s", body)
		}
		request(t, s, "PUT", at+"/odd", strings.Repeat(" ", 300<<10), http.StatusBadRequest)
		request(t, s, "GET", at+"/odd", "", http.StatusNotFound)
		request(t, s, "GET", at+"?view=stats", "", http.StatusOK)
		request(t, s, "GET", at+"?view=all", "", http.StatusBadRequest)
		request(t, s, "DELETE", at+"/helm", "", http.StatusConflict)
		request(t, s, "PUT", at+"/helm", newType("helm"), http.StatusCreated)
		if body := request(t, s, "GET", at+"/helm", "", http.StatusOK).Body.String(); !strings.Contains(body, `"source":"api"`) {
			t.Errorf("the overridden one is %s", body)
		}
		request(t, s, "PUT", at+"/helm", newType("helm"), http.StatusOK)
		request(t, s, "DELETE", at+"/helm", "", http.StatusAccepted)
		if body := request(t, s, "GET", at+"/helm", "", http.StatusOK).Body.String(); !strings.Contains(body, `"source":"built-in"`) {
			t.Errorf("the built-in one is %s", body)
		}
		request(t, s, "DELETE", at+"/nobody", "", http.StatusNotFound)
		request(t, s, "GET", at+"/unknown/logo", "", http.StatusOK)
	})
}

func TestUnknownTypes(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, _ config.Config) {
		for _, tag := range []string{"a1", "a2"} {
			pushTyped(t, s, "nobodys", tag)
		}
		pushTyped(t, s, "others", "b")
		want := `"mediaType":"application/vnd.example.nobodys+json","count":2,"example":"sha256:`
		if body := request(t, s, "GET", "/v2/_lading/types/unknown", "", http.StatusOK).Body.String(); !strings.Contains(body, want) || !strings.Contains(body, `"manifests":3,"more":false`) {
			t.Errorf("unknown are %s", body)
		}
	})
}
