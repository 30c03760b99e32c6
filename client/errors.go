package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/lading-dev/lading"
)

// ResponseError is what a failure looked like on the wire. It is the cause of
// the *lading.Error that a method returns: errors.As finds either.
type ResponseError struct {
	Method string
	URL    string // without its query
	Status int
	// Code is the code as it was written, which may be of a list that lading
	// does not have; empty where there was none.
	Code string
	// RetryAfter is how long to wait before the next attempt; 0 where the
	// registry did not say.
	RetryAfter time.Duration
	// RequestID is by which the registry's log knows the request.
	RequestID string
}

func (e *ResponseError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// RetryIn is how long the registry asks to wait; 0 for not said. It has the
// form of a method for those who do not know this package.
func (e *ResponseError) RetryIn() time.Duration { return e.RetryAfter }

// errorBody is the error format of the distribution-spec ("Error Codes").
type errorBody struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail"`
}

// maxMessage bounds the text for people, in bytes.
const maxMessage = 4 << 10

// answerError is the failure that an answer tells of.
func answerError(r *request, u *url.URL, res *http.Response) *lading.Error {
	cause := &ResponseError{Method: r.method, URL: shown(u), Status: res.StatusCode,
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()), RequestID: clip(res.Header.Get("X-Request-Id"), 128)}
	data, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // one that is cut short is as none
	var body errorBody
	var entry errorEntry
	if json.Unmarshal(data, &body) == nil && len(body.Errors) > 0 {
		entry = body.Errors[0]
	}
	cause.Code = clip(entry.Code, 64)
	return errorOf(entry, res.StatusCode, r.missing, cause)
}

// errorOf is the error of an entry that was answered with a status; 0 for
// none.
func errorOf(entry errorEntry, status int, missing lading.Code, cause error) *lading.Error {
	e := &lading.Error{Code: codeOf(entry.Code, status, missing), Message: clip(entry.Message, maxMessage), Err: cause}
	if e.Message == "" {
		e.Message = "the registry gave no reason"
	}
	e.Detail = detailOf(e.Code, entry.Detail)
	return e
}

// asShown is a code as it stands on the wire, with its status.
type asShown struct {
	code   string
	status int
}

