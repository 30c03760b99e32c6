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
	values, ok := simple(config)
	if c.values = values; values > maxConfigValues {
		c.tooMany()
		return c, nil
	}
	if ok {
		if err := c.readSimple(config); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
		}
		return c, nil
	}
	c.values = 0
	return c, c.readTokens(config)
}

// readTokens reads a config that has too much of something, up to where that
// is.
func (c *Config) readTokens(config []byte) error {
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber()
	v, err := c.read(dec, "", 0)
	if c.problem == nil && err != nil {
		return fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	c.value = v
	return nil
}

func (c *Config) read(dec *json.Decoder, at string, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	c.values++
	switch {
	case c.values > maxConfigValues:
		return nil, c.tooMany()
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

func (c *Config) tooMany() error {
	return c.cannot("", "has more than %d values, too many to be checked", maxConfigValues)
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
