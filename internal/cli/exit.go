package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// The exit codes of the commands.
const (
	ExitDone        = 0
	ExitFailed      = 1 // the command could not do its work
	ExitUsage       = 2 // the command line is wrong
	ExitNotFound    = 3 // there is no such thing
	ExitDenied      = 4 // the caller may not do this, or a rule forbids it
	ExitUnsupported = 5 // the registry cannot do this
)

// Failure is the error of a command that was understood.
type Failure struct {
	Err  error
	Code int
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// ExitCode is what the process ends with.
func (f *Failure) ExitCode() int { return f.Code }

// usage is an error of the command line.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errUsage}, args...)...)
}

// unsupported is what the registry cannot do.
func unsupported(format string, args ...any) error {
	return &Failure{fmt.Errorf(format, args...), ExitUnsupported}
}

// failureOf gives an error its exit code.
func failureOf(err error) error {
	var f *Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return &Failure{err, f.Code}
	}
	return &Failure{err, codeOf(err)}
}

func codeOf(err error) int {
	var said *lading.Error
	var answer *errcode.ErrorResponse
	var certificate *client.CertificateError
	switch {
	case errors.As(err, &certificate):
		if certificate.Reason == client.CertificateUntrusted {
			return ExitFailed
		}
		return ExitDenied
	case errors.Is(err, errUsage), errors.Is(err, errdef.ErrInvalidReference):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitFailed
	case errors.As(err, &said):
		return codeOfError(said.Code)
	case errors.As(err, &answer):
		return codeOfStatus(answer.StatusCode)
	case errors.Is(err, errdef.ErrNotFound):
		return ExitNotFound
	case errors.Is(err, errdef.ErrUnsupported):
		return ExitUnsupported
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return ExitDenied
	}
	return ExitFailed
}

func codeOfError(code lading.Code) int {
	switch code {
	case lading.CodeNameUnknown, lading.CodeManifestUnknown, lading.CodeBlobUnknown, lading.CodeRuleUnknown, lading.CodeAccountUnknown, lading.CodeTokenUnknown, lading.CodeSessionUnknown:
		return ExitNotFound
	case lading.CodeUnauthorized, lading.CodeDenied, lading.CodeConflict, lading.CodeTypeRefused:
		return ExitDenied
	case lading.CodeUnsupported, lading.CodeExtensionUnknown:
		return ExitUnsupported
	case lading.CodeParameterInvalid, lading.CodeNameInvalid, lading.CodeTagInvalid, lading.CodeCursorInvalid, lading.CodeRuleInvalid:
		return ExitUsage
	}
	return ExitFailed
}

// ExitCodeOf is what the process ends with where a registry has answered so.
func ExitCodeOf(status int) int { return codeOfStatus(status) }

func codeOfStatus(status int) int {
	switch status {
	case http.StatusNotFound:
		return ExitNotFound
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict:
		return ExitDenied
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUnsupportedMediaType:
		return ExitUnsupported
	}
	return ExitFailed
}

// statusOf is what a registry answered; 0 where it did not answer.
func statusOf(err error) int {
	var answer *errcode.ErrorResponse
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.StatusCode
}

// isStatus reports whether a registry answered with one of the statuses.
func isStatus(err error, statuses ...int) bool {
	return err != nil && slices.Contains(statuses, statusOf(err))
}

// codeIs reports whether a registry answered with a code.
func codeIs(err error, code lading.Code) bool { return errors.Is(err, &lading.Error{Code: code}) }

// isNotFound reports whether there is no such thing.
func isNotFound(err error) bool { return err != nil && codeOf(err) == ExitNotFound }