// codesShown are the codes that the wire has another word for.
var codesShown = map[asShown]lading.Code{
	{"DENIED", http.StatusConflict}:                                  lading.CodeConflict,
	{"UNSUPPORTED", http.StatusUnsupportedMediaType}:                 lading.CodeTypeRefused,
	{"BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable}: lading.CodeRangeInvalid,
	{"MANIFEST_INVALID", http.StatusRequestEntityTooLarge}:           lading.CodeManifestTooLarge,
	{"SIZE_INVALID", http.StatusRequestEntityTooLarge}:               lading.CodeBlobTooLarge,
	{"UNKNOWN", http.StatusInternalServerError}:                      lading.CodeInternal,
	{"UNKNOWN", 0}: lading.CodeInternal,
}

// knownCodes are the codes that mean the same here as on the wire.
var knownCodes = map[lading.Code]bool{
	lading.CodeBlobUnknown: true, lading.CodeBlobUploadInvalid: true, lading.CodeBlobUploadUnknown: true,
	lading.CodeDigestInvalid: true, lading.CodeManifestBlobUnknown: true, lading.CodeManifestInvalid: true,
	lading.CodeManifestUnknown: true, lading.CodeNameInvalid: true, lading.CodeNameUnknown: true,
	lading.CodeSizeInvalid: true, lading.CodeTagInvalid: true, lading.CodeUnauthorized: true, lading.CodeDenied: true,
	lading.CodeUnsupported: true, lading.CodeTooManyRequests: true, lading.CodeParameterInvalid: true,
	lading.CodeCursorInvalid: true, lading.CodeCursorExpired: true, lading.CodeCursorRequired: true,
	lading.CodeExtensionUnknown: true, lading.CodePreconditionFailed: true, lading.CodeTypeInvalid: true,
	lading.CodeTypeUnknown: true, lading.CodeRuleInvalid: true, lading.CodeRuleUnknown: true,
	lading.CodeAccountInvalid: true, lading.CodeAccountUnknown: true, lading.CodeTokenInvalid: true, lading.CodeTokenUnknown: true, lading.CodeSessionUnknown: true, lading.CodeStorageFull: true, lading.CodeUnavailable: true,
}

// codesOfStatus are what a status means that comes without a code known here:
// from a proxy, or another registry.
var codesOfStatus = map[int]lading.Code{
	http.StatusUnauthorized: lading.CodeUnauthorized, http.StatusForbidden: lading.CodeDenied,
	http.StatusMethodNotAllowed: lading.CodeUnsupported, http.StatusNotImplemented: lading.CodeUnsupported,
	http.StatusConflict: lading.CodeConflict, http.StatusGone: lading.CodeCursorExpired,
	http.StatusPreconditionFailed: lading.CodePreconditionFailed, http.StatusRequestEntityTooLarge: lading.CodeSizeInvalid,
	http.StatusUnsupportedMediaType: lading.CodeTypeRefused, http.StatusRequestedRangeNotSatisfiable: lading.CodeRangeInvalid,
	http.StatusPreconditionRequired: lading.CodeCursorRequired, http.StatusTooManyRequests: lading.CodeTooManyRequests,
	http.StatusRequestTimeout: lading.CodeUnavailable, http.StatusBadGateway: lading.CodeUnavailable,
	http.StatusServiceUnavailable: lading.CodeUnavailable, http.StatusGatewayTimeout: lading.CodeUnavailable,
	http.StatusInsufficientStorage: lading.CodeStorageFull, http.StatusBadRequest: lading.CodeParameterInvalid,
	http.StatusNotAcceptable: lading.CodeUnsupported,
}

func codeOf(shown string, status int, missing lading.Code) lading.Code {
	if code, ok := codesShown[asShown{shown, status}]; ok {
		return code
	}
	if knownCodes[lading.Code(shown)] {
		return lading.Code(shown)
	}
	if status == http.StatusNotFound && missing != "" {
		return missing
	}
	if code, ok := codesOfStatus[status]; ok {
		return code
	}
	return lading.CodeInternal
}

// detailOf is the detail in the type that it has in this process; of codes
// whose detail has no type, json.RawMessage.
func detailOf(code lading.Code, raw json.RawMessage) any {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	switch code {
	case lading.CodeCursorExpired:
		return decoded[lading.ExpiredDetail](raw)
	case lading.CodeParameterInvalid:
		return decoded[lading.ParameterDetail](raw)
	case lading.CodeTypeRefused:
		return decoded[[]string](raw)
	}
	return raw
}

func decoded[T any](raw json.RawMessage) any {
	var v T
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	return v
}

// retryAfter understands both forms of Retry-After (RFC 9110, 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(s); err == nil && seconds >= 0 && seconds < 1<<30 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// badAnswer is an answer that no registry should give.
func badAnswer(res *http.Response, format string, args ...any) error {
	return lading.ErrInternal.With("the registry's answer is not valid").Wrap(
		fmt.Errorf("%s: %s", answered(res), fmt.Sprintf(format, args...)))
}

// brokenAnswer is an answer that ended too early.
func brokenAnswer(res *http.Response, err error) error {
	return lading.ErrUnavailable.With("the registry's answer broke off").Wrap(fmt.Errorf("%s: %w", answered(res), err))
}

func answered(res *http.Response) string {
	if res.Request == nil {
		return "answer"
	}
	return res.Request.Method + " " + shown(res.Request.URL)
}

// isCut tells whether a connection ended in the middle.
func isCut(err error) bool {
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, errIdle} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// clip bounds text of a registry that is shown to people.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return s
}
