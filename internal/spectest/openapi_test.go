package spectest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// inBraces is one segment of a path that is a value, quoted.
var inBraces = regexp.MustCompile(`\\\{[a-z]+\\\}`)

const openAPIFile = "../../docs/spec/openapi.yaml"

// openAPI holds answers against docs/spec/openapi.yaml.
type openAPI struct {
	doc     map[string]any
	schemas *jsonschema.Compiler
	paths   map[string]*regexp.Regexp
	checked int
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	raw, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	a := &openAPI{schemas: jsonschema.NewCompiler(), paths: map[string]*regexp.Regexp{}}
	a.schemas.AssertFormat()
	var doc any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	a.doc = plain.(map[string]any)
	if err := a.schemas.AddResource("openapi.json", plain); err != nil {
		t.Fatal(err)
	}
	for name := range a.at("components", "schemas") { // each of them is a schema
		if _, err := a.schemas.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for path := range a.at("paths") {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(path), `\{name\}`, "[a-z0-9/-]+")
		a.paths[path] = regexp.MustCompile("^" + inBraces.ReplaceAllLiteralString(pattern, "[^/]+") + "$")
	}
	return a
}

// at is an object of the document; one that is elsewhere is followed there.
func (a *openAPI) at(way ...string) map[string]any {
	at := a.doc
	for _, step := range way {
		next, _ := at[step].(map[string]any)
		if ref, ok := next["$ref"].(string); ok {
			next = a.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		at = next
	}
	return at
}

// anywhere are the statuses that any request can be answered with, as the
// document says at its beginning.
var anywhere = []int{http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusInsufficientStorage}

// wrong says what of an answer is not as the document has it; answers of other
// endpoints are not looked at.
func (a *openAPI) wrong(m message, got answer) []string {
	method, target, _ := strings.Cut(m.line, " ")
	target, _, _ = strings.Cut(target, "?")
	for path, pattern := range a.paths {
		if !pattern.MatchString(target) || strings.Contains(path, "{name}") && strings.HasPrefix(target, "/v2/_") {
			continue
		}
		if slices.Contains(anywhere, got.status) {
			return nil
		}
		way := []string{"paths", path, strings.ToLower(method), "responses", fmt.Sprint(got.status)}
		response := a.at(way...)
		if response == nil {
			return []string{fmt.Sprintf("%s does not have the status %d of %s", openAPIFile, got.status, path)}
		}
		a.checked++
		if method == http.MethodHead {
			return nil // without what would be its body
		}
		return a.body(response, got)
	}
	return nil
}

func (a *openAPI) body(response map[string]any, got answer) []string {
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	content, _ := response["content"].(map[string]any)
	if got.body == "" && content == nil {
		return nil
	}
	media, ok := content[kind].(map[string]any)
	if !ok {
		media, ok = content["*/*"].(map[string]any)
	}
	if !ok {
		return []string{fmt.Sprintf("%s does not have the media type %q there", openAPIFile, kind)}
	}
	ref, _ := media["schema"].(map[string]any)["$ref"].(string)
	texts := []string{got.body}
	switch {
	case kind == "text/event-stream": // the same in another form
		ref, texts = "#/components/schemas/EventLine", eventLines(got.body)
	case kind == "application/x-ndjson":
		texts = strings.Split(strings.TrimSpace(got.body), "\n")
	case ref == "":
		return nil // a plain type
	}
	schema, err := a.schemas.Compile("openapi.json" + ref)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	for _, text := range texts {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", ref, err))
		}
	}
	return wrong
}

var frame = regexp.MustCompile(`(?m)(?:^id: (.*)\n)?^event: (.*)\ndata: (.*)\n$`)

// eventLines are server-sent events as they are told in lines.
func eventLines(body string) (lines []string) {
	for _, m := range frame.FindAllStringSubmatch(body, -1) {
		id := ""
		if m[1] != "" {
			id = fmt.Sprintf(`"id":%q,`, m[1])
		}
		lines = append(lines, fmt.Sprintf(`{%s"event":%q,"data":%s}`, id, m[2], m[3]))
	}
	return lines
}

// TestOpenAPIExamples holds the examples of the document against its schemas.
func TestOpenAPIExamples(t *testing.T) {
	api := readOpenAPI(t)
	if n := api.examples(t, api.doc, "#"); n < 60 {
		t.Errorf("%d examples were compared", n)
	}
}

// examples goes over what stands below a place of the document, and tells how
// many examples there are beside a schema.
func (a *openAPI) examples(t *testing.T, v any, at string) (n int) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			n += a.examples(t, e, fmt.Sprint(at, "/", i))
		}
	case map[string]any:
		for name, e := range v {
			if name != "example" {
				n += a.examples(t, e, at+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "*", "%2A").Replace(name))
			}
		}
		example, ok := v["example"]
		if _, beside := v["schema"]; !ok || !beside {
			break
		}
		n++
		schema, err := a.schemas.Compile("openapi.json" + at + "/schema")
		if err == nil {
			err = schema.Validate(example)
		}
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	return n
}
