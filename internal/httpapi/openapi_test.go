package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.yaml.in/yaml/v3"

	"github.com/lading-dev/lading"
)

// openAPI is what of docs/spec/openapi.yaml is compared.
type openAPI struct {
	Paths      map[string]map[string]yaml.Node
	Components struct {
		Parameters map[string]openParameter
		Responses  map[string]openResponse
		Schemas    map[string]openSchema
	}
}

type openParameter struct {
	Ref     string `yaml:"$ref"`
	Name    string
	In      string
	Example any
}

type openResponse struct {
	Ref         string `yaml:"$ref"`
	Description string
	Content     map[string]openMedia
}

type openMedia struct{ Example any }

type openSchema struct {
	Required   []string
	Properties map[string]yaml.Node
}

type openOperation struct {
	OperationID string `yaml:"operationId"`
	Parameters  []openParameter
	RequestBody struct{ Content map[string]openMedia } `yaml:"requestBody"`
	Responses   map[string]openResponse
}

// inOpenAPI are values of what stands in braces in a path, and the query that
// an endpoint cannot be without.
var (
	inOpenAPI = strings.NewReplacer("{name}", "a/b", "{tag}", "t", "{rule}", "x-1", "{subject}", "user:a", "{token}", "x1", "{session}", "0123456789abcdef0123",
		"{digest}", anyOpenAPI, "{reference}", "t", "{upload}", "x", "{type}", "a", "{policy}", "a")
	queryOpenAPI = map[string]string{
		"/v2/_lading/access/explain":        "subject=user:a&verb=pull&repository=a",
		"/v2/_lading/access/sessions":       "owner=user:a",
		"/v2/{name}/blobs/uploads/{upload}": "digest=" + anyOpenAPI,
	}
)

const anyOpenAPI = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// openAPIWays are queries by which one operation is several actions.
var openAPIWays = []string{"", "digest=" + anyOpenAPI, "mount=" + anyOpenAPI}

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	raw, err := os.ReadFile("../../docs/spec/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// operations are the operations of the document, by method and path.
func (d openAPI) operations(t *testing.T) map[string]openOperation {
	t.Helper()
	out := map[string]openOperation{}
	for path, methods := range d.Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			var op openOperation
			if err := node.Decode(&op); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			out[strings.ToUpper(method)+" "+path] = op
		}
	}
	return out
}

// query are the names of an operation's parameters in the query.
func (d openAPI) query(op openOperation) (names []string) {
	for _, p := range op.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		if p.In == "query" || p.In == "" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestOpenAPIParameters: each path is an endpoint, and has the parameters that
// the endpoint takes.
func TestOpenAPIParameters(t *testing.T) {
	doc := readOpenAPI(t)
	paths := map[string]bool{}
	for name, op := range doc.operations(t) {
		method, path, _ := strings.Cut(name, " ")
		q, err := Parse(method, inOpenAPI.Replace(path), queryOpenAPI[path])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		paths[fmt.Sprint(q.Action, " ", q.Query.Kind, " ", q.Repository != "")] = true
		var want []string
		switch q.Action {
		case ActionList:
			for name, p := range listParameters {
				if p.in&placeOf(q.Query.Kind, q.Repository) != 0 {
					want = append(want, name)
				}
			}
		case ActionWatch:
			want = append(slices.Collect(maps.Keys(watchParameters)), watchFilters...)
			if q.Repository != "" {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "namespace" })
			}
		case ActionAudit:
			want = slices.Collect(maps.Keys(auditParameters))
		case ActionDraftNames:
			want = []string{"n", "last"}
		case ActionTagHistory:
			want = []string{"n", "before", "since", "digest"}
		case ActionExplain:
			want = []string{"subject", "group", "verb", "repository"}
		case ActionAccounts, ActionCatalog:
			want = []string{"n", "last"}
		case ActionTagsList:
			want = []string{"n", "last", "sort_by", "sort_order", "page"}
		case ActionReferrers:
			want = []string{"n", "last", "artifactType"}
		case ActionSessionsEnd:
			want = []string{"owner"}
		case ActionUploadStart:
			want = []string{"digest", "digest-algorithm", "mount", "from"}
		case ActionUploadPut:
			want = []string{"digest"}
		case ActionManifestPut:
			want = []string{"tag", "from-blob"}
		case ActionSearch:
			want = []string{"q", "n", "page"}
		case ActionDefinitions:
			want = []string{"view"}
		case ActionAPITokens, ActionSessions:
			want = []string{"n", "last", "owner"}
		case ActionToken:
			want = []string{"service", "scope", "client_id", "offline_token"}
		}
		slices.Sort(want)
		if got := doc.query(op); !slices.Equal(got, want) {
			t.Errorf("%s has the parameters\n%v, the endpoint takes\n%v", name, got, want)
		}
		for status, response := range op.Responses {
			if !answersWith(status) {
				t.Errorf("%s is never answered %s", name, status)
			}
			for _, code := range openCode.FindAllString(response.Description, -1) {
				if !shownWith(code, status) {
					t.Errorf("%s: %s is never answered with %s", name, code, status)
				}
			}
		}
	}
	for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests, lading.KindNamespaces} {
		for _, repo := range []string{"", "a/b"} {
			if key := fmt.Sprint(ActionList, " ", kind, " ", repo != ""); placeOf(kind, repo) != 0 && !paths[key] {
				t.Errorf("there is no path for %s", key)
			}
		}
	}
}

