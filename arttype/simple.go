package arttype

import (
	"bytes"
	"encoding/json"
)

// simple counts the values of valid JSON, up to one more than a config may have.
// ok is false for what nobody writes and a config cannot be checked with: too
// many values, too deep, or a number that is too long. The last two are read one
// by one, so that it can be told where they are.
func simple(config []byte) (values int, ok bool) {
	depth := 0
	for i := 0; i < len(config); i++ {
		own := depth // of the value that begins here, if one does
		switch c := config[i]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			continue
		case '}', ']':
			depth--
			continue
		case '"':
			if i = endOfString(config, i); isKey(config[i+1:]) {
				continue
			}
		case '{', '[':
			depth++
		case 't', 'f', 'n':
			i = endOfWord(config, i)
		default:
			end := endOfWord(config, i)
			if !plainNumber(string(config[i : end+1])) {
				return 0, false
			}
			i = end
		}
		if values++; own > maxDepth {
			return 0, false
		}
		if values > maxConfigValues {
			return values, false
		}
	}
	return values, true
}

// endOfString is the place of the quote that ends the string begun at i.
func endOfString(config []byte, i int) int {
	for i++; config[i] != '"'; i++ {
		if config[i] == '\\' {
			i++
		}
	}
	return i
}

// isKey tells whether what follows a string makes a key of it.
func isKey(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		}
		return c == ':'
	}
	return false
}

// endOfWord is the last place of the number or word begun at i.
func endOfWord(config []byte, i int) int {
	n := bytes.IndexAny(config[i:], " \t\n\r,]}")
	if n < 0 {
		return len(config) - 1
	}
	return i + n - 1
}

// readSimple reads a config in which nothing is too much.
func (c *Config) readSimple(config []byte) error {
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber()
	return dec.Decode(&c.value)
}
