package oracletest

import (
	"strings"

	"github.com/lading-dev/lading"
	ruleset "github.com/lading-dev/lading/internal/access"
	"github.com/lading-dev/lading/internal/httpapi"
)

// question is a request. REPO in its path stands for the names of all sorts,
// one after the other, ELSE for those that ada cannot see, MINE for a repository
// that is the caller's own. UPLOAD is the id of an upload that others have begun
// in the repository of the path, TOKEN that of a token of theirs, and SESSION
// that of a session, where there are others.
type question struct {
	method, path string
	header       map[string]string
	body         string
}

func get(paths ...string) (out []question) {
	for _, p := range paths {
		out = append(out, question{method: "GET", path: p})
	}
	return out
}

func ask(method, body string, paths ...string) (out []question) {
	for _, p := range paths {
		out = append(out, question{method: method, path: p, body: body})
	}
	return out
}

func with(qs []question, header ...string) []question {
	for i := range qs {
		qs[i].header = map[string]string{}
		for j := 0; j < len(header); j += 2 {
			qs[i].header[header[j]] = header[j+1]
		}
	}
	return qs
}

func join(all ...[]question) (out []question) {
	for _, qs := range all {
		out = append(out, qs...)
	}
	return out
}

// contents are digests of content that many have, that others have, and that
// nobody has.
var contents = []string{digestOf(sharedBlob), digestOf(secretBlob), digestOf(noBlob)}

// manifests are references of all sorts.
var manifests = []string{"v1", "secret", "none", digestOf(first), digestOf(secret), digestOf(accuser), digestOf(nothing)}

// each puts every value in the place of % in a path.
func each(path string, values []string) (out []string) {
	for _, v := range values {
		out = append(out, strings.ReplaceAll(path, "%", v))
	}
	return out
}

// Rules of the configuration, by what their ids are made of: one that ada does
// not see, and one that she does.
var (
	hiddenRule = configuredID("user:root owner,admin registry")
	ownRule    = configuredID("user:ada owner,admin,audit namespace:own")
)

func configuredID(line string) string {
	r, err := lading.ParseAccessRule(line)
	if err != nil {
		panic(err)
	}
	return ruleset.Configured([]lading.AccessRule{r})[0].ID
}

// accounts are of others, of nobody, and of those who are there to be seen.
var accounts = []string{"user:ghost", "user:none", "service:robot", "user:ada", "user:root"}

const (
	form      = "application/x-www-form-urlencoded"
	uploads   = "/v2/REPO/blobs/uploads/"
	mine      = "/v2/MINE/blobs/uploads/"
	types     = "/v2/_lading/types/"
	access    = "/v2/_lading/access/"
	anyPolicy = `{"scope":{"namespace":"own"},"deny":["helm"]}`
)

// listings of the registry and of a repository. They are followed from page to
// page, and their cursors presented later.
var listings = join(
	get("/v2/_lading/list/repositories?n=2", "/v2/_lading/list/tags?n=3", "/v2/_lading/list/manifests?n=3", "/v2/_lading/list/namespaces?n=1"),
	get(each("/v2/_lading/list/%", []string{"repositories", "tags", "manifests"})...),
	get(each("/v2/_lading/list/manifests?n=3&%", []string{"order=-modified", "order=created", "order=-name", "tagged=false", "type=gadget", "type=application/x-secret", "type=application/x-riddle",
		"type=application/x-nothing", "type=nosuch", "namespace=m", "namespace=own2", "namespace=vault", "prefix=m/a", "exclude=m/a*", "subject=" + digestOf(first), "subject=" + digestOf(secret),
		"order=-modified&namespace=m", "order=-modified&type=application/x-seen", "order=-created&subject=" + digestOf(first), "since=none", "since=now", "created_after=2026-08-01T00:00:30Z",
		"modified_after=2026-08-01T00:00:30Z"})...),
	get("/v2/_lading/list/repositories?n=2&view=stats", "/v2/_lading/list/repositories?order=-modified&n=2", "/v2/_lading/list/tags?order=-modified&n=2"),
	get(each("/v2/_lading/list/namespaces?%", []string{"view=stats", "namespace=m", "namespace=m/a", "namespace=vault", "namespace=own2", "namespace=own&view=stats", "n=1&namespace=p2"})...),
	get(each("/v2/REPO/_lading/list/%", []string{"tags?n=1", "manifests?n=2", "manifests?order=-modified", "tags?since=now"})...),
	with(get("/v2/_lading/list/manifests?n=2", "/v2/REPO/_lading/list/tags"), "Accept", "application/x-ndjson"),
	with(get("/v2/_lading/list/manifests?n=2", "/v2/REPO/_lading/list/tags"), "Accept", indexType),
)

