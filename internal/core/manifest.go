package core

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// The media types of manifests that are known by name; others are accepted
// and read the same way. Docker's: distribution, "Image Manifest V 2, Schema 2".
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	ociArtifact    = "application/vnd.oci.artifact.manifest.v1+json"
)

// document is a manifest of any kind (image-spec, manifest.md and
// image-index.md; the artifact manifest of its 1.1 release candidates).
type document struct {
	SchemaVersion *int                 `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	ArtifactType  string               `json:"artifactType"`
	Config        *ocispec.Descriptor  `json:"config"`
	Layers        []ocispec.Descriptor `json:"layers"`
	Blobs         []ocispec.Descriptor `json:"blobs"`
	Manifests     []ocispec.Descriptor `json:"manifests"`
	Subject       *ocispec.Descriptor  `json:"subject"`
	Annotations   map[string]string    `json:"annotations"`
}

// parsed is what the catalog keeps of a manifest, and what that is found by.
type parsed struct {
	catalog.Manifest
	facts      arttype.Facts
	config     *ocispec.Descriptor
	image      bool // whose platform is in its config
	untyped    bool // the document does not say what it is
	doc        *document
	said       *configFacts        // of its config; nil where that is not there, or not read
	violations []arttype.Violation // that are warned of
}

// parseManifest reads a manifest and checks it.
//
// Errors: MANIFEST_TOO_LARGE, MANIFEST_INVALID, DIGEST_INVALID.
func parseManifest(m lading.Manifest) (*parsed, error) {
	if len(m.Bytes) > lading.MaxManifestSize {
		return nil, lading.ErrManifestTooLarge
	}
	doc, err := readDocument(m.Bytes)
	if err != nil {
		return nil, err
	}
	p := &parsed{Manifest: catalog.Manifest{Bytes: m.Bytes}}
	if p.Digest, err = checkDigest(m); err != nil {
		return nil, err
	}
	if p.MediaType, err = mediaType(m.MediaType, doc); err != nil {
		return nil, err
	}
	if err := doc.check(p.MediaType); err != nil {
		return nil, err
	}
	p.untyped = doc.MediaType == ""
	p.ArtifactType = doc.ArtifactType
	if p.ArtifactType == "" && doc.Config != nil {
		p.ArtifactType = doc.Config.MediaType
	}
	if doc.Subject != nil {
		p.Subject = doc.Subject.Digest
	}
	p.facts, p.config = factsOf(p.MediaType, doc), doc.Config
	p.image = doc.Config != nil && (doc.Config.MediaType == ocispec.MediaTypeImageConfig || doc.Config.MediaType == dockerConfig)
	p.doc = doc
	p.Platform = platforms(doc.Manifests)
	p.Annotations = storedAnnotations(doc.Annotations)
	return p, nil
}

func readDocument(raw []byte) (*document, error) {
	invalid := func(err error) error {
		return lading.ErrManifestInvalid.With("the manifest is not valid JSON: %v", err)
	}
	if err := checkText(raw); err != nil {
		return nil, invalid(err)
	}
	doc := &document{}
	err := json.Unmarshal(raw, doc) // which looks whether it is valid before it reads anything
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, invalid(err)
	}
	if err := checkKeys(raw); err != nil {
		return nil, invalid(err)
	}
	if err != nil {
		return nil, lading.ErrManifestInvalid.With("the manifest is not of a known form: %v", jsonReason(err))
	}
	return doc, nil
}

// jsonReason leaves Go's type names out of a message for clients.
func jsonReason(err error) string {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return "field " + te.Field + " cannot be a JSON " + te.Value
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// checkDigest returns the digest of the bytes: the one expected, verified, or
// their SHA-256.
func checkDigest(m lading.Manifest) (digest.Digest, error) {
	if m.Digest == "" {
		return digest.FromBytes(m.Bytes), nil
	}
	if err := m.Digest.Validate(); err != nil {
		return "", lading.ErrDigestInvalid.With("the digest is not valid").Wrap(err)
	}
	if got := m.Digest.Algorithm().FromBytes(m.Bytes); got != m.Digest {
		return "", lading.ErrDigestInvalid.With("the manifest has the digest %s, not the one given", got)
	}
	return m.Digest, nil
}

// mediaType is the declared media type, else the document's own, else what
// its fields tell. Declared and own must not differ (image-spec, manifest.md:
// "mediaType").
func mediaType(declared string, doc *document) (string, error) {
	declared, _, _ = strings.Cut(declared, ";")
	declared = strings.TrimSpace(declared)
	if declared == "application/json" || declared == octets {
		declared = "" // what a client says that says nothing
	}
	switch {
	case declared != "" && doc.MediaType != "" && declared != doc.MediaType:
		return "", lading.ErrManifestInvalid.With("Content-Type is %s, but the manifest's mediaType is %s", declared, doc.MediaType)
	case declared != "":
		return declared, nil
	case doc.MediaType != "":
		return doc.MediaType, nil
	case doc.Manifests != nil:
		return ocispec.MediaTypeImageIndex, nil
	case doc.Config != nil || doc.Layers != nil:
		return ocispec.MediaTypeImageManifest, nil
	}
	return "", lading.ErrManifestInvalid.With("the manifest has no mediaType: say what it is in Content-Type")
}

// check holds the document against the rules of its media type.
func (doc *document) check(mediaType string) error {
	if err := checkMediaTypes(mediaType, doc.ArtifactType); err != nil {
		return err
	}
	bad := lading.ErrManifestInvalid.With
	switch mediaType {
	case ocispec.MediaTypeImageManifest, dockerManifest:
		if doc.Config == nil {
			return bad("an image manifest needs a config")
		}
		if len(doc.Manifests) > 0 {
			return bad("an image manifest cannot list manifests") // one document, two readings: CVE-2021-41190
		}
	case ocispec.MediaTypeImageIndex, dockerList:
		if len(doc.Layers) > 0 {
			return bad("an index cannot have layers")
		}
	case ociArtifact:
		return doc.checkDescriptors()
	}
	if known(mediaType) && (doc.SchemaVersion == nil || *doc.SchemaVersion != 2) {
		return bad("schemaVersion must be 2")
	}
	return doc.checkDescriptors()
}

func known(mediaType string) bool {
	switch mediaType {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, dockerManifest, dockerList:
		return true
	}
	return false
}

func (doc *document) checkDescriptors() error {
	all := slices.Concat(doc.Layers, doc.Blobs, doc.Manifests)
	for _, d := range []*ocispec.Descriptor{doc.Config, doc.Subject} {
		if d != nil {
			all = append(all, *d)
		}
	}
	for _, d := range all {
		if err := checkForm(d.Digest); err != nil {
			return lading.ErrManifestInvalid.With("a descriptor's digest is not valid: %q", clip(string(d.Digest))).Wrap(err)
		}
		if d.Size < 0 {
			return lading.ErrManifestInvalid.With("the descriptor of %s has a negative size", d.Digest)
		}
		if err := checkMediaTypes(d.MediaType, d.ArtifactType); err != nil {
			return err
		}
	}
	return nil
}

// checkForm checks the digest of something that need not be here: an algorithm
// that is not known will do when it is spelled correctly (image-spec,
// descriptor.md, "Digests").
func checkForm(d digest.Digest) error {
	err := d.Validate()
	if errors.Is(err, digest.ErrDigestUnsupported) && len(d) <= 255 {
		return nil
	}
	return err
}

// checkMediaTypes refuses what cannot be a media type, with parameters or
// without (RFC 6838, section 4.2): databases need not take every byte.
func checkMediaTypes(types ...string) error {
	for _, s := range types {
		if len(s) > 255 {
			return lading.ErrManifestInvalid.With("a media type is longer than 255 characters")
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return lading.ErrManifestInvalid.With("a media type has characters other than printable ASCII: %q", s)
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// references are the blobs and manifests that must be here, and how many are
// remote and need not. Layers that may
// not be distributed are kept elsewhere (image-spec, layer.md,
// "Non-Distributable Layers"; Docker's foreign layers), and so are the layers
// and children that the type's definition, if there is one, calls remote.
func (doc *document) references(typ *arttype.Type) (blobs, children []digest.Digest, far int64) {
	if doc.Config != nil {
		blobs = append(blobs, doc.Config.Digest)
	}
	for _, d := range slices.Concat(doc.Layers, doc.Blobs) {
		if remote(d.MediaType, typ) {
			far++
		} else {
			blobs = append(blobs, d.Digest)
		}
	}
	for _, d := range doc.Manifests {
		if remote(d.MediaType, typ) {
			far++
		} else {
			children = append(children, d.Digest)
		}
	}
	return blobs, children, far
}

func remote(mediaType string, typ *arttype.Type) bool {
	return arttype.NonDistributable(mediaType) || typ != nil && typ.IsRemote(mediaType)
}

// refer sets what the manifest refers to. Where sparse manifests are taken, it
// need not be there.
func (p *parsed) refer(typ *arttype.Type, sparse bool) {
	p.Blobs, p.Children, p.Remote = p.doc.references(typ)
	p.MaybeBlobs, p.MaybeChildren = nil, nil
	if sparse {
		p.MaybeBlobs, p.MaybeChildren, p.Blobs, p.Children = p.Blobs, p.Children, nil, nil
	}
}

const maxPlatforms = 64 // of an index, kept for filters

// platforms are those of an index's children, each once.
func platforms(children []ocispec.Descriptor) string {
	seen := map[string]bool{}
	for _, d := range children {
		if p := d.Platform; p != nil {
			if s := platformText(p.OS, p.Architecture, p.Variant); s != "" && len(seen) < maxPlatforms {
				seen[s] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), " ")
}

// platformText is "os/arch[/variant]", or empty for what cannot be a platform.
func platformText(os, arch, variant string) string {
	if os == "" || arch == "" {
		return ""
	}
	s := os + "/" + arch
	if variant != "" {
		s += "/" + variant
	}
	if len(s) > 128 || strings.ContainsAny(s, " \t\r\n\x00") {
		return ""
	}
	return s
}

// storedAnnotations is the JSON of the annotations, of the first ones by key
// where they are too large.
func storedAnnotations(a map[string]string) string {
	if len(a) == 0 {
		return ""
	}
	bytes := 0
	for k, v := range a {
		bytes += len(k) + len(v)
	}
	if bytes <= lading.MaxAnnotations { // or it is not worth writing them
		if raw, err := json.Marshal(a); err == nil && len(raw) <= lading.MaxAnnotations {
			return string(raw)
		}
	}
	kept, size := map[string]string{}, 2
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if size+len(k)+len(a[k])+len(`"":""`) > lading.MaxAnnotations {
			continue
		}
		pair, err := json.Marshal(map[string]string{k: a[k]})
		if err != nil || size+len(pair) > lading.MaxAnnotations {
			continue
		}
		size += len(pair)
		kept[k] = a[k]
	}
	raw, _ := json.Marshal(kept)
	return catalog.TruncatedMark + string(raw)
}
