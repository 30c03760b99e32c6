package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/lading-dev/lading"
)

// startUpload begins an upload and tells where it goes on. The digest
// algorithm that a client announces spares a second reading of the blob; what
// counts is that of the digest which closes the upload.
func (h *handler) startUpload(w *response, r *http.Request, q *Request) error {
	want := lading.Descriptor{Digest: q.Digest}
	if want.Digest == "" && q.Algorithm != "" {
		want.Digest = lading.Digest(q.Algorithm + ":")
	}
	up, err := h.reg.StartBlob(r.Context(), q.Repository, want)
	if err != nil {
		return err
	}
	return h.leaveUpload(w, r, q, up, http.StatusAccepted)
}

// leaveUpload closes the upload for now and tells where, and from which byte,
// it goes on.
func (h *handler) leaveUpload(w *response, r *http.Request, q *Request, up lading.BlobWriter, status int) error {
	id, size := up.ID(), up.Size()
	if err := up.Close(); err != nil {
		return fmt.Errorf("leave upload: %w", err)
	}
	h.setUpload(w, r, q, id, size)
	return empty(w, status)
}

func (h *handler) setUpload(w *response, r *http.Request, q *Request, id string, size int64) {
	h.setLocation(w, r, Request{Action: ActionUploadStatus, Repository: q.Repository, Upload: id})
	w.Header().Set("Range", rangeHeader(size))
	w.Header().Set("Docker-Upload-Uuid", id)
}

// uploadWhole takes a blob in a single POST. A client that sends no body
// announces the blob: it is done if the blob is here, where the client may
// read it, and told where to put it otherwise.
func (h *handler) uploadWhole(w *response, r *http.Request, q *Request) error {
	if r.ContentLength == 0 && !isEmptyDigest(q.Digest) {
		return h.mountBlob(w, r, q)
	}
	want := lading.Descriptor{Digest: q.Digest, Size: max(r.ContentLength, 0)}
	up, err := h.reg.StartBlob(r.Context(), q.Repository, want)
	if err != nil {
		return err
	}
	body, err := h.bodyOf(w, r, 0)
	if err == nil {
		err = receive(up, body)
	}
	if err != nil {
		return errors.Join(err, up.Cancel(r.Context()))
	}
	return h.commitUpload(w, r, q, up)
}

// isEmptyDigest tells whether d is the digest of no bytes.
func isEmptyDigest(d lading.Digest) bool {
	return d.Algorithm().Available() && d.Algorithm().FromBytes(nil) == d
}

// mountBlob links a blob of another repository; where that cannot be done, it
// begins an upload instead (distribution-spec, "Mounting a blob from another
// repository").
func (h *handler) mountBlob(w *response, r *http.Request, q *Request) error {
	d, err := h.reg.MountBlob(r.Context(), q.Repository, q.From, q.Digest)
	switch {
	case err == nil:
		return h.createdBlob(w, r, q, d.Digest)
	case errors.Is(err, lading.ErrBlobUnknown), errors.Is(err, lading.ErrNameUnknown), errors.Is(err, lading.ErrUnsupported):
		return h.startUpload(w, r, q)
	}
	return err
}

func (h *handler) uploadStatus(w *response, r *http.Request, q *Request) error {
	up, err := h.reg.ResumeBlob(r.Context(), q.Repository, q.Upload)
	if err != nil {
		return err
	}
	return h.leaveUpload(w, r, q, up, http.StatusNoContent)
}

func (h *handler) patchUpload(w *response, r *http.Request, q *Request) error {
	up, err := h.continueUpload(w, r, q)
	if err != nil {
		return err
	}
	return h.leaveUpload(w, r, q, up, http.StatusAccepted)
}

func (h *handler) putUpload(w *response, r *http.Request, q *Request) error {
	up, err := h.continueUpload(w, r, q)
	if err != nil {
		return err
	}
	return h.commitUpload(w, r, q, up)
}

// continueUpload adds the body to the upload. When that fails what has
// arrived stays, and can be resumed.
func (h *handler) continueUpload(w *response, r *http.Request, q *Request) (lading.BlobWriter, error) {
	part, given, err := chunkOf(r)
	if err != nil {
		return nil, err
	}
	up, err := h.reg.ResumeBlob(r.Context(), q.Repository, q.Upload)
	if err != nil {
		return nil, err
	}
	if e, ok := up.(lading.Expecter); ok && q.Digest != "" {
		e.Expect(q.Digest.Algorithm())
	}
	if given && part.first != up.Size() {
		h.setUpload(w, r, q, up.ID(), up.Size())
		return nil, errors.Join(lading.ErrRangeInvalid, up.Close())
	}
	body, err := h.bodyOf(w, r, up.Size())
	if err != nil {
		return nil, errors.Join(err, up.Close())
	}
	if given {
		body = &exactly{body, part.size()}
	}
	if err := receive(up, body); err != nil {
		return nil, errors.Join(err, up.Close())
	}
	return up, nil
}

// exactly reads n bytes and fails when there are fewer or more.
type exactly struct {
	r io.Reader
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.n == 0 {
		var more [1]byte
		if n, _ := io.ReadFull(e.r, more[:]); n > 0 {
			return 0, lading.ErrSizeInvalid.With("the body is longer than its Content-Range")
		}
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.n)])
	e.n -= int64(n)
	if err == io.EOF && e.n > 0 {
		err = lading.ErrSizeInvalid.With("the body is shorter than its Content-Range")
	}
	if err == io.EOF && n > 0 {
		err = nil // the next read looks for more
	}
	return n, err
}

// copyBuffers are for bodies: long enough that hashing and writing, not the
// number of calls, take the time.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

func receive(up lading.BlobWriter, body io.Reader) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	if _, err := io.CopyBuffer(up, body, *buf); err != nil {
		return fmt.Errorf("receive blob: %w", err)
	}
	return nil
}

// whole is the context of a request that has been received completely: it is
// carried out whether or not the client still listens. net/http takes a client
// that has half closed its connection, after the last byte, for one that left.
func whole(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// commitUpload closes the upload and answers where the blob is. The upload is
// released when the registry could not end it.
func (h *handler) commitUpload(w *response, r *http.Request, q *Request, up lading.BlobWriter) error {
	d, err := up.Commit(whole(r), q.Digest)
	if err != nil {
		_ = up.Close() // the failure to commit is what counts
		return fmt.Errorf("commit blob: %w", err)
	}
	return h.createdBlob(w, r, q, d.Digest)
}

func (h *handler) createdBlob(w *response, r *http.Request, q *Request, d lading.Digest) error {
	h.setLocation(w, r, Request{Action: ActionBlobGet, Repository: q.Repository, Digest: d})
	w.Header()["Docker-Content-Digest"] = []string{string(d)}
	return empty(w, http.StatusCreated)
}

func (h *handler) cancelUpload(w *response, r *http.Request, q *Request) error {
	up, err := h.reg.ResumeBlob(r.Context(), q.Repository, q.Upload)
	if err != nil {
		return err
	}
	if err := up.Cancel(r.Context()); err != nil {
		return fmt.Errorf("cancel upload: %w", err)
	}
	return empty(w, http.StatusNoContent)
}
