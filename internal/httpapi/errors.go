package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// errorBody is the error format of the distribution-spec ("Error Codes").
type errorBody struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    lading.Code `json:"code"`
	Message string      `json:"message"`
	Detail  any         `json:"detail,omitempty"`
}

func entryOf(e *lading.Error) (int, errorEntry) {
	status, code := statusOf(e.Code)
	entry := errorEntry{Code: code, Message: e.Message, Detail: e.Detail}
	if status == http.StatusInternalServerError && e.Code != lading.CodeInternal {
		// A code that the table does not know: nothing of it is for clients.
		entry.Message, entry.Detail = lading.ErrInternal.Message, nil
	}
	return status, entry
}

// asError returns what a client is told about err. What a registry says in
// the way of the context package is not an internal failure.
func asError(err error) *lading.Error {
	var e *lading.Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return lading.ErrUnavailable.Wrap(err)
	}
	return lading.ErrInternal.Wrap(err)
}

// writeError answers with the error and logs what the client is not told.
func (h *handler) writeError(w *response, r *http.Request, q *Request, err error) {
	e := asError(err)
	status, entry := entryOf(e)
	w.code, w.refused = entry.Code, errors.Is(err, lading.ErrRefused)
	head := w.Header()
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified", "Link", "Vary"} {
		head.Del(name)
	}
	id := requestID(head, r)
	h.logError(r, id, status, e, err)
	w.id[0] = id
	head["X-Request-Id"] = w.id[:]
	head.Set("Cache-Control", "no-store") // a 404 would be cacheable otherwise
	h.addErrorHeaders(head, r, q, status, e)
	var body any = errorBody{[]errorEntry{entry}}
	if q.Action == ActionTokenGrant {
		body = oauthBody{errorBody{[]errorEntry{entry}}, oauthError(e), e.Message}
	}
	writeJSON(w, status, "application/json", body)
}

// addErrorHeaders adds what RFC 9110 wants beside some statuses.
func (h *handler) addErrorHeaders(head http.Header, r *http.Request, q *Request, status int, e *lading.Error) {
	switch status {
	case http.StatusUnauthorized:
		head.Set("Www-Authenticate", h.challenge(r, q, e))
	case http.StatusMethodNotAllowed:
		allow := ""
		if d, ok := e.Detail.(methodDetail); ok {
			allow = strings.Join(d.Allow, ", ")
		}
		head.Set("Allow", allow)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		head.Set("Retry-After", strconv.Itoa(h.retryAfter(e)))
	case http.StatusRequestTimeout:
		head.Set("Connection", "close")
	}
}

// retryAfter is the number of seconds after which a client may try again:
// what the error's detail says, or a few, never the same for all.
func (h *handler) retryAfter(e *lading.Error) int {
	if s, ok := detailFields(e.Detail)["retry_after_s"].(float64); ok && s >= 1 {
		return int(s)
	}
	return 1 + h.opt.Jitter(5)
}

// detailFields returns the detail as the client will see it, field by field.
func detailFields(detail any) map[string]any {
	if detail == nil {
		return nil
	}
	var fields map[string]any
	if b, err := json.Marshal(detail); err != nil || json.Unmarshal(b, &fields) != nil {
		return nil
	}
	return fields
}

// challenge is how a client can say who it is.
func (h *handler) challenge(r *http.Request, q *Request, e *lading.Error) string {
	if h.opt.Tokens == nil || q.Action == ActionToken || q.Action == ActionTokenGrant {
		return `Basic realm="lading"`
	}
	return h.bearer(r, q, e)
}

// requestID returns the id that the log and the client know the request by: the
// one that an outer handler or a proxy gave it, or a new one.
func requestID(head http.Header, r *http.Request) string {
	for _, id := range []string{head.Get("X-Request-Id"), r.Header.Get("X-Request-Id")} {
		if validUpload(id) {
			return id
		}
	}
	return newID()
}

// logError logs what went wrong here at error level; what the client did
// wrong, or nobody waits for any more, only for those who debug.
func (h *handler) logError(r *http.Request, id string, status int, e *lading.Error, err error) {
	level := slog.LevelDebug
	if status >= 500 && r.Context().Err() == nil {
		level = slog.LevelError
	}
	h.log.LogAttrs(r.Context(), level, "request failed",
		slog.String("request", id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", status),
		slog.String("code", string(e.Code)),
		slog.Any("error", err))
}
