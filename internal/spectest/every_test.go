package spectest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// codes are those of the distribution-spec ("Error Codes"), of the legacy list
// that it names, and the registry's own.
var codes = strings.Fields(`BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN
	MANIFEST_INVALID MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS
	TAG_INVALID PARAMETER_INVALID PRECONDITION_FAILED EXTENSION_UNKNOWN CURSOR_INVALID`)

var uploadRange = regexp.MustCompile(`^0-[0-9]+$`)

// wrongWith says what every answer must be and this one is not.
func wrongWith(m message, a answer) (wrong []string) {
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if a.header.Get("Docker-Distribution-Api-Version") != "registry/2.0" {
		report("no Docker-Distribution-Api-Version")
	}
	if a.status >= 500 {
		report("status %d", a.status)
	}
	if a.status >= 400 && m.method() != "HEAD" {
		if _, err := errorOf(a); err != nil {
			report("the error: %v", err)
		}
	}
	if m.method() == "HEAD" && a.body != "" {
		report("a body after HEAD")
	}
	d := a.header.Get("Docker-Content-Digest")
	if m.method() == "GET" && a.status == 200 && d != "" && digest.Digest(d).Algorithm().FromString(a.body) != digest.Digest(d) {
		report("the bytes do not have the digest %s", d)
	}
	if tag := a.header.Get("Etag"); d != "" && tag != "" && tag != `"`+d+`"` {
		report("the entity tag %s of %s", tag, d)
	}
	return append(wrong, wrongHeaders(a)...)
}

func wrongHeaders(a answer) (wrong []string) {
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r := a.header.Get("Range"); r != "" && !uploadRange.MatchString(r) {
		report("the range %q", r)
	}
	size := 0
	for _, v := range a.header.Values("Warning") {
		size += len(v)
		if !strings.HasPrefix(v, `299 - "`) || !strings.HasSuffix(v, `"`) {
			report("the warning %q", v)
		}
	}
	if size > 4096 {
		report("%d bytes of warnings", size)
	}
	if l := a.header.Get("Location"); (a.status == 201 || a.status == 202 && a.header.Get("Docker-Upload-Uuid") != "") && l == "" {
		report("no Location")
	}
	return wrong
}

// errorOf returns the code of an error, and what is wrong with its body
// (distribution-spec, "Error Codes").
func errorOf(a answer) (string, error) {
	var body struct {
		Errors []struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Detail  json.RawMessage `json:"detail"`
		} `json:"errors"`
	}
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return "", fmt.Errorf("%q: %w", a.body, err)
	}
	if len(body.Errors) == 0 {
		return "", fmt.Errorf("%q has no errors", a.body)
	}
	for _, e := range body.Errors {
		if !slices.Contains(codes, e.Code) {
			return "", fmt.Errorf("the code %q", e.Code)
		}
		if e.Message == "" {
			return "", fmt.Errorf("%s has no message", e.Code)
		}
	}
	return body.Errors[0].Code, nil
}
