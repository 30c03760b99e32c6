package token

import (
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// Scope is a resource and what is asked for there, as in
// "repository:acme/web:pull,push" (distribution project, "Token Scope
// Documentation").
type Scope struct {
	// Type is repository; registry, whose only name is catalog; namespace, a name
	// and all below it; or account, whose only name is self: a token with that is
	// bound by nothing but what it was got with.
	Type string `json:"type"`
	Name string `json:"name"`
	// Actions are pull, push, delete, list, admin, audit, or "*" for all of them. Of
	// the registry "*" is to list.
	Actions []string `json:"actions"`
}

// MaxScopes is how many scopes a token may be made for.
const MaxScopes = 64

// String is the scope as ParseScopes reads it.
func (s Scope) String() string { return s.Type + ":" + s.Name + ":" + strings.Join(s.Actions, ",") }

// ParseScopes reads scopes, several in each text with spaces between. What is
// none, or is not known here, is left out: nobody may be granted it.
//
// It returns false for more than MaxScopes.
func ParseScopes(texts []string) (out []Scope, ok bool) {
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			if s, ok := parseScope(word); ok {
				out = add(out, s)
			}
			if len(out) > MaxScopes {
				return nil, false
			}
		}
	}
	return out, true
}

// add puts a scope beside others, or its actions to those of the same
// resource.
func add(all []Scope, s Scope) []Scope {
	for i, have := range all {
		if have.Type == s.Type && have.Name == s.Name {
			for _, a := range s.Actions {
				if !slices.Contains(have.Actions, a) {
					have.Actions = append(have.Actions, a)
				}
			}
			all[i] = have
			return all
		}
	}
	return append(all, s)
}

// parseScope reads one. The name may have a colon in it, which stands before
// the port of a host; no repository here has such a name.
func parseScope(word string) (Scope, bool) {
	kind, rest, _ := strings.Cut(word, ":")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return Scope{}, false
	}
	kind, _, _ = strings.Cut(kind, "(") // a class, which says nothing
	s := Scope{Type: kind, Name: rest[:i]}
	for _, a := range strings.Split(rest[i+1:], ",") {
		if _, known := verbs[a]; known && !slices.Contains(s.Actions, a) {
			s.Actions = append(s.Actions, a)
		}
	}
	return s, len(s.Actions) > 0 && (s.unbound() || s.names("list") != nil)
}

// unbound reports whether it is to act as the caller, with all that entails.
func (s Scope) unbound() bool {
	return s.Type == "account" && s.Name == "self" && slices.Equal(s.Actions, []string{"*"})
}

// verbs are what actions ask for.
var verbs = map[string]lading.Verbs{
	"list":   lading.Verbs(lading.VerbList),
	"pull":   lading.Verbs(lading.VerbPull),
	"push":   lading.Verbs(lading.VerbPush | lading.VerbRetag),
	"delete": lading.Verbs(lading.VerbDelete),
	"admin":  lading.Verbs(lading.VerbAdmin),
	"audit":  lading.Verbs(lading.VerbAudit),
	"*":      1<<lading.VerbCount - 1,
}

// verbs are what an action asks for of this resource.
func (s Scope) verbs(action string) lading.Verbs {
	if s.Type == "registry" && action == "*" {
		return lading.Verbs(lading.VerbList)
	}
	return verbs[action]
}

// names are those that an action is about; nil for a resource that there is
// not. To list is about what is below a name as well.
func (s Scope) names(action string) []lading.Range {
	below := s.Type == "namespace" || action == "list"
	switch {
	case s.Type == "registry" && s.Name == "catalog":
		return lading.AllGrants().Ranges()
	case s.Type != "repository" && s.Type != "namespace" || !isRepository(s.Name):
		return nil
	case below:
		return lading.NamespaceRanges(s.Name)
	}
	return []lading.Range{lading.RepositoryRange(s.Name)}
}

// boundOf is what a token with these scopes is limited to.
func boundOf(scopes []Scope) *lading.Bound {
	var ranges [lading.VerbCount][]lading.Range
	for _, s := range scopes {
		for _, a := range s.Actions {
			for i, v := range lading.AllVerbs() {
				switch {
				case !s.verbs(a).Has(v):
				case v == lading.VerbList:
					ranges[i] = append(ranges[i], s.names("list")...)
				default:
					ranges[i] = append(ranges[i], s.names(a)...)
				}
			}
		}
	}
	b := &lading.Bound{}
	for i := range b {
		b[i] = lading.NewGrants(ranges[i]...)
	}
	return b
}

// isRepository reports whether a text may be the name of a repository.
func isRepository(name string) bool {
	_, err := lading.ScopeGrants("repository:" + name)
	return err == nil
}
