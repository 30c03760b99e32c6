package httpapi

import (
	"maps"
	"net/http"

	"github.com/lading-dev/lading"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Annotations of a listing as an image index.
const (
	annotationRepository = "dev.lading.repository" // on a descriptor
	annotationCursor     = "dev.lading.cursor"     // on the index
)

// writeIndex answers with the page as an OCI image index. Saved as the
// index.json of an image layout, it is what other tools read names from.
func writeIndex(w *response, l lading.Listing) {
	index := newIndex()
	for _, item := range l.Items {
		index.Manifests = append(index.Manifests, descriptorsOf(item)...)
	}
	if l.Cursor != "" {
		index.Annotations = map[string]string{annotationCursor: l.Cursor}
	}
	writeJSON(w, http.StatusOK, ocispec.MediaTypeImageIndex, index)
}

// descriptorsOf returns the item's descriptor once for each name it has: a
// descriptor in an image layout has one. A manifest without a tag has one
// descriptor without a name.
func descriptorsOf(item lading.Item) []lading.Descriptor {
	if item.Op != lading.OpPut || item.Descriptor == nil {
		return nil
	}
	names := item.Tags
	if item.Tag != "" {
		names = []string{item.Tag}
	}
	if len(names) == 0 {
		return []lading.Descriptor{named(item, "")}
	}
	list := make([]lading.Descriptor, len(names))
	for i, name := range names {
		list[i] = named(item, name)
	}
	return list
}

// named returns the item's descriptor with the annotations that name it. What
// the manifest says of its own name does not count.
func named(item lading.Item, name string) lading.Descriptor {
	d := item.Descriptor.Descriptor
	notes := make(map[string]string, len(d.Annotations)+2)
	maps.Copy(notes, d.Annotations)
	delete(notes, ocispec.AnnotationRefName)
	if name != "" {
		notes[ocispec.AnnotationRefName] = name
	}
	notes[annotationRepository] = item.Repository
	d.Annotations = notes
	return d
}
