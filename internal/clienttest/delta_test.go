package clienttest

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
)

// listing is what these tests read of a page.
type listing struct {
	Kind   string
	Items  []struct{ Op, Key string }
	Cursor string
}

// TestDeltaAfterPush keeps a cursor while clients push and delete: a delta
// tells what they did and nothing else, whether it is asked for by since= or
// by ETag.
func TestDeltaAfterPush(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		tags := "http://" + addr + "/v2/_lading/list/tags"
		push(t, oras, addr+"/acme/data:1")
		first := list(t, tags, nil, http.StatusOK)
		expect(t, first, "list", "put tag:acme/data:1")

		list(t, tags, http.Header{"If-None-Match": {`"` + first.Cursor + `"`}}, http.StatusNotModified)
		expect(t, list(t, tags+"?since="+first.Cursor, nil, http.StatusOK), "delta")

		push(t, oras, addr+"/acme/data:2")
		expect(t, list(t, tags+"?since="+first.Cursor, nil, http.StatusOK), "delta", "put tag:acme/data:2")
		byTag := http.Header{"If-None-Match": {`"` + first.Cursor + `"`}, "A-Im": {"lading-delta"}}
		second := list(t, tags, byTag, http.StatusIMUsed)
		expect(t, second, "delta", "put tag:acme/data:2")

		dgst := oras.run(t, "resolve", "--plain-http", addr+"/acme/data:1")
		oras.run(t, "manifest", "delete", "--plain-http", "--force", addr+"/acme/data@"+dgst)
		expect(t, list(t, tags+"?since="+second.Cursor, nil, http.StatusOK), "delta", "remove tag:acme/data:1")
	})
}

// TestCrash kills the registry right after a push: what was acknowledged is
// there, and a cursor from before is as good as it was.
func TestCrash(t *testing.T) {
	eachFile(t, func(t *testing.T, file string) {
		oras, crane := newTool(t, "oras"), newTool(t, "crane")
		before := startRegistry(t, file)
		push(t, oras, before.addr+"/acme/data:1")
		cursor := list(t, "http://"+before.addr+"/v2/_lading/list/tags", nil, http.StatusOK).Cursor
		push(t, oras, before.addr+"/acme/data:2")
		dgst := crane.run(t, "digest", "--insecure", before.addr+"/acme/data:2")
		before.kill()

		after := startRegistry(t, file)
		equal(t, "the digest after the crash", crane.run(t, "digest", "--insecure", after.addr+"/acme/data:2"), dgst)
		crane.run(t, "pull", "--insecure", "--format=oci", after.addr+"/acme/data:2", filepath.Join(crane.dir, "pulled"))
		delta := list(t, "http://"+after.addr+"/v2/_lading/list/tags?since="+cursor, nil, http.StatusOK)
		expect(t, delta, "delta", "put tag:acme/data:2")
		push(t, oras, after.addr+"/acme/data:3")
	})
}

// push pushes an artifact that differs from every other by its reference.
func push(t *testing.T, oras tool, ref string) {
	t.Helper()
	writeFile(t, filepath.Join(oras.dir, "data.txt"), ref)
	oras.run(t, "push", "--plain-http", "--artifact-type", dataType, ref, "data.txt:text/plain")
}

func list(t *testing.T, url string, header http.Header, status int) listing {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		t.Fatalf("GET %s: %s, want %d", url, resp.Status, status)
	}
	var page listing
	if status == http.StatusNotModified {
		return page
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return page
}

// expect checks a page's kind and its items, written "op key".
func expect(t *testing.T, page listing, kind string, items ...string) {
	t.Helper()
	ok := page.Kind == kind && len(page.Items) == len(items) && page.Cursor != ""
	for i := 0; ok && i < len(items); i++ {
		ok = page.Items[i].Op+" "+page.Items[i].Key == items[i]
	}
	if !ok {
		t.Errorf("got %+v, want a %s of %q with a cursor", page, kind, items)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	_, body := fetch(t, url, nil)
	return body
}
