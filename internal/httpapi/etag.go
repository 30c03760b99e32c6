package httpapi

import "strings"

// An etag is an entry of If-None-Match. Weakness does not matter to it
// (RFC 9110, 13.1.2), so only the text as it stood there remembers it.
type etag struct {
	raw    string // as presented, for instance W/"abc"
	opaque string // what stands between the quotes
	any    bool   // the entry is *
}

// nextETag returns the first entry of a header value and what follows it; not
// ok at the end of it, or where it is not a list of entity tags any more.
func nextETag(s string) (t etag, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t,")
	if strings.HasPrefix(s, "*") {
		return etag{raw: "*", any: true}, s[1:], true
	}
	quoted := strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(quoted, `"`) {
		return etag{}, "", false
	}
	end := strings.IndexByte(quoted[1:], '"')
	if end < 0 {
		return etag{}, "", false
	}
	opaque := quoted[1 : 1+end]
	if !allBytes(opaque, func(c byte) bool { return c > ' ' && c != 0x7f }) {
		return etag{}, "", false
	}
	rest = quoted[2+end:]
	return etag{raw: s[:len(s)-len(rest)], opaque: opaque}, rest, true
}
