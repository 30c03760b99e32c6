package arttype

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const (
	maxConfigValues = 100_000    // values in a config that is checked or shown
	maxWork         = 250_000    // schemas times values
	maxPatternBytes = 50_000_000 // instructions of regular expressions times bytes
	maxViolations   = 20
	maxReason       = 300 // bytes
	maxShown        = 1000
	maxShownItems   = 32
)

// Violation is a rule of its type that an artifact does not keep.
type Violation struct {
	// In is the document that Pointer points into: "config" or "manifest".
	In string `json:"in"`
	// Pointer is a JSON pointer (RFC 6901); empty is the whole.
	Pointer string `json:"pointer"`
	// Reason is for a person, without a full stop.
	Reason string `json:"reason"`
}

func (v Violation) String() string {
	if v.Pointer == "" {
		return v.In + ": " + v.Reason
	}
	return v.In + " " + v.Pointer + ": " + v.Reason
}

// Config is a config blob that is JSON, read once for all that is done with it.
type Config struct {
	value   any
	values  int
	bytes   int
	problem *Violation // why it cannot be checked
}

// ErrNotJSON is a config that has nothing to check or show: it is not JSON, or
// larger than [MaxConfig].
var ErrNotJSON = errors.New("the config is not JSON of at most 4 MiB")

// ReadConfig reads a config blob.
//
// Errors: ErrNotJSON.
func ReadConfig(config []byte) (*Config, error) {
	if len(config) > MaxConfig || !utf8.Valid(config) || !json.Valid(config) {
		return nil, ErrNotJSON
	}
	c := &Config{bytes: len(config)}
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber()
	v, err := c.read(dec, "", 0)
	if c.problem == nil && err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	c.value = v
	return c, nil
}

func (c *Config) read(dec *json.Decoder, at string, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	c.values++
	switch {
	case c.values > maxConfigValues:
		return nil, c.cannot("", "has more than %d values, too many to be checked", maxConfigValues)
	case depth > maxDepth:
		return nil, c.cannot(at, "is nested deeper than %d levels, too deep to be checked", maxDepth)
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return c.object(dec, at, depth)
		}
		return c.array(dec, at, depth)
	case json.Number:
		if !plainNumber(t.String()) {
			return nil, c.cannot(at, "is a number that is too long to be checked")
		}
	}
	return t, nil
}

func (c *Config) object(dec *json.Decoder, at string, depth int) (any, error) {
	o := map[string]any{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // the text is valid JSON
		if o[name], err = c.read(dec, at+token(name), depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return o, err
}

func (c *Config) array(dec *json.Decoder, at string, depth int) (any, error) {
	a := []any{}
	for dec.More() {
		v, err := c.read(dec, at+"/"+strconv.Itoa(len(a)), depth+1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := dec.Token()
	return a, err
}

func (c *Config) cannot(at, format string, args ...any) error {
	c.problem = &Violation{In: "config", Pointer: at, Reason: fmt.Sprintf(format, args...)}
	return errStop
}

// CheckConfig holds a config against the type's schema. A type without one is
// content with every config. A config that would take too long to check is a
// violation.
func (t *Type) CheckConfig(c *Config) []Violation {
	if t.schema == nil || c == nil {
		return nil
	}
	if c.problem != nil {
		return []Violation{*c.problem}
	}
	cost := t.schema.cost
	if cost.nodes*(c.values+c.bytes/64) > maxWork || cost.patterns*c.bytes > maxPatternBytes {
		return []Violation{{In: "config", Reason: "is too large to be checked by the schema of its type"}}
	}
	var ve *jsonschema.ValidationError
	if !errors.As(t.schema.compiled.Validate(c.value), &ve) {
		return nil
	}
	return leaves(ve)
}

// leaves are the causes of an error that have no causes themselves.
func leaves(e *jsonschema.ValidationError) (found []Violation) {
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(found) >= maxViolations {
			return
		}
		if len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				walk(cause)
			}
			return
		}
		var pointer strings.Builder
		for _, t := range e.InstanceLocation {
			pointer.WriteString(token(t))
		}
		found = append(found, Violation{In: "config", Pointer: pointer.String(), Reason: reason(e)})
	}
	walk(e)
	return found
}

// reason is what is wrong in words, without the value, which may be long and is
// at the pointer anyway.
func reason(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Pattern:
		return clip("does not match the pattern "+k.Want, maxReason)
	case *kind.Const, *kind.Enum:
		return "is not one of the values that the schema allows"
	case *kind.FalseSchema:
		return "is not allowed by the schema"
	case *kind.AdditionalProperties:
		return clip("has a field that the schema does not allow: "+k.Properties[0], maxReason)
	}
	return clip(e.DetailedOutput().Error.String(), maxReason)
}

// CheckLayers holds the media types of an artifact's layers against the type's
// rules. Each layer counts for the first rule whose media type fits it.
func (t *Type) CheckLayers(mediaTypes []string) (found []Violation) {
	counts := make([]int, len(t.Layers))
	for _, mt := range mediaTypes {
		for i, r := range t.Layers {
			if newPattern(r.MediaType).fits(mt) {
				counts[i]++
				break
			}
		}
	}
	for i, r := range t.Layers {
		switch n := counts[i]; {
		case n < r.Min:
			found = append(found, layerViolation("%d layers of %s, at least %d needed", n, r.MediaType, r.Min))
		case r.Max != nil && n > *r.Max:
			found = append(found, layerViolation("%d layers of %s, at most %d allowed", n, r.MediaType, *r.Max))
		}
	}
	return found
}

func layerViolation(format string, args ...any) Violation {
	return Violation{In: "manifest", Pointer: "/layers", Reason: fmt.Sprintf(format, args...)}
}

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
