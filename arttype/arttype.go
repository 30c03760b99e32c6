// Package arttype knows what an artifact is. An artifact type is data: a
// [Definition] in a small JSON file with a logo beside it, built in, dropped
// into a directory or sent through the API. This package parses definitions
// ([Parse], [Load]), compiles them into a [Set] that tells the type of a
// manifest from its [Facts], and checks and reads an artifact's config by its
// [Type]. It holds no state, opens no store and speaks to no network.
//
// Everything that it reads was written by somebody else, so everything is
// bounded: a definition, a logo, a config and a manifest that mean harm cost
// their author a refusal and the registry next to nothing.
//
// The rules are in docs/spec/artifact-types.md.
package arttype

import "fmt"

// Unknown is the name of the type of what no definition matches. No definition
// may bear it.
const Unknown = "unknown"

// Source says where a definition comes from. Of two with one name the one of
// the higher source holds.
type Source int

// The sources, from the weakest to the strongest.
const (
	BuiltIn   Source = iota // in the binary
	Directory               // a file that the operator dropped in
	API                     // sent over the wire
)

func (s Source) String() string {
	switch s {
	case BuiltIn:
		return "built-in"
	case Directory:
		return "directory"
	case API:
		return "api"
	}
	return fmt.Sprintf("source %d", int(s))
}

// MarshalText writes the source as String does.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Bounds of what is read and compiled.
const (
	MaxDefinition = 256 << 10 // bytes of a definition
	MaxLogo       = 32 << 10  // bytes of a logo
	MaxConfig     = 4 << 20   // bytes of a config that is checked or shown
	MaxTypes      = 2000      // types in a Set
	MaxLayers     = 4096      // layers of a manifest that are looked at
)

const (
	maxDepth       = 64     // of a definition's JSON, and of a config's
	maxValues      = 20_000 // values in a definition
	maxMatches     = 32     // alternatives in match
	maxLayerRules  = 64
	maxShow        = 32
	maxRemote      = 32
	maxMistakes    = 50  // told of one file
	maxName        = 64  // bytes
	maxDisplay     = 100 // characters
	maxDescription = 1000
	maxUse         = 1000
	maxInfo        = 2000
	maxMediaType   = 255
	maxAnnotation  = 1000
	maxPointer     = 256
	maxCount       = 10_000 // of layers, in min and max
)
