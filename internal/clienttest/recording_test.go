package clienttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A recording is what a client pushed, byte for byte: an OCI image layout
// (image-spec, image-layout.md) in testdata whose index.json has an entry for
// each name that something was pushed under, as repository:tag or
// repository@digest in org.opencontainers.image.ref.name. Beside it are
// listing.txt, what a registry then holds in the words of [lines], and a
// README.md that tells how it was made.
type recording struct{ dir string }

func recordingOf(name string) recording { return recording{filepath.Join("testdata", name)} }

// listing is what a registry holds that has the recording's content.
func (r recording) listing(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(readFile(t, filepath.Join(r.dir, "listing.txt"))), "\n")
}

// names are the entries of the index in an order in which an index is pushed
// after what it lists.
func (r recording) names(t *testing.T) []ocispec.Descriptor {
	t.Helper()
	names := parse[ocispec.Index](t, readFile(t, filepath.Join(r.dir, "index.json"))).Manifests
	depths := map[digest.Digest]int{}
	for _, d := range names {
		depths[d.Digest] = r.depth(t, d.Digest)
	}
	slices.SortStableFunc(names, func(a, b ocispec.Descriptor) int { return depths[a.Digest] - depths[b.Digest] })
	return names
}

// depth is how many indexes deep a manifest is.
func (r recording) depth(t *testing.T, d digest.Digest) int {
	t.Helper()
	deepest := 0
	for _, child := range parse[content](t, readFile(t, r.blob(d))).Manifests {
		deepest = max(deepest, 1+r.depth(t, child.Digest))
	}
	return deepest
}

func (r recording) blob(d digest.Digest) string {
	return filepath.Join(r.dir, "blobs", string(d.Algorithm()), d.Encoded())
}

// replay pushes the recording to a namespace of a registry: every blob, then
// every manifest under every name, with the bytes that the client once sent.
func (r recording) replay(t *testing.T, addr, namespace string) {
	t.Helper()
	for _, name := range r.names(t) {
		repo, ref := splitName(namespace + "/" + name.Annotations[ocispec.AnnotationRefName])
		h := held{Repository: repo, Descriptor: name, body: readFile(t, r.blob(name.Digest))}
		h.content = parse[content](t, h.body)
		for _, b := range h.blobs() {
			r.replayBlob(t, addr, repo, b.Digest)
		}
		if name.Digest.Algorithm() != digest.SHA256 && ref != string(name.Digest) {
			ref = string(name.Digest) + "?tag=" + ref // a tag alone would mean sha256
		}
		resp := send(t, http.MethodPut, "http://"+addr+"/v2/"+repo+"/manifests/"+ref, h.body, name.MediaType, http.StatusCreated)
		equal(t, "the digest answered", resp.Header.Get("Docker-Content-Digest"), string(name.Digest))
		if h.content.Subject != nil {
			equal(t, "the subject answered", resp.Header.Get("OCI-Subject"), string(h.content.Subject.Digest))
		}
	}
}

func (r recording) replayBlob(t *testing.T, addr, repo string, d digest.Digest) {
	t.Helper()
	url := "http://" + addr + "/v2/" + repo + "/blobs/uploads/?digest=" + string(d)
	send(t, http.MethodPost, url, readFile(t, r.blob(d)), "application/octet-stream", http.StatusCreated)
}

// splitName splits repository:tag or repository@digest.
func splitName(name string) (repo, ref string) {
	if repo, ref, found := strings.Cut(name, "@"); found {
		return repo, ref
	}
	repo, ref, _ = strings.Cut(name, ":")
	return repo, ref
}

func send(t *testing.T, method, url, body, mediaType string, status int) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s, %v, want %d\n%s", method, url, resp.Status, err, status, &answer)
	}
	return resp
}

// unchanged checks that a registry holds, under every name in a namespace, the
// bytes that were recorded.
func (r recording) unchanged(t *testing.T, addr, namespace string) {
	t.Helper()
	for _, name := range r.names(t) {
		repo, ref := splitName(namespace + "/" + name.Annotations[ocispec.AnnotationRefName])
		url := "http://" + addr + "/v2/" + repo + "/manifests/" + ref
		_, body := fetch(t, url, http.Header{"Accept": {name.MediaType}})
		equal(t, repo+" "+ref, body, readFile(t, r.blob(name.Digest)))
	}
}

// write makes the recording anew from all that a registry holds.
func (r recording) write(t *testing.T, addr string, all []held, readme string) {
	t.Helper()
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, h := range all {
		index.Manifests = append(index.Manifests, h.entries()...)
		r.writeBlob(t, h.Descriptor.Digest, h.body)
		for _, b := range h.blobs() {
			_, bytes := fetch(t, h.url(addr, "blobs", b.Digest), nil)
			r.writeBlob(t, b.Digest, bytes)
		}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(r.dir, "index.json"), string(text)+"\n")
	writeFile(t, filepath.Join(r.dir, ocispec.ImageLayoutFile), `{"imageLayoutVersion":"`+ocispec.ImageLayoutVersion+`"}`+"\n")
	writeFile(t, filepath.Join(r.dir, "listing.txt"), strings.Join(lines(all), "\n")+"\n")
	writeFile(t, filepath.Join(r.dir, "README.md"), readme)
}

// entries are the entries of a layout's index for a manifest: one for each
// tag, or one by digest where there is none.
func (h held) entries() []ocispec.Descriptor {
	names := []string{h.Repository + "@" + string(h.Descriptor.Digest)}
	if len(h.Tags) > 0 {
		names = names[:0]
		for _, tag := range h.Tags {
			names = append(names, h.Repository+":"+tag)
		}
	}
	var out []ocispec.Descriptor
	for _, name := range names {
		d := h.Descriptor
		d.Annotations = map[string]string{ocispec.AnnotationRefName: name}
		out = append(out, d)
	}
	return out
}

func (r recording) writeBlob(t *testing.T, d digest.Digest, bytes string) {
	t.Helper()
	path := r.blob(d)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, bytes)
}
