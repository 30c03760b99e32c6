package httpapi

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/lading-dev/lading"
)

// Action is what a request asks for.
type Action int

// The actions, with the endpoint ids of the distribution-spec ("Endpoints").
const (
	ActionBase             Action = iota + 1 // end-1
	ActionBlobGet                            // end-2
	ActionBlobHead                           // end-2
	ActionBlobDelete                         // end-10
	ActionUploadStart                        // end-4a, end-4c
	ActionUploadWhole                        // end-4b: the blob is the body
	ActionUploadMount                        // end-11
	ActionUploadStatus                       // end-13
	ActionUploadPatch                        // end-5
	ActionUploadPut                          // end-6
	ActionUploadCancel                       // end-14
	ActionManifestGet                        // end-3
	ActionManifestHead                       // end-3
	ActionManifestPut                        // end-7a, end-7b
	ActionManifestDelete                     // end-9: by digest, or a tag
	ActionTagsList                           // end-8a, end-8b
	ActionCatalog                            // the reserved extension _catalog
	ActionReferrers                          // end-12a, end-12b
	ActionDiscover                           // the extension _oci: what extensions there are
	ActionList                               // discovery: a listing or a delta
	ActionRepositoryDelete                   // discovery: a repository with all that is in it
	ActionSearchPing                         // /v1/_ping: is there a search
	ActionSearch                             // /v1/search: names for people
	ActionDraftNames                         // a draft: the repositories of a namespace
	ActionTagHistory                         // a draft: what happened to a tag
	ActionDefinitions                        // types: all definitions
	ActionDefinitionGet                      // types: a definition
	ActionDefinitionPut                      // types: a definition
	ActionDefinitionDelete                   // types: a definition
	ActionDefinitionLogo                     // types: the logo of a definition
	ActionTypesUnknown                       // types: media types without a definition
	ActionPolicies                           // types: all policies
	ActionPolicyGet                          // types: a policy
	ActionPolicyPut                          // types: a policy
	ActionPolicyDelete                       // types: a policy
	ActionWatch                              // discovery: a stream of changes
	ActionRules                              // access: all rules
	ActionRuleGet                            // access: a rule
	ActionRulePut                            // access: a rule
	ActionRuleDelete                         // access: a rule
	ActionExplain                            // access: why somebody may do something
	ActionAudit                              // who did what
	ActionAccounts                           // accounts: all
	ActionAccountGet                         // accounts: one
	ActionAccountPut                         // accounts: one
	ActionAccountDelete                      // accounts: one
	ActionAPITokens                          // accounts: the tokens
	ActionAPITokenCreate                     // accounts: a token
	ActionAPITokenGet                        // accounts: a token
	ActionAPITokenDelete                     // accounts: a token
	ActionWhoAmI                             // accounts: who is asking
	ActionToken                              // auth: a token, for who says in the header who he is
	ActionTokenGrant                         // auth: a token, for what a form says
	ActionTokenKeys                          // auth: the keys that sign tokens
	ActionSessions                           // accounts: the sessions
	ActionSessionsEnd                        // accounts: all sessions of somebody
	ActionSessionGet                         // accounts: a session
	ActionSessionEnd                         // accounts: a session
	actionEnd                                // behind all others
)

// Request is a URL of the API, understood: every name, tag, digest, upload id
// and parameter in it is of valid form. The zero value of a field means that
// it is absent or does not belong to the action.
type Request struct {
	Action Action
	// Head tells that the method was HEAD, for actions that answer both.
	Head bool
	// Repository is the repository's name; empty at registry scope.
	Repository string
	// History is what ActionTagHistory asks, but for N; nil for every other
	// action.
	History *lading.HistoryQuery
	// Reference names the manifest of ActionManifest*, and the tag of
	// ActionTagHistory.
	Reference lading.Reference
	// Digest is the blob's; the subject's of ActionReferrers.
	Digest lading.Digest
	// Upload is the id of the upload.
	Upload string
	// From is the repository to mount from; empty for any.
	From string
	// Algorithm is the digest algorithm that the client announced for an
	// upload (end-4c).
	Algorithm string
	// Tags are the tags to put with a manifest that is put by digest.
	Tags []string
	// FromBlob is the blob whose bytes the manifest is; empty when the body is.
	FromBlob lading.Digest
	// Limited tells that n= was given, and N is its value.
	Limited bool
	N       int
	// Last is the name, or of ActionReferrers the digest, to begin after.
	Last string
	// Filtered tells that artifactType= was given, and ArtifactType is its
	// value, which may be empty: a referrer without a type.
	Filtered     bool
	ArtifactType string
	// Type is the short name of ActionDefinition*, and the id of ActionPolicy*.
	Type string
	// Rule is the id of ActionRule*.
	Rule string
	// Accounts is what ActionAccount*, ActionAPIToken* and ActionSession* are
	// about.
	Accounts AccountQuery
	// Explain is what ActionExplain asks; nil for every other action.
	Explain *ExplainQuery
	// Audit is what ActionAudit asks; nil for every other action.
	Audit *lading.AuditQuery
	// Stats tells that ActionDefinitions was asked with view=stats.
	Stats bool
	// Search is what ActionSearch asks.
	Search lading.SearchQuery
	// Query is what ActionList asks; its Scope.Repository is Repository.
	Query lading.Query
	// Watch is what ActionWatch asks; its Scope.Repository is Repository. It is
	// nil for every other action.
	Watch *lading.WatchQuery
}

