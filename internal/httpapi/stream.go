package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lading-dev/lading"
)

// A streamLine is a line of a stream that is not an item: only one of its
// fields is there. A stream whose last line is neither a cursor nor an end is
// incomplete.
type streamLine struct {
	// Page resumes the stream behind the lines above it.
	Page string `json:"page,omitempty"`
	// Cursor ends a synchronising listing, and a delta.
	Cursor string `json:"cursor,omitempty"`
	// End ends a view, which has no cursor.
	End bool `json:"end,omitempty"`
	// Error ends what could not be completed.
	Error *errorEntry `json:"error,omitempty"`
}

// stream answers with all pages, an item a line, and a page line after each
// of them, so at least every 1,000 items. It holds one page at a time.
func (h *handler) stream(w *response, r *http.Request, status int, a listAnswer) error {
	w.Header().Set("Content-Type", mediaTypeStream)
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	page, q := a.Listing, a.request.Query
	for {
		if err := writePage(w, page); err != nil {
			return err
		}
		h.charge(w, r)
		if page.Next == "" {
			return nil
		}
		q = nextQuery(q, page.Next)
		var err error
		if page, err = h.reg.List(r.Context(), q); err != nil {
			return h.streamError(w, r, &a.asked, err)
		}
	}
}

// writePage writes a page's items and the line behind them.
func writePage(w *response, page lading.Listing) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	var err error
	for i := 0; i < len(page.Items) && err == nil; i++ {
		err = enc.Encode(&page.Items[i])
	}
	for i := 0; i < len(page.Namespaces) && err == nil; i++ {
		err = enc.Encode(&page.Namespaces[i])
	}
	if err == nil {
		err = enc.Encode(lineBehind(page))
	}
	if err != nil {
		return fmt.Errorf("marshal stream: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write stream: %w", err)
	}
	if err := w.flush(); err != nil {
		return fmt.Errorf("flush stream: %w", err)
	}
	return nil
}

func lineBehind(page lading.Listing) streamLine {
	switch {
	case page.Next != "":
		return streamLine{Page: page.Next}
	case page.Cursor != "":
		return streamLine{Cursor: page.Cursor}
	}
	return streamLine{End: true}
}

// streamError ends a stream that has begun.
func (h *handler) streamError(w *response, r *http.Request, q *Request, err error) error {
	e := asError(h.listError(err, q))
	status, entry := entryOf(e)
	w.code = entry.Code
	h.logError(r, requestID(w.Header(), r), status, e, err)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(streamLine{Error: &entry}) // a stream without its last line is incomplete too
	return nil
}
