package client

import (
	"net/http"
	"net/url"
	"strings"
)

// nextPage is the query of the answer's next page (RFC 8288); nil for the last
// page. Only the query counts: where to ask is not for the registry to choose.
func nextPage(res *http.Response) url.Values {
	for _, line := range res.Header.Values("Link") {
		target, parameters, ok := cutLink(line)
		if !ok || !isNext(parameters) {
			continue
		}
		u, err := url.Parse(target)
		if err != nil {
			return nil
		}
		return u.Query()
	}
	return nil
}

// cutLink splits `<target>; parameters`.
func cutLink(line string) (target, parameters string, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimSpace(line), "<")
	if !ok {
		return "", "", false
	}
	return strings.Cut(line, ">")
}

func isNext(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") && strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next") {
			return true
		}
	}
	return false
}
