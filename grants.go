package lading

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Range is a range of repository names: From <= name < To, bytewise; an empty
// To is the end.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Contains reports whether the name lies in the range.
func (r Range) Contains(name string) bool { return name >= r.From && (r.To == "" || name < r.To) }

// RepositoryRange is the range that holds one name.
func RepositoryRange(name string) Range { return Range{name, name + "\x00"} }

// PrefixRange is the range of all names that start with prefix.
func PrefixRange(prefix string) Range { return Range{prefix, prefixEnd(prefix)} }

// NamespaceRanges are the ranges of the repository of that very name and of
// all below it: whole path segments.
func NamespaceRanges(ns string) []Range {
	return []Range{RepositoryRange(ns), {ns + "/", ns + "0"}} // "0" follows "/"
}

// prefixEnd is the least string that is greater than every string with the
// prefix; empty when there is none.
func prefixEnd(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// Grants is what a caller may see: a set of repository names, kept as sorted,
// disjoint, non-adjacent ranges. The zero value is nothing. It is a value: no
// method changes it.
type Grants struct {
	ranges []Range
}

// NewGrants returns the union of the ranges.
func NewGrants(ranges ...Range) Grants {
	rs := slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return r.To != "" && r.From >= r.To })
	sort.Slice(rs, func(i, j int) bool { return rs[i].From < rs[j].From })
	var out []Range
	for _, r := range rs {
		if n := len(out); n > 0 && (out[n-1].To == "" || r.From <= out[n-1].To) {
			if out[n-1].To != "" && (r.To == "" || r.To > out[n-1].To) {
				out[n-1].To = r.To
			}
			continue
		}
		out = append(out, r)
	}
	return Grants{out}
}

var every = []Range{{}}

// AllGrants sees every repository.
func AllGrants() Grants { return Grants{every} }

// Ranges returns the ranges, sorted and disjoint. The caller must not change
// them.
func (g Grants) Ranges() []Range { return g.ranges }

// Empty reports whether nothing may be seen.
func (g Grants) Empty() bool { return len(g.ranges) == 0 }

// All reports whether every name may be seen.
func (g Grants) All() bool { return len(g.ranges) == 1 && g.ranges[0] == Range{} }

// Equal reports whether both are the same set.
func (g Grants) Equal(h Grants) bool {
	if len(g.ranges) > 0 && len(g.ranges) == len(h.ranges) && &g.ranges[0] == &h.ranges[0] {
		return true // one value, as of a caller who asks again: nothing to compare
	}
	return slices.Equal(g.ranges, h.ranges)
}

// Contains reports whether the repository may be seen.
func (g Grants) Contains(name string) bool {
	i := sort.Search(len(g.ranges), func(i int) bool { return g.ranges[i].From > name })
	return i > 0 && g.ranges[i-1].Contains(name)
}

// Union returns what either may see.
func (g Grants) Union(h Grants) Grants {
	return NewGrants(append(slices.Clone(g.ranges), h.ranges...)...)
}

// Intersect returns what both may see. It looks at the ranges of the one with
// fewer, and skips among the other's: a caller may have thousands, of which a
// question is about a few.
func (g Grants) Intersect(h Grants) Grants {
	few, many := g.ranges, h.ranges
	if len(few) > len(many) {
		few, many = many, few
	}
	var out []Range
	for _, r := range few {
		many = many[first(many, func(m Range) bool { return m.To == "" || m.To > r.From }):]
		n := len(many)
		if r.To != "" {
			n = first(many, func(m Range) bool { return m.From >= r.To })
		}
		if n == 0 {
			continue
		}
		begun := len(out)
		out = append(out, many[:n]...)
		out[begun].From = max(out[begun].From, r.From)
		if last := &out[len(out)-1]; r.To != "" && (last.To == "" || last.To > r.To) {
			last.To = r.To
		}
		many = many[n-1:] // the last may go on behind r
	}
	return Grants{out}
}

// first is the index of the first range that is so, where all behind it are as
// well; len(rs) if there is none. It costs the logarithm of the index.
func first(rs []Range, so func(Range) bool) int {
	n := 1
	for n < len(rs) && !so(rs[n-1]) {
		n *= 2
	}
	low := n / 2 // what is before it is not so
	return low + sort.Search(min(n, len(rs))-low, func(i int) bool { return so(rs[low+i]) })
}

// Subtract returns what g may see and h may not.
func (g Grants) Subtract(h Grants) Grants {
	return g.Intersect(h.complement())
}

func (g Grants) complement() Grants {
	out, from := []Range{}, ""
	for _, r := range g.ranges {
		if r.From > from {
			out = append(out, Range{from, r.From})
		}
		if r.To == "" {
			return Grants{out}
		}
		from = r.To
	}
	return Grants{append(out, Range{From: from})}
}

// After returns the part of g with names greater than name.
func (g Grants) After(name string) Grants {
	from := name + "\x00"
	rest := g.ranges[first(g.ranges, func(r Range) bool { return r.To == "" || r.To > from }):]
	if len(rest) > 0 && rest[0].From < from {
		return Grants{rest}.Intersect(Grants{[]Range{{From: from}}})
	}
	return Grants{slices.Clip(rest)}
}

// MarshalJSON writes the ranges as an array.
func (g Grants) MarshalJSON() ([]byte, error) {
	if g.ranges == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(g.ranges)
}

// UnmarshalJSON reads an array of ranges, in any order.
func (g *Grants) UnmarshalJSON(b []byte) error {
	var rs []Range
	if err := json.Unmarshal(b, &rs); err != nil {
		return fmt.Errorf("grants: %w", err)
	}
	*g = NewGrants(rs...)
	return nil
}

func (g Grants) String() string {
	var s []string
	for _, r := range g.ranges {
		s = append(s, fmt.Sprintf("[%q,%q)", r.From, r.To))
	}
	return strings.Join(s, " ")
}