// TestOpenAPIHasEveryAction: whatever the router knows is an operation of the
// document.
func TestOpenAPIHasEveryAction(t *testing.T) {
	there := map[Action]bool{}
	for name := range readOpenAPI(t).operations(t) {
		method, path, _ := strings.Cut(name, " ")
		for _, way := range openAPIWays {
			if way == "" {
				way = queryOpenAPI[path]
			}
			if q, err := Parse(method, inOpenAPI.Replace(path), way); err == nil {
				there[q.Action] = true
			}
		}
	}
	for a := ActionBase; a < actionEnd; a++ {
		if !there[a] {
			t.Errorf("there is no operation for %s", a)
		}
	}
}

// TestOpenAPIOperations: each operation has a name of its own, an example of
// what is sent and answered or else of each segment of its path that is a value,
// and tells the codes of its errors.
func TestOpenAPIOperations(t *testing.T) {
	doc := readOpenAPI(t)
	names := map[string]string{}
	for name, op := range doc.operations(t) {
		if other, ok := names[op.OperationID]; ok || op.OperationID == "" {
			t.Errorf("%s and %s have the operationId %q", name, other, op.OperationID)
		}
		names[op.OperationID] = name
		examples := 0
		content := func(what string, all map[string]openMedia) {
			for kind, media := range all {
				if examples++; media.Example == nil {
					t.Errorf("%s: %s %s has no example", name, what, kind)
				}
			}
		}
		content("the body", op.RequestBody.Content)
		for status, r := range op.Responses {
			at := r
			if r.Ref != "" {
				at = doc.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]
			}
			content(status, at.Content)
			if text := r.Description + at.Description; status >= "400" && !openCode.MatchString(text) {
				t.Errorf("%s: %s tells no code: %s", name, status, text)
			}
		}
		if examples == 0 {
			t.Errorf("%s has no example", name)
		}
	}
	doc.wantPathExamples(t)
}

// wantPathExamples looks for an example of each value in a path.
func (d openAPI) wantPathExamples(t *testing.T) {
	for path, methods := range d.Paths {
		node, there := methods["parameters"]
		var all []openParameter
		if there {
			if err := node.Decode(&all); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		want := strings.Count(path, "{")
		for _, p := range all {
			if p.Ref != "" {
				p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
			}
			if p.In == "path" && p.Example != nil && strings.Contains(path, "{"+p.Name+"}") {
				want--
			}
		}
		if want != 0 {
			t.Errorf("%s: not each value of the path has an example", path)
		}
	}
}

// openCode is an error code in a description.
var openCode = regexp.MustCompile(`[A-Z]{3,}(_[A-Z]+)+|[A-Z]{4,}`)

// shownWith tells whether there are errors that are shown with the code and
// the status.
func shownWith(code, status string) bool {
	for of := range statuses {
		if n, shown := statusOf(of); string(shown) == code && strconv.Itoa(n) == status {
			return true
		}
	}
	return false
}

// answersWith tells whether there are answers of a status.
func answersWith(status string) bool {
	n, _ := strconv.Atoi(status)
	if n < 400 {
		return slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent, http.StatusPartialContent, http.StatusIMUsed, http.StatusNotModified}, n)
	}
	for _, s := range statuses {
		if s.http == n {
			return true
		}
	}
	return false
}

// TestOpenAPISchemas: a schema has the fields of its Go type, and requires
// those that are always there.
func TestOpenAPISchemas(t *testing.T) {
	doc := readOpenAPI(t)
	for name, v := range map[string]any{
		"Item": lading.Item{}, "ItemDescriptor": lading.ItemDescriptor{}, "Platform": ocispec.Platform{}, "Namespace": lading.Namespace{}, "Stats": lading.Stats{},
		"Page": listPage{}, "EndLine": streamLine{}, "Errors": errorBody{}, "ErrorEntry": errorEntry{}, "ParameterDetail": lading.ParameterDetail{},
		"ExpiredDetail": expiredDetail{}, "Extensions": extensionList{}, "Extension": extension{}, "Limits": limits{},
		"ChangedItem": lading.ChangedItem{}, "Previous": lading.Previous{}, "Goaway": lading.Goaway{}, "NamedRepository": namedRepository{},
		"AuditPage": lading.AuditPage{}, "AuditRecord": lading.AuditRecord{},
		"AccessRules": rulesBody{}, "AccessRule": lading.AccessRule{}, "AccessDecision": lading.AccessDecision{},
		"WhoAmI": lading.WhoAmI{}, "Permission": lading.Permission{},
		"Accounts": accountsBody{}, "Account": lading.Account{}, "AccountChange": lading.AccountChange{},
		"APITokens": apiTokensBody{}, "APIToken": lading.APIToken{}, "CreatedAPIToken": createdToken{}, "NewAPIToken": lading.NewAPIToken{},
		"Sessions": sessionsBody{}, "Session": lading.Session{}, "SearchResults": searchResults{}, "SearchResult": searchResult{},
		"Definition": definition{}, "UnknownType": unknownType{}, "Policy": lading.Policy{},
		"Granted": tokenBody{}, "OAuthErrors": oauthBody{}, "RateDetail": rateDetail{},
	} {
		s, ok := doc.Components.Schemas[name]
		if !ok {
			t.Errorf("there is no schema %s", name)
			continue
		}
		fields, required := jsonFields(reflect.TypeOf(v))
		if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, fields) {
			t.Errorf("%s has the properties\n%v, the type\n%v", name, got, fields)
		}
		slices.Sort(s.Required)
		if !slices.Equal(s.Required, required) {
			t.Errorf("%s requires %v, the type %v", name, s.Required, required)
		}
	}
}

// jsonFields are the names of a type's fields in JSON, and of those that are
// always there.
func jsonFields(typ reflect.Type) (all, always []string) {
	for _, f := range reflect.VisibleFields(typ) {
		tag, ok := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if !ok || name == "-" || f.Anonymous {
			continue
		}
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	slices.Sort(always)
	return all, always
}
