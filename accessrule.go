package lading

import (
	"fmt"
	"regexp"
	"strings"
)

// AccessRule gives somebody some verbs in a part of the registry. Rules only
// give: what none gives may not be done.
type AccessRule struct {
	// ID is what an administrator calls it.
	ID string `json:"id"`
	// Subject is who: "user:NAME", "service:NAME", "group:NAME",
	// "authenticated", who is signed in, or "anonymous", everyone, signed in
	// or not.
	Subject string `json:"subject"`
	// Scope is where: "registry", "namespace:NAME" (the repository of that
	// very name and all below it), "repository:NAME" or "prefix:TEXT", all
	// whose names begin so.
	Scope string `json:"scope"`
	// Verbs are what.
	Verbs Verbs `json:"verbs"`
	// Source is where it comes from: configuration or api.
	Source string `json:"source,omitempty"`
}

// The sources of rules.
const (
	SourceConfiguration = "configuration"
	SourceAPI           = "api"
)

// The subjects that are no names.
const (
	SubjectAnonymous     = "anonymous"
	SubjectAuthenticated = "authenticated"
)

// Bounds of a rule's parts, in bytes.
const (
	maxSubject = 255
	maxScope   = 255
	maxRuleID  = 64
)

var (
	ruleID     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	ruleDigits = regexp.MustCompile(`^[0-9a-f]{16}$`)
	// repositoryName is that of the distribution-spec ("Pulling manifests").
	repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	namePrefix     = regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]*$`)
)

// ValidRuleID reports whether an id has the form of one.
func ValidRuleID(id string) bool { return len(id) <= maxRuleID && ruleID.MatchString(id) }

// KnownRuleID reports whether an id has the form of one that a rule may be known
// by: where several rules were made under one id, by those who do not see each
// other's, who sees them all knows the later ones by the id, "~" and 16 digits.
func KnownRuleID(id string) bool {
	id, digits, marked := strings.Cut(id, "~")
	return ValidRuleID(id) && (!marked || ruleDigits.MatchString(digits))
}

// Check tells what is wrong with who, where and what of a rule; nil for
// nothing. The id is not looked at.
func (r AccessRule) Check() error {
	if err := CheckSubject(r.Subject); err != nil {
		return err
	}
	if _, err := ScopeGrants(r.Scope); err != nil {
		return err
	}
	if r.Verbs == 0 || r.Verbs >= 1<<VerbCount {
		_, err := ParseVerbs()
		return err
	}
	return nil
}

// CheckSubject tells what is wrong with the subject of a rule.
func CheckSubject(subject string) error {
	if subject == SubjectAnonymous || subject == SubjectAuthenticated {
		return nil
	}
	kind, name, _ := strings.Cut(subject, ":")
	if (kind != "user" && kind != "service" && kind != "group") || name == "" {
		return fmt.Errorf("%.80q is no subject: write user:NAME, service:NAME, group:NAME, authenticated or anonymous", subject)
	}
	if len(subject) > maxSubject || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || c == 0xfffd }) {
		return fmt.Errorf("%.80q is no subject: a name has no spaces, and with its kind %d bytes at most", subject, maxSubject)
	}
	return nil
}

// ScopeGrants are the names of repositories that the scope of a rule has.
func ScopeGrants(scope string) (Grants, error) {
	if scope == "registry" {
		return AllGrants(), nil
	}
	kind, name, _ := strings.Cut(scope, ":")
	form := repositoryName
	if kind == "prefix" {
		form = namePrefix
	}
	ok := len(name) <= maxScope && form.MatchString(name)
	switch {
	case ok && kind == "namespace":
		return NewGrants(NamespaceRanges(name)...), nil
	case ok && kind == "repository":
		return NewGrants(RepositoryRange(name)), nil
	case ok && kind == "prefix":
		return NewGrants(PrefixRange(name)), nil
	}
	return Grants{}, fmt.Errorf("%.80q is no scope: write registry, namespace:NAME, repository:NAME or prefix:TEXT", scope)
}

// ParseAccessRule reads a rule of one line: subject, verbs separated by commas,
// and scope, with spaces between, as in "user:ada owner,admin registry".
func ParseAccessRule(line string) (AccessRule, error) {
	words := strings.Fields(line)
	if len(words) != 3 {
		return AccessRule{}, fmt.Errorf("%.80q is no rule: write who, what and where, as in \"group:dev writer namespace:acme\"", line)
	}
	verbs, err := ParseVerbs(strings.Split(words[1], ",")...)
	if err != nil {
		return AccessRule{}, err
	}
	r := AccessRule{Subject: words[0], Verbs: verbs, Scope: words[2]}
	return r, r.Check()
}

// String is the rule as ParseAccessRule reads it.
func (r AccessRule) String() string { return r.Subject + " " + r.Verbs.String() + " " + r.Scope }

// AccessDecision tells whether somebody may do something, and by which rules.
type AccessDecision struct {
	Subject    string       `json:"subject"`
	Verb       string       `json:"verb"`
	Repository string       `json:"repository"`
	Allowed    bool         `json:"allowed"`
	Rules      []AccessRule `json:"rules"` // that allow it: one is enough
}
