package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// Limits of what one request may ask of the endpoints for today's clients.
const (
	maxNames     = 10_000 // names in an answer of tags/list or _catalog
	maxReferrers = 1000   // descriptors in an answer of referrers
	maxPutTags   = 100    // tags put with one manifest; the spec wants 10 at least
	maxListQuery = 4096   // bytes of a listing's query: its page tokens carry it
)

// Parse understands a URL of the API: method, decoded path and raw query. It
// looks at nothing else and has no effects; whatever it returns without an
// error is of valid form throughout.
//
// Errors: NAME_INVALID, TAG_INVALID, DIGEST_INVALID, BLOB_UPLOAD_UNKNOWN (an
// id that no upload can have), PARAMETER_INVALID, UNSUPPORTED (the method; the
// detail says which there are), EXTENSION_UNKNOWN, NAME_UNKNOWN (no endpoint
// has the path).
func Parse(method, path, rawQuery string) (Request, error) {
	at, q, err := route(path)
	if err != nil {
		return Request{}, err
	}
	if q.Action = at.action(method); q.Action == 0 {
		return Request{}, unsupportedMethod(method, at)
	}
	if err := q.parseArgument(at); err != nil {
		return Request{}, err
	}
	q.Head = method == http.MethodHead && q.Action != ActionBlobHead && q.Action != ActionManifestHead
	if err := q.parseParameters(rawQuery); err != nil {
		return Request{}, err
	}
	return q, nil
}

// An endpoint is a form of path, with the action of each method.
type endpoint struct {
	methods []methodAction
	// arg is the last segment of the path where that is a value.
	arg string
}

type methodAction struct {
	method string
	action Action
}

func (e endpoint) action(method string) Action {
	for _, m := range e.methods {
		if m.method == method {
			return m.action
		}
	}
	return 0
}

func (e endpoint) allow() []string {
	names := make([]string, len(e.methods))
	for i, m := range e.methods {
		names[i] = m.method
	}
	return names
}

func read(a Action) []methodAction {
	return []methodAction{{http.MethodGet, a}, {http.MethodHead, a}}
}

// The methods of each form of path.
var (
	atBase      = read(ActionBase)
	atCatalog   = read(ActionCatalog)
	atTags      = read(ActionTagsList)
	atReferrers = read(ActionReferrers)
	atDiscover  = read(ActionDiscover)
	atList      = read(ActionList)
	atWatch     = read(ActionWatch)
	atManage    = []methodAction{{http.MethodDelete, ActionRepositoryDelete}}
	atUploads   = []methodAction{{http.MethodPost, ActionUploadStart}}
	atBlob      = []methodAction{
		{http.MethodGet, ActionBlobGet}, {http.MethodHead, ActionBlobHead}, {http.MethodDelete, ActionBlobDelete},
	}
	atUpload = []methodAction{
		{http.MethodGet, ActionUploadStatus}, {http.MethodHead, ActionUploadStatus},
		{http.MethodPatch, ActionUploadPatch}, {http.MethodPut, ActionUploadPut},
		{http.MethodDelete, ActionUploadCancel},
	}
	atManifest = []methodAction{
		{http.MethodGet, ActionManifestGet}, {http.MethodHead, ActionManifestHead},
		{http.MethodPut, ActionManifestPut}, {http.MethodDelete, ActionManifestDelete},
	}
)

// methodDetail is the detail of UNSUPPORTED where the method is at fault.
type methodDetail struct {
	Allow []string `json:"allow"`
}

func unsupportedMethod(method string, at endpoint) error {
	if len(method) > 16 {
		method = method[:16]
	}
	return lading.ErrUnsupported.With("the method %s is not supported here", method).
		WithDetail(methodDetail{at.allow()})
}

// route finds the form of the path and the repository in it. It reads from
// the right: a name may have components such as "blobs", but what an endpoint
// puts behind the name has none that could be read in two ways.
func route(path string) (endpoint, Request, error) {
	if rest, ok := strings.CutPrefix(path, "/v1/"); ok {
		return routeSearch(rest)
	}
	rest, ok := strings.CutPrefix(path, "/v2")
	if !ok || rest != "" && rest[0] != '/' {
		return endpoint{}, Request{}, noEndpoint()
	}
	if rest == "" || rest == "/" {
		return endpoint{methods: atBase}, Request{}, nil
	}
	rest = rest[1:]
	at, repo, ok := routeCore(rest)
	if !ok {
		return routeExtension(rest)
	}
	if !validName(repo) {
		return endpoint{}, Request{}, lading.ErrNameInvalid
	}
	return at, Request{Repository: repo}, nil
}

