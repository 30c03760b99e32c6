package arttype

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxShown      = 1000 // bytes of a value
	maxShownItems = 32
)

// Show reads the fields of a config that people are shown, by their names. A
// field that is not there, or is neither a scalar nor a list of scalars, is
// left out; values are cut at 1,000 bytes, lists at 32 entries.
func (t *Type) Show(c *Config) map[string]string {
	if c == nil || c.problem != nil || len(t.Definition.Show) == 0 {
		return nil
	}
	shown := map[string]string{}
	for name, pointer := range t.Definition.Show {
		if s := text(resolve(c.value, pointer)); s != "" {
			shown[name] = s
		}
	}
	return shown
}

// Member returns a text that is a member of the config, which must be an
// object, and nothing for one that is no text or is not there. ok is false for
// a config with too much in it to be read.
func (c *Config) Member(name string) (text string, ok bool) {
	members, _ := c.value.(map[string]any)
	text, _ = members[name].(string)
	return text, c.problem == nil
}

// pointerTokens splits a JSON pointer (RFC 6901, section 3).
func pointerTokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, t := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens
}

// resolve returns what a JSON pointer points to, or nil (RFC 6901, section 4).
func resolve(v any, pointer string) any {
	for _, t := range pointerTokens(pointer) {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[t]
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(inner) || strconv.Itoa(i) != t {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

// text is a value as people read it.
func text(v any) string {
	items, ok := v.([]any)
	if !ok {
		return scalar(v)
	}
	var parts []string
	for _, item := range items[:min(len(items), maxShownItems)] {
		if s := scalar(item); s != "" {
			parts = append(parts, s)
		}
	}
	return clip(strings.Join(parts, ", "), maxShown)
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return clip(plain(clip(v, maxShown)), maxShown)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// plain makes one line of a text, and takes out what would play tricks on the
// terminal or the page that shows it.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, s))
}

// clip cuts a text at so many bytes, between characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
