package httpapi

import (
	"fmt"
	"io"
	"net/http"

	"github.com/lading-dev/lading"
)

// admitted serves the request unless too many are being served. One that waits
// for a change costs next to nothing and does not count.
func (h *handler) admitted(w *response, r *http.Request, q *Request) error {
	if h.opt.MaxRequests <= 0 || waits(q) {
		return h.identified(w, r, q)
	}
	defer h.working.Add(-1)
	if h.working.Add(1) > int64(h.opt.MaxRequests) {
		return lading.ErrTooManyRequests.With("too many requests at once: try again later")
	}
	return h.identified(w, r, q)
}

// bodyOf is the body of an upload that has received so many bytes already. It
// fails once there are more than a blob may have, and before the first byte
// where the client announces as many.
func (h *handler) bodyOf(w *response, r *http.Request, received int64) (io.Reader, error) {
	body := newRequestBody(w, r)
	if h.opt.MaxBlob <= 0 {
		return body, nil
	}
	left := h.opt.MaxBlob - received
	if r.ContentLength > left {
		return nil, h.tooLarge()
	}
	return &atMost{r: body, left: left, err: h.tooLarge()}, nil
}

func (h *handler) tooLarge() error {
	return lading.ErrBlobTooLarge.With("the blob is larger than %d bytes, which is all that this registry takes", h.opt.MaxBlob)
}

// atMost reads up to a number of bytes and fails when there are more.
type atMost struct {
	r    io.Reader
	left int64
	err  error
}

func (a *atMost) Read(p []byte) (int, error) {
	n, err := a.r.Read(p[:min(int64(len(p)), a.left+1)])
	if int64(n) > a.left {
		return int(a.left), fmt.Errorf("read blob: %w", a.err)
	}
	a.left -= int64(n)
	return n, err
}
