package arttype

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// badDefinitions are wrong in one way each. Those that only a parser can see
// are marked: the schema of definitions cannot say them.
var badDefinitions = []struct {
	text, want string
	parserOnly bool
}{
	{text: `[]`, want: "1: must be an object, not an array"},
	{text: `null`, want: "1: must be an object, not null"},
	{text: `{"match":[{"config":"a"}]}`, want: "1: the field name is missing"},
	{text: `{"name":"a"}`, want: "1: the field match is missing"},
	{text: `{"name":"a","match":[{"config":"a"}],"colour":"red"}`, want: "1: /colour: is not a field that is known here"},
	{text: `{"name":"a","match":[{"config":"a"}],"Display":"A"}`, want: "1: /Display: is not a field that is known here"},
	{text: `{"name":"a b","match":[{"config":"a"}]}`, want: "1: /name: must be lower-case letters and digits, in parts joined by single dashes"},
	{text: `{"name":"A","match":[{"config":"a"}]}`, want: "1: /name: must be lower-case letters and digits, in parts joined by single dashes"},
	{text: `{"name":"a--b","match":[{"config":"a"}]}`, want: "1: /name: must be lower-case letters and digits, in parts joined by single dashes"},
	{text: `{"name":"","match":[{"config":"a"}]}`, want: "1: /name: must not be empty"},
	{text: `{"name":1,"match":[{"config":"a"}]}`, want: "1: /name: must be a string, not a number"},
	{text: `{"name":"unknown","match":[{"config":"a"}]}`, want: `1: /name: "unknown" is the name of what no definition matches`},
	{text: `{"name":"` + strings.Repeat("a", 65) + `","match":[{"config":"a"}]}`, want: "1: /name: is longer than 64 characters"},
	{text: `{"name":"a","version":0,"match":[{"config":"a"}]}`, want: "1: /version: must be a whole number from 1 to 2147483647"},
	{text: `{"name":"a","version":1.5,"match":[{"config":"a"}]}`, want: "1: /version: must be a whole number from 1 to 2147483647"},
	{text: `{"name":"a","version":"1","match":[{"config":"a"}]}`, want: "1: /version: must be a number, not a string"},
	{text: `{"name":"a","version":99999999999999999999,"match":[{"config":"a"}]}`, want: "1: /version: must be a whole number from 1 to 2147483647"},
	{text: `{"name":"a","display":"","match":[{"config":"a"}]}`, want: "1: /display: must not be empty"},
	{text: `{"name":"a","display":"\u001b[31m","match":[{"config":"a"}]}`, want: "1: /display: has control characters in it"},
	{text: `{"name":"a","description":"a\nb","match":[{"config":"a"}]}`, want: "1: /description: has control characters in it"},
	{text: `{"name":"a","description":"a\u202eb","match":[{"config":"a"}]}`, want: "1: /description: has control characters in it"},
	{text: `{"name":"a","description":"` + strings.Repeat("é", 1001) + `","match":[{"config":"a"}]}`, want: "1: /description: is longer than 1000 characters"},
	{text: `{"name":"a","match":{}}`, want: "1: /match: must be an array, not an object"},
	{text: `{"name":"a","match":[]}`, want: "1: /match: must have at least one entry"},
	{text: `{"name":"a","match":[{}]}`, want: "1: /match/0: gives nothing to match by"},
	{text: `{"name":"a","match":["x"]}`, want: "1: /match/0: must be an object, not a string"},
	{text: `{"name":"a","match":[{"without":["config"]}]}`, want: "1: /match/0: gives nothing to match by"},
	{text: `{"name":"a","match":[{"configs":"a"}]}`, want: "1: /match/0/configs: is not a field that is known here"},
	{text: `{"name":"a","match":[{"config":"a*b"}]}`, want: "1: /match/0/config: may have a * only at its end"},
	{text: `{"name":"a","match":[{"config":"a b"}]}`, want: "1: /match/0/config: must be a media type: printable ASCII without spaces"},
	{text: `{"name":"a","match":[{"config":"ä/b"}]}`, want: "1: /match/0/config: must be a media type: printable ASCII without spaces"},
	{text: `{"name":"a","match":[{"config":""}]}`, want: "1: /match/0/config: must not be empty"},
	{text: `{"name":"a","match":[{"layer":"` + strings.Repeat("a", 256) + `"}]}`, want: "1: /match/0/layer: is longer than 255 characters"},
	{text: `{"name":"a","match":[{"artifactType":null}]}`, want: "1: /match/0/artifactType: must be a string, not null"},
	{text: `{"name":"a","match":[{"annotation":"=v"}]}`, want: "1: /match/0/annotation: must be key or key=value"},
	{text: `{"name":"a","match":[{"layerAnnotation":""}]}`, want: "1: /match/0/layerAnnotation: must not be empty"},
	{text: `{"name":"a","match":[{"kind":"blob"}]}`, want: "1: /match/0/kind: must be one of: manifest, index"},
	{text: `{"name":"a","match":[{"subject":false,"config":"a"}]}`, want: `1: /match/0/subject: can only be true; "without": ["subject"] asks for none`},
	{text: `{"name":"a","match":[{"subject":"yes","config":"a"}]}`, want: "1: /match/0/subject: must be a boolean, not a string"},
	{text: `{"name":"a","match":[{"config":"a","without":["layer"]}]}`, want: "1: /match/0/without/0: must be one of: artifactType, config, subject"},
	{text: `{"name":"a","match":[{"layer":"a","without":["config","config"]}]}`, want: "1: /match/0/without/1: is given twice"},
	{text: `{"name":"a","match":[{"config":"a","without":["config"]}]}`, want: "1: /match/0: asks for config and for none"},
	{text: `{"name":"a","match":[{"subject":true,"without":["subject"]}]}`, want: "1: /match/0: asks for subject and for none"},
	{text: `{"name":"a","match":[{"config":"a"},{"config":"a"}]}`, want: "1: /match/1: says the same as /match/0"},
	{text: `{"name":"a","match":[` + strings.Repeat(`{"config":"a"},`, 32) + `{"config":"a"}]}`, want: "1: /match: has more than 32 entries"},
	{text: `{"name":"a","match":[{"config":"a"}],"layers":[{}]}`, want: "1: /layers/0: the field mediaType is missing"},
	{text: `{"name":"a","match":[{"config":"a"}],"layers":[{"mediaType":"a","min":-1}]}`, want: "1: /layers/0/min: must be a whole number from 0 to 10000"},
	{text: `{"name":"a","match":[{"config":"a"}],"layers":[{"mediaType":"a","max":10001}]}`, want: "1: /layers/0/max: must be a whole number from 0 to 10000"},
	{text: `{"name":"a","match":[{"config":"a"}],"layers":[{"mediaType":"a","most":1}]}`, want: "1: /layers/0/most: is not a field that is known here"},
	{text: `{"name":"a","match":[{"config":"a"}],"layers":[{"mediaType":"a","min":2,"max":1}]}`, want: "1: /layers/0: min is greater than max", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a"}],"configSchema":"x"}`, want: "1: /configSchema: must be a JSON Schema: an object, not a string"},
	{text: `{"name":"a","match":[{"config":"a"}],"show":["/a"]}`, want: "1: /show: must be an object, not an array"},
	{text: `{"name":"a","match":[{"config":"a"}],"show":{"title":"name"}}`, want: "1: /show/title: must be a JSON pointer into the config, such as /name"},
	{text: `{"name":"a","match":[{"config":"a"}],"show":{"title":"/a~2"}}`, want: "1: /show/title: must be a JSON pointer into the config, such as /name"},
	{text: `{"name":"a","match":[{"config":"a"}],"show":{"a/b":"/a"}}`, want: "1: /show/a~1b: is not a name of letters, digits, dashes and underscores"},
	{text: `{"name":"a","match":[{"config":"a"}],"use":"pull {{.Secret}}"}`, want: "1: /use: {{.Secret}} is not one of {{.Host}}, {{.Repository}}, {{.Tag}} and {{.Digest}}"},
	{text: `{"name":"a","match":[{"config":"a"}],"use":"{{range .}}{{end}}"}`, want: "1: /use: {{range .}} is not one of {{.Host}}, {{.Repository}}, {{.Tag}} and {{.Digest}}"},
	{text: `{"name":"a","match":[{"config":"a"}],"use":"pull {{.Tag"}`, want: "1: /use: has a {{ without a }}"},
	{text: `{"name":"a","match":[{"config":"a"}],"use":"a\nrm -rf /"}`, want: "1: /use: has control characters in it"},
	{text: `{"name":"a","match":[{"config":"a"}],"info":"javascript:alert(1)"}`, want: "1: /info: must be an address that begins with https://"},
	{text: `{"name":"a","match":[{"config":"a"}],"info":"https://"}`, want: "1: /info: must be an address that begins with https://"},
	{text: `{"name":"a","match":[{"config":"a"}],"info":"https://a@b.example"}`, want: "1: /info: must be an address that begins with https://"},
	{text: `{"name":"a","match":[{"config":"a"}],"logo":"../../etc/passwd"}`, want: "1: /logo: must be the name of an .svg file beside the definition, or the SVG itself"},
	{text: `{"name":"a","match":[{"config":"a"}],"logo":"a/b.svg"}`, want: "1: /logo: must be the name of an .svg file beside the definition, or the SVG itself"},
	{text: `{"name":"a","match":[{"config":"a"}],"logo":".svg"}`, want: "1: /logo: must be the name of an .svg file beside the definition, or the SVG itself"},
	{text: `{"name":"a","match":[{"config":"a"}],"logo":"<svg/>"}`, want: "1: /logo: the logo has neither a viewBox nor a width and height in pixels", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a"}],"remote":["a*b"]}`, want: "1: /remote/0: may have a * only at its end"},
	{text: `{"name":"a","match":[{"config":"a"}],"$schema":1}`, want: "1: /$schema: must be a string, not a number"},

	{text: `{"name":"a","name":"b","match":[{"config":"a"}]}`, want: "1: /name: is given twice", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a","config":"b"}]}`, want: "1: /match/0/config: is given twice", parserOnly: true},
	{text: "{\"name\":\"a\",\n\"match\":[{\"config\":\"a\"}]\n,}", want: "3: is not valid JSON: invalid character '}' looking for beginning of object key string", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a"}]} x`, want: "1: is not valid JSON: invalid character 'x' after top-level value", parserOnly: true},
	{text: ``, want: "1: is not valid JSON: unexpected end of JSON input", parserOnly: true},
	{text: "{\"name\":\"\xff\"}", want: "1: is not valid UTF-8", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a"}],"configSchema":{"const":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`, want: "nested deeper than 64 levels", parserOnly: true},
	{text: `{"name":"a","match":[{"config":"a"}],"configSchema":{"enum":[` + strings.Repeat("1,", 20_000) + `1]}}`, want: "there are more than 20000 values", parserOnly: true},
	{text: strings.Repeat(" ", MaxDefinition+1), want: "is larger than 256 KiB", parserOnly: true},
}

func TestBadDefinitions(t *testing.T) {
	for _, tt := range badDefinitions {
		d, err := Parse([]byte(tt.text))
		if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.200s:\ngot  %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	const text = `{
  "name": "Acme",
  "match": [
    {"config": "a"},
    {"config": ""}
  ],
  "show": {
    "title": "name"
  },
  "configSchema": {
    "type": "objekt"
  },
  "a~b/c": 1,
  "info": "https://a.example",
  "info": "https://b.example"
}`
	_, err := Parse([]byte(text))
	const want = `2: /name: must be lower-case letters and digits, in parts joined by single dashes
5: /match/1/config: must not be empty
8: /show/title: must be a JSON pointer into the config, such as /name
11: /configSchema/type: is not one of the values that the schema allows
11: /configSchema/type: got string, want array
13: /a~0b~1c: is not a field that is known here
15: /info: is given twice`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = Parse([]byte(`{"match":[` + strings.Repeat(`{"x":1},`, 31) + `{"x":1}],` + strings.Repeat(`"y":1,`, 100) + `"z":1}`))
	if ms, ok := err.(Mistakes); !ok || len(ms) != maxMistakes {
		t.Errorf("%d mistakes", len(ms))
	}
}

// definitionSchema is the published schema of definitions.
func definitionSchema(t testing.TB) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	data, err := os.ReadFile("../docs/spec/artifact-type.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("definition.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("definition.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, doc.(map[string]any)
}

func validBySchema(s *jsonschema.Schema, text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestSchemaRefusesWhatTheParserRefuses(t *testing.T) {
	s, _ := definitionSchema(t)
	for _, tt := range badDefinitions {
		if err := validBySchema(s, []byte(tt.text)); err == nil && !tt.parserOnly {
			t.Errorf("the schema takes %.200s", tt.text)
		}
	}
}

func TestSchemaTakesWhatTheParserTakes(t *testing.T) {
	s, _ := definitionSchema(t)
	files, err := filepath.Glob("types/*.json")
	if err != nil || len(files) < 42 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	texts := [][]byte{[]byte(everything)}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, data)
	}
	for i, text := range texts {
		if _, err := Parse(text); err != nil {
			t.Errorf("%d: the parser: %v", i, err)
		}
		if err := validBySchema(s, text); err != nil {
			t.Errorf("%d: the schema: %v", i, err)
		}
	}
}

// everything gives each field that there is.
const everything = `{
  "$schema": "https://example.com/artifact-type.schema.json",
  "name": "acme-2", "version": 3, "display": "Acme", "description": "Ein Ding, größer",
  "match": [
    {"artifactType": "application/vnd.acme.*", "config": "c", "layer": "l", "annotation": "k=v", "layerAnnotation": "k", "mediaType": "*", "kind": "index", "subject": true},
    {"layer": "l", "without": ["artifactType", "config", "subject"]}
  ],
  "layers": [{"mediaType": "a", "min": 0, "max": 0}, {"mediaType": "b*", "min": 1}],
  "configSchema": {"type": "object"}, "show": {"title": "/a/0/~1~0", "x_-2": "/b c"},
  "use": "acme { pull {{.Host}}/{{ .Repository }}:{{.Tag}}@{{.Digest}}", "info": "http://acme.example/x?y#z",
  "logo": "<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>", "remote": ["application/vnd.acme.remote*"]
}`

func TestEveryFieldIsRead(t *testing.T) {
	d, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	want := &Definition{
		Name: "acme-2", Version: 3, Display: "Acme", Description: "Ein Ding, größer",
		Match: []Match{
			{ArtifactType: "application/vnd.acme.*", Config: "c", Layer: "l", Annotation: "k=v", LayerAnnotation: "k", MediaType: "*", Kind: KindIndex, Subject: true},
			{Layer: "l", Without: []string{"artifactType", "config", "subject"}},
		},
		Layers:       []LayerRule{{MediaType: "a", Max: &most}, {MediaType: "b*", Min: 1}},
		ConfigSchema: json.RawMessage(`{"type": "object"}`), Show: map[string]string{"title": "/a/0/~1~0", "x_-2": "/b c"},
		Use: "acme { pull {{.Host}}/{{ .Repository }}:{{.Tag}}@{{.Digest}}", Info: "http://acme.example/x?y#z",
		Logo: "<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>", Remote: []string{"application/vnd.acme.remote*"},
		schema: d.schema, lines: d.lines,
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	// What is sent out comes back the same.
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if more, _ := json.Marshal(again); string(more) != string(data) {
		t.Errorf("%s\nbecame\n%s", data, more)
	}
}

func TestFieldsThatMayBeMissing(t *testing.T) {
	d, err := Parse([]byte(`{"name":"acme","match":[{"config":"c"}]}`))
	if err != nil || d.Version != 1 || d.Display != "acme" || d.Show != nil || d.InlineLogo() {
		t.Errorf("%+v, %v", d, err)
	}
}

// The schema has the fields of the Go types, and no others.
func TestSchemaHasTheFieldsOfTheTypes(t *testing.T) {
	_, doc := definitionSchema(t)
	at := func(path ...string) map[string]any {
		v := doc
		for _, p := range path {
			v = v[p].(map[string]any)
		}
		return v
	}
	for _, tt := range []struct {
		of         reflect.Type
		properties map[string]any
		besides    string
	}{
		{reflect.TypeFor[Definition](), at("properties"), "$schema"},
		{reflect.TypeFor[Match](), at("$defs", "match", "properties"), ""},
		{reflect.TypeFor[LayerRule](), at("$defs", "layerRule", "properties"), ""},
	} {
		var inGo, inSchema []string
		for i := range tt.of.NumField() {
			if f := tt.of.Field(i); f.IsExported() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				inGo = append(inGo, name)
			}
		}
		for name := range tt.properties {
			if name != tt.besides {
				inSchema = append(inSchema, name)
			}
		}
		slices.Sort(inGo)
		slices.Sort(inSchema)
		if !slices.Equal(inGo, inSchema) {
			t.Errorf("%s: %v in Go, %v in the schema", tt.of, inGo, inSchema)
		}
	}
}

// The definition in docs/types.md works, and its mistakes are told as it says.
func TestDocumentedDefinition(t *testing.T) {
	page, err := os.ReadFile("../docs/types.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```json\n")
	text, _, _ := strings.Cut(block, "```")
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := definitionSchema(t)
	if err := validBySchema(s, []byte(text)); err != nil {
		t.Error(err)
	}
	// What it matches is what internal/clienttest pushes, as the page says.
	if _, mistakes := NewSet(Sourced{Definition: d, Source: Directory}); mistakes != nil {
		t.Error(mistakes)
	}
	wrong := strings.NewReplacer(`"artifactType"`, `"artefactType"`, `"title": "/name"`, `"title": "name"`).Replace(text)
	_, err = Parse([]byte(wrong))
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) != 2 || !strings.Contains(string(page), "```text\n"+ms.in("recipe.json").Error()+"\nlading: ") {
		t.Errorf("the page does not have\n%v", ms)
	}
}

func TestLoad(t *testing.T) {
	inline, err := json.Marshal(svgPlain)
	if err != nil {
		t.Fatal(err)
	}
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	dir := fstest.MapFS{
		"good.json":        file(`{"name":"good","match":[{"config":"g"}],"logo":"good.svg"}`),
		"good.svg":         file(svgPlain),
		"alone.json":       file(`{"name":"alone","match":[{"config":"h"}]}`),
		"bad.json":         file("{\n\"name\":\"Bad\",\n\"match\":[{\"config\":\"x\"}]}"),
		"nologo.json":      file(`{"name":"nologo","match":[{"config":"n"}],"logo":"missing.svg"}`),
		"badlogo.json":     file(`{"name":"badlogo","match":[{"config":"b"}],"logo":"bad.svg"}`),
		"bad.svg":          file(`<!DOCTYPE svg><svg/>`),
		"biglogo.json":     file(`{"name":"biglogo","match":[{"config":"i"}],"logo":"big.svg"}`),
		"big.svg":          file(strings.Repeat(" ", MaxLogo+1)),
		"inline.json":      file(`{"name":"inline","match":[{"config":"j"}],"logo":` + string(inline) + `}`),
		"big.json":         file(strings.Repeat(" ", MaxDefinition+1)),
		".hidden.json":     file(`x`),
		"README.md":        file(`x`),
		"below/other.json": file(`x`),
		"folder.json/x":    file(`x`),
	}
	defs, mistakes := Load(dir, Directory)
	const want = `bad.json:2: /name: must be lower-case letters and digits, in parts joined by single dashes
badlogo.json:1: /logo: bad.svg: the logo has a DOCTYPE or another declaration: remove it
big.json: is larger than 256 KiB
biglogo.json:1: /logo: big.svg: is larger than 32 KiB
folder.json: is not a file
nologo.json:1: /logo: missing.svg: cannot be read: open missing.svg: file does not exist`
	if mistakes.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", mistakes, want)
	}
	set, more := NewSet(defs...)
	var names []string
	for _, ty := range set.Types() {
		names = append(names, fmt.Sprintf("%s %s %s %v", ty.Name, ty.Source, ty.File, string(ty.SVG()) == svgPlain))
	}
	if got := strings.Join(names, ", "); more != nil || got != "alone directory alone.json false, badlogo directory badlogo.json false, biglogo directory biglogo.json false, good directory good.json true, inline directory inline.json true, nologo directory nologo.json false" {
		t.Errorf("%s, %v", got, more)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range badDefinitions {
		if len(tt.text) < 1000 {
			f.Add([]byte(tt.text))
		}
	}
	f.Add([]byte(everything))
	s, _ := definitionSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		if err := validBySchema(s, data); err != nil {
			t.Errorf("the parser takes what the schema refuses: %s: %v", data, err)
		}
		set, _ := NewSet(Sourced{Definition: d, Source: API})
		set.Match(&Facts{ArtifactType: "a", Config: "c", Layers: []string{"l"}})
		if c, err := ReadConfig(data); err == nil {
			for _, ty := range set.Types() {
				ty.CheckConfig(c)
				ty.Show(c)
			}
		}
	})
}
