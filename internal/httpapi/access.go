package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/lading-dev/lading"
)

// Access are the rules that say who may do what. Who administers a part of the
// registry sees and changes the rules of that part.
type Access interface {
	// Rules returns the rules of what the caller administers.
	//
	// Errors: UNAUTHORIZED, DENIED.
	Rules(ctx context.Context) ([]lading.AccessRule, error)
	// Rule returns one.
	//
	// Errors: UNAUTHORIZED, DENIED, RULE_UNKNOWN.
	Rule(ctx context.Context, id string) (lading.AccessRule, error)
	// PutRule takes a rule, and tells whether there was none of that id.
	//
	// Errors: UNAUTHORIZED, DENIED, RULE_INVALID, CONFLICT.
	PutRule(ctx context.Context, id string, body []byte) (created bool, err error)
	// DeleteRule removes one.
	//
	// Errors: UNAUTHORIZED, DENIED, RULE_UNKNOWN, CONFLICT.
	DeleteRule(ctx context.Context, id string) error
	// Explain tells which rules let somebody do something.
	//
	// Errors: UNAUTHORIZED, DENIED.
	Explain(ctx context.Context, id lading.Identity, verb lading.Verb, repo string) (lading.AccessDecision, error)
}

// ExplainQuery asks whether somebody may do something in a repository.
type ExplainQuery struct {
	Subject    string // of a rule: "user:ada", "anonymous"
	Groups     []string
	Verb       lading.Verb
	Repository string
}

var (
	atRules   = read(ActionRules)
	atExplain = read(ActionExplain)
	atRule    = []methodAction{
		{http.MethodGet, ActionRuleGet}, {http.MethodHead, ActionRuleGet},
		{http.MethodPut, ActionRulePut}, {http.MethodDelete, ActionRuleDelete},
	}
)

// routeAccess finds the endpoints below _lading/access/.
func routeAccess(rest string) (endpoint, Request, error) {
	switch rest {
	case "rules":
		return endpoint{methods: atRules}, Request{}, nil
	case "explain":
		return endpoint{methods: atExplain}, Request{}, nil
	}
	if at, q, ok, err := routeAccounts(rest); ok {
		return at, q, err
	}
	id, ok := strings.CutPrefix(rest, "rules/")
	switch {
	case !ok || strings.Contains(id, "/"):
		return endpoint{}, Request{}, lading.ErrExtensionUnknown
	case !lading.KnownRuleID(id):
		return endpoint{}, Request{}, lading.ErrRuleUnknown.With("the id of a rule is of lower-case letters and digits, in parts joined by single dashes, and at most 64 long")
	}
	return endpoint{methods: atRule}, Request{Rule: id}, nil
}

// parseExplain understands subject, group, verb and repository.
func (q *Request) parseExplain(v url.Values) error {
	e := &ExplainQuery{Groups: v["group"]}
	q.Explain = e
	for name, into := range map[string]*string{"subject": &e.Subject, "repository": &e.Repository} {
		var err error
		if *into, err = one(v, name); err != nil {
			return err
		}
	}
	verb, err := one(v, "verb")
	if err != nil {
		return err
	}
	if e.Verb, err = lading.ParseVerb(verb); err != nil {
		return lading.InvalidParameter("verb", "%s", err)
	}
	if err := lading.CheckSubject(e.Subject); err != nil || e.Subject == lading.SubjectAuthenticated || strings.HasPrefix(e.Subject, "group:") {
		return lading.InvalidParameter("subject", "want user:NAME, service:NAME or anonymous, the groups with group=")
	}
	for _, g := range e.Groups {
		if lading.CheckSubject("group:"+g) != nil {
			return lading.InvalidParameter("group", "not the name of a group")
		}
	}
	if !validName(e.Repository) {
		return lading.InvalidParameter("repository", "not the name of a repository")
	}
	for _, name := range []string{"subject", "group", "verb", "repository"} {
		v.Del(name)
	}
	return noParameters(v)
}

func (e *ExplainQuery) add(v url.Values) {
	set(v, "subject", e.Subject)
	if len(e.Groups) > 0 {
		v["group"] = e.Groups
	}
	set(v, "verb", e.Verb.String())
	set(v, "repository", e.Repository)
}

// identity is who is asked about.
func (e *ExplainQuery) identity() lading.Identity {
	if e.Subject == lading.SubjectAnonymous {
		return lading.Identity{}
	}
	return lading.Identity{Subject: e.Subject, Groups: e.Groups}
}

type rulesBody struct {
	Rules []lading.AccessRule `json:"rules"`
}

func (h *handler) access(w *response, r *http.Request, q *Request) error {
	if h.opt.Access == nil {
		return lading.ErrExtensionUnknown
	}
	var answer any
	var err error
	switch q.Action {
	case ActionRulePut:
		return h.putAt(w, r, Request{Action: ActionRuleGet, Rule: q.Rule}, q.Rule, h.opt.Access.PutRule)
	case ActionRuleDelete:
		return accepted(w, h.opt.Access.DeleteRule(r.Context(), q.Rule))
	case ActionRuleGet:
		answer, err = h.opt.Access.Rule(r.Context(), q.Rule)
	case ActionExplain:
		e := q.Explain
		answer, err = h.opt.Access.Explain(r.Context(), e.identity(), e.Verb, e.Repository)
	default:
		var all []lading.AccessRule
		all, err = h.opt.Access.Rules(r.Context())
		answer = rulesBody{all}
	}
	if err != nil {
		return err
	}
	setCaching(w.Header(), r, false)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", answer)
	return nil
}
