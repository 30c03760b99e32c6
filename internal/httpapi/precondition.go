package httpapi

import (
	"net/http"
	"strings"

	"github.com/lading-dev/lading"
)

// preconditionOf reads If-Match and If-None-Match of a request that changes
// something (RFC 9110, 13.1). Comparison is strong for If-Match: a weak tag
// stands in its list and fits nothing. A header that is no list of entity tags
// is refused: to leave it out would be to change what the client wanted to
// keep.
func preconditionOf(r *http.Request) (p lading.Precondition, err error) {
	match, given, err := etags(r, "If-Match")
	if err != nil {
		return p, err
	}
	if given {
		p.Match = []lading.Digest{}
	}
	for _, tag := range match {
		switch {
		case tag.any:
			p.Present, p.Match = true, nil
		case !strings.HasPrefix(tag.raw, "W/"):
			p.Match = append(p.Match, lading.Digest(tag.opaque))
		}
	}
	differ, _, err := etags(r, "If-None-Match")
	for _, tag := range differ {
		p.Absent = p.Absent || tag.any
		if !tag.any {
			p.Differ = append(p.Differ, lading.Digest(tag.opaque))
		}
	}
	return p, err
}

// etags returns the entries of a list of entity tags: "*" alone, or tags.
// Given tells whether the header is there at all.
func etags(r *http.Request, name string) (list []etag, given bool, err error) {
	lines := r.Header.Values(name)
	for _, line := range lines {
		rest := line
		for {
			if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
				break
			}
			tag, behind, ok := nextETag(rest)
			behind = strings.TrimLeft(behind, " \t")
			if !ok || behind != "" && behind[0] != ',' {
				return nil, true, lading.ErrParameterInvalid.With(`the header %s is not a list of entity tags, such as "sha256:…" in its quotes`, name)
			}
			list, rest = append(list, tag), behind
		}
	}
	for _, tag := range list {
		if tag.any && len(list) > 1 {
			return nil, true, lading.ErrParameterInvalid.With("the header %s has a * beside other entries", name)
		}
	}
	return list, len(lines) > 0, nil
}

// checkMatch answers PRECONDITION_FAILED to a read of what is not what the
// client wants to read.
func checkMatch(r *http.Request, d lading.Digest) error {
	if len(r.Header["If-Match"]) == 0 {
		return nil
	}
	p, err := preconditionOf(r)
	if err != nil {
		return err
	}
	p.Absent, p.Differ = false, nil // of a read they mean 304
	return p.Check(d)
}
