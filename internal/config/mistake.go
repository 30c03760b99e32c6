package config

import (
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing wrong with a configuration.
type Mistake struct {
	// Place is where it stands: "file:line", a flag such as "--listen", or
	// empty for a value that no file or flag gave.
	Place string
	// Key is the key in the file, such as "catalog.shards"; empty when the
	// file as a whole is meant.
	Key string
	// What says what is wrong and what is allowed. It never repeats a
	// secret.
	What string
}

func (m Mistake) String() string {
	var parts []string
	for _, p := range []string{m.Place, m.Key, m.What} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// Mistakes is every mistake of a configuration, in the order of the file. As
// an error it has one line for each.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

func (m *Mistakes) add(key, format string, args ...any) {
	*m = append(*m, Mistake{Key: key, What: fmt.Sprintf(format, args...)})
}

// has reports whether something is wrong with the key already: then a second
// complaint about its default value would only confuse.
func (m Mistakes) has(key string) bool {
	return slices.ContainsFunc(m, func(one Mistake) bool { return one.Key == key })
}
