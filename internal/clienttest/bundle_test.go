package clienttest

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// typed is what these tests read of an item: the short name of its type.
type typed struct {
	Key, Type, Repository string
	Tags                  []string
	Descriptor            ocispec.Descriptor
	Shown                 map[string]string
}

// typesAt asks for a listing of one page.
func typesAt(t *testing.T, addr, kind, query string) []typed {
	t.Helper()
	return parse[struct{ Items []typed }](t, get(t, "http://"+addr+"/v2/_lading/list/"+kind+"?n=1000&"+query)).Items
}

// TestBundles: the bundles that cnab-to-oci pushed are of their type, found by
// it, and so are their children of theirs.
func TestBundles(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		recordingOf("cnab-to-oci").replay(t, addr, "b")
		var tags []string
		for _, tag := range typesAt(t, addr, "tags", "type=cnab") {
			tags = append(tags, tag.Key)
		}
		equal(t, "the tags of bundles", strings.Join(tags, " "), "tag:b/bundles/thick:1 tag:b/bundles/thin:1 tag:b/elsewhere/copy:1")
		for _, test := range []struct{ repo, types string }{
			{"b/bundles/thin", "cnab config cnab, invocation image, web image-index"},
			{"b/bundles/thick", "cnab config cnab, invocation docker-image, web docker-image"},
		} {
			equal(t, test.repo, childTypes(t, addr, test.repo), test.types)
		}
		for _, m := range typesAt(t, addr, "manifests", "type=cnab&namespace=b/bundles/thin") {
			if config := len(m.Tags) == 0; config != (m.Shown["title"] == "thin" && m.Shown["keywords"] == "greeting, web") {
				t.Errorf("%s shows %v", m.Key, m.Shown)
			}
		}
	})
}

// childTypes tells the type of the bundle under the tag 1, and the types of
// what it lists by what the bundle says they are for.
func childTypes(t *testing.T, addr, repo string) string {
	t.Helper()
	byDigest := map[digest.Digest]string{}
	for _, m := range typesAt(t, addr, "manifests", "namespace="+repo) {
		byDigest[m.Descriptor.Digest] = m.Type
	}
	resp, body := fetch(t, "http://"+addr+"/v2/"+repo+"/manifests/1", nil)
	out := byDigest[digest.Digest(resp.Header.Get("Docker-Content-Digest"))]
	for i, d := range parse[ocispec.Index](t, body).Manifests {
		what := d.Annotations["io.cnab.component.name"]
		if what == "" {
			what = d.Annotations["io.cnab.manifest.type"]
		}
		if i > 0 {
			out += ","
		}
		out += " " + what + " " + byDigest[d.Digest]
	}
	return out
}

// TestBundleWithReferrer attaches a bill of materials to a bundle, which is
// found by it and stays when the bundle goes.
func TestBundleWithReferrer(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		recordingOf("cnab-to-oci").replay(t, addr, "b")
		oras, thin := newTool(t, "oras"), addr+"/b/bundles/thin"
		oras.put(t, "sbom.json", `{"spdxVersion": "SPDX-2.3"}`)
		oras.run(t, "attach", "--plain-http", "--distribution-spec=v1.1-referrers-api", "--artifact-type", "application/spdx+json", thin+":1", "sbom.json:application/spdx+json")
		if tree := oras.run(t, "discover", "--plain-http", "--distribution-spec=v1.1-referrers-api", thin+":1"); !strings.Contains(tree, "application/spdx+json") {
			t.Errorf("it is not discovered:\n%s", tree)
		}
		bundle := oras.run(t, "resolve", "--plain-http", thin+":1")
		found := typesAt(t, addr, "manifests", "namespace=b/bundles/thin&subject="+bundle)
		if len(found) != 1 || found[0].Type != "spdx" {
			t.Fatalf("the bundle's referrers are %+v", found)
		}
		oras.run(t, "manifest", "delete", "--plain-http", "--force", thin+"@"+bundle)
		if left := typesAt(t, addr, "manifests", "namespace=b/bundles/thin&subject="+bundle); len(left) != 1 {
			t.Errorf("of the bundle that went the referrers are %+v", left)
		}
	})
}

