package arttype

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The forms that a field's value can have. Each tells what is wrong with a
// value and returns what is right, or the zero value.

func (p *parser) is(ptr string, n *node, want nodeKind) bool {
	if n.kind != want {
		p.wrong(ptr, n.start, "must be %s, not %s", want, n.kind)
	}
	return n.kind == want
}

func (p *parser) list(ptr string, n *node, least, most int) bool {
	switch {
	case !p.is(ptr, n, isArray):
		return false
	case len(n.items) < least:
		p.wrong(ptr, n.start, "must have at least one entry")
		return false
	case len(n.items) > most:
		p.wrong(ptr, n.start, "has more than %d entries", most)
		return false
	}
	return true
}

func (p *parser) text(ptr string, n *node, most int) string {
	if !p.is(ptr, n, isString) {
		return ""
	}
	switch {
	case n.text == "":
		p.wrong(ptr, n.start, "must not be empty")
	case utf8.RuneCountInString(n.text) > most:
		p.wrong(ptr, n.start, "is longer than %d characters", most)
	default:
		return n.text
	}
	return ""
}

// oneLine reads a line of text for people, which must not play tricks on the
// terminal or the page that shows it.
func (p *parser) oneLine(ptr string, n *node, most int) string {
	s := p.text(ptr, n, most)
	if strings.ContainsFunc(s, hidden) {
		p.wrong(ptr, n.start, "has control characters in it")
		return ""
	}
	return s
}

// hidden tells of characters that change how others are shown: control
// characters and those that turn the direction of text.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func (p *parser) mediaType(ptr string, n *node) string {
	s := p.text(ptr, n, maxMediaType)
	star := strings.IndexByte(s, '*')
	switch {
	case s == "":
		return ""
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		p.wrong(ptr, n.start, "must be a media type: printable ASCII without spaces")
	case star >= 0 && star < len(s)-1:
		p.wrong(ptr, n.start, "may have a * only at its end")
	}
	return s
}

func (p *parser) annotation(ptr string, n *node) string {
	s := p.text(ptr, n, maxAnnotation)
	if strings.HasPrefix(s, "=") {
		p.wrong(ptr, n.start, "must be key or key=value")
	}
	return s
}

func (p *parser) integer(ptr string, n *node, least, most int) int {
	if !p.is(ptr, n, isNumber) {
		return least
	}
	i, err := strconv.Atoi(n.text)
	if err != nil || i < least || i > most {
		p.wrong(ptr, n.start, "must be a whole number from %d to %d", least, most)
		return least
	}
	return i
}

func (p *parser) oneOf(ptr string, n *node, words ...string) string {
	if !p.is(ptr, n, isString) {
		return ""
	}
	if !slices.Contains(words, n.text) {
		p.wrong(ptr, n.start, "must be one of: %s", strings.Join(words, ", "))
		return ""
	}
	return n.text
}
