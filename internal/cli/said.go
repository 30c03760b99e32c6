package cli

import (
	"errors"
	"fmt"
	"net/http"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// said makes what a registry answered short, for people, and tells of what.
func said(of string, err error) error {
	var answer *errcode.ErrorResponse
	var told *lading.Error
	var done *Failure
	var certificate *client.CertificateError
	text := ""
	switch {
	case err == nil:
		return nil
	case errors.As(err, &certificate):
		return &Failure{saidError{of + ": " + certificateText(certificate), err}, codeOf(err)}
	case errors.As(err, &done), errors.Is(err, errUsage):
		return fmt.Errorf("%s: %w", of, err)
	case errors.As(err, &answer):
		text = answered(answer)
	case errors.As(err, &told):
		text = toldBy(told)
	case errors.Is(err, errdef.ErrNotFound):
		text = "there is no such thing"
	default:
		return fmt.Errorf("%s: %w", of, err)
	}
	return &Failure{saidError{of + ": " + clean(text), err}, codeOf(err)}
}

// saidError has the words for people and the error for programs.
type saidError struct {
	text string
	err  error
}

func (e saidError) Error() string { return e.text }
func (e saidError) Unwrap() error { return e.err }

func answered(answer *errcode.ErrorResponse) string {
	text := fmt.Sprintf("the registry answers %d", answer.StatusCode)
	if len(answer.Errors) == 0 {
		text += " " + http.StatusText(answer.StatusCode)
	} else if e := answer.Errors[0]; e.Message == "" {
		text += " " + e.Code
	} else {
		text += " " + e.Code + ": " + e.Message
	}
	if answer.URL != nil && answer.Method != http.MethodGet && answer.Method != http.MethodHead {
		text += " (" + answer.Method + " " + answer.URL.Path + ")"
	}
	return text
}

// toldBy is what an error of the discovery extension says; its cause, where
// the registry did not answer.
func toldBy(e *lading.Error) string {
	text := string(e.Code) + ": " + e.Message
	var answer *client.ResponseError
	if e.Err != nil && !errors.As(e.Err, &answer) {
		text += ": " + e.Err.Error()
	}
	return text
}
