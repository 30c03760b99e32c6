package arttype

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A JSON Schema of a few lines can ask for more work than there is time: two
// definitions that each refer twice to the next double it with every line. So a
// schema is walked before it is compiled, and what it costs to apply is known:
// references stay inside of it, do not run in circles, and the schema with all
// of them written out has a bounded size.

const (
	maxSchemaNodes  = 2000 // of a schema with its references written out
	maxPattern      = 500  // characters of a regular expression
	maxPatternWork  = 5000 // instructions of all regular expressions, written out
	maxNumberDigits = 64   // characters of a number
	maxExponent     = 308
)

// schemaCost is what a schema costs to apply to one value: how many schemas
// look at it, and how many instructions the regular expressions have.
type schemaCost struct{ nodes, patterns int }

func (c *schemaCost) add(other schemaCost) {
	c.nodes = min(c.nodes+other.nodes, maxSchemaNodes+1)
	c.patterns = min(c.patterns+other.patterns, maxPatternWork+1)
}

// schemaReader walks a schema in a definition.
type schemaReader struct {
	*document
	pointer string // of the schema in the document
	root    *node
	schemas map[string]*subschema // by their pointers within the schema
}

// subschema is one schema in the schema.
type subschema struct {
	node     *node
	children []string // pointers of the schemas that are applied with it
	ref      string   // the pointer that $ref names, "" for the root
	hasRef   bool
	own      schemaCost
	total    *schemaCost
	open     bool // its cost is being found
}

// The keywords (JSON Schema 2020-12), by what they hold.
var (
	schemaKeywords = []string{"additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames",
		"unevaluatedItems", "unevaluatedProperties"}
	listKeywords  = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	mapKeywords   = []string{"properties", "patternProperties", "dependentSchemas", "$defs"}
	valueKeywords = []string{"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
		"maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties",
		"minProperties", "required", "dependentRequired", "format", "contentEncoding", "contentMediaType", "title", "description",
		"default", "deprecated", "readOnly", "writeOnly", "examples", "$comment"}
	farKeywords = []string{"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"}
)

const dialect = "https://json-schema.org/draft/2020-12/schema"

// compile returns the schema, or nil after telling what is wrong with it.
func (s *schemaReader) compile() *schema {
	before := len(s.mistakes)
	s.schemas = map[string]*subschema{}
	s.walk("", s.root)
	if len(s.mistakes) > before {
		return nil
	}
	cost := s.cost("")
	switch {
	case len(s.mistakes) > before:
		return nil
	case cost.nodes > maxSchemaNodes:
		s.wrong(s.pointer, s.root.start, "is more than %d schemas when its references are written out", maxSchemaNodes)
		return nil
	case cost.patterns > maxPatternWork:
		s.wrong(s.pointer, s.root.start, "has too much work in its regular expressions")
		return nil
	}
	compiled, err := compileSchema(s.data[s.root.start:s.root.end])
	if err != nil {
		s.refused(err)
		return nil
	}
	return &schema{compiled, cost}
}

func (s *schemaReader) bad(at string, n *node, format string, args ...any) {
	s.wrong(s.pointer+at, n.start, format, args...)
}

func (s *schemaReader) walk(at string, n *node) {
	sub := &subschema{node: n, own: schemaCost{nodes: 1}}
	s.schemas[at] = sub
	if n.kind == isBool {
		return
	}
	if n.kind != isObject {
		s.bad(at, n, "must be a schema: an object, not %s", n.kind)
		return
	}
	for _, m := range n.members {
		s.keyword(sub, at, m.name, m.value)
	}
}

func (s *schemaReader) keyword(sub *subschema, at, name string, n *node) {
	here := at + token(name)
	child := func(at string, n *node) {
		sub.children = append(sub.children, at)
		s.walk(at, n)
	}
	switch {
	case slices.Contains(schemaKeywords, name):
		child(here, n)
	case slices.Contains(listKeywords, name):
		for i, item := range n.items {
			child(here+"/"+strconv.Itoa(i), item)
		}
	case name == "$defs":
		for _, m := range n.members {
			s.walk(here+token(m.name), m.value) // applied only where it is referred to
		}
	case slices.Contains(mapKeywords, name):
		for _, m := range n.members {
			if name == "patternProperties" {
				s.pattern(sub, here, n, m.name)
			}
			child(here+token(m.name), m.value)
		}
	case name == "$ref":
		s.ref(sub, here, n)
	case name == "$schema":
		if n.text != dialect && n.text != dialect+"#" {
			s.bad(here, n, "must be %s", dialect)
		}
	case slices.Contains(farKeywords, name):
		s.bad(here, n, "is not supported here: refer to #/$defs/… instead")
	case slices.Contains(valueKeywords, name):
		s.values(sub, here, n)
		if name == "pattern" && n.kind == isString {
			s.pattern(sub, here, n, n.text)
		}
	case !strings.HasPrefix(name, "x-"):
		s.bad(here, n, "is not a keyword of JSON Schema 2020-12")
	}
}