// questions are those of each action of the router.
var questions = map[httpapi.Action][]question{
	httpapi.ActionBase: get("/v2/"),
	httpapi.ActionBlobGet: join(get(each("/v2/REPO/blobs/%", contents)...), with(get(each("/v2/REPO/blobs/%", contents)...), "Range", "bytes=0-3"),
		with(get(each("/v2/REPO/blobs/%", contents)...), "If-None-Match", `"`+digestOf(secretBlob)+`"`)),
	httpapi.ActionBlobHead:    ask("HEAD", "", each("/v2/REPO/blobs/%", contents)...),
	httpapi.ActionBlobDelete:  ask("DELETE", "", each("/v2/REPO/blobs/%", contents)...),
	httpapi.ActionUploadStart: join(ask("POST", "", uploads, uploads+"?digest-algorithm=sha512")),
	httpapi.ActionUploadWhole: join(ask("POST", sharedBlob, uploads+"?digest="+digestOf(sharedBlob)), ask("POST", secretBlob, uploads+"?digest="+digestOf(secretBlob)),
		ask("POST", noBlob, uploads+"?digest="+digestOf(secretBlob)), ask("POST", "", each("/v2/own/other/blobs/uploads/?digest=%", contents)...)),
	httpapi.ActionUploadMount: join(ask("POST", "", each(mine+"?from=REPO&mount=%", contents)...), ask("POST", "", each(mine+"?mount=%", contents)...),
		ask("POST", "", each(uploads+"?mount=%", contents)...), ask("POST", "", each("/v2/drop/x/blobs/uploads/?from=REPO&mount=%", contents)...)),
	httpapi.ActionUploadStatus: get(uploads+"UPLOAD", uploads+"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "/v2/own/web/blobs/uploads/UPLOAD", "/v2/own/new/blobs/uploads/UPLOAD"),
	httpapi.ActionUploadPatch:  ask("PATCH", "x", uploads+"UPLOAD", "/v2/own/web/blobs/uploads/UPLOAD", "/v2/own/new/blobs/uploads/UPLOAD"),
	httpapi.ActionUploadPut:    ask("PUT", secretBlob, uploads+"UPLOAD?digest="+digestOf(secretBlob), "/v2/own/web/blobs/uploads/UPLOAD?digest="+digestOf(secretBlob)),
	httpapi.ActionUploadCancel: ask("DELETE", "", uploads+"UPLOAD", "/v2/own/web/blobs/uploads/UPLOAD"),
	httpapi.ActionManifestGet: join(get(each("/v2/REPO/manifests/%", manifests)...), with(get(each("/v2/REPO/manifests/%", manifests)...), "If-None-Match", `"`+digestOf(first)+`"`),
		with(get(each("/v2/REPO/manifests/%", manifests)...), "Accept", "text/plain")),
	httpapi.ActionManifestHead: ask("HEAD", "", each("/v2/REPO/manifests/%", manifests)...),
	httpapi.ActionManifestPut: join(
		with(ask("PUT", first, each("/v2/REPO/manifests/%", []string{"v1", "fresh", digestOf(first), digestOf(secret)})...), "Content-Type", indexType),
		with(ask("PUT", first, "/v2/REPO/manifests/v1"), "Content-Type", indexType, "If-None-Match", "*"),
		with(ask("PUT", first, "/v2/REPO/manifests/v1"), "Content-Type", indexType, "If-Match", `"`+digestOf(first)+`"`),
		with(ask("PUT", index("application/x-seen", digestOf(secret), "mine"), "/v2/MINE/manifests/subject"), "Content-Type", indexType),
		with(ask("PUT", indexOf(digestOf(secret)), "/v2/MINE/manifests/child", "/v2/MINE/manifests/"+digestOf(indexOf(digestOf(secret)))), "Content-Type", indexType),
		with(ask("PUT", indexOf(digestOf(nothing)), "/v2/MINE/manifests/child"), "Content-Type", indexType),
		with(ask("PUT", imageOf(digestOf(secretBlob)), "/v2/MINE/manifests/image"), "Content-Type", imageType),
		with(ask("PUT", imageOf(digestOf(noBlob)), "/v2/MINE/manifests/image"), "Content-Type", imageType),
		with(ask("PUT", "", each("/v2/MINE/manifests/v9?from-blob=%", contents)...), "Content-Type", indexType)),
	httpapi.ActionManifestDelete: join(ask("DELETE", "", each("/v2/REPO/manifests/%", manifests)...), with(ask("DELETE", "", "/v2/REPO/manifests/v2"), "If-Match", "*")),
	httpapi.ActionTagsList: join(get("/v2/REPO/tags/list", "/v2/REPO/tags/list?n=1", "/v2/REPO/tags/list?n=2&last=secret"),
		with(get("/v2/REPO/tags/list", "/v2/REPO/tags/list?sort_by=created_at"), "Accept", indexType)),
	httpapi.ActionCatalog:          get("/v2/_catalog", "/v2/_catalog?n=2", "/v2/_catalog?n=3&last=m/a-a", "/v2/_catalog?n=3&last=m/a-b", "/v2/_catalog?n=1&last=vault/x", "/v2/_catalog?n=0"),
	httpapi.ActionReferrers:        get("/v2/REPO/referrers/"+digestOf(first), "/v2/REPO/referrers/"+digestOf(secret), "/v2/REPO/referrers/"+digestOf(first)+"?artifactType=application/x-riddle&n=1"),
	httpapi.ActionDiscover:         get("/v2/_oci/ext/discover", "/v2/REPO/_oci/ext/discover"),
	httpapi.ActionList:             listings,
	httpapi.ActionRepositoryDelete: ask("DELETE", "", "/v2/REPO/_lading/manage/repository"),
	httpapi.ActionSearchPing:       get("/v1/_ping"),
	httpapi.ActionSearch:           get(each("/v1/search?%", []string{"q=", "q=m", "q=vault", "q=x&n=1", "q=a&n=2&page=2", "q=web", "q=m/a&n=1"})...),
	httpapi.ActionDraftNames:       get("/v2/_oci/repositories", "/v2/_oci/repositories?n=2", "/v2/m/_oci/repositories?n=1", "/v2/m/a/_oci/repositories", "/v2/vault/_oci/repositories", "/v2/own2/_oci/repositories"),
	httpapi.ActionTagHistory:       get("/v2/REPO/_oci/tag-history/v1", "/v2/REPO/_oci/tag-history/secret", "/v2/REPO/_oci/tag-history/v1?n=1"),
	httpapi.ActionDefinitions:      get(types+"definitions", types+"definitions?view=stats"),
	httpapi.ActionDefinitionGet:    get(types+"definitions/gadget", types+"definitions/none"),
	httpapi.ActionDefinitionPut:    ask("PUT", `{"name":"gadget","match":[{"artifactType":"a/b"}]}`, types+"definitions/gadget", types+"definitions/other"),
	httpapi.ActionDefinitionDelete: ask("DELETE", "", types+"definitions/gadget", types+"definitions/none"),
	httpapi.ActionDefinitionLogo:   get(types+"definitions/gadget/logo", types+"definitions/none/logo"),
	httpapi.ActionTypesUnknown:     get(types + "unknown"),
	httpapi.ActionPolicies:         get(types + "policies"),
	httpapi.ActionPolicyGet:        get(types+"policies/taken", types+"policies/none"),
	httpapi.ActionPolicyPut:        ask("PUT", anyPolicy, types+"policies/taken", types+"policies/none"),
	httpapi.ActionPolicyDelete:     ask("DELETE", "", types+"policies/taken", types+"policies/none"),
	httpapi.ActionWatch:            get("/v2/ELSE/_lading/watch/events", "/v2/ELSE/_lading/watch/events?initial=true", "/v2/_lading/watch/events?since=nonsense"), // others have no end: see TestStreams
	httpapi.ActionRules:            get(access + "rules"),
	httpapi.ActionRuleGet:          get(each(access+"rules/%", []string{"taken", "also", "busy", "free", "seen", hiddenRule, ownRule})...),
	httpapi.ActionRulePut: join(ask("PUT", `{"subject":"user:eve","scope":"namespace:own","verbs":["reader"]}`, each(access+"rules/%", []string{"taken", "also", "free", "seen", hiddenRule, ownRule})...),
		ask("PUT", `{"subject":"user:eve","scope":"namespace:vault","verbs":["reader"]}`, each(access+"rules/%", []string{"taken", "also", "free", "seen"})...),
		ask("PUT", `{"subject":"user:eve","scope":"repository:own/web","verbs":["owner"]}`, each(access+"rules/%", []string{"taken", "free"})...),
		ask("PUT", `{"subject":""}`, each(access+"rules/%", []string{"taken", "free"})...),
		get(access+"rules", access+"rules/taken", access+"rules/also")),
	httpapi.ActionRuleDelete:     join(ask("DELETE", "", each(access+"rules/%", []string{"taken", "also", "free", "busy", "taken"})...), get(access+"rules")),
	httpapi.ActionWhoAmI:         get(access + "whoami"),
	httpapi.ActionAccounts:       get(access+"accounts", access+"accounts?n=1", access+"accounts?last=user:g"),
	httpapi.ActionAccountGet:     get(each(access+"accounts/%", accounts)...),
	httpapi.ActionAccountPut:     join(ask("PUT", `{"disabled":true}`, each(access+"accounts/%", accounts)...), ask("PUT", `{"password":"a password of nobody"}`, each(access+"accounts/%", accounts[:2])...)),
	httpapi.ActionAccountDelete:  ask("DELETE", "", each(access+"accounts/%", accounts[:3])...),
	httpapi.ActionAPITokens:      get(access+"tokens", access+"tokens?owner=user:ghost", access+"tokens?owner=user:none"),
	httpapi.ActionAPITokenCreate: join(ask("POST", `{"owner":"user:ghost"}`, access+"tokens"), ask("POST", `{"owner":"user:none"}`, access+"tokens"), ask("POST", `{"owner":"service:robot"}`, access+"tokens")),
	httpapi.ActionAPITokenGet:    get(access+"tokens/TOKEN", access+"tokens/none"),
	httpapi.ActionAPITokenDelete: ask("DELETE", "", access+"tokens/TOKEN", access+"tokens/none"),
	httpapi.ActionSessions:       get(access+"sessions", access+"sessions?n=1", access+"sessions?last="+noSession, access+"sessions?owner=user:root", access+"sessions?owner=user:none", access+"sessions?owner=user:ada"),
	httpapi.ActionSessionsEnd:    ask("DELETE", "", access+"sessions", access+"sessions?owner=user:root", access+"sessions?owner=user:none", access+"sessions?owner=user:ada"),
	httpapi.ActionSessionGet:     get(access+"sessions/SESSION", access+"sessions/"+noSession, access+"sessions/none"),
	httpapi.ActionSessionEnd:     ask("DELETE", "", access+"sessions/SESSION", access+"sessions/"+noSession),
	httpapi.ActionToken: get("/v2/_lading/auth/token", "/v2/_lading/auth/token?scope=repository:REPO:pull,push,delete",
		"/v2/_lading/auth/token?scope=registry:catalog:*"),
	httpapi.ActionTokenGrant: join(with(ask("POST", "grant_type=refresh_token&client_id=x&refresh_token=nonsense", "/v2/_lading/auth/token"), "Content-Type", form),
		with(ask("POST", "grant_type=password&client_id=x&username=ghost&password=wrong", "/v2/_lading/auth/token"), "Content-Type", form)),
	httpapi.ActionTokenKeys: get("/v2/_lading/auth/keys"),
	httpapi.ActionAudit:     get("/v2/_lading/audit", "/v2/_lading/audit?n=2", "/v2/_lading/audit?repository=REPO", "/v2/_lading/audit?namespace=own&order=oldest", "/v2/_lading/audit?actor=user:root"),
	httpapi.ActionExplain:   get(each(access+"explain?subject=user:eve&verb=pull&repository=%", []string{"REPO", "own/web"})...),
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// indexOf is an index with a child, imageOf an image with a layer.
func indexOf(child string) string {
	return `{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[{"mediaType":"` + indexType + `","digest":"` + child + `","size":1}]}`
}

func imageOf(layer string) string {
	return `{"schemaVersion":2,"mediaType":"` + imageType + `","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + layer + `","size":2},"layers":[]}`
}
