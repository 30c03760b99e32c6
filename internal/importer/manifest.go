package importer

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/lading-dev/lading"
)

// document is what an import has to know of a manifest: what it refers to, and
// what it says it is. What is wrong with it the registry finds.
type document struct {
	SchemaVersion int                 `json:"schemaVersion"`
	MediaType     string              `json:"mediaType"`
	Config        *lading.Descriptor  `json:"config"`
	Layers        []lading.Descriptor `json:"layers"`
	More          []lading.Descriptor `json:"blobs"`
	Manifests     []lading.Descriptor `json:"manifests"`
}

func parse(raw []byte) (doc document, err error) {
	return doc, json.Unmarshal(raw, &doc)
}

// schema1 tells Docker's first form of a manifest, which has no counterpart in
// OCI (distribution, "Image Manifest Version 2, Schema 1").
func (doc *document) schema1() bool {
	return doc.SchemaVersion == 1 || strings.HasPrefix(doc.MediaType, "application/vnd.docker.distribution.manifest.v1+")
}

const reasonSchema1 = "it is a Docker schema 1 manifest, which an OCI registry cannot hold: convert it at the source, by pulling and pushing it with a client of today"

// blobs are those that the manifest uses.
func (doc *document) blobs() []lading.Descriptor {
	all := slices.Concat(doc.Layers, doc.More)
	if doc.Config != nil {
		all = append(all, *doc.Config)
	}
	return all
}

// elsewhere tells of layers that registries need not hold: they are copied
// where the source does (image-spec, layer.md, "Non-Distributable Layers";
// Docker's foreign layers).
func elsewhere(d lading.Descriptor) bool {
	return strings.HasPrefix(d.MediaType, "application/vnd.oci.image.layer.nondistributable.") ||
		strings.HasPrefix(d.MediaType, "application/vnd.docker.image.rootfs.foreign.")
}

// payloads keeps the bytes of manifests between reading and putting them, as
// far as there is room: the others are read again.
type payloads struct {
	mu   sync.Mutex
	room int // bytes
}

// keep returns the bytes if there is room for them, nil otherwise.
func (p *payloads) keep(raw []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(raw) > p.room {
		return nil
	}
	p.room -= len(raw)
	return raw
}

// release makes room again.
func (p *payloads) release(raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room += len(raw)
}
