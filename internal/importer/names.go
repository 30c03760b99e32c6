package importer

import (
	"fmt"
	"slices"
	"strings"
)

// Filter tells which repositories are wanted: those named, and those called
// like one of the namespaces or below it. Without either, all are.
func Filter(names, namespaces []string) func(repo string) bool {
	if len(names)+len(namespaces) == 0 {
		return nil
	}
	return func(repo string) bool {
		return slices.Contains(names, repo) || slices.ContainsFunc(namespaces, func(ns string) bool { return within(repo, ns) })
	}
}

// within reports whether a repository is called like a namespace or is below
// it.
func within(repo, namespace string) bool {
	rest, ok := strings.CutPrefix(repo, strings.TrimSuffix(namespace, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// Renames reads rules of the form OLD=NEW: a repository called OLD, or below
// it, is called NEW, or lies below NEW. The first that fits counts.
func Renames(rules []string) (func(repo string) string, error) {
	type rule struct{ from, to string }
	var parsed []rule
	for _, r := range rules {
		from, to, ok := strings.Cut(r, "=")
		from, to = strings.Trim(from, "/"), strings.Trim(to, "/")
		if !ok || from == "" || to == "" {
			return nil, fmt.Errorf("%q is not OLD=NEW", r)
		}
		parsed = append(parsed, rule{from, to})
	}
	return func(repo string) string {
		for _, r := range parsed {
			if within(repo, r.from) {
				return r.to + repo[len(r.from):]
			}
		}
		return repo
	}, nil
}
