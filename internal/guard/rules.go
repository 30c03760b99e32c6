package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

// Rules are the rules of access. They see, in the context, where the caller
// may administer: a rule that is about anything else is not shown or changed.
type Rules interface {
	Rules(ctx context.Context) ([]lading.AccessRule, error)
	Rule(ctx context.Context, id string) (lading.AccessRule, error)
	PutRule(ctx context.Context, id string, body []byte) (created bool, err error)
	DeleteRule(ctx context.Context, id string) error
	// Explain tells why somebody may, or may not, do something.
	Explain(id lading.Identity, verb lading.Verb, repo string) lading.AccessDecision
}

// NewRules puts access rules before themselves.
func NewRules(rules Rules, access Access) *GuardedRules {
	return &GuardedRules{rules: rules, door: door{access}}
}

// GuardedRules are rules behind what they say.
type GuardedRules struct {
	rules Rules
	door
}

// administer lets through who administers anything.
func (g *GuardedRules) administer(ctx context.Context) (context.Context, error) {
	grants, err := g.access.Granted(ctx, lading.VerbAdmin)
	if err == nil && grants.Empty() {
		err = g.refusal(ctx, lading.VerbAdmin, func(g lading.Grants) bool { return !g.Empty() }, lading.ErrDenied)
	}
	return g.with(ctx, lading.VerbAdmin), err
}

// Rules returns the rules of what the caller administers.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedRules) Rules(ctx context.Context) ([]lading.AccessRule, error) {
	ctx, err := g.administer(ctx)
	if err != nil {
		return nil, err
	}
	return g.rules.Rules(ctx)
}

// Rule returns one of them.
//
// Errors: UNAUTHORIZED, DENIED, RULE_UNKNOWN.
func (g *GuardedRules) Rule(ctx context.Context, id string) (lading.AccessRule, error) {
	ctx, err := g.administer(ctx)
	if err != nil {
		return lading.AccessRule{}, err
	}
	return g.rules.Rule(ctx, id)
}

// PutRule takes a rule.
//
// Errors: UNAUTHORIZED, DENIED, RULE_INVALID, CONFLICT.
func (g *GuardedRules) PutRule(ctx context.Context, id string, body []byte) (created bool, err error) {
	ctx, err = g.administer(ctx)
	if err != nil {
		return false, err
	}
	return g.rules.PutRule(ctx, id, body)
}

// DeleteRule removes one.
//
// Errors: UNAUTHORIZED, DENIED, RULE_UNKNOWN, CONFLICT.
func (g *GuardedRules) DeleteRule(ctx context.Context, id string) error {
	ctx, err := g.administer(ctx)
	if err != nil {
		return err
	}
	return g.rules.DeleteRule(ctx, id)
}

// Explain tells which rules let somebody do something. Only who administers the
// repository may ask.
//
// Errors: UNAUTHORIZED, DENIED.
func (g *GuardedRules) Explain(ctx context.Context, id lading.Identity, verb lading.Verb, repo string) (lading.AccessDecision, error) {
	if err := g.may(ctx, lading.VerbAdmin, repo, lading.ErrDenied); err != nil {
		return lading.AccessDecision{}, err
	}
	d := g.rules.Explain(id, verb, repo)
	d.Rules = g.shown(ctx, d.Rules, verb)
	return d, nil
}

// shown leaves of rules that are about more than the caller administers only
// that there is one, and for whom.
func (g *GuardedRules) shown(ctx context.Context, rules []lading.AccessRule, verb lading.Verb) []lading.AccessRule {
	mine, err := g.access.Granted(ctx, lading.VerbAdmin)
	for i, r := range rules {
		scope, wrong := lading.ScopeGrants(r.Scope)
		if err != nil || wrong != nil || !scope.Subtract(mine).Empty() {
			rules[i] = lading.AccessRule{Subject: r.Subject, Verbs: lading.Verbs(verb), Source: r.Source}
		}
	}
	return rules
}