// routeCore finds the endpoints of the distribution-spec: the last two
// segments decide, or the last three for an upload.
func routeCore(rest string) (at endpoint, repo string, ok bool) {
	head, last := cutLast(rest)
	repo, kind := cutLast(head)
	switch kind {
	case "manifests":
		return endpoint{atManifest, last}, repo, true
	case "blobs":
		if last == "uploads" {
			return endpoint{methods: atUploads}, repo, true
		}
		return endpoint{atBlob, last}, repo, true
	case "referrers":
		return endpoint{atReferrers, last}, repo, true
	case "tags":
		return endpoint{methods: atTags}, repo, last == "list"
	case "uploads":
		repo, kind = cutLast(repo)
		if last == "" {
			return endpoint{methods: atUploads}, repo, kind == "blobs"
		}
		return endpoint{atUpload, last}, repo, kind == "blobs"
	}
	return endpoint{}, "", false
}

// cutLast splits off what follows the last slash.
func cutLast(s string) (head, last string) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

// routeExtension finds the endpoints of extensions: the first segment with a
// leading "_", which no name has, ends the name.
func routeExtension(rest string) (endpoint, Request, error) {
	repo, ext, ok := cutExtension(rest)
	if !ok {
		return endpoint{}, Request{}, noEndpoint()
	}
	if repo != "" && !validName(repo) {
		return endpoint{}, Request{}, lading.ErrNameInvalid
	}
	q := Request{Repository: repo}
	switch {
	case ext == "_catalog" && repo == "":
		return endpoint{methods: atCatalog}, q, nil
	case ext == "_oci/ext/discover":
		return endpoint{methods: atDiscover}, q, nil
	case ext == "_lading/watch/events":
		return endpoint{methods: atWatch}, q, nil
	case ext == "_lading/audit" && repo == "":
		return endpoint{methods: atAudit}, q, nil
	case ext == "_lading/manage/repository" && repo != "":
		return endpoint{methods: atManage}, q, nil
	}
	if at, ok := routeDrafts(ext, &q); ok {
		return at, q, nil
	}
	if rest, ok := strings.CutPrefix(ext, "_lading/types/"); ok && repo == "" {
		return routeTypes(rest)
	}
	if rest, ok := strings.CutPrefix(ext, "_lading/auth/"); ok && repo == "" {
		return routeAuth(rest)
	}
	if rest, ok := strings.CutPrefix(ext, "_lading/access/"); ok && repo == "" {
		return routeAccess(rest)
	}
	kind, ok := strings.CutPrefix(ext, "_lading/list/")
	if !ok || placeOf(lading.Kind(kind), repo) == 0 {
		return endpoint{}, Request{}, lading.ErrExtensionUnknown
	}
	q.Query.Kind = lading.Kind(kind)
	return endpoint{methods: atList}, q, nil
}

