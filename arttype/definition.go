package arttype

import (
	"encoding/json"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Definition says what one type of artifact is: how it is told from others,
// what it is made of, and how it is shown. It comes from [Parse] and is not
// changed afterwards.
type Definition struct {
	// Name is the short name in lists, filters and policies, of
	// [a-z0-9]+(-[a-z0-9]+)*, at most 64 bytes.
	Name string `json:"name"`
	// Version grows with each change of the definition, from 1.
	Version int `json:"version"`
	// Display is the name for people; when it is not given, Name.
	Display string `json:"display"`
	// Description is a sentence for people.
	Description string `json:"description,omitempty"`
	// Match are alternatives, at least one: an artifact that fits any of them
	// may be of this type.
	Match []Match `json:"match"`
	// Layers are rules for the layers. Each layer counts for the first rule
	// whose media type fits; one that none fits is allowed.
	Layers []LayerRule `json:"layers,omitempty"`
	// ConfigSchema is a JSON Schema (2020-12) of the config, or nothing.
	ConfigSchema json.RawMessage `json:"configSchema,omitempty"`
	// Show are names of fields, and JSON pointers to them in the config.
	Show map[string]string `json:"show,omitempty"`
	// Use is the command that fetches the artifact, with {{.Host}},
	// {{.Repository}}, {{.Tag}} and {{.Digest}} in it.
	Use string `json:"use,omitempty"`
	// Info is the address of a page that says what the type's media types are.
	Info string `json:"info,omitempty"`
	// Logo is the name of an SVG file beside the definition, or the SVG
	// itself, which begins with "<".
	Logo string `json:"logo,omitempty"`
	// Remote are media types of layers and children that need not be in this
	// registry, exact or ending in "*".
	Remote []string `json:"remote,omitempty"`

	schema *schema        // compiled ConfigSchema, or nil
	lines  map[string]int // of the fields, for what is found wrong later
}

// Match is one alternative: everything that it gives must hold. Media types
// are exact or end in "*".
type Match struct {
	// ArtifactType is the manifest's artifactType.
	ArtifactType string `json:"artifactType,omitempty"`
	// Config is the media type of the config, of a manifest or of an index
	// that carries one.
	Config string `json:"config,omitempty"`
	// Layer is the media type of some layer.
	Layer string `json:"layer,omitempty"`
	// Annotation is the manifest's: "key", or "key=value".
	Annotation string `json:"annotation,omitempty"`
	// LayerAnnotation is some layer's: "key", or "key=value".
	LayerAnnotation string `json:"layerAnnotation,omitempty"`
	// MediaType is the manifest's own media type.
	MediaType string `json:"mediaType,omitempty"`
	// Kind is "manifest" or "index".
	Kind Kind `json:"kind,omitempty"`
	// Subject, which can only be true, asks for a subject.
	Subject bool `json:"subject,omitempty"`
	// Without names what must be absent: "artifactType", "config", "subject".
	Without []string `json:"without,omitempty"`
}

// LayerRule says how many layers of a media type there are.
type LayerRule struct {
	// MediaType is exact or ends in "*".
	MediaType string `json:"mediaType"`
	// Min is the least number of such layers.
	Min int `json:"min,omitempty"`
	// Max is the greatest number of them, or nil for any.
	Max *int `json:"max,omitempty"`
}

// Kind is what a manifest is made of.
type Kind string

// The kinds of a manifest.
const (
	KindManifest Kind = "manifest" // layers, or blobs
	KindIndex    Kind = "index"    // other manifests
)

// InlineLogo tells whether Logo is the SVG itself and not a file's name.
func (d *Definition) InlineLogo() bool {
	return len(d.Logo) > 0 && d.Logo[0] == '<'
}

// mistake is one that is found when definitions are put together.
func (d *Definition) mistake(field, reason string) Mistake {
	return Mistake{Pointer: "/" + field, Line: d.lines[field], Reason: reason}
}

// schema is a compiled JSON Schema and what it costs to apply.
type schema struct {
	compiled *jsonschema.Schema
	cost     schemaCost
}
