package httpapi

import (
	"net/http"

	"github.com/lading-dev/lading"
)

// hold counts a stream, or a delta that waits, among those that the caller may
// have open, until release is called.
func (h *handler) hold(w *response, r *http.Request) (release func(), err error) {
	if h.opt.Rates == nil {
		return func() {}, nil
	}
	release, ok := h.opt.Rates.Hold(w.subject, r.RemoteAddr)
	if ok {
		return release, nil
	}
	after := 1 + h.opt.Jitter(maxResyncDelay)
	return nil, lading.ErrTooManyRequests.With("too many of your streams, and deltas that wait, are open: close some, or try again in %d s", after).
		WithDetail(rateDetail{"held", after})
}

// wantsCursor refuses a listing that could have a cursor and does not say that
// it has none, where that is the policy.
func (h *handler) wantsCursor(q lading.Query, held []etag) error {
	if !h.opt.RequireCursor || q.Page != "" || q.Since != "" || q.View() || len(held) > 0 {
		return nil
	}
	return lading.ErrCursorRequired
}
