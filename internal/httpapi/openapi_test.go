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
		Schemas    map[string]openSchema
	}
}

type openParameter struct {
	Ref  string `yaml:"$ref"`
	Name string
	In   string
}

type openSchema struct {
	Required   []string
	Properties map[string]yaml.Node
}

type openOperation struct {
	Parameters []openParameter
	Responses  map[string]struct{ Description string }
}

// inOpenAPI are values of what stands in braces in a path, and the query that
// an endpoint cannot be without.
var (
	inOpenAPI    = strings.NewReplacer("{name}", "a/b", "{tag}", "t", "{rule}", "x-1", "{subject}", "user:a", "{token}", "x1")
	queryOpenAPI = map[string]string{"/v2/_lading/access/explain": "subject=user:a&verb=pull&repository=a"}
)

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
		case ActionAccounts:
			want = []string{"n", "last"}
		case ActionAPITokens:
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

// TestOpenAPIHasAccess: the endpoints of access, of accounts, of tokens and of
// the audit are there with every method that they have.
func TestOpenAPIHasAccess(t *testing.T) {
	there := map[Action]bool{}
	for name := range readOpenAPI(t).operations(t) {
		method, path, _ := strings.Cut(name, " ")
		if q, err := Parse(method, inOpenAPI.Replace(path), queryOpenAPI[path]); err == nil {
			there[q.Action] = true
		}
	}
	for _, at := range [][]methodAction{atRules, atRule, atExplain, atWhoAmI, atAccounts, atAccount, atAPITokens, atAPIToken, atTokens, atTokenKeys, atAudit} {
		for _, m := range at {
			if !there[m.action] {
				t.Errorf("there is no %s", m.action)
			}
		}
	}
}

// openCode is an error code in a description.
var openCode = regexp.MustCompile(`[A-Z]{4,}(_[A-Z]+)*`)

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
		return slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusIMUsed, http.StatusNotModified}, n)
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
