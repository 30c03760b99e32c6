package httpapi

import (
	"net/http"

	"github.com/lading-dev/lading"
)

// codeBodyTimeout is a body that does not arrive, which no registry knows of.
const codeBodyTimeout lading.Code = "REQUEST_TIMEOUT"

// codeNotAcceptable is a stream in a form that there is not.
const codeNotAcceptable lading.Code = "NOT_ACCEPTABLE"

// A status is how an error code is shown: with which HTTP status, and as
// which code where the wire has another word for it.
type status struct {
	http  int
	shown lading.Code
}

// statuses is the one table from error code to HTTP status. The rows of the
// distribution-spec stand with the reason for their status: its endpoint table
// ("Endpoints") lists the statuses of each request, its text demands some.
var statuses = map[lading.Code]status{
	lading.CodeBlobUnknown:         {http: http.StatusNotFound},         // "Pulling blobs": MUST be 404
	lading.CodeBlobUploadInvalid:   {http: http.StatusBadRequest},       // end-6: 400
	lading.CodeBlobUploadUnknown:   {http: http.StatusNotFound},         // end-5, end-6, end-13: 404
	lading.CodeDigestInvalid:       {http: http.StatusBadRequest},       // "Pushing blobs": SHOULD be 400; "Listing Referrers": MUST be 400
	lading.CodeManifestBlobUnknown: {http: http.StatusNotFound},         // end-7a lists 404 and 413, and no 400
	lading.CodeManifestInvalid:     {http: http.StatusBadRequest},       // not said; the request is at fault
	lading.CodeManifestUnknown:     {http: http.StatusNotFound},         // "Pulling manifests": MUST be 404
	lading.CodeNameInvalid:         {http: http.StatusBadRequest},       // not said; the request is at fault
	lading.CodeNameUnknown:         {http: http.StatusNotFound},         // "Pushing Manifests": a repository that is not there MUST be 404
	lading.CodeSizeInvalid:         {http: http.StatusBadRequest},       // end-6: 400
	lading.CodeTagInvalid:          {http: http.StatusBadRequest},       // "Legacy Docker support error codes"
	lading.CodeUnauthorized:        {http: http.StatusUnauthorized},     // end-1: 401
	lading.CodeDenied:              {http: http.StatusForbidden},        // not said; RFC 9110, 15.5.4
	lading.CodeUnsupported:         {http: http.StatusMethodNotAllowed}, // "Deleting tags", "… Manifests", "… Blobs": 400 or 405
	lading.CodeTooManyRequests:     {http: http.StatusTooManyRequests},  // "Error Codes": 429, SHOULD have Retry-After
	lading.CodeRangeInvalid: {http.StatusRequestedRangeNotSatisfiable, // "Pushing a blob in chunks": MUST be 416
		lading.CodeBlobUploadInvalid},
	lading.CodeManifestTooLarge: {http.StatusRequestEntityTooLarge, // "Pushing Manifests": SHOULD be 413
		lading.CodeManifestInvalid},
	lading.CodeBlobTooLarge: {http.StatusRequestEntityTooLarge, // RFC 9110, 15.5.14
		lading.CodeSizeInvalid},

	lading.CodeParameterInvalid:   {http: http.StatusBadRequest},
	lading.CodeCursorInvalid:      {http: http.StatusBadRequest},
	lading.CodeCursorExpired:      {http: http.StatusGone},
	lading.CodeCursorRequired:     {http: http.StatusPreconditionRequired},
	lading.CodeExtensionUnknown:   {http: http.StatusNotFound}, // extensions/README.md
	lading.CodePreconditionFailed: {http: http.StatusPreconditionFailed},
	lading.CodeConflict:           {http.StatusConflict, lading.CodeDenied},
	lading.CodeTypeInvalid:        {http: http.StatusBadRequest},
	lading.CodeTypeUnknown:        {http: http.StatusNotFound},
	lading.CodeTypeRefused: {http.StatusUnsupportedMediaType, // RFC 9110, 15.5.16
		lading.CodeUnsupported},
	lading.CodeRuleInvalid:    {http: http.StatusBadRequest},
	lading.CodeRuleUnknown:    {http: http.StatusNotFound},
	lading.CodeAccountInvalid: {http: http.StatusBadRequest},
	lading.CodeAccountUnknown: {http: http.StatusNotFound},
	lading.CodeTokenInvalid:   {http: http.StatusBadRequest},
	lading.CodeTokenUnknown:   {http: http.StatusNotFound},
	lading.CodeSessionUnknown: {http: http.StatusNotFound},
	lading.CodeStorageFull:    {http: http.StatusInsufficientStorage},
	lading.CodeUnavailable:    {http: http.StatusServiceUnavailable},
	lading.CodeInternal:       {http.StatusInternalServerError, "UNKNOWN"},

	codeBodyTimeout: {http: http.StatusRequestTimeout},
	codeNotAcceptable: {http.StatusNotAcceptable, // RFC 9110, 15.5.7
		lading.CodeUnsupported},
}

// statusOf returns how the code is shown. A code that is not in the table is
// a mistake in the registry and shown as an internal failure.
func statusOf(code lading.Code) (int, lading.Code) {
	s, ok := statuses[code]
	if !ok {
		s = statuses[lading.CodeInternal]
	}
	if s.shown != "" {
		code = s.shown
	}
	return s.http, code
}
