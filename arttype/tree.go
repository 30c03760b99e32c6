package arttype

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"unicode/utf8"
)

// node is a JSON value that knows where it stands, so that a mistake in it can
// be found again by a person.
type node struct {
	kind       nodeKind
	start, end int
	text       string // of a string or number
	yes        bool   // of a boolean
	members    []member
	items      []*node
}

type member struct {
	name  string
	value *node
}

type nodeKind string

const (
	isObject nodeKind = "an object"
	isArray  nodeKind = "an array"
	isString nodeKind = "a string"
	isNumber nodeKind = "a number"
	isBool   nodeKind = "a boolean"
	isNull   nodeKind = "null"
)

// document is a JSON text and the mistakes found in it so far.
type document struct {
	data     []byte
	lines    []int // offset of each line's first byte
	values   int
	mistakes Mistakes
}

// line returns the line of an offset, from 1.
func (d *document) line(offset int) int {
	if d.lines == nil {
		d.lines = []int{0}
		for i, b := range d.data {
			if b == '\n' {
				d.lines = append(d.lines, i+1)
			}
		}
	}
	return sort.SearchInts(d.lines, offset+1)
}

func (d *document) wrong(pointer string, offset int, format string, args ...any) {
	if len(d.mistakes) < maxMistakes {
		d.mistakes = append(d.mistakes, Mistake{Pointer: pointer, Line: d.line(offset), Reason: fmt.Sprintf(format, args...)})
	}
}

var errStop = errors.New("the rest is not worth reading")

// read returns the document's value, or nil when it cannot be read on.
func (d *document) read() *node {
	if !utf8.Valid(d.data) {
		d.wrong("", 0, "is not valid UTF-8")
		return nil
	}
	var probe json.RawMessage
	if err := json.Unmarshal(d.data, &probe); err != nil {
		offset := 0
		var se *json.SyntaxError
		if errors.As(err, &se) {
			offset = max(0, int(se.Offset)-1)
		}
		d.wrong("", offset, "is not valid JSON: %v", err)
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(d.data))
	dec.UseNumber()
	n, err := d.value(dec, "", 0)
	if err != nil {
		return nil
	}
	return n
}

func (d *document) value(dec *json.Decoder, pointer string, depth int) (*node, error) {
	n := &node{start: d.next(int(dec.InputOffset()))}
	if d.values++; d.values > maxValues {
		d.wrong(pointer, n.start, "there are more than %d values", maxValues)
		return nil, errStop
	}
	if depth > maxDepth {
		d.wrong(pointer, n.start, "is nested deeper than %d levels", maxDepth)
		return nil, errStop
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			err = d.object(dec, n, pointer, depth)
		} else {
			err = d.array(dec, n, pointer, depth)
		}
	case string:
		n.kind, n.text = isString, t
	case json.Number:
		n.kind, n.text = isNumber, t.String()
	case bool:
		n.kind, n.yes = isBool, t
	default:
		n.kind = isNull
	}
	n.end = int(dec.InputOffset())
	return n, err
}

func (d *document) object(dec *json.Decoder, n *node, pointer string, depth int) error {
	n.kind = isObject
	seen := map[string]bool{}
	for dec.More() {
		at := d.next(int(dec.InputOffset()))
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name := key.(string) // the text is valid JSON
		if seen[name] {
			d.wrong(pointer+token(name), at, "is given twice")
		}
		seen[name] = true
		v, err := d.value(dec, pointer+token(name), depth+1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, v})
	}
	_, err := dec.Token()
	return err
}

func (d *document) array(dec *json.Decoder, n *node, pointer string, depth int) error {
	n.kind = isArray
	for dec.More() {
		v, err := d.value(dec, fmt.Sprintf("%s/%d", pointer, len(n.items)), depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, err := dec.Token()
	return err
}

// next returns the offset of the first byte of the next value or name.
func (d *document) next(offset int) int {
	for offset < len(d.data) && bytes.IndexByte([]byte(" \t\r\n,:"), d.data[offset]) >= 0 {
		offset++
	}
	return offset
}
