package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

// document is what is read of a manifest of any kind.
type document struct {
	MediaType    string               `json:"mediaType"`
	ArtifactType string               `json:"artifactType"`
	Config       *ocispec.Descriptor  `json:"config"`
	Layers       []ocispec.Descriptor `json:"layers"`
	Blobs        []ocispec.Descriptor `json:"blobs"`
	Manifests    []ocispec.Descriptor `json:"manifests"`
	Subject      *ocispec.Descriptor  `json:"subject"`
	Annotations  map[string]string    `json:"annotations"`
}

// artifact is a manifest that was read.
type artifact struct {
	desc ocispec.Descriptor
	raw  []byte
	document
}

// files are the descriptors of the blobs beside the config.
func (a *artifact) files() []ocispec.Descriptor {
	return append(append([]ocispec.Descriptor{}, a.Layers...), a.Blobs...)
}

// artifactType is the manifest's, else its config's media type.
func (a *artifact) artifactType() string {
	if a.ArtifactType == "" && a.Config != nil {
		return a.Config.MediaType
	}
	return a.ArtifactType
}

// store is a repository, or an OCI layout, to read from.
type store interface {
	content.ReadOnlyStorage
	content.Resolver
	content.PredecessorFinder
	Tags(ctx context.Context, last string, fn func([]string) error) error
}

// byReference is a store that gives a manifest by its name in one step.
type byReference interface {
	FetchReference(ctx context.Context, reference string) (ocispec.Descriptor, io.ReadCloser, error)
}

// readManifest reads the manifest that a reference names. Its bytes have its
// digest.
func readManifest(ctx context.Context, s store, reference string) (*artifact, error) {
	desc, body, err := openManifest(ctx, s, reference)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readBody(desc, body)
}

func openManifest(ctx context.Context, s store, reference string) (ocispec.Descriptor, io.ReadCloser, error) {
	if r, ok := s.(byReference); ok {
		return r.FetchReference(ctx, reference)
	}
	desc, err := s.Resolve(ctx, reference)
	if err != nil {
		return desc, nil, err
	}
	body, err := s.Fetch(ctx, desc)
	return desc, body, err
}

// readDescribed reads the manifest that a descriptor describes.
func readDescribed(ctx context.Context, s store, desc ocispec.Descriptor) (*artifact, error) {
	if _, ok := s.(byReference); ok { // where descriptors of unknown media types are asked for as manifests too
		a, err := readManifest(ctx, s, string(desc.Digest))
		if err == nil && desc.MediaType != "" && desc.MediaType != a.desc.MediaType {
			a.desc.MediaType = desc.MediaType
		}
		return a, err
	}
	body, err := s.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readBody(desc, body)
}

func readBody(desc ocispec.Descriptor, body io.Reader) (*artifact, error) {
	if desc.Size > lading.MaxManifestSize {
		return nil, fmt.Errorf("%s: %w: the manifest has %s", desc.Digest, errdef.ErrSizeExceedsLimit, size(desc.Size))
	}
	raw, err := content.ReadAll(body, desc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	a := &artifact{desc: ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}, raw: raw}
	// A manifest that is no such JSON refers to nothing.
	_ = json.Unmarshal(raw, &a.document)
	return a, nil
}

// maxConfig is the largest config that is read, in bytes.
const maxConfig = arttype.MaxConfig

// readConfig reads the config of an artifact; nothing where there is none, or
// none to read.
func readConfig(ctx context.Context, s store, a *artifact) ([]byte, error) {
	if a.Config == nil || a.Config.Size > maxConfig || a.Config.Size <= 0 {
		return nil, nil
	}
	if a.Config.Digest == ocispec.DescriptorEmptyJSON.Digest {
		return ocispec.DescriptorEmptyJSON.Data, nil
	}
	body, err := s.Fetch(ctx, *a.Config)
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", a.Config.Digest, err)
	}
	defer body.Close()
	raw, err := content.ReadAll(body, *a.Config)
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", a.Config.Digest, err)
	}
	return raw, nil
}

// isImage reports whether the config is an image's.
func isImage(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageConfig || mediaType == "application/vnd.docker.container.image.v1+json"
}

// platformOf is what the config of an image says.
func platformOf(a *artifact, config []byte) *ocispec.Platform {
	var p ocispec.Platform
	if a.Config == nil || !isImage(a.Config.MediaType) || json.Unmarshal(config, &p) != nil || p.OS == "" {
		return nil
	}
	return &ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

// types tells what artifacts are.
type types struct{ set *arttype.Set }

// builtIn are the definitions that come with the program.
func builtIn() types {
	defs, _ := arttype.BuiltIns()
	set, _ := arttype.NewSet(defs...)
	return types{set}
}

// types are the registry's own definitions, or else those built in.
func (c *conn) types(ctx context.Context) types {
	var out struct{ Definitions []lading.Definition }
	err := c.ask(ctx, http.MethodGet, "/v2/_lading/types/definitions", &out)
	if err != nil || len(out.Definitions) == 0 {
		return builtIn()
	}
	var defs []arttype.Sourced
	for _, d := range out.Definitions {
		// Drawings are not needed, and their files are not here.
		var fields map[string]json.RawMessage
		if json.Unmarshal(d.JSON, &fields) != nil {
			continue
		}
		delete(fields, "logo")
		text, err := json.Marshal(fields)
		if err != nil {
			continue
		}
		if def, err := arttype.Parse(text); err == nil {
			defs = append(defs, arttype.Sourced{Definition: def})
		}
	}
	set, _ := arttype.NewSet(defs...)
	return types{set}
}

// of is the short name of an artifact's type, and what its config shows.
func (t types) of(a *artifact, config []byte) (name string, shown map[string]string) {
	typ := t.match(a)
	if typ == nil {
		return lading.TypeUnknown, nil
	}
	if c, err := arttype.ReadConfig(config); err == nil && len(config) > 0 {
		shown = typ.Show(c)
	}
	return typ.Name, shown
}

// match is an artifact's type, nil for what is no manifest.
func (t types) match(a *artifact) *arttype.Type {
	facts, err := arttype.ReadFacts(a.desc.MediaType, a.raw)
	if err != nil {
		return nil
	}
	typ, _ := t.set.Match(&facts)
	return typ
}

// remote are the layers and children that need not be where the artifact is, by
// what its type is now.
func (t types) remote(a *artifact) (out []digest.Digest) {
	typ := t.match(a)
	for _, d := range append(a.files(), a.Manifests...) {
		if (arttype.NonDistributable(d.MediaType) || typ != nil && typ.IsRemote(d.MediaType)) && !slices.Contains(out, d.Digest) {
			out = append(out, d.Digest)
		}
	}
	return out
}

// descriptor is an artifact as listings describe it.
func (a *artifact) descriptor(platform *ocispec.Platform) *lading.ItemDescriptor {
	d := a.desc
	d.ArtifactType, d.Annotations, d.Platform = a.artifactType(), a.Annotations, platform
	return &lading.ItemDescriptor{Descriptor: d}
}

// hexOf is the digest as tags name it: "sha256-…".
func hexOf(d digest.Digest) string { return d.Algorithm().String() + "-" + d.Encoded() }

// cosignSuffixes are the ends of the tags under which cosign keeps what belongs
// to a manifest (sigstore/cosign, "Registry Details").
var cosignSuffixes = []string{"sig", "att", "sbom"}
