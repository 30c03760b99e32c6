package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/lading-dev/lading"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxReferrersBody bounds an answer, in bytes: it is a manifest to clients,
// and they refuse manifests over 4 MiB.
const maxReferrersBody = 4<<20 - 1<<10

// newIndex returns an empty image index, whose list is never null.
func newIndex() ocispec.Index {
	return ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []lading.Descriptor{},
	}
}

// listReferrers answers which manifests have the digest as their subject
// (distribution-spec, "Listing Referrers").
func (h *handler) listReferrers(w *response, r *http.Request, q *Request) error {
	ask := lading.ReferrersQuery{
		Subject: q.Digest, ArtifactType: q.ArtifactType, After: lading.Digest(q.Last), N: maxReferrers,
	}
	if q.Limited {
		ask.N = max(q.N, 1)
	}
	page, err := h.reg.Referrers(r.Context(), q.Repository, ask)
	if err != nil {
		return err
	}
	index, last, more := referrersIndex(page, q)
	if more {
		next := *q
		next.Head, next.Last = false, string(last)
		setNext(w.Header(), next)
	}
	if q.Filtered {
		w.Header().Set("Oci-Filters-Applied", "artifactType")
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, ocispec.MediaTypeImageIndex, index)
	return nil
}

// referrersIndex makes an index of as many descriptors as one answer holds,
// one at least. It returns the digest after which the next page begins.
func referrersIndex(page lading.Referrers, q *Request) (index ocispec.Index, last lading.Digest, more bool) {
	index = newIndex()
	size := 0
	for _, d := range page.Manifests {
		if size += sizeOf(d); size > maxReferrersBody && last != "" {
			return index, last, true
		}
		last = d.Digest
		if q.Filtered && d.ArtifactType != q.ArtifactType {
			continue // only where the filter is for no type, which a registry is not asked
		}
		index.Manifests = append(index.Manifests, d)
	}
	return index, last, page.More && last != ""
}

// sizeOf is the length of the descriptor in JSON, or a little more.
func sizeOf(d lading.Descriptor) int {
	b, err := json.Marshal(d)
	if err != nil {
		panic("httpapi: " + err.Error()) // it is made of strings and numbers
	}
	return len(b) + 1
}
