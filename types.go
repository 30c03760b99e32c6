package lading

import "encoding/json"

// Definition is the definition of a type of artifact as the registry uses it.
type Definition struct {
	// Name is the short name.
	Name string `json:"name"`
	// Source is where it comes from: built-in, directory or api.
	Source string `json:"source"`
	// JSON is the definition itself.
	JSON json.RawMessage `json:"definition"`
	// Logo is an SVG that shows its drawing and does nothing else; only where
	// one definition was asked for.
	Logo []byte `json:"-"`
}

// Policy says which types of artifacts a part of the registry takes.
type Policy struct {
	// ID is what its operator calls it.
	ID string `json:"id"`
	// JSON is the policy itself (docs/spec/artifact-types.md, "Policies").
	JSON json.RawMessage `json:"policy"`
}