func cutExtension(rest string) (repo, ext string, ok bool) {
	if strings.HasPrefix(rest, "_") {
		return "", rest, true
	}
	i := strings.Index(rest, "/_")
	if i < 0 {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}

func noEndpoint() error {
	return lading.ErrNameUnknown.With("there is no such endpoint")
}

// parseArgument understands the last segment of the path.
func (q *Request) parseArgument(at endpoint) (err error) {
	switch q.Action {
	case ActionBlobGet, ActionBlobHead, ActionBlobDelete:
		q.Digest, err = parseDigest(at.arg)
	case ActionReferrers:
		q.Digest, err = parseSubject(at.arg)
	case ActionManifestGet, ActionManifestHead, ActionManifestPut, ActionManifestDelete:
		q.Reference, err = parseReference(at.arg)
	case ActionTagHistory:
		if q.Reference.Tag = at.arg; !validTag(at.arg) {
			return lading.ErrTagInvalid
		}
	case ActionUploadStatus, ActionUploadPatch, ActionUploadPut, ActionUploadCancel:
		if q.Upload = at.arg; !validUpload(at.arg) {
			return lading.ErrBlobUploadUnknown
		}
	}
	return err
}

// parseReference tells digest and tag apart: only a digest has a colon.
func parseReference(s string) (lading.Reference, error) {
	if strings.IndexByte(s, ':') >= 0 {
		d, err := parseDigest(s)
		return lading.Reference{Digest: d}, err
	}
	if !validTag(s) {
		return lading.Reference{}, lading.ErrTagInvalid
	}
	return lading.Reference{Tag: s}, nil
}

// parseParameters understands the query. The endpoints of the
// distribution-spec ignore what they do not know; those of the discovery
// extension never do. The ns= of a client that takes the registry for a mirror
// is ignored as well, which a registry may do: it scopes nothing here, so that
// no OCI-Namespace is answered (distribution-spec, "Registry Proxying").
func (q *Request) parseParameters(raw string) error {
	if q.Action == ActionDraftNames || q.Action == ActionTagHistory {
		return q.parseDraft(raw)
	}
	switch q.Action {
	case ActionAudit, ActionUploadStart, ActionUploadPut, ActionManifestPut, ActionTagsList, ActionCatalog, ActionReferrers, ActionList, ActionWatch, ActionSearch,
		ActionDefinitions, ActionDefinitionGet, ActionDefinitionPut, ActionDefinitionDelete, ActionDefinitionLogo, ActionTypesUnknown,
		ActionPolicies, ActionPolicyGet, ActionPolicyPut, ActionPolicyDelete,
		ActionRules, ActionRuleGet, ActionRulePut, ActionRuleDelete, ActionExplain,
		ActionAccounts, ActionAccountGet, ActionAccountPut, ActionAccountDelete,
		ActionAPITokens, ActionAPITokenCreate, ActionAPITokenGet, ActionAPITokenDelete, ActionWhoAmI,
		ActionSessions, ActionSessionsEnd, ActionSessionGet, ActionSessionEnd:
	default:
		return nil
	}
	if raw == "" && q.Action != ActionAudit && q.Action != ActionSessionsEnd && q.Action != ActionUploadPut && q.Action != ActionExplain && q.Action != ActionList && q.Action != ActionWatch && q.Action != ActionSearch {
		return nil
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return lading.ErrParameterInvalid.With("the query is not valid: it cannot be decoded")
	}
	switch q.Action {
	case ActionUploadStart:
		return q.parseUploadStart(v)
	case ActionUploadPut:
		return q.parseUploadPut(v)
	case ActionManifestPut:
		return q.parseManifestPut(v)
	case ActionTagsList, ActionCatalog:
		return q.parsePage(v, maxNames)
	case ActionReferrers:
		return q.parseReferrers(v)
	case ActionSearch:
		return q.parseSearch(v)
	case ActionDefinitions:
		return q.parseDefinitions(v)
	case ActionDefinitionGet, ActionDefinitionPut, ActionDefinitionDelete, ActionDefinitionLogo, ActionTypesUnknown,
		ActionPolicies, ActionPolicyGet, ActionPolicyPut, ActionPolicyDelete,
		ActionRules, ActionRuleGet, ActionRulePut, ActionRuleDelete:
		return noParameters(v)
	case ActionExplain:
		return q.parseExplain(v)
	case ActionAudit:
		return q.parseAudit(v)
	case ActionAccounts, ActionAccountGet, ActionAccountPut, ActionAccountDelete,
		ActionAPITokens, ActionAPITokenCreate, ActionAPITokenGet, ActionAPITokenDelete, ActionWhoAmI:
		return q.parseAccounts(v)
	case ActionSessions, ActionSessionsEnd, ActionSessionGet, ActionSessionEnd:
		return q.parseSessions(v)
	default:
		if len(raw) > maxListQuery && !v.Has("page") {
			return lading.ErrParameterInvalid.With("the query is longer than %d bytes", maxListQuery)
		}
		if q.Action == ActionWatch {
			q.Watch, err = parseWatch(q.Repository, v)
			return err
		}
		q.Query, err = parseList(q.Query.Kind, q.Repository, v)
		return err
	}
}

// one returns the value of a parameter that may be given once.
func one(v url.Values, name string) (string, error) {
	switch vs := v[name]; len(vs) {
	case 0:
		return "", nil
	case 1:
		return vs[0], nil
	}
	return "", lading.InvalidParameter(name, "given more than once")
}

// parsePage understands n and last, and cuts n to what one answer may hold.
func (q *Request) parsePage(v url.Values, most int) error {
	n, err := one(v, "n")
	if err != nil {
		return err
	}
	if n != "" {
		if q.N, err = parseCount(n, most); err != nil {
			return err
		}
		q.Limited = true
	}
	if q.Last, err = one(v, "last"); err != nil {
		return err
	}
	if !validLast(q.Last) {
		return lading.InvalidParameter("last", "not a name")
	}
	return nil
}

// parseCount understands a decimal number of any size, cut to most.
func parseCount(s string, most int) (int, error) {
	if !allBytes(s, isDigit) {
		return 0, lading.InvalidParameter("n", "not a number")
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > most { // all digits, so the one error is the range
		return most, nil
	}
	return n, nil
}

func (q *Request) parseReferrers(v url.Values) error {
	if err := q.parsePage(v, maxReferrers); err != nil {
		return err
	}
	if q.Last != "" {
		if _, err := parseDigest(q.Last); err != nil {
			return lading.InvalidParameter("last", "not a digest")
		}
	}
	artifactType, err := one(v, "artifactType")
	if err != nil {
		return err
	}
	_, q.Filtered = v["artifactType"]
	artifactType = plus(artifactType)
	q.ArtifactType = artifactType
	if !allBytes(artifactType, func(c byte) bool { return c > ' ' && c < 0x7f }) || len(artifactType) > maxMedia {
		return lading.InvalidParameter("artifactType", "not a media type")
	}
	return nil
}

// parseUploadStart tells the ways to begin an upload apart.
func (q *Request) parseUploadStart(v url.Values) error {
	mount, err := one(v, "mount")
	if err != nil {
		return err
	}
	whole, err := one(v, "digest")
	if err != nil {
		return err
	}
	if err := q.parseAlgorithm(v); err != nil {
		return err
	}
	switch {
	case mount != "":
		q.Action = ActionUploadMount
		return q.parseMount(v, mount)
	case whole != "":
		q.Action = ActionUploadWhole
		q.Digest, err = parseDigest(whole)
	}
	return err
}

func (q *Request) parseMount(v url.Values, mount string) (err error) {
	if q.Digest, err = parseDigest(mount); err != nil {
		return err
	}
	if q.From, err = one(v, "from"); err != nil {
		return err
	}
	if q.From != "" && !validName(q.From) {
		return lading.ErrNameInvalid.With("the name in from= is not valid")
	}
	return nil
}

func (q *Request) parseAlgorithm(v url.Values) (err error) {
	if q.Algorithm, err = one(v, "digest-algorithm"); err != nil {
		return err
	}
	if q.Algorithm != "" && encodedLength(q.Algorithm) == 0 {
		return lading.ErrDigestInvalid.With("the algorithm is not supported: use %s", algorithms)
	}
	return nil
}

func (q *Request) parseUploadPut(v url.Values) error {
	d, err := one(v, "digest")
	if err != nil {
		return err
	}
	if d == "" {
		return lading.ErrDigestInvalid.With("the upload is closed with digest=<the whole blob's digest>")
	}
	q.Digest, err = parseDigest(d)
	return err
}

func (q *Request) parseManifestPut(v url.Values) error {
	blob, err := one(v, "from-blob")
	if err != nil {
		return err
	}
	if v.Has("from-blob") {
		if q.FromBlob, err = parseDigest(blob); err != nil {
			return err
		}
	}
	return q.parsePutTags(v)
}

// parsePutTags understands the tags of end-7b. A manifest that is put by tag
// has its one tag already: more of them are refused rather than ignored.
func (q *Request) parsePutTags(v url.Values) error {
	if len(v["tag"]) > maxPutTags {
		return lading.InvalidParameter("tag", "more than %d tags", maxPutTags)
	}
	for _, tag := range v["tag"] {
		if q.Reference.Tag != "" {
			return lading.InvalidParameter("tag", "only when the manifest is put by digest")
		}
		if !validTag(tag) {
			return lading.ErrTagInvalid.With("a tag in tag= is not valid")
		}
		if !slices.Contains(q.Tags, tag) {
			q.Tags = append(q.Tags, tag)
		}
	}
	return nil
}
