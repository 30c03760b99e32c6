package modeltest

import (
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// rule is a grant in words: all, ns (a repository and all below it), prefix or
// repo (one repository).
type rule struct{ kind, arg string }

func (r rule) allows(name string) bool {
	switch r.kind {
	case "all":
		return true
	case "ns":
		return name == r.arg || strings.HasPrefix(name, r.arg+"/")
	case "prefix":
		return strings.HasPrefix(name, r.arg)
	}
	return name == r.arg
}

func (r rule) ranges() []lading.Range {
	switch r.kind {
	case "all":
		return lading.AllGrants().Ranges()
	case "ns":
		return lading.NamespaceRanges(r.arg)
	case "prefix":
		return []lading.Range{lading.PrefixRange(r.arg)}
	}
	return []lading.Range{lading.RepositoryRange(r.arg)}
}

// rules are what one caller may read: what any of them allows.
type rules []rule

func (rs rules) allow(name string) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return r.allows(name) })
}

// grants are the rules as the engine takes them.
func (rs rules) grants() lading.Grants {
	var all []lading.Range
	for _, r := range rs {
		all = append(all, r.ranges()...)
	}
	return lading.NewGrants(all...)
}
