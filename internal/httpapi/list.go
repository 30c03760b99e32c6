package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/lading-dev/lading"
)

// A listAnswer is a page and how it is to be shown.
type listAnswer struct {
	lading.Listing
	asked   Request // as it came
	request Request // as the registry is asked
	form    form
	// base is the ETag that a 226 is a delta to.
	base string
	// once tells that the answer is to one question of one client: not even
	// that client is to keep it.
	once bool
}

// list answers a listing or a delta. An ETag is a cursor, and a registry knows
// cursors only by Query.Since: conditions are turned into such queries here.
func (h *handler) list(w *response, r *http.Request, q *Request) error {
	a := listAnswer{asked: *q, request: *q, form: negotiate(r.Header["Accept"], q.Query.Kind), once: q.Query.Since != ""}
	if a.form == formStream && q.Query.N == 0 {
		a.request.Query.N = lading.MaxPage
	}
	held := held(r, a.request.Query)
	if q.Query.Wait > 0 && q.Query.Since == "" && !(len(held) > 0 && wantsDelta(r.Header["A-Im"])) {
		return lading.InvalidParameter("wait", "holds a delta: give since=, or If-None-Match with A-IM")
	}
	if err := h.wantsCursor(q.Query, held); err != nil {
		return err
	}
	if q.Query.Wait > 0 {
		release, err := h.hold(w, r)
		if err != nil {
			return err
		}
		defer release()
	}
	if q.Query.Wait > 0 || a.form == formStream {
		w.unhurried()
	}
	done, err := h.answerHeld(w, r, &a, held)
	if err == nil && !done {
		a.Listing, err = h.reg.List(r.Context(), a.request.Query)
	}
	if err != nil {
		return h.listError(err, q)
	}
	if done {
		return nil
	}
	return h.writeList(w, r, a)
}

// maxHeld is how many entries of If-None-Match are looked at.
const maxHeld = 4

// held returns the listings that the client says it holds, as far as they can
// be ours. A page, a delta and a view have no ETag to compare with.
func held(r *http.Request, q lading.Query) []etag {
	if q.Page != "" || q.Since != "" || q.View() {
		return nil
	}
	var tags []etag
	for _, line := range r.Header["If-None-Match"] {
		for t, rest, ok := nextETag(line); ok && len(tags) < maxHeld; t, rest, ok = nextETag(rest) {
			if !t.any && validToken(t.opaque) {
				tags = append(tags, t)
			}
		}
	}
	return tags
}

// answerHeld answers 304 when nothing has changed since one of the listings
// held, or with the changes since, where a delta is wanted (done). Otherwise it
// leaves the query for the full listing in a. A cursor that does not count
// is as none at all: that is what If-None-Match means.
func (h *handler) answerHeld(w *response, r *http.Request, a *listAnswer, held []etag) (done bool, err error) {
	if len(held) == 0 {
		return false, nil
	}
	delta := wantsDelta(r.Header["A-Im"])
	for _, tag := range held {
		changes, err := h.changes(r.Context(), a.request.Query, tag.opaque, delta)
		if errors.Is(err, lading.ErrCursorInvalid) || errors.Is(err, lading.ErrCursorExpired) {
			continue
		}
		switch {
		case err != nil:
			return false, err
		case len(changes.Items) == 0:
			h.writeNotModified(w, r, tag, changes.Cursor)
			return true, nil
		case delta:
			a.Listing, a.base = changes, `"`+tag.opaque+`"`
			return true, h.writeList(w, r, *a)
		}
	}
	// Said outright, for registries that demand a cursor: this client has
	// presented one.
	a.request.Query.Since, a.request.Query.Wait = "none", 0
	return false, nil
}

// changes returns the first page of the delta that has an item, or its last
// page. One that is only to be known of has one item.
func (h *handler) changes(ctx context.Context, q lading.Query, since string, whole bool) (lading.Listing, error) {
	if q.Since = since; !whole {
		q.N, q.Wait = 1, 0
	}
	page, err := h.reg.List(ctx, q)
	for err == nil && len(page.Items) == 0 && page.Next != "" {
		page, err = h.reg.List(ctx, nextQuery(q, page.Next))
	}
	return page, err
}

