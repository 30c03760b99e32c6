package arttype

import (
	"fmt"
	"strings"
)

// usePart is text, and the variable that follows it, if any.
type usePart struct{ text, variable string }

// parseUse splits the text of use. It is the smallest part of text/template's
// syntax: {{.Name}} alone. Nothing in it can branch, loop or call.
func parseUse(s string) ([]usePart, error) {
	var parts []usePart
	for s != "" {
		text, rest, found := strings.Cut(s, "{{")
		if !found {
			return append(parts, usePart{text: text}), nil
		}
		action, rest, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, fmt.Errorf("has a {{ without a }}")
		}
		name := strings.TrimSpace(action)
		switch name {
		case ".Host", ".Repository", ".Tag", ".Digest":
		default:
			return nil, fmt.Errorf("{{%s}} is not one of {{.Host}}, {{.Repository}}, {{.Tag}} and {{.Digest}}", name)
		}
		parts = append(parts, usePart{text, name[1:]})
		s = rest
	}
	return parts, nil
}
