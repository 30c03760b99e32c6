package httpapi

import (
	"net/http"
	"strings"
)

// maxWarnings bounds all warnings of an answer together, in bytes
// (distribution-spec, "Warnings": a registry MUST NOT send more).
const maxWarnings = 4096

const warningPrefix = `299 - "`

// setWarnings writes a Warning header for each text, as many as there is room
// for; the last may be cut.
func setWarnings(head http.Header, texts []string) {
	room := maxWarnings
	for _, text := range texts {
		room -= len(warningPrefix) + len(`"`)
		if room <= 0 || text == "" {
			return
		}
		quoted := quoteWarning(text, room)
		room -= len(quoted)
		head.Add("Warning", warningPrefix+quoted+`"`)
	}
}

// quoteWarning is what stands between the quotes of a quoted-string (RFC 9110,
// 5.6.4), of at most n bytes. What is no printable ASCII becomes a question
// mark: old clients know no other text in headers.
func quoteWarning(text string, n int) string {
	var b strings.Builder
	for _, r := range text {
		s := string(r)
		switch {
		case r == '"' || r == '\\':
			s = `\` + s
		case r == '\n' || r == '\t' || r == '\r':
			s = " "
		case r < ' ' || r > '~':
			s = "?"
		}
		if b.Len()+len(s) > n {
			break
		}
		b.WriteString(s)
	}
	return b.String()
}
