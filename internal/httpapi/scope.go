package httpapi

import (
	"strings"

	"github.com/lading-dev/lading"
)

// scopeOf is what a token has to be good for, for a request, as the token
// service reads it. It follows from the URL alone.
func scopeOf(q *Request) string {
	repo := "repository:" + q.Repository
	switch q.Action {
	case ActionManifestGet, ActionManifestHead, ActionBlobGet, ActionBlobHead, ActionTagsList, ActionReferrers, ActionTagHistory:
		return repo + ":pull"
	case ActionUploadMount:
		if q.From != "" && q.From != q.Repository {
			return repo + ":pull,push repository:" + q.From + ":pull"
		}
		return repo + ":pull,push"
	case ActionUploadStart, ActionUploadWhole, ActionUploadStatus, ActionUploadPatch, ActionUploadPut, ActionUploadCancel, ActionManifestPut:
		return repo + ":pull,push"
	case ActionBlobDelete, ActionManifestDelete, ActionRepositoryDelete:
		return repo + ":pull,delete"
	case ActionCatalog, ActionSearch:
		return scopeWith(lading.Scope{Repository: q.Repository}, "*")
	case ActionDraftNames:
		return scopeWith(lading.Scope{Namespace: q.Repository}, "list")
	case ActionList:
		return scopeWith(q.Query.Scope, "list")
	case ActionWatch:
		return watchScope(q.Watch)
	case ActionExplain:
		return "repository:" + q.Explain.Repository + ":admin"
	case ActionAccounts, ActionAccountGet, ActionAccountPut, ActionAccountDelete, ActionAPITokens, ActionAPITokenCreate, ActionAPITokenGet, ActionAPITokenDelete, ActionWhoAmI,
		ActionSessions, ActionSessionsEnd, ActionSessionGet, ActionSessionEnd:
		return "account:self:*" // as the caller, with all that entails
	case ActionRules, ActionRuleGet, ActionRulePut, ActionRuleDelete, ActionTypesUnknown, ActionDefinitionPut, ActionDefinitionDelete,
		ActionPolicies, ActionPolicyGet, ActionPolicyPut, ActionPolicyDelete:
		return "registry:catalog:admin"
	case ActionAudit:
		return scopeWith(lading.Scope{Repository: q.Audit.Repository, Namespace: q.Audit.Namespace}, "audit")
	}
	return ""
}

func watchScope(q *lading.WatchQuery) string {
	if q == nil {
		return ""
	}
	actions := []string{"list"}
	if q.Data == lading.DataManifest {
		actions = append(actions, "pull")
	}
	return scopeWith(q.Scope, actions...)
}

// scopeWith is a token's scope for a part of the registry. To list everything
// is called "*" by clients.
func scopeWith(s lading.Scope, actions ...string) string {
	words := strings.Join(actions, ",")
	switch {
	case s.Repository != "":
		return "repository:" + s.Repository + ":" + words
	case s.Namespace != "":
		return "namespace:" + s.Namespace + ":" + words
	}
	return "registry:catalog:" + strings.ReplaceAll(words, "list", "*")
}