// values counts what a keyword holds, and refuses numbers that take long.
func (s *schemaReader) values(sub *subschema, at string, n *node) {
	sub.own.add(schemaCost{nodes: len(n.items) + len(n.members)})
	if n.kind == isNumber && !plainNumber(n.text) {
		s.bad(at, n, "is a number that is too long")
	}
	for i, item := range n.items {
		s.values(sub, at+"/"+strconv.Itoa(i), item)
	}
	for _, m := range n.members {
		s.values(sub, at+token(m.name), m.value)
	}
}

func (s *schemaReader) pattern(sub *subschema, at string, n *node, text string) {
	if len(text) > maxPattern {
		s.bad(at, n, "has a regular expression of more than %d characters", maxPattern)
		return
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		s.bad(at, n, "has a regular expression that is not one of Go's: %v", err)
		return
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		s.bad(at, n, "has a regular expression that is too large: %v", err)
		return
	}
	sub.own.add(schemaCost{patterns: len(prog.Inst)})
}

func (s *schemaReader) ref(sub *subschema, at string, n *node) {
	fragment, inside := strings.CutPrefix(n.text, "#")
	target, err := url.PathUnescape(fragment)
	if n.kind != isString || !inside || err != nil || target != "" && !validPointer(target) {
		s.bad(at, n, "must refer to a place inside of this schema, such as #/$defs/name")
		return
	}
	sub.ref, sub.hasRef = target, true
}

// cost returns what the schema at a pointer costs with everything that it
// applies and refers to.
func (s *schemaReader) cost(at string) schemaCost {
	sub := s.schemas[at]
	if sub.total != nil {
		return *sub.total
	}
	if sub.open {
		s.bad(at, sub.node, "refers to itself, which is not supported here")
		return schemaCost{}
	}
	sub.open = true
	total := sub.own
	for _, c := range sub.children {
		total.add(s.cost(c))
	}
	if sub.hasRef {
		if s.schemas[sub.ref] == nil {
			s.bad(at, sub.node, "refers to #%s, where there is no schema", sub.ref)
		} else {
			total.add(s.cost(sub.ref))
		}
	}
	sub.open, sub.total = false, &total
	return total
}

// refused tells what the compiler did not like, with its place if it says one.
func (s *schemaReader) refused(err error) {
	var se *jsonschema.SchemaValidationError
	var ve *jsonschema.ValidationError
	if !errors.As(err, &se) || !errors.As(se.Err, &ve) {
		s.wrong(s.pointer, s.root.start, "cannot be used: %s", clip(err.Error(), maxReason))
		return
	}
	for _, v := range leaves(ve) {
		s.wrong(s.pointer+v.Pointer, s.at(v.Pointer).start, "%s", v.Reason)
	}
}

// at returns the node that a pointer leads to, as far as it leads.
func (s *schemaReader) at(pointer string) *node {
	n := s.root
	for _, t := range pointerTokens(pointer) {
		next := n.child(t)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func (n *node) child(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.items) {
		return n.items[i]
	}
	return nil
}

// schemaURL is the name of the only schema that there is for the compiler.
const schemaURL = "urn:lading:config-schema"

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) { return regexp.Compile(s) })
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	return c.Compile(schemaURL)
}

// noLoader fetches nothing: a schema is what its definition says and no more.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of this schema", url)
}

// plainNumber tells of numbers that can be computed with: an exponent of a
// billion is three bytes of text and a gigabyte of digits.
func plainNumber(s string) bool {
	if len(s) > maxNumberDigits {
		return false
	}
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
	return err == nil && exponent >= -maxExponent && exponent <= maxExponent
}
