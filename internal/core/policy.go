package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

// judge types a manifest and holds it against the policy that it is put under
// (docs/spec/artifact-types.md, "Policies").
//
// Errors: TYPE_REFUSED, MANIFEST_INVALID.
func (r *Registry) judge(ctx context.Context, repo string, p *parsed, set *arttype.Set, policy *arttype.Policy) error {
	typ, by := set.Match(&p.facts)
	if p.Type = typ.Name; p.Type == arttype.Unknown {
		p.Type = ""
	}
	if !policy.Allows(typ.Name) {
		return refused(repo, p, typ, by, policy.Allowed(set))
	}
	sparse := r.opt.Sparse
	if policy.Sparse != "" {
		sparse = policy.Sparse == arttype.Allow
	}
	p.refer(typ, sparse)
	if err := r.readConfig(ctx, repo, p, typ, policy.Validate != arttype.Off, sparse || policy.Validate == arttype.Enforce); err != nil {
		return err
	}
	p.violations = nil
	if policy.Validate == arttype.Off {
		return nil
	}
	found := p.check(typ, sparse)
	if len(found) > 0 && policy.Validate == arttype.Enforce {
		return lading.ErrManifestInvalid.With("%s takes artifacts of type %s only as they should be, and this one is not: %s%s",
			repo, typ.Name, found[0], andMore(len(found)-1)).WithDetail(found)
	}
	p.violations = found
	return nil
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// check holds a manifest against the rules of its type. What may be missing
// and is cannot be checked, and what is no JSON has no schema: both break the
// rule, or an artifact could get around it. What is missing and must be there
// is left to the transaction, which tells it better.
func (p *parsed) check(typ *arttype.Type, sparse bool) []arttype.Violation {
	var found []arttype.Violation
	if p.config != nil && len(typ.ConfigSchema) > 0 {
		switch {
		case p.said != nil && !p.said.notJSON:
			found = p.said.found
		case p.said != nil || p.config.Size > arttype.MaxConfig:
			found = append(found, arttype.Violation{In: "config", Reason: "is not JSON of at most 4 MiB"})
		case sparse:
			found = append(found, arttype.Violation{In: "config", Reason: "is not there to be checked"})
		}
	}
	if len(typ.Layers) > 0 {
		found = append(found, typ.CheckLayers(p.facts.Layers)...)
	}
	return found
}

const (
	maxAllowedTold  = 10  // names in a message
	maxAllowedShown = 100 // names in a detail
)

// refused tells a person what was found and what to do. The caller may push to
// the repository, so that the names tell nothing that is not for it.
func refused(repo string, p *parsed, typ *arttype.Type, by arttype.By, allowed []string) error {
	what := fmt.Sprintf("an artifact of type %s (%s)", typ.Name, by)
	if typ.Name == arttype.Unknown {
		what = "an artifact of a type that this registry does not know"
		if claim := p.facts.Claim(); claim.Field != "" {
			what += fmt.Sprintf(" (%s)", claim)
		}
	}
	return lading.ErrTypeRefused.With("this is %s, and %s does not take it: %s; push it to another repository, or ask for a change of the policy",
		what, repo, takes(allowed)).WithDetail(allowed[:min(len(allowed), maxAllowedShown)])
}

func takes(allowed []string) string {
	switch n := len(allowed); {
	case n == 0:
		return "nothing may be pushed there"
	case n > maxAllowedTold:
		return fmt.Sprintf("%d other types may be pushed there", n)
	}
	return "it takes " + strings.Join(allowed, ", ")
}
