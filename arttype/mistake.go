package arttype

import (
	"fmt"
	"strings"
)

// Mistake is one thing that is wrong with a definition, and where.
type Mistake struct {
	// File is the file's name; empty for a definition that came without one.
	File string `json:"file,omitempty"`
	// Pointer is a JSON pointer (RFC 6901) to the value; empty is the whole.
	Pointer string `json:"pointer"`
	// Line is the value's line, from 1; 0 when it is not known.
	Line int `json:"line,omitempty"`
	// Reason is a sentence for a person, without a full stop.
	Reason string `json:"reason"`
}

func (m Mistake) String() string {
	var b strings.Builder
	if m.File != "" {
		b.WriteString(m.File)
		b.WriteByte(':')
	}
	if m.Line > 0 {
		fmt.Fprintf(&b, "%d:", m.Line)
	}
	if m.Pointer != "" {
		fmt.Fprintf(&b, " %s:", m.Pointer)
	}
	return strings.TrimSpace(b.String() + " " + m.Reason)
}

// Mistakes is everything that is wrong, in the order of the lines.
type Mistakes []Mistake

// Error returns one line a mistake.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// in names the file of every mistake.
func (ms Mistakes) in(file string) Mistakes {
	for i := range ms {
		ms[i].File = file
	}
	return ms
}

// pointerEscapes are those of RFC 6901, 3.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// token writes a name as part of a JSON pointer (RFC 6901, section 3).
func token(name string) string {
	return "/" + pointerEscapes.Replace(name)
}
