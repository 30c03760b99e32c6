package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// A chunk is the range of an upload that a request carries, both ends
// inclusive.
type chunk struct{ first, last int64 }

func (c chunk) size() int64 { return c.last - c.first + 1 }

// parseContentRange understands ^[0-9]+-[0-9]+$ (distribution-spec, "Pushing a
// blob in chunks"), which is not the Content-Range of HTTP.
func parseContentRange(s string) (chunk, error) {
	first, last, ok := strings.Cut(s, "-")
	a, errA := parseOffset(first)
	b, errB := parseOffset(last)
	if !ok || errA != nil || errB != nil || b < a || b-a == 1<<63-1 {
		return chunk{}, lading.ErrBlobUploadInvalid.With("the Content-Range is not valid: want first-last in bytes, such as 0-1023")
	}
	return chunk{a, b}, nil
}

func parseOffset(s string) (int64, error) {
	if s == "" || !allBytes(s, isDigit) {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 64)
}

// chunkOf returns the range that the request announces for its body; not
// given when it announces none, or has no body.
func chunkOf(r *http.Request) (c chunk, given bool, err error) {
	header := r.Header.Get("Content-Range")
	if header == "" || r.ContentLength == 0 {
		return chunk{}, false, nil
	}
	if c, err = parseContentRange(header); err != nil {
		return chunk{}, false, err
	}
	if r.ContentLength > 0 && r.ContentLength != c.size() {
		return chunk{}, false, lading.ErrSizeInvalid.With("Content-Range and Content-Length do not agree")
	}
	return c, true, nil
}

// rangeHeader is the Range of an upload that holds size bytes. The spec has
// no form for none; the field writes 0-0, and clients read it so.
func rangeHeader(size int64) string {
	return "0-" + strconv.FormatInt(max(size-1, 0), 10)
}
