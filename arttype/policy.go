package arttype

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of policies.
const (
	MaxPolicy      = 64 << 10 // bytes of a policy
	maxPolicyNames = 500      // of allow, and of deny
	maxScopeName   = 255      // characters of a repository's name
)

// The words of a policy.
const (
	Allow   = "allow"
	Deny    = "deny"
	Off     = "off"     // nothing is checked
	Warn    = "warn"    // what breaks a rule is taken, with a warning
	Enforce = "enforce" // what breaks a rule is refused
)

// Policy says which types of artifacts a part of the registry takes, and how
// strictly they are held to their definitions. It comes from [ParsePolicy] and
// is not changed afterwards.
type Policy struct {
	Scope PolicyScope `json:"scope"`
	// Allow are short names; when it names any, no others are taken. Deny are
	// short names that are not taken, whatever Allow says.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
	// Unknown is Allow or Deny: of artifacts that no definition matches. When
	// it is not given they are taken unless Allow names types.
	Unknown string `json:"unknown"`
	// Validate is Off, Warn or Enforce, and Warn when it is not given.
	Validate string `json:"validate"`
	// Sparse is Allow, Deny or empty, which leaves it to the registry's
	// configuration: of manifests that refer to what is not there.
	Sparse string `json:"sparse,omitempty"`
}

// PolicyScope is the part of a registry in which a policy holds; with nothing
// given it is all of it.
type PolicyScope struct {
	// Namespace is the repository of that very name and all below it.
	Namespace string `json:"namespace,omitempty"`
	// Repository is one repository.
	Repository string `json:"repository,omitempty"`
}

func (s PolicyScope) String() string {
	switch {
	case s.Repository != "":
		return "repository " + s.Repository
	case s.Namespace != "":
		return "namespace " + s.Namespace
	}
	return "registry"
}

// DefaultPolicy holds where no policy does: everything is taken, and what
// breaks the rules of its type with a warning.
func DefaultPolicy() *Policy { return &Policy{Unknown: Allow, Validate: Warn} }

// Allows tells whether artifacts of a type are taken; name is its short name,
// or [Unknown].
func (p *Policy) Allows(name string) bool {
	if name == Unknown {
		return p.Unknown != Deny
	}
	return !slices.Contains(p.Deny, name) && (len(p.Allow) == 0 || slices.Contains(p.Allow, name))
}

// Allowed are the names of the types of a set that are taken, in order, with
// [Unknown] as the last where that is.
func (p *Policy) Allowed(s *Set) []string {
	names := []string{}
	for _, t := range s.Types() {
		if p.Allows(t.Name) {
			names = append(names, t.Name)
		}
	}
	if p.Allows(Unknown) {
		names = append(names, Unknown)
	}
	return names
}

// scopeForm is the form of a repository's name (distribution-spec, "Pulling
// manifests").
var scopeForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// ParsePolicy reads a policy of at most [MaxPolicy] bytes. One that cannot be
// used comes back as nil with [Mistakes]: all of them. With a set, names that
// it does not have are mistakes too: a misspelt name would close its scope.
func ParsePolicy(data []byte, set *Set) (*Policy, error) {
	if len(data) > MaxPolicy {
		return nil, Mistakes{{Reason: fmt.Sprintf("is larger than %d KiB", MaxPolicy>>10)}}
	}
	r := &policyReader{parser: parser{document: document{data: data}}, set: set, policy: &Policy{}}
	if root := r.read(); root != nil {
		r.all(root)
	}
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, r.mistakes
	}
	return r.policy, nil
}

type policyReader struct {
	parser
	set    *Set // nil: every name will do
	policy *Policy
}

func (r *policyReader) all(root *node) {
	p := r.policy
	r.fields("", root, map[string]field{
		"$schema":  func(ptr string, n *node) { r.is(ptr, n, isString) }, // for editors
		"scope":    r.scope,
		"allow":    func(ptr string, n *node) { p.Allow = r.names(ptr, n) },
		"deny":     func(ptr string, n *node) { p.Deny = r.names(ptr, n) },
		"unknown":  func(ptr string, n *node) { p.Unknown = r.oneOf(ptr, n, Allow, Deny) },
		"validate": func(ptr string, n *node) { p.Validate = r.oneOf(ptr, n, Off, Warn, Enforce) },
		"sparse":   func(ptr string, n *node) { p.Sparse = r.oneOf(ptr, n, Allow, Deny) },
	}, "scope") // needed, or a misplaced one would hold everywhere
	p.Validate = cmp.Or(p.Validate, Warn)
	if p.Unknown == "" {
		p.Unknown = Allow
		if len(p.Allow) > 0 {
			p.Unknown = Deny
		}
	}
}

func (r *policyReader) scope(ptr string, n *node) {
	s := &r.policy.Scope
	name := func(into *string) field {
		return func(at string, n *node) {
			*into = r.text(at, n, maxScopeName)
			if *into != "" && !scopeForm.MatchString(*into) {
				r.wrong(at, n.start, "must be the name of a repository, or the beginning of one up to a slash, without that")
			}
		}
	}
	r.fields(ptr, n, map[string]field{"namespace": name(&s.Namespace), "repository": name(&s.Repository)})
	if s.Namespace != "" && s.Repository != "" {
		r.wrong(ptr, n.start, "is a namespace or a repository, not both")
	}
}

func (r *policyReader) names(ptr string, n *node) (names []string) {
	if !r.list(ptr, n, 0, maxPolicyNames) {
		return nil
	}
	for i, item := range n.items {
		at := ptr + "/" + strconv.Itoa(i)
		s := r.text(at, item, maxName)
		switch {
		case s == "":
		case s == Unknown:
			r.wrong(at, item.start, `is no type's name: say "unknown": "allow" or "deny"`)
		case r.set != nil && r.set.Type(s) == nil:
			r.wrong(at, item.start, "there is no definition of a type %q", strings.ToValidUTF8(s, "?"))
		case slices.Contains(names, s):
			r.wrong(at, item.start, "is given twice")
		}
		names = append(names, s)
	}
	return names
}
