package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// thing is a manifest to be pushed. The zero value is an artifact without a
// tag that is unlike all others.
type thing struct {
	artifactType string
	config       string // its config's media type; empty is the empty config
	annotations  map[string]string
	subject      *ocispec.Descriptor
	platform     string               // "os/arch" or "os/arch/variant": makes it an image
	children     []ocispec.Descriptor // makes it an index
}

// push pushes a manifest under tags, or without one, and returns its
// descriptor.
func (t *T) push(repo string, m thing, tags ...string) ocispec.Descriptor {
	d, body := t.manifest(repo, m)
	t.put(repo, d, body, tags...)
	return d
}

// put puts a manifest that was made before.
func (t *T) put(repo string, d ocispec.Descriptor, body []byte, tags ...string) {
	names := tags
	if len(names) == 0 {
		names = []string{string(d.Digest)}
	}
	for _, name := range names {
		a := t.do(request{method: http.MethodPut, path: "/v2/" + repo + "/manifests/" + name, body: body, header: map[string]string{"Content-Type": d.MediaType}})
		if a.status != http.StatusCreated {
			t.fatalf("a manifest could not be pushed: %d %s", a.status, cut(string(a.body), 500))
		}
		t.repos[repo] = true
	}
}

// manifest makes a manifest and pushes what it refers to.
func (t *T) manifest(repo string, m thing) (ocispec.Descriptor, []byte) {
	t.n++
	notes := map[string]string{"n": fmt.Sprint(t.n), "run": t.s.run}
	for k, v := range m.annotations {
		notes[k] = v
	}
	var doc any
	mediaType := ocispec.MediaTypeImageManifest
	if m.children != nil {
		mediaType = ocispec.MediaTypeImageIndex
		doc = ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, ArtifactType: m.artifactType,
			Manifests: m.children, Subject: m.subject, Annotations: notes}
	} else {
		doc = ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, ArtifactType: m.artifactType,
			Config: t.configOf(repo, m), Layers: []ocispec.Descriptor{t.blob(repo, ocispec.MediaTypeEmptyJSON, []byte("{}"))}, Subject: m.subject, Annotations: notes}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		t.fatalf("%v", err)
	}
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}, body
}

func (t *T) configOf(repo string, m thing) ocispec.Descriptor {
	if m.platform == "" {
		mediaType := m.config
		if mediaType == "" {
			mediaType = ocispec.MediaTypeEmptyJSON
		}
		return t.blob(repo, mediaType, []byte("{}"))
	}
	p := platformOf(m.platform)
	body, err := json.Marshal(ocispec.Image{Platform: p, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}})
	if err != nil {
		t.fatalf("%v", err)
	}
	return t.blob(repo, ocispec.MediaTypeImageConfig, body)
}

// blob pushes a blob unless the case has pushed it there already.
func (t *T) blob(repo, mediaType string, body []byte) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
	key := repo + "@" + string(d.Digest)
	if t.blobs[key] {
		return d
	}
	a := t.do(request{method: http.MethodPost, path: "/v2/" + repo + "/blobs/uploads/?digest=" + url.QueryEscape(string(d.Digest)),
		body: body, header: map[string]string{"Content-Type": "application/octet-stream"}})
	if a.status == http.StatusAccepted { // a registry that wants two requests
		at := a.header.Get("Location")
		if u, err := url.Parse(at); err == nil {
			v := u.Query()
			v.Set("digest", string(d.Digest))
			u.Scheme, u.Host, u.RawQuery = "", "", v.Encode()
			at = u.String()
		}
		a = t.do(request{method: http.MethodPut, path: at, body: body, header: map[string]string{"Content-Type": "application/octet-stream"}})
	}
	if a.status != http.StatusCreated {
		t.fatalf("a blob could not be pushed: %d %s", a.status, cut(string(a.body), 500))
	}
	t.blobs[key] = true
	return d
}

// remove deletes a tag, or a manifest by its digest.
func (t *T) remove(repo, reference string) {
	a := t.do(request{method: http.MethodDelete, path: "/v2/" + repo + "/manifests/" + reference})
	if a.status != http.StatusAccepted {
		t.fatalf("%s of %s could not be deleted: %d %s", reference, repo, a.status, cut(string(a.body), 500))
	}
}

// removeRepository deletes a repository with everything in it.
func (t *T) removeRepository(repo string) {
	a := t.do(request{method: http.MethodDelete, path: managePath(repo)})
	if a.status != http.StatusAccepted {
		t.fatalf("the repository %s could not be deleted: %d %s, want 202", repo, a.status, cut(string(a.body), 500))
	}
	t.forgetBlobs(repo)
}
