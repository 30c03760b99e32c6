package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/lading-dev/lading"
)

// Policies say which types of artifacts are taken where. Their scopes name
// what not everyone may know of, so that they are read, too, by those alone
// who may change the registry.
type Policies interface {
	// Policies returns all policies, by id.
	//
	// Errors: DENIED.
	Policies(ctx context.Context) ([]lading.Policy, error)
	// Policy returns one.
	//
	// Errors: TYPE_UNKNOWN, DENIED.
	Policy(ctx context.Context, id string) (lading.Policy, error)
	// PutPolicy takes a policy, and tells whether there was none of that id.
	//
	// Errors: TYPE_INVALID, CONFLICT, DENIED.
	PutPolicy(ctx context.Context, id string, body []byte) (created bool, err error)
	// DeletePolicy removes one.
	//
	// Errors: TYPE_UNKNOWN, CONFLICT, DENIED.
	DeletePolicy(ctx context.Context, id string) error
}

var (
	atPolicies = read(ActionPolicies)
	atPolicy   = []methodAction{
		{http.MethodGet, ActionPolicyGet}, {http.MethodHead, ActionPolicyGet},
		{http.MethodPut, ActionPolicyPut}, {http.MethodDelete, ActionPolicyDelete},
	}
)

// routePolicy finds a policy. Ids have the form of a type's name.
func routePolicy(id string) (endpoint, Request, error) {
	switch {
	case strings.Contains(id, "/"):
		return endpoint{}, Request{}, lading.ErrExtensionUnknown
	case len(id) > maxDefinedName || !definedName.MatchString(id):
		return endpoint{}, Request{}, lading.ErrTypeUnknown.With("the id of a policy is of lower-case letters and digits, in parts joined by single dashes, and at most %d long", maxDefinedName)
	}
	return endpoint{methods: atPolicy}, Request{Type: id}, nil
}

func (h *handler) policies(w *response, r *http.Request, q *Request) error {
	var answer any
	switch q.Action {
	case ActionPolicyPut:
		return h.putDocument(w, r, Request{Action: ActionPolicyGet, Type: q.Type}, h.opt.Types.PutPolicy)
	case ActionPolicyDelete:
		return accepted(w, h.opt.Types.DeletePolicy(r.Context(), q.Type))
	case ActionPolicyGet:
		p, err := h.opt.Types.Policy(r.Context(), q.Type)
		if err != nil {
			return err
		}
		answer = p
	default:
		all, err := h.opt.Types.Policies(r.Context())
		if err != nil {
			return err
		}
		answer = map[string]any{"policies": all}
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, "application/json", answer)
	return nil
}
