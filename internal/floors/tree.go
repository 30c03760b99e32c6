// Package floors compares the tree in ARCHITECTURE.md with the code: every
// package is in the tree, every package in the tree exists, and each imports
// only what its floor allows. It parses the files itself, so that a cached
// test result ends with the first changed import.
package floors

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// floor is a package's line in the tree.
type floor struct {
	number    int
	wordsOnly bool // may import the root package alone
	tests     bool // only tests may import it
}

// tree is the table of floors: by directory, "." for the root package.
type tree map[string]floor

var line = regexp.MustCompile(`^(?:[├└]─ )?(\S+)/ .*\s(\d+)( words only| tests)?$`)

// parseTree reads the tree out of ARCHITECTURE.md: the first block of
// preformatted text.
func parseTree(markdown string) (tree, error) {
	_, rest, _ := strings.Cut(markdown, "\n```\n")
	block, _, closed := strings.Cut(rest, "\n```\n")
	if !closed {
		return nil, fmt.Errorf("ARCHITECTURE.md has no tree")
	}
	t := tree{}
	for l := range strings.SplitSeq(block, "\n") {
		m := line.FindStringSubmatch(l)
		if m == nil {
			return nil, fmt.Errorf("ARCHITECTURE.md: not a line of the tree: %q", l)
		}
		dir := m[1]
		if dir == "lading" {
			dir = "."
		}
		if _, twice := t[dir]; twice {
			return nil, fmt.Errorf("ARCHITECTURE.md: %s is in the tree twice", dir)
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, fmt.Errorf("ARCHITECTURE.md: floor of %s: %w", dir, err)
		}
		t[dir] = floor{number: n, wordsOnly: m[3] == " words only", tests: m[3] == " tests"}
	}
	return t, nil
}
