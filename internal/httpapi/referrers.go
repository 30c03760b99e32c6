package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lading-dev/lading"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxReferrersBody bounds an answer, in bytes: it is a manifest to clients,
// and they refuse manifests over 4 MiB.
const maxReferrersBody = 4<<20 - 1<<10

// rawIndex is an image index whose descriptors are marshalled already.
type rawIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func newIndex() rawIndex {
	return rawIndex{SchemaVersion: 2, MediaType: ocispec.MediaTypeImageIndex, Manifests: []json.RawMessage{}}
}

// listReferrers answers which manifests have the digest as their subject
// (distribution-spec, "Listing Referrers").
func (h *handler) listReferrers(w *response, r *http.Request, q Request) error {
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
	index, last, more, err := referrersIndex(page, q)
	if err != nil {
		return err
	}
	if more {
		next := q
		next.Head, next.Last = false, string(last)
		setNext(w.Header(), next)
	}
	if q.Filtered {
		w.Header().Set("Oci-Filters-Applied", "artifactType")
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, r, http.StatusOK, ocispec.MediaTypeImageIndex, index)
	return nil
}

// referrersIndex makes an index of as many descriptors as one answer holds,
// one at least. It returns the digest after which the next page begins.
func referrersIndex(page lading.Referrers, q Request) (index rawIndex, last lading.Digest, more bool, err error) {
	index = newIndex()
	size := 0
	for _, d := range page.Manifests {
		b, err := json.Marshal(d)
		if err != nil {
			return index, "", false, fmt.Errorf("marshal descriptor: %w", err)
		}
		if size += len(b) + 1; size > maxReferrersBody && last != "" {
			return index, last, true, nil
		}
		last = d.Digest
		if q.Filtered && d.ArtifactType != q.ArtifactType {
			continue // only where the filter is for no type, which a registry is not asked
		}
		index.Manifests = append(index.Manifests, b)
	}
	return index, last, page.More && last != "", nil
}
