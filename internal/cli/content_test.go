package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
)

// pusher puts content into one repository of any registry.
type pusher struct {
	t    *testing.T
	repo *remote.Repository
}

func pushTo(t *testing.T, host, name string) pusher {
	t.Helper()
	repo, err := remote.NewRepository(host + "/" + name)
	must(t, err)
	repo.PlainHTTP, repo.SkipReferrersGC = true, true
	return pusher{t, repo}
}

func (p pusher) blob(mediaType, content string) ocispec.Descriptor {
	p.t.Helper()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
	must(p.t, p.repo.Push(p.t.Context(), d, strings.NewReader(content)))
	return d
}

func (p pusher) manifest(m any, mediaType string, tags ...string) ocispec.Descriptor {
	p.t.Helper()
	raw, err := json.Marshal(m)
	must(p.t, err)
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	must(p.t, p.repo.Push(p.t.Context(), d, bytes.NewReader(raw)))
	for _, tag := range tags {
		must(p.t, p.repo.Tag(p.t.Context(), d, tag))
	}
	return d
}

var version = specs.Versioned{SchemaVersion: 2}

// image is an image for a platform of linux.
func (p pusher) image(arch, layer string, tags ...string) ocispec.Descriptor {
	config := p.blob(ocispec.MediaTypeImageConfig, `{"os":"linux","architecture":"`+arch+`","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`)
	m := ocispec.Manifest{Versioned: version, MediaType: ocispec.MediaTypeImageManifest, Config: config,
		Layers: []ocispec.Descriptor{p.blob(ocispec.MediaTypeImageLayer, layer)}}
	d := p.manifest(m, ocispec.MediaTypeImageManifest, tags...)
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
	return d
}

// artifact has an artifact type and, maybe, a subject.
func (p pusher) artifact(artifactType, content string, subject *ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	empty := p.blob(ocispec.MediaTypeEmptyJSON, "{}")
	if subject != nil {
		subject = &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	}
	file := p.blob("text/plain", content)
	file.Annotations = map[string]string{ocispec.AnnotationTitle: "file.txt"}
	return p.manifest(ocispec.Manifest{Versioned: version, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: empty, Layers: []ocispec.Descriptor{file}, Subject: subject, Annotations: map[string]string{"org.example.note": content}}, ocispec.MediaTypeImageManifest, tags...)
}

func (p pusher) index(tag string, children ...ocispec.Descriptor) ocispec.Descriptor {
	return p.manifest(ocispec.Index{Versioned: version, MediaType: ocispec.MediaTypeImageIndex, Manifests: children}, ocispec.MediaTypeImageIndex, tag)
}

// fill puts an index of two images with SBOMs, a signature of one of them, a
// cosign tag, and an artifact of no known type into a repository.
func fill(t *testing.T, host, name string) ocispec.Descriptor {
	t.Helper()
	p := pushTo(t, host, name)
	amd, arm := p.image("amd64", "layer of amd64", "amd"), p.image("arm64", "layer of arm64")
	index := p.index("1.0", amd, arm)
	sbom := p.artifact("application/spdx+json", "sbom of the index", &index)
	p.artifact("application/spdx+json", "sbom of amd64", &amd)
	p.artifact("application/vnd.cncf.notary.signature", "signature of the sbom", &sbom)
	p.artifact("application/vnd.dev.cosign.artifact.sig.v1+json", "signature by cosign", nil, "sha256-"+index.Digest.Encoded()+".sig")
	p.artifact("application/vnd.acme.data", "some data", nil, "data")
	return index
}

// graph is what a reference leads to at a registry, by reading it there: a
// line for each manifest, blob and cosign tag, with the digest of the bytes that
// come.
func graph(t *testing.T, host, name string, refs ...string) []string {
	t.Helper()
	g := &grapher{t: t, base: "http://" + host + "/v2/" + name, seen: map[string]bool{}}
	for _, ref := range refs {
		g.manifest("", ref)
	}
	slices.Sort(g.lines)
	return g.lines
}

type grapher struct {
	t     *testing.T
	base  string
	seen  map[string]bool
	lines []string
}

func (g *grapher) get(path string) (int, []byte) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.base+path, nil)
	must(g.t, err)
	req.Header["Accept"] = []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, "*/*"}
	res, err := http.DefaultClient.Do(req)
	must(g.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(g.t, err)
	return res.StatusCode, raw
}

func (g *grapher) manifest(how, ref string) {
	g.t.Helper()
	if g.seen[ref] {
		return
	}
	g.seen[ref] = true
	status, raw := g.get("/manifests/" + ref)
	if status != http.StatusOK {
		g.lines = append(g.lines, fmt.Sprintf("%s %s: %d", how, ref, status))
		return
	}
	d := digest.FromBytes(raw)
	g.lines = append(g.lines, fmt.Sprintf("manifest %s%s: %s", how, ref, d))
	g.seen[string(d)] = true
	var doc struct {
		Config            *ocispec.Descriptor
		Layers, Manifests []ocispec.Descriptor
	}
	must(g.t, json.Unmarshal(raw, &doc))
	for _, b := range append(doc.Layers, deref(doc.Config)...) {
		if !g.seen[string(b.Digest)] {
			g.seen[string(b.Digest)] = true
			status, bytes := g.get("/blobs/" + string(b.Digest))
			g.lines = append(g.lines, fmt.Sprintf("blob %s: %d %s", b.Digest, status, digest.FromBytes(bytes)))
		}
	}
	for _, m := range doc.Manifests {
		g.manifest("", string(m.Digest))
	}
	g.referrers(d)
	if status, _ := g.get("/manifests/sha256-" + d.Encoded() + ".sig"); status == http.StatusOK {
		g.manifest("", "sha256-"+d.Encoded()+".sig")
	}
}

// referrers reads the API or, where there is none, the fallback tag.
func (g *grapher) referrers(d digest.Digest) {
	status, raw := g.get("/referrers/" + string(d))
	if status != http.StatusOK {
		if status, raw = g.get("/manifests/sha256-" + d.Encoded()); status != http.StatusOK {
			return
		}
	}
	var index ocispec.Index
	must(g.t, json.Unmarshal(raw, &index))
	for _, m := range index.Manifests {
		g.lines = append(g.lines, fmt.Sprintf("%s refers to %s", m.Digest, d))
		g.manifest("", string(m.Digest))
	}
}

func deref(d *ocispec.Descriptor) []ocispec.Descriptor {
	if d == nil {
		return nil
	}
	return []ocispec.Descriptor{*d}
}

// TestInspectRemote: what need not be in the registry is marked.
func TestInspectRemote(t *testing.T) {
	w := open(t)
	p := pushTo(t, w.host(), "far")
	here := p.blob(ocispec.MediaTypeImageLayer, "here")
	far := ocispec.Descriptor{MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar", Digest: digest.FromString("far"), Size: 3}
	p.manifest(ocispec.Manifest{Versioned: version, MediaType: ocispec.MediaTypeImageManifest, Config: p.blob(ocispec.MediaTypeImageConfig, "{}"),
		Layers: []ocispec.Descriptor{here, far}}, ocispec.MediaTypeImageManifest, "1")
	out := does(t, "inspect", w.host()+"/far:1")
	for _, line := range strings.Split(out, "\n") {
		if marked := strings.HasSuffix(strings.TrimSpace(line), "remote"); marked != strings.Contains(line, string(far.Digest)) {
			t.Errorf("%s", line)
		}
	}
	if got := does(t, "inspect", w.host()+"/far:1", "--template", "{{.remote}}"); got != "["+string(far.Digest)+"]\n" {
		t.Error(got)
	}
}
