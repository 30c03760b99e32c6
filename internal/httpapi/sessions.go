package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/lading-dev/lading"
)

// Sessions are the refresh tokens that clients have, behind a guard.
type Sessions interface {
	// Sessions returns up to n sessions by id, behind one: of an owner, or where
	// that is empty all that the caller may see.
	//
	// Errors: UNAUTHORIZED, DENIED.
	Sessions(ctx context.Context, owner, last string, n int) ([]lading.Session, error)
	// Session returns one.
	//
	// Errors: UNAUTHORIZED, SESSION_UNKNOWN.
	Session(ctx context.Context, id string) (lading.Session, error)
	// EndSession ends one.
	//
	// Errors: UNAUTHORIZED, SESSION_UNKNOWN.
	EndSession(ctx context.Context, id string) error
	// EndSessions ends all of an owner.
	//
	// Errors: UNAUTHORIZED, DENIED.
	EndSessions(ctx context.Context, owner string) error
}

var (
	atSessions = []methodAction{
		{http.MethodGet, ActionSessions}, {http.MethodHead, ActionSessions}, {http.MethodDelete, ActionSessionsEnd},
	}
	atSession = []methodAction{
		{http.MethodGet, ActionSessionGet}, {http.MethodHead, ActionSessionGet}, {http.MethodDelete, ActionSessionEnd},
	}
	sessionID = regexp.MustCompile(`^[0-9a-f]{20}$`)
)

// checkSession refuses what is the id of no session.
func checkSession(id string) error {
	if !sessionID.MatchString(id) {
		return lading.ErrSessionUnknown
	}
	return nil
}

// parseSessions understands owner, which has to be there to end all of an
// owner's, and of the list n and last.
func (q *Request) parseSessions(v url.Values) error {
	if q.Action == ActionSessionGet || q.Action == ActionSessionEnd {
		return noParameters(v)
	}
	owner, err := one(v, "owner")
	switch {
	case err != nil:
		return err
	case owner == "" && q.Action == ActionSessionsEnd:
		return lading.InvalidParameter("owner", "say whose sessions are to end")
	case owner != "" && !hasSessions(owner):
		return lading.InvalidParameter("owner", "want user:NAME or service:NAME")
	}
	q.Accounts.Owner = owner
	v.Del("owner")
	if q.Action == ActionSessionsEnd {
		return noParameters(v)
	}
	if last := v.Get("last"); last != "" && !sessionID.MatchString(last) {
		return lading.InvalidParameter("last", "not the id of a session")
	}
	return q.parseAccountsPage(v)
}

// hasSessions reports whether a subject may be that of a caller: also of those
// who have no account, as those of other issuers.
func hasSessions(subject string) bool {
	return lading.CheckSubject(subject) == nil && (strings.HasPrefix(subject, "user:") || strings.HasPrefix(subject, "service:"))
}

type sessionsBody struct {
	Sessions []lading.Session `json:"sessions"`
}

// sessions answers what is about sessions. As with accounts, a token that was
// made for less than its caller is not enough.
func (h *handler) sessions(w *response, r *http.Request, q *Request) error {
	w.Header().Set("Cache-Control", "no-store")
	s, ctx := h.opt.Sessions, r.Context()
	switch {
	case s == nil:
		return lading.ErrExtensionUnknown
	case lading.IdentityFrom(ctx).Credential.Narrowed():
		return lading.ErrInsufficientScope
	}
	switch q.Action {
	case ActionSessions:
		return h.listSessions(w, r, q)
	case ActionSessionGet:
		return answerOne(w)(asAny(s.Session(ctx, q.Accounts.Token)))
	case ActionSessionEnd:
		return accepted(w, s.EndSession(ctx, q.Accounts.Token))
	}
	return accepted(w, s.EndSessions(ctx, q.Accounts.Owner))
}

func (h *handler) listSessions(w *response, r *http.Request, q *Request) error {
	n := accountsLength(q)
	all, err := h.opt.Sessions.Sessions(r.Context(), q.Accounts.Owner, q.Last, n+1)
	if err != nil {
		return err
	}
	if len(all) > n {
		all = all[:n]
		nextAccounts(w, q, n, all[n-1].ID)
	}
	writeJSON(w, http.StatusOK, "application/json", sessionsBody{all})
	return nil
}
