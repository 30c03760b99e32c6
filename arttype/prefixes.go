package arttype

import (
	"slices"
	"sort"
	"strings"
)

// prefixes finds, among sorted prefixes, those that a text begins with: in
// the logarithm of their number, and a step for each that fits.
type prefixes struct {
	texts  []string
	rules  [][]*rule
	parent []int // the longest other prefix that this one begins with, or -1
}

func newPrefixes(byText map[string][]*rule) prefixes {
	var p prefixes
	for text := range byText {
		p.texts = append(p.texts, text)
	}
	slices.Sort(p.texts)
	for i, text := range p.texts {
		p.rules = append(p.rules, byText[text])
		up := i - 1
		for up >= 0 && !strings.HasPrefix(text, p.texts[up]) {
			up = p.parent[up]
		}
		p.parent = append(p.parent, up)
	}
	return p
}

// last returns the longest prefix of s, as an index, or -1. The others are its
// parents: what sorts between a prefix of s and s begins with that prefix too.
func (p *prefixes) last(s string) int {
	i := sort.Search(len(p.texts), func(i int) bool { return p.texts[i] > s }) - 1
	for i >= 0 && !strings.HasPrefix(s, p.texts[i]) {
		i = p.parent[i]
	}
	return i
}
