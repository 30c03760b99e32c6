package httpapi

import (
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A form is how a listing is written.
type form int

const (
	formJSON   form = iota // a page
	formIndex              // a page as an OCI image index
	formStream             // all pages, a line an item
)

// Media types of the discovery extension.
const (
	mediaTypeList   = "application/vnd.lading.list.v1+json"
	mediaTypeStream = "application/x-ndjson"
)

// negotiate chooses the form that the Accept headers like best. What they do
// not like at all is answered in JSON all the same: a listing that can be
// read beats a 406.
func negotiate(accept []string, kind lading.Kind) form {
	best, bestQ := formJSON, 0
	for _, line := range accept {
		for entry := range strings.SplitSeq(line, ",") {
			f, q, ok := acceptEntry(entry)
			if !ok || f == formIndex && kind != lading.KindTags && kind != lading.KindManifests {
				continue
			}
			if q > bestQ {
				best, bestQ = f, q
			}
		}
	}
	return best
}

// acceptEntry understands one media range with its weight in thousandths; not
// ok where it is for something else.
func acceptEntry(entry string) (f form, q int, ok bool) {
	name, parameters, _ := strings.Cut(entry, ";")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case mediaTypeList, "application/json", "application/*", "*/*":
		f = formJSON
	case ocispec.MediaTypeImageIndex:
		f = formIndex
	case mediaTypeStream:
		f = formStream
	default:
		return 0, 0, false
	}
	return f, weight(parameters), true
}

// weight returns the q parameter in thousandths; 1000 when there is none, 0
// when it cannot be read.
func weight(parameters string) int {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return int(q * 1000)
	}
	return 1000
}

// wantsDelta tells whether the A-IM headers accept a delta of a listing
// (RFC 3229, 10.5.3).
func wantsDelta(aim []string) bool {
	for _, line := range aim {
		for entry := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(entry, ";")
			if strings.EqualFold(strings.TrimSpace(name), instanceManipulation) {
				return weight(parameters) > 0
			}
		}
	}
	return false
}

// instanceManipulation is the name of the delta in A-IM and IM.
const instanceManipulation = "lading-delta"