// Method returns the HTTP method of the request.
func (q Request) Method() string {
	switch q.Action {
	case ActionUploadStart, ActionUploadWhole, ActionUploadMount, ActionTokenGrant, ActionAPITokenCreate:
		return http.MethodPost
	case ActionUploadPatch:
		return http.MethodPatch
	case ActionUploadPut, ActionManifestPut, ActionDefinitionPut, ActionPolicyPut, ActionRulePut, ActionAccountPut:
		return http.MethodPut
	case ActionBlobDelete, ActionUploadCancel, ActionManifestDelete, ActionRepositoryDelete, ActionDefinitionDelete, ActionPolicyDelete, ActionRuleDelete, ActionAccountDelete, ActionAPITokenDelete, ActionSessionsEnd, ActionSessionEnd:
		return http.MethodDelete
	case ActionBlobHead, ActionManifestHead:
		return http.MethodHead
	}
	if q.Head {
		return http.MethodHead
	}
	return http.MethodGet
}

// URL returns the request's path and query, from which [Parse] makes the
// request again.
func (q Request) URL() string {
	path := q.path()
	if query := q.query().Encode(); query != "" {
		return path + "?" + query
	}
	return path
}

func (q Request) path() string {
	repo := "/v2/"
	if q.Repository != "" {
		repo += q.Repository + "/"
	}
	switch q.Action {
	case ActionBlobGet, ActionBlobHead, ActionBlobDelete:
		return repo + "blobs/" + string(q.Digest)
	case ActionUploadStart, ActionUploadWhole, ActionUploadMount:
		return repo + "blobs/uploads/"
	case ActionUploadStatus, ActionUploadPatch, ActionUploadPut, ActionUploadCancel:
		return repo + "blobs/uploads/" + q.Upload
	case ActionManifestGet, ActionManifestHead, ActionManifestPut, ActionManifestDelete:
		return repo + "manifests/" + q.Reference.String()
	case ActionTagsList:
		return repo + "tags/list"
	case ActionDraftNames:
		return repo + "_oci/repositories"
	case ActionTagHistory:
		return repo + "_oci/tag-history/" + q.Reference.Tag
	case ActionCatalog:
		return repo + "_catalog"
	case ActionReferrers:
		return repo + "referrers/" + string(q.Digest)
	case ActionDiscover:
		return repo + "_oci/ext/discover"
	case ActionList:
		return repo + "_lading/list/" + string(q.Query.Kind)
	case ActionWatch:
		return repo + "_lading/watch/events"
	case ActionRepositoryDelete:
		return repo + "_lading/manage/repository"
	case ActionDefinitions:
		return repo + "_lading/types/definitions"
	case ActionDefinitionGet, ActionDefinitionPut, ActionDefinitionDelete:
		return repo + "_lading/types/definitions/" + q.Type
	case ActionDefinitionLogo:
		return repo + "_lading/types/definitions/" + q.Type + "/logo"
	case ActionTypesUnknown:
		return repo + "_lading/types/unknown"
	case ActionPolicies:
		return repo + "_lading/types/policies"
	case ActionPolicyGet, ActionPolicyPut, ActionPolicyDelete:
		return repo + "_lading/types/policies/" + q.Type
	case ActionRules:
		return repo + "_lading/access/rules"
	case ActionRuleGet, ActionRulePut, ActionRuleDelete:
		return repo + "_lading/access/rules/" + q.Rule
	case ActionExplain:
		return repo + "_lading/access/explain"
	case ActionToken, ActionTokenGrant:
		return tokenPath
	case ActionTokenKeys:
		return repo + "_lading/auth/keys"
	case ActionAccounts, ActionAccountGet, ActionAccountPut, ActionAccountDelete,
		ActionAPITokens, ActionAPITokenCreate, ActionAPITokenGet, ActionAPITokenDelete, ActionWhoAmI,
		ActionSessions, ActionSessionsEnd, ActionSessionGet, ActionSessionEnd:
		return repo + "_lading/access/" + q.Accounts.path(q.Action)
	case ActionAudit:
		return repo + "_lading/audit"
	case ActionSearchPing:
		return "/v1/_ping"
	case ActionSearch:
		return "/v1/search"
	}
	return repo
}

func (q Request) query() url.Values {
	v := url.Values{}
	switch q.Action {
	case ActionUploadStart, ActionUploadWhole, ActionUploadPut:
		set(v, "digest", string(q.Digest))
		set(v, "digest-algorithm", q.Algorithm)
	case ActionUploadMount:
		set(v, "mount", string(q.Digest))
		set(v, "from", q.From)
		set(v, "digest-algorithm", q.Algorithm)
	case ActionManifestPut:
		if len(q.Tags) > 0 {
			v["tag"] = q.Tags
		}
		set(v, "from-blob", string(q.FromBlob))
	case ActionTagsList, ActionCatalog:
		q.addPage(v)
	case ActionAccounts, ActionAPITokens, ActionSessions, ActionSessionsEnd:
		q.addPage(v)
		set(v, "owner", q.Accounts.Owner)
	case ActionDraftNames, ActionTagHistory:
		q.addDraft(v)
	case ActionReferrers:
		q.addPage(v)
		if q.Filtered {
			v.Set("artifactType", q.ArtifactType)
		}
	case ActionSearch:
		set(v, "q", q.Search.Text)
		v.Set("n", strconv.Itoa(q.Search.N))
		v.Set("page", strconv.Itoa(q.Search.Page))
	case ActionDefinitions:
		if q.Stats {
			v.Set("view", "stats")
		}
	case ActionExplain:
		q.Explain.add(v)
	case ActionAudit:
		addAudit(v, q.Audit)
	case ActionList:
		addListParameters(v, q.Query)
	case ActionWatch:
		addWatchParameters(v, q.Watch)
	}
	return v
}

func (q Request) addPage(v url.Values) {
	if q.Limited {
		v.Set("n", strconv.Itoa(q.N))
	}
	set(v, "last", q.Last)
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}
