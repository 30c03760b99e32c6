package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

func (h *handler) getManifest(w *response, r *http.Request, q *Request) error {
	m, err := h.reg.Manifest(r.Context(), q.Repository, q.Reference)
	if err != nil {
		return err
	}
	if err := checkMatch(r, m.Digest); err != nil {
		return err
	}
	if setManifest(w, r, m.MediaType, m.Digest, int64(len(m.Bytes))) {
		_, _ = w.Write(m.Bytes) // the client's loss
	}
	return nil
}

func (h *handler) headManifest(w *response, r *http.Request, q *Request) error {
	d, err := h.reg.Resolve(r.Context(), q.Repository, q.Reference)
	if err != nil {
		return err
	}
	if err := checkMatch(r, d.Digest); err != nil {
		return err
	}
	setManifest(w, r, d.MediaType, d.Digest, d.Size)
	return nil
}

// setManifest writes status and headers, and tells whether the manifest
// itself is to follow. A client gets what there is, whatever it accepts: the
// digest or tag leaves no choice of representations.
func setManifest(w *response, r *http.Request, mediaType string, d lading.Digest, size int64) bool {
	head := w.Header()
	setDigest(head, d)
	if notModified(r, d) {
		w.WriteHeader(http.StatusNotModified)
		return false
	}
	head["Content-Type"] = []string{mediaType}
	head["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	w.WriteHeader(http.StatusOK)
	return true
}

func (h *handler) putManifest(w *response, r *http.Request, q *Request) error {
	cond, err := preconditionOf(r)
	if err != nil {
		return err
	}
	m, err := readManifest(w, r, q)
	if err != nil {
		return err
	}
	m.Digest = q.Reference.Digest
	opt := lading.PutOptions{Tags: q.Tags, If: cond, FromBlob: q.FromBlob}
	if q.Reference.Tag != "" {
		opt.Tags = []string{q.Reference.Tag}
	}
	receipt, err := h.reg.PutManifest(whole(r), q.Repository, m, opt)
	if err != nil {
		return err
	}
	return h.createdManifest(w, r, q, receipt)
}

func (h *handler) createdManifest(w *response, r *http.Request, q *Request, receipt lading.Receipt) error {
	d := receipt.Descriptor.Digest
	h.setLocation(w, r, Request{Action: ActionManifestGet, Repository: q.Repository, Reference: lading.Reference{Digest: d}})
	head := w.Header()
	setDigest(head, d)
	setWarnings(head, receipt.Warnings)
	if receipt.Subject != "" {
		head.Set("Oci-Subject", string(receipt.Subject))
	}
	for _, tag := range receipt.Tags {
		head.Add("Oci-Tag", tag)
	}
	return empty(w, http.StatusCreated)
}

// readManifest reads the body and what the client says it is. The body is
// empty where the bytes are those of a blob.
func readManifest(w *response, r *http.Request, q *Request) (lading.Manifest, error) {
	mediaType, err := declaredType(r)
	if err != nil {
		return lading.Manifest{}, err
	}
	if r.ContentLength > lading.MaxManifestSize {
		return lading.Manifest{}, lading.ErrManifestTooLarge
	}
	var b bytes.Buffer
	b.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // of which the client has promised to send all
	if _, err := b.ReadFrom(io.LimitReader(newRequestBody(w, r), lading.MaxManifestSize+1)); err != nil {
		return lading.Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	if b.Len() > lading.MaxManifestSize {
		return lading.Manifest{}, lading.ErrManifestTooLarge
	}
	if q.FromBlob != "" && b.Len() > 0 {
		return lading.Manifest{}, lading.InvalidParameter("from-blob", "the body must be empty: the manifest is the blob")
	}
	if mediaType == "" {
		mediaType = mediaTypeOf(b.Bytes())
	}
	return lading.Manifest{MediaType: mediaType, Bytes: b.Bytes()}, nil
}

// declaredType returns the Content-Type without parameters, which a registry
// ignores (distribution-spec, "Pushing Manifests").
func declaredType(r *http.Request) (string, error) {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	mediaType = strings.TrimSpace(mediaType)
	if mediaType != "" && !validMediaType(mediaType) {
		return "", lading.ErrManifestInvalid.With("the Content-Type is not a media type")
	}
	return mediaType, nil
}

// mediaTypeOf returns what the manifest itself says that it is. One that says
// nothing, or cannot be read, is for the registry to judge.
func mediaTypeOf(b []byte) string {
	var m struct {
		MediaType string `json:"mediaType"`
	}
	if json.Unmarshal(b, &m) != nil || !validMediaType(m.MediaType) {
		return ""
	}
	return m.MediaType
}

// deleteManifest removes a tag, or a manifest with its tags.
func (h *handler) deleteManifest(r *http.Request, q *Request) error {
	cond, err := preconditionOf(r)
	if err != nil {
		return err
	}
	opt := lading.DeleteOptions{If: cond}
	if q.Reference.Digest != "" {
		return h.reg.DeleteManifest(r.Context(), q.Repository, q.Reference.Digest, opt)
	}
	return h.reg.DeleteTag(r.Context(), q.Repository, q.Reference.Tag, opt)
}
