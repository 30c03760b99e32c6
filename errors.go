package lading

import (
	"errors"
	"fmt"
)

// Code is an error code of the distribution-spec ("Error Codes") or of the
// discovery extension.
type Code string

// The codes that lading answers with. Each maps to one HTTP status, in
// internal/httpapi.
const (
	CodeBlobUnknown         Code = "BLOB_UNKNOWN"
	CodeBlobUploadInvalid   Code = "BLOB_UPLOAD_INVALID"
	CodeBlobUploadUnknown   Code = "BLOB_UPLOAD_UNKNOWN"
	CodeDigestInvalid       Code = "DIGEST_INVALID"
	CodeManifestBlobUnknown Code = "MANIFEST_BLOB_UNKNOWN"
	CodeManifestInvalid     Code = "MANIFEST_INVALID"
	CodeManifestUnknown     Code = "MANIFEST_UNKNOWN"
	CodeNameInvalid         Code = "NAME_INVALID"
	CodeNameUnknown         Code = "NAME_UNKNOWN"
	CodeSizeInvalid         Code = "SIZE_INVALID"
	CodeTagInvalid          Code = "TAG_INVALID"
	CodeUnauthorized        Code = "UNAUTHORIZED"
	CodeDenied              Code = "DENIED"
	CodeUnsupported         Code = "UNSUPPORTED"
	CodeTooManyRequests     Code = "TOOMANYREQUESTS"

	CodeParameterInvalid   Code = "PARAMETER_INVALID"
	CodeCursorInvalid      Code = "CURSOR_INVALID"
	CodeCursorExpired      Code = "CURSOR_EXPIRED"
	CodeCursorRequired     Code = "CURSOR_REQUIRED"
	CodeExtensionUnknown   Code = "EXTENSION_UNKNOWN"
	CodePreconditionFailed Code = "PRECONDITION_FAILED"
	CodeConflict           Code = "CONFLICT" // shown as DENIED with status 409
	CodeTypeInvalid        Code = "TYPE_INVALID"
	CodeTypeUnknown        Code = "TYPE_UNKNOWN"
	CodeTypeRefused        Code = "TYPE_REFUSED" // shown as UNSUPPORTED with status 415
	CodeRuleInvalid        Code = "RULE_INVALID"
	CodeRuleUnknown        Code = "RULE_UNKNOWN"
	CodeAccountInvalid     Code = "ACCOUNT_INVALID"
	CodeAccountUnknown     Code = "ACCOUNT_UNKNOWN"
	CodeTokenInvalid       Code = "TOKEN_INVALID"
	CodeTokenUnknown       Code = "TOKEN_UNKNOWN"
	CodeSessionUnknown     Code = "SESSION_UNKNOWN"
	CodeStorageFull        Code = "STORAGE_FULL"
	CodeRangeInvalid       Code = "RANGE_INVALID"      // shown as BLOB_UPLOAD_INVALID with status 416
	CodeManifestTooLarge   Code = "MANIFEST_TOO_LARGE" // shown as MANIFEST_INVALID with status 413
	CodeBlobTooLarge       Code = "BLOB_TOO_LARGE"     // shown as SIZE_INVALID with status 413
	CodeUnavailable        Code = "UNAVAILABLE"
	CodeInternal           Code = "INTERNAL"
)

