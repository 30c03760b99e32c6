package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxDepth = 64

// A manifest is one JSON value in UTF-8, not nested deeper than maxDepth, whose
// objects name no key twice: two programs would read it in two ways.
// encoding/json takes keys of any case, so keys that differ in case alone count
// as the same, except among annotations.

// checkText refuses what no parser should be given: what is not UTF-8, and what
// is nested too deep.
func checkText(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8")
	}
	return checkDepth(raw)
}

// checkDepth counts brackets, so that no parser recurses before it is known
// to end.
func checkDepth(raw []byte) error {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i)
		case '{', '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// stringEnd returns the place of the quote that ends the string begun at i.
func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

// level is an object or array that is being read.
type level struct {
	keys  map[string]bool // nil in an array
	exact bool            // keys of different case differ
	key   string          // the member that is being read, folded unless exact
	isKey bool            // the next string is a key
}

// checkKeys refuses valid JSON in which an object names a key twice.
func checkKeys(raw []byte) error {
	stack := []level{{}}
	for i := 0; i < len(raw); i++ {
		top := &stack[len(stack)-1]
		switch raw[i] {
		case '{':
			stack = append(stack, level{keys: map[string]bool{}, exact: top.key == "ANNOTATIONS", isKey: true})
		case '[':
			stack = append(stack, level{key: top.key})
		case '}', ']':
			stack = stack[:len(stack)-1]
		case ',':
			top.isKey = top.keys != nil
		case '"':
			end := stringEnd(raw, i)
			if top.isKey {
				if err := top.add(raw[i : end+1]); err != nil {
					return err
				}
			}
			i = end
		}
	}
	return nil
}

// foldRune returns the least of the runes that encoding/json takes for r: "ſ"
// is an "s" to it.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

func (l *level) add(quoted []byte) error {
	key, err := l.read(quoted)
	if err != nil {
		return err
	}
	if l.keys[key] {
		return fmt.Errorf("the key %q stands twice in one object", clip(key))
	}
	l.keys[key], l.key, l.isKey = true, key, false
	return nil
}

// read returns a key, folded unless keys are exact.
func (l *level) read(quoted []byte) (string, error) {
	if plain := quoted[1 : len(quoted)-1]; isPlain(plain) { // nearly every key there is
		if l.exact {
			return string(plain), nil
		}
		return strings.ToUpper(string(plain)), nil // what foldRune makes of ASCII
	}
	var key string
	if err := json.Unmarshal(quoted, &key); err != nil {
		return "", err
	}
	if !l.exact {
		key = strings.Map(foldRune, key)
	}
	return key, nil
}

// isPlain tells whether a string is of ASCII, without escapes.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