// TestBundleDeletion: what a live bundle lists, and what that is made of,
// cannot be deleted, and the answer names who lists it. From outside in all
// of it can.
func TestBundleDeletion(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		r := recordingOf("cnab-to-oci")
		r.replay(t, addr, "b")
		repo := "http://" + addr + "/v2/b/bundles/thin"
		resp, body := fetch(t, repo+"/manifests/1", nil)
		bundle, children := resp.Header.Get("Docker-Content-Digest"), parse[ocispec.Index](t, body).Manifests
		config, web := children[0], children[len(children)-1]
		_, nested := fetch(t, repo+"/manifests/"+string(web.Digest), nil)
		images := parse[ocispec.Index](t, nested).Manifests
		_, manifest := fetch(t, repo+"/manifests/"+string(config.Digest), nil)
		bundleJSON := parse[ocispec.Manifest](t, manifest).Config.Digest

		for _, d := range children {
			refused(t, repo+"/manifests/"+string(d.Digest), bundle)
		}
		refused(t, repo+"/manifests/"+string(images[0].Digest), string(web.Digest))
		refused(t, repo+"/blobs/"+string(bundleJSON), string(config.Digest))

		send(t, http.MethodDelete, repo+"/manifests/"+bundle, "", "", http.StatusAccepted)
		for _, d := range slices.Concat(children, images) {
			fetch(t, repo+"/manifests/"+string(d.Digest), nil) // still there: whoever pulls it by digest may go on
		}
		if left := typesAt(t, addr, "tags", "namespace=b/bundles/thin"); len(left) > 0 {
			t.Errorf("tags are left: %+v", left)
		}
		refused(t, repo+"/manifests/"+string(images[0].Digest), string(web.Digest))
		for _, d := range slices.Concat(children, images) {
			send(t, http.MethodDelete, repo+"/manifests/"+string(d.Digest), "", "", http.StatusAccepted)
		}
		send(t, http.MethodDelete, repo+"/blobs/"+string(bundleJSON), "", "", http.StatusAccepted)
		if left := typesAt(t, addr, "manifests", "namespace=b/bundles/thin"); len(left) > 0 {
			t.Errorf("manifests are left: %+v", left)
		}
		if other := typesAt(t, addr, "tags", "type=cnab"); len(other) != 2 {
			t.Errorf("of other repositories there are %+v", other)
		}
	})
}

// refused checks that a deletion is answered with 409 DENIED and the parent.
func refused(t *testing.T, url, parent string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	said := parse[struct {
		Errors []struct {
			Code   string
			Detail struct{ Parents []string }
		}
	}](t, string(body))
	if resp.StatusCode != http.StatusConflict || len(said.Errors) != 1 || said.Errors[0].Code != "DENIED" || !slices.Contains(said.Errors[0].Detail.Parents, parent) {
		t.Errorf("DELETE %s: %s %s, want 409 DENIED that names %s", url, resp.Status, body, parent)
	}
}

// TestConfigOfIndex has an index with a config, as clients read and write it:
// oras pushes it and gives back its bytes. Copied by a client that knows of no
// such thing, its config is missing, and that is told.
func TestConfigOfIndex(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		bundle := addr + "/acme/bundle"
		push(t, oras, bundle+":part")
		part := parse[ocispec.Descriptor](t, oras.run(t, "manifest", "fetch", "--plain-http", "--descriptor", bundle+":part"))
		oras.put(t, "bundle.json", `{"name":"greeting","version":"2.0.0"}`)
		config := readFile(t, oras.dir+"/bundle.json")
		index := `{"schemaVersion": 2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","config":{"mediaType":"application/vnd.cnab.config.v1+json","digest":"` +
			digestOf(config) + `","size":37},"manifests":[{"mediaType":"` + part.MediaType + `","digest":"` + string(part.Digest) + `","size":` + strconv.FormatInt(part.Size, 10) + "}]}\n"
		oras.put(t, "index.json", index)
		oras.fails(t, "manifest blob unknown", "manifest", "push", "--plain-http", bundle+":1", "index.json")
		oras.run(t, "blob", "push", "--plain-http", bundle, "bundle.json")
		oras.run(t, "manifest", "push", "--plain-http", bundle+":1", "index.json")
		oras.run(t, "manifest", "fetch", "--plain-http", "--output=fetched.json", bundle+":1")
		equal(t, "the index", readFile(t, oras.dir+"/fetched.json"), index)

		found := typesAt(t, addr, "manifests", "type=cnab")
		if len(found) != 1 || found[0].Shown["title"] != "greeting" || found[0].Shown["version"] != "2.0.0" {
			t.Errorf("it is listed as %+v", found)
		}
		refused(t, "http://"+addr+"/v2/acme/bundle/blobs/"+digestOf(config), digestOf(index))
		refused(t, "http://"+addr+"/v2/acme/bundle/manifests/"+string(part.Digest), digestOf(index))

		copied := addr + "/acme/copied"
		oras.fails(t, digestOf(config), "cp", "--from-plain-http", "--to-plain-http", bundle+":1", copied+":1")
		oras.run(t, "blob", "push", "--plain-http", copied, "bundle.json")
		oras.run(t, "cp", "--from-plain-http", "--to-plain-http", bundle+":1", copied+":1")
	})
}
