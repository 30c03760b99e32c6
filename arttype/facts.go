package arttype

import (
	"encoding/json"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Facts is what is read of a manifest to tell its type. Strings are as the
// manifest has them; what it does not have is empty. A Set reads no more than
// [MaxLayers] layers, of which [maxDistinct] runs of one media type, and
// maxAnnotated annotated ones: what is behind them does not count.
type Facts struct {
	// MediaType is the manifest's own, as it is stored.
	MediaType string
	Kind      Kind
	// ArtifactType is the field artifactType alone, not the config's type in
	// its stead.
	ArtifactType string
	// Config is the media type of the config; an index can have one too.
	Config string
	// Layers are the media types of the layers, or blobs, in their order.
	Layers []string
	// LayerAnnotations are those of the layers that have any, in their order.
	LayerAnnotations []map[string]string
	Annotations      map[string]string
	// Subject tells whether there is one.
	Subject bool
}

const (
	maxDistinct  = 256
	maxAnnotated = 16
)

// Media types with a meaning here (image-spec, media-types.md, and
// distribution, "Image Manifest V 2, Schema 2").
const (
	dockerList    = "application/vnd.docker.distribution.manifest.list.v2+json"
	unknownPrefix = "application/vnd.unknown."
)

// quiet tells of media types that say nothing of what an artifact is: they
// stand there because something has to.
func quiet(mediaType string) bool {
	switch mediaType {
	case "", ocispec.MediaTypeImageConfig, ocispec.MediaTypeEmptyJSON:
		return true
	}
	return strings.HasPrefix(mediaType, unknownPrefix)
}

// KindOf returns the kind of a manifest from its media type and from whether
// it lists manifests.
func KindOf(mediaType string, listsManifests bool) Kind {
	if listsManifests || mediaType == ocispec.MediaTypeImageIndex || mediaType == dockerList {
		return KindIndex
	}
	return KindManifest
}

// ReadFacts reads the facts of a manifest that was stored as mediaType. Who has
// parsed the manifest already fills a Facts instead.
func ReadFacts(mediaType string, manifest []byte) (Facts, error) {
	var doc struct {
		MediaType    string            `json:"mediaType"`
		ArtifactType string            `json:"artifactType"`
		Config       *layer            `json:"config"`
		Layers       []layer           `json:"layers"`
		Blobs        []layer           `json:"blobs"`
		Manifests    []struct{}        `json:"manifests"`
		Subject      *struct{}         `json:"subject"`
		Annotations  map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(manifest, &doc); err != nil {
		return Facts{}, fmt.Errorf("read the facts of a manifest: %w", err)
	}
	if mediaType == "" {
		mediaType = doc.MediaType
	}
	f := Facts{
		MediaType: mediaType, Kind: KindOf(mediaType, doc.Manifests != nil), ArtifactType: doc.ArtifactType,
		Annotations: doc.Annotations, Subject: doc.Subject != nil,
	}
	if doc.Config != nil {
		f.Config = doc.Config.MediaType
	}
	for _, ls := range [][]layer{doc.Layers, doc.Blobs} {
		for _, l := range ls[:min(len(ls), MaxLayers)] {
			f.AddLayer(l.MediaType, l.Annotations)
		}
	}
	return f, nil
}

type layer struct {
	MediaType   string            `json:"mediaType"`
	Annotations map[string]string `json:"annotations"`
}

// AddLayer appends a layer, within the bounds of what is looked at.
func (f *Facts) AddLayer(mediaType string, annotations map[string]string) {
	if len(f.Layers) >= MaxLayers {
		return
	}
	f.Layers = append(f.Layers, mediaType)
	if len(annotations) > 0 && len(f.LayerAnnotations) < maxAnnotated {
		f.LayerAnnotations = append(f.LayerAnnotations, annotations)
	}
}

// Claim returns the one thing that says most of what the manifest is, by the
// order of fields that decides between definitions. Of a manifest that no
// definition matches it is what a definition would be written for.
func (f *Facts) Claim() By {
	switch {
	case !quiet(f.ArtifactType):
		return By{ByArtifactType, f.ArtifactType}
	case !quiet(f.Config):
		return By{ByConfig, f.Config}
	}
	for l := range f.layerRuns() {
		if !plainLayer(l) {
			return By{ByLayer, l}
		}
	}
	switch {
	case f.ArtifactType != "":
		return By{ByArtifactType, f.ArtifactType}
	case f.Config != "":
		return By{ByConfig, f.Config}
	}
	return By{ByMediaType, f.MediaType}
}

// plainLayer tells of the layers of images, of which every artifact can be
// made.
func plainLayer(mediaType string) bool {
	return mediaType == "" || mediaType == ocispec.MediaTypeEmptyJSON || strings.HasPrefix(mediaType, ocispec.MediaTypeImageLayer)
}

// layerRuns goes over the layers' media types, each run of one type once, as
// far as they are looked at.
func (f *Facts) layerRuns() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		runs, last := 0, ""
		for i, l := range f.Layers[:min(len(f.Layers), MaxLayers)] {
			if i > 0 && l == last {
				continue
			}
			if runs++; runs > maxDistinct || !yield(l) {
				return
			}
			last = l
		}
	}
}

func (f *Facts) annotatedLayers() []map[string]string {
	return f.LayerAnnotations[:min(len(f.LayerAnnotations), maxAnnotated)]
}

// By is the field that decided, and what the manifest has in it.
type By struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// The fields of By, from the one that weighs most to the least. They are the
// names of the fields of [Match].
const (
	ByArtifactType    = "artifactType"
	ByConfig          = "config"
	ByLayer           = "layer"
	ByAnnotation      = "annotation"
	ByLayerAnnotation = "layerAnnotation"
	ByMediaType       = "mediaType"
	ByKind            = "kind"
	BySubject         = "subject"
)

// String is for messages: "config application/vnd.cncf.helm.config.v1+json".
func (b By) String() string {
	if b.Value == "" {
		return b.Field
	}
	return b.Field + " " + b.Value
}
