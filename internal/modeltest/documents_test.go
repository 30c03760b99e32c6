package modeltest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// The artifact types that manifests of a schedule have.
const (
	typeA        = "application/vnd.test.a"
	typeB        = "application/vnd.test.b"
	typeImage    = ocispec.MediaTypeImageConfig
	oldArtifact  = "application/vnd.oci.artifact.manifest.v1+json"
	repositoryOf = "org.test.repository" // the annotation that says where a manifest was pushed
)

// document is a manifest as a schedule pushes it, with what it is known to be.
type document struct {
	raw       []byte
	mediaType string
	digest    digest.Digest
	typ       string
	platforms []string
	subject   digest.Digest
	repo      string
	blobs     [][]byte
	children  []digest.Digest
}

// documents is how many different manifests there are for a repository.
const documents = 9

// subjects are what some manifests refer to. They need not exist.
var subjects = []digest.Digest{digest.FromString("subject 0"), digest.FromString("subject 1")}

// makeDocument returns the i-th manifest for a repository.
func makeDocument(repo string, i int) *document {
	d := &document{repo: repo}
	switch i {
	case 0, 1:
		d.index(i, typeA, nil)
	case 2, 3:
		d.index(i, typeB, nil)
	case 4:
		d.image("", `{"os":"linux","architecture":"amd64"}`, typeImage, "")
		d.platforms = []string{"linux/amd64"}
	case 5:
		d.image("", `{"os":"linux","architecture":"arm64","variant":"v8"}`, typeImage, "")
		d.platforms = []string{"linux/arm64/v8"}
	case 6:
		d.index(i, "", []*document{makeDocument(repo, 4), makeDocument(repo, 0)})
	case 7:
		d.artifact(typeA, subjects[0])
	case 8:
		d.image(typeB, "{}", "application/vnd.test.config", subjects[1])
	}
	d.digest = digest.FromBytes(d.raw)
	return d
}

func (d *document) annotations(i int) map[string]string {
	return map[string]string{repositoryOf: d.repo, "org.test.document": fmt.Sprint(i)}
}

func (d *document) marshal(v any) {
	var err error
	if d.raw, err = json.Marshal(v); err != nil {
		panic(err)
	}
}

func (d *document) index(i int, typ string, children []*document) {
	d.mediaType, d.typ = ocispec.MediaTypeImageIndex, typ
	x := ocispec.Index{MediaType: d.mediaType, ArtifactType: typ, Manifests: []ocispec.Descriptor{}, Annotations: d.annotations(i)}
	x.SchemaVersion = 2
	for _, c := range children {
		desc := ocispec.Descriptor{MediaType: c.mediaType, Digest: c.digest, Size: int64(len(c.raw))}
		if len(c.platforms) > 0 {
			p := strings.Split(c.platforms[0], "/")
			desc.Platform = &ocispec.Platform{OS: p[0], Architecture: p[1]}
			d.platforms = append(d.platforms, c.platforms[0])
		}
		x.Manifests = append(x.Manifests, desc)
		d.children = append(d.children, c.digest)
	}
	d.marshal(x)
}

func (d *document) image(typ, config, configType string, subject digest.Digest) {
	d.mediaType, d.typ, d.subject = ocispec.MediaTypeImageManifest, typ, subject
	if typ == "" {
		d.typ = configType
	}
	d.blobs = [][]byte{[]byte(config)}
	x := ocispec.Manifest{MediaType: d.mediaType, ArtifactType: typ, Layers: []ocispec.Descriptor{}, Annotations: d.annotations(-1),
		Config: ocispec.Descriptor{MediaType: configType, Digest: digest.FromString(config), Size: int64(len(config))}}
	x.SchemaVersion = 2
	if subject != "" {
		x.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 9}
	}
	d.marshal(x)
}

func (d *document) artifact(typ string, subject digest.Digest) {
	d.mediaType, d.typ, d.subject = oldArtifact, typ, subject
	d.marshal(map[string]any{"mediaType": oldArtifact, "artifactType": typ, "annotations": d.annotations(-1), "blobs": []any{},
		"subject": ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 9}})
}

// manifest is the document as the registry takes it.
func (d *document) manifest() lading.Manifest {
	return lading.Manifest{MediaType: d.mediaType, Digest: d.digest, Bytes: d.raw}
}