// nextQuery asks for the page after the one that gave the token, which
// carries the query.
func nextQuery(q lading.Query, token string) lading.Query {
	return lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, N: q.N, Page: token}
}

// writeNotModified answers 304 with the ETag as it was presented. The cursor
// of now goes beside it, so that a listing that never changes does not age.
func (h *handler) writeNotModified(w *response, r *http.Request, tag etag, cursor string) {
	head := w.Header()
	setCaching(head, r, false)
	head.Set("Etag", tag.raw)
	head.Set("Lading-Cursor", cursor)
	w.WriteHeader(http.StatusNotModified)
}

// writeList answers with a page, or with a stream that begins with it.
func (h *handler) writeList(w *response, r *http.Request, a listAnswer) error {
	head := w.Header()
	setCaching(head, r, a.Delta || a.once)
	status := http.StatusOK
	if a.base != "" {
		status = http.StatusIMUsed
		head.Set("Im", instanceManipulation)
		head.Set("Delta-Base", a.base)
	}
	if a.form == formStream {
		return h.stream(w, r, status, a)
	}
	if a.Next != "" {
		next := a.request
		next.Head, next.Query = false, nextQuery(a.request.Query, a.Next)
		setNext(head, next)
	}
	if a.Cursor != "" {
		head.Set("Etag", `"`+a.Cursor+`"`)
		head.Set("Lading-Cursor", a.Cursor)
	}
	if a.form == formIndex && !a.Delta {
		writeIndex(w, a.Listing)
		return nil
	}
	writeJSON(w, status, mediaTypeList, pageOf(a.Listing))
	return nil
}

// A listPage is a page in JSON.
type listPage struct {
	Kind   string `json:"kind"` // list or delta
	Items  any    `json:"items"`
	Cursor string `json:"cursor,omitempty"` // on the last page of a synchronising listing
}

func pageOf(l lading.Listing) listPage {
	p := listPage{Kind: "list", Items: l.Items, Cursor: l.Cursor}
	if l.Delta {
		p.Kind = "delta"
	}
	switch {
	case l.Namespaces != nil:
		p.Items = l.Namespaces
	case l.Items == nil:
		p.Items = []lading.Item{}
	}
	return p
}

// expiredDetail is the detail of CURSOR_EXPIRED.
type expiredDetail struct {
	Reason string `json:"reason,omitempty"` // retention or epoch
	// Resync is the URL of the listing, or of the stream, to begin again with;
	// it cannot be told for a page, whose token carries the query.
	Resync string `json:"resync,omitempty"`
	// RetryAfter is in seconds, and differs, so that clients that all lost
	// their cursors do not come back at once.
	RetryAfter int `json:"retry_after_s"`
}

// maxResyncDelay is the most that a client is asked to wait with a resync, in
// seconds.
const maxResyncDelay = 30

// listError completes CURSOR_EXPIRED with what only the wire knows.
func (h *handler) listError(err error, q *Request) error {
	var e *lading.Error
	if !errors.As(err, &e) || e.Code != lading.CodeCursorExpired {
		return err
	}
	told := detailFields(e.Detail)
	detail := expiredDetail{RetryAfter: 1 + h.opt.Jitter(maxResyncDelay)}
	detail.Reason, _ = told["reason"].(string)
	if s, ok := told["retry_after_s"].(float64); ok && s >= 1 {
		detail.RetryAfter = int(s)
	}
	again := *q
	if again.Head = false; q.Watch != nil {
		watch := *q.Watch
		watch.Since, watch.Initial = "", true
		again.Watch = &watch
		detail.Resync = again.URL()
	} else if q.Query.Page == "" {
		again.Query.Since, again.Query.Wait = "", 0
		detail.Resync = again.URL()
	}
	return e.WithDetail(detail)
}
