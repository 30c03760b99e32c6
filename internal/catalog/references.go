package catalog

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"
)

// References returns the digests of all blobs and manifests that a stored
// manifest refers to, its subject apart; nil for what is no manifest.
func References(raw []byte) []digest.Digest {
	type ref struct {
		Digest digest.Digest `json:"digest"`
	}
	var m struct {
		Config    *ref  `json:"config"`
		Layers    []ref `json:"layers"`
		Blobs     []ref `json:"blobs"`
		Manifests []ref `json:"manifests"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	var out []digest.Digest
	if m.Config != nil {
		out = append(out, m.Config.Digest)
	}
	for _, list := range [][]ref{m.Layers, m.Blobs, m.Manifests} {
		for _, r := range list {
			out = append(out, r.Digest)
		}
	}
	return unique(out)
}
