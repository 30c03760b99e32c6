package httpapi

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/lading-dev/lading"
)

// An Observer is told of every request, for logs and figures. Its methods are
// called by the goroutine that answers, so they are quick and do not block.
type Observer interface {
	// Begin is called before anything else is done.
	Begin()
	// End is called when the request is over, once for each Begin, whatever
	// became of it.
	End(r *http.Request, x Exchange)
}

// An Exchange is a request and what was answered, as far as a log may know it.
type Exchange struct {
	// ID is what the client knows the request by, from X-Request-Id.
	ID string
	// Action is 0 where the URL was not understood.
	Action Action
	// Repository is empty at registry scope.
	Repository string
	// Subject is who asked, empty where nobody was signed in.
	Subject string
	// Groups are those that the caller is in. They are not to be changed.
	Groups []string
	// Credential is the id of what was shown, empty for a password.
	Credential string
	// Reference and Digest are those of the URL.
	Reference lading.Reference
	Digest    lading.Digest
	// Refused tells that rules did not allow it, whatever the client was told.
	Refused bool
	// Status is the HTTP status; 0 where none was sent.
	Status int
	// Code is the error that the client was told, or empty.
	Code lading.Code
	// In and Out are the bytes of the bodies that were read and written.
	In, Out int64
	// Began is when the request did.
	Began time.Time
	Took  time.Duration
	// Cut tells that the answer was not finished.
	Cut bool
	// Held tells that the client asked for the answer to be held until
	// something changes, or for a stream, so that Took says nothing of the
	// registry.
	Held bool
}

// observed answers a request and tells the observer. Its frame stays small: it
// is on the stack of every stream, for as long as that lasts.
func (h *handler) observed(rw http.ResponseWriter, r *http.Request, o Observer) {
	began, cut := time.Now(), true
	o.Begin()
	w := &response{ResponseWriter: rw, idle: h.opt.BodyIdle}
	w.id[0] = requestID(rw.Header(), r)
	rw.Header()["X-Request-Id"] = w.id[:]
	var q Request
	defer func() { o.End(r, w.exchange(&q, began, cut)) }()
	h.answer(w, r, &q)
	h.tell(w, r, &q)
	cut = false
}

// exchange is what the observer is told at the end.
func (w *response) exchange(q *Request, began time.Time, cut bool) Exchange {
	x := Exchange{ID: w.id[0], Action: q.Action, Repository: q.Repository, Reference: q.Reference, Digest: q.Digest,
		Subject: w.subject, Groups: w.groups, Credential: w.credential, Refused: w.refused,
		Status: w.status, Code: w.code, In: w.in, Out: w.out,
		Began: began, Took: time.Since(began), Cut: cut, Held: waits(q)}
	if !cut && x.Status == 0 {
		x.Status = http.StatusOK // the server sends it where nobody else did
	}
	return x
}

// waits tells whether the request may wait for something to happen.
func waits(q *Request) bool {
	return q.Action == ActionList && q.Query.Wait > 0 || q.Action == ActionWatch
}

// newID returns a request id of 26 characters that cannot be guessed from
// others.
func newID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var b [26]byte
	for i, r := 0, uint64(0); i < len(b); i++ {
		if i%12 == 0 {
			r = rand.Uint64()
		}
		b[i] = alphabet[r&31]
		r >>= 5
	}
	return string(b[:])
}

// actionNames are the names of the actions in logs and figures: few, and the
// same for ever.
var actionNames = [...]string{
	0:                      "unknown",
	ActionBase:             "base",
	ActionBlobGet:          "blob_get",
	ActionBlobHead:         "blob_head",
	ActionBlobDelete:       "blob_delete",
	ActionUploadStart:      "upload_start",
	ActionUploadWhole:      "upload_whole",
	ActionUploadMount:      "upload_mount",
	ActionUploadStatus:     "upload_status",
	ActionUploadPatch:      "upload_patch",
	ActionUploadPut:        "upload_put",
	ActionUploadCancel:     "upload_cancel",
	ActionManifestGet:      "manifest_get",
	ActionManifestHead:     "manifest_head",
	ActionManifestPut:      "manifest_put",
	ActionManifestDelete:   "manifest_delete",
	ActionTagsList:         "tags_list",
	ActionCatalog:          "catalog",
	ActionReferrers:        "referrers",
	ActionDiscover:         "discover",
	ActionList:             "list",
	ActionRepositoryDelete: "repository_delete",
	ActionSearchPing:       "search_ping",
	ActionSearch:           "search",
	ActionDraftNames:       "draft_repositories",
	ActionTagHistory:       "tag_history",
	ActionDefinitions:      "definitions",
	ActionDefinitionGet:    "definition_get",
	ActionDefinitionPut:    "definition_put",
	ActionDefinitionDelete: "definition_delete",
	ActionDefinitionLogo:   "definition_logo",
	ActionTypesUnknown:     "types_unknown",
	ActionPolicies:         "policies",
	ActionPolicyGet:        "policy_get",
	ActionPolicyPut:        "policy_put",
	ActionPolicyDelete:     "policy_delete",
	ActionWatch:            "watch",
	ActionRules:            "access_rules",
	ActionRuleGet:          "access_rule_get",
	ActionRulePut:          "access_rule_put",
	ActionRuleDelete:       "access_rule_delete",
	ActionExplain:          "access_explain",
	ActionAudit:            "audit",
	ActionAccounts:         "accounts",
	ActionAccountGet:       "account_get",
	ActionAccountPut:       "account_put",
	ActionAccountDelete:    "account_delete",
	ActionAPITokens:        "api_tokens",
	ActionAPITokenCreate:   "api_token_create",
	ActionAPITokenGet:      "api_token_get",
	ActionAPITokenDelete:   "api_token_delete",
	ActionWhoAmI:           "whoami",
	ActionToken:            "token",
	ActionTokenGrant:       "token_grant",
	ActionTokenKeys:        "token_keys",
	ActionSessions:         "sessions",
	ActionSessionsEnd:      "sessions_end",
	ActionSessionGet:       "session_get",
	ActionSessionEnd:       "session_end",
}

// String returns the action's name in logs and figures, "unknown" for none.
func (a Action) String() string {
	if a < 0 || int(a) >= len(actionNames) {
		return actionNames[0]
	}
	return actionNames[a]
}

// ActionCount is the number of actions, with 0 for a URL that was not
// understood: the length of an array by action.
const ActionCount = len(actionNames)