// Error is a failure that a client is told about. Message is for a person and
// says what to do; Detail is for a program and is marshalled as JSON. Neither
// may hold anything that the caller may not see.
type Error struct {
	Code    Code
	Message string
	Detail  any
	// Err is the cause: logged, never shown.
	Err error
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error of the same code, so that
// errors.Is(err, lading.ErrNameUnknown) holds for every NAME_UNKNOWN,
// whatever its message, on both ends of the wire.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// InsufficientScope is what RFC 6750 calls a token that is good for too little.
const InsufficientScope = "insufficient_scope"

// Sentinels for errors.Is.
var (
	ErrBlobUnknown         = &Error{Code: CodeBlobUnknown, Message: "the blob is not in this repository"}
	ErrBlobUploadInvalid   = &Error{Code: CodeBlobUploadInvalid, Message: "the upload is in use by another request"}
	ErrBlobUploadUnknown   = &Error{Code: CodeBlobUploadUnknown, Message: "there is no such upload in this repository: start a new one"}
	ErrDigestInvalid       = &Error{Code: CodeDigestInvalid, Message: "the digest is not valid or does not match the content"}
	ErrManifestBlobUnknown = &Error{Code: CodeManifestBlobUnknown, Message: "the manifest refers to content that is not in this repository: push it first"}
	ErrManifestInvalid     = &Error{Code: CodeManifestInvalid, Message: "the manifest is not valid"}
	ErrManifestUnknown     = &Error{Code: CodeManifestUnknown, Message: "the manifest is not in this repository"}
	ErrNameInvalid         = &Error{Code: CodeNameInvalid, Message: "the repository name is not valid"}
	ErrNameUnknown         = &Error{Code: CodeNameUnknown, Message: "the repository is not known to this registry"}
	ErrSizeInvalid         = &Error{Code: CodeSizeInvalid, Message: "the size does not match the content"}
	ErrTagInvalid          = &Error{Code: CodeTagInvalid, Message: "the tag is not valid"}
	ErrUnauthorized        = &Error{Code: CodeUnauthorized, Message: "sign in first"}
	// ErrInsufficientScope is for who has a token that was made for less than
	// the caller may do (RFC 6750, 3.1).
	ErrInsufficientScope  = ErrUnauthorized.With("the token is not good for this: get one that is").WithDetail(map[string]string{"error": InsufficientScope})
	ErrDenied             = &Error{Code: CodeDenied, Message: "you may not do this here"}
	ErrUnsupported        = &Error{Code: CodeUnsupported, Message: "this registry does not support the operation"}
	ErrTooManyRequests    = &Error{Code: CodeTooManyRequests, Message: "too many requests: try again later"}
	ErrParameterInvalid   = &Error{Code: CodeParameterInvalid, Message: "a parameter is not valid"}
	ErrCursorInvalid      = &Error{Code: CodeCursorInvalid, Message: "the cursor does not belong to this request: begin again without it"}
	ErrCursorExpired      = &Error{Code: CodeCursorExpired, Message: "the cursor is too old: begin again with a full listing"}
	ErrCursorRequired     = &Error{Code: CodeCursorRequired, Message: "present a cursor with since=, or since=none to begin"}
	ErrExtensionUnknown   = &Error{Code: CodeExtensionUnknown, Message: "there is no such extension endpoint"}
	ErrPreconditionFailed = &Error{Code: CodePreconditionFailed, Message: "the precondition does not hold"}
	ErrConflict           = &Error{Code: CodeConflict, Message: "a rule of this registry forbids it"}
	ErrTypeInvalid        = &Error{Code: CodeTypeInvalid, Message: "the definition cannot be used"}
	ErrTypeUnknown        = &Error{Code: CodeTypeUnknown, Message: "there is no definition of that name"}
	ErrTypeRefused        = &Error{Code: CodeTypeRefused, Message: "artifacts of this type may not be pushed here"}
	ErrRuleInvalid        = &Error{Code: CodeRuleInvalid, Message: "the access rule cannot be used"}
	ErrRuleUnknown        = &Error{Code: CodeRuleUnknown, Message: "there is no access rule of that id"}
	ErrAccountInvalid     = &Error{Code: CodeAccountInvalid, Message: "the account cannot be used"}
	ErrAccountUnknown     = &Error{Code: CodeAccountUnknown, Message: "there is no account of that name"}
	ErrTokenInvalid       = &Error{Code: CodeTokenInvalid, Message: "the token cannot be made"}
	ErrTokenUnknown       = &Error{Code: CodeTokenUnknown, Message: "there is no token of that id"}
	ErrSessionUnknown     = &Error{Code: CodeSessionUnknown, Message: "there is no session of that id"}
	ErrStorageFull        = &Error{Code: CodeStorageFull, Message: "the registry's storage is full"}
	ErrRangeInvalid       = &Error{Code: CodeRangeInvalid, Message: "the range does not continue the upload"}
	ErrManifestTooLarge   = &Error{Code: CodeManifestTooLarge, Message: "the manifest is larger than 4 MiB"}
	ErrBlobTooLarge       = &Error{Code: CodeBlobTooLarge, Message: "the blob is larger than this registry takes"}
	ErrUnavailable        = &Error{Code: CodeUnavailable, Message: "the registry cannot answer right now: try again"}
	ErrInternal           = &Error{Code: CodeInternal, Message: "the registry failed: see its log"}
)

// With returns a copy of e with another message for people.
func (e *Error) With(format string, args ...any) *Error {
	c := *e
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// WithDetail returns a copy of e with a detail for programs.
func (e *Error) WithDetail(detail any) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// Wrap returns a copy of e with a cause that is logged and never shown.
func (e *Error) Wrap(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// ParameterDetail is the detail of PARAMETER_INVALID.
type ParameterDetail struct {
	Parameter string `json:"parameter"`
	Reason    string `json:"reason"`
}

// InvalidParameter is PARAMETER_INVALID with its detail.
func InvalidParameter(name, format string, args ...any) *Error {
	reason := fmt.Sprintf(format, args...)
	return ErrParameterInvalid.With("parameter %s: %s", name, reason).WithDetail(ParameterDetail{name, reason})
}

// ExpiredDetail is the detail of CURSOR_EXPIRED.
type ExpiredDetail struct {
	// Reason is retention, or epoch where the catalog is not the one of then.
	Reason string `json:"reason,omitempty"`
	// Resync is the URL of the listing to begin again with, where there is
	// one to tell.
	Resync string `json:"resync,omitempty"`
	// RetryAfter is when to do so, in seconds: different for each caller.
	RetryAfter int `json:"retry_after_s"`
}

// AsError returns the *Error in err's chain, or INTERNAL with err as cause.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Wrap(err)
}
