package arttype

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// typed compiles a type with more fields than a match.
func typed(t testing.TB, fields string) *Type {
	t.Helper()
	d, err := Parse([]byte(`{"name":"it","match":[{"config":"c"}],` + fields + `}`))
	if err != nil {
		t.Fatalf("%.300s: %v", fields, err)
	}
	set, mistakes := NewSet(Sourced{Definition: d})
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	return set.Type("it")
}

func readConfig(t testing.TB, text string) *Config {
	t.Helper()
	c, err := ReadConfig([]byte(text))
	if err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
	return c
}

func sentences(vs []Violation) string {
	var all []string
	for _, v := range vs {
		all = append(all, v.String())
	}
	return strings.Join(all, "\n")
}

func TestCheckConfig(t *testing.T) {
	chart := typed(t, `"configSchema": {"type":"object","required":["name","version"],"additionalProperties":false,"properties":{
		"name":{"type":"string","pattern":"^[a-z]+$"},"version":{"$ref":"#/$defs/v"},"kind":{"enum":["a","b"]},"never":false,
		"list":{"type":"array","maxItems":2,"items":{"type":"integer"}}},"$defs":{"v":{"type":"string","minLength":1}}}`)
	tests := []struct{ config, want string }{
		{`{"name":"a","version":"1"}`, ""},
		{`{"name":"a","version":"1","list":[1,2]}`, ""},
		{`{"name":"a"}`, "config: missing property 'version'"},
		{`[]`, "config: got array, want object"},
		{`{"name":"A","version":"1"}`, "config /name: does not match the pattern ^[a-z]+$"},
		{`{"name":"a","version":""}`, "config /version: minLength: got 0, want 1"},
		{`{"name":"a","version":"1","kind":"` + strings.Repeat("c", 5000) + `"}`, "config /kind: is not one of the values that the schema allows"},
		{`{"name":"a","version":"1","never":1}`, "config /never: is not allowed by the schema"},
		{`{"name":"a","version":"1","x~/y":1}`, "config: has a field that the schema does not allow: x~/y"},
		{`{"name":"a","version":"1","list":[1,2.5]}`, "config /list/1: got number, want integer"},
		{`{"name":"a","version":"1","list":[1e999999999]}`, "config /list/0: is a number that is too long to be checked"},
		{`{"name":"a","version":"1","list":[` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `]}`, "is nested deeper than 64 levels, too deep to be checked"},
		{`{"name":"a","version":"1","list":[` + strings.Repeat("1,", maxConfigValues) + `1]}`, "config: has more than 100000 values, too many to be checked"},
	}
	for _, tt := range tests {
		got := sentences(chart.CheckConfig(readConfig(t, tt.config)))
		if got != tt.want && (tt.want == "" || !strings.HasSuffix(got, tt.want)) {
			t.Errorf("%.100s: got %s, want %s", tt.config, got, tt.want)
		}
	}
	if vs := typed(t, `"use":"x"`).CheckConfig(readConfig(t, `[]`)); vs != nil {
		t.Errorf("a type without a schema: %v", vs)
	}
	if vs := chart.CheckConfig(nil); vs != nil {
		t.Errorf("no config: %v", vs)
	}
}

func TestViolationsAreBounded(t *testing.T) {
	ty := typed(t, `"configSchema": {"items":{"type":"string"}}`)
	vs := ty.CheckConfig(readConfig(t, `[`+strings.Repeat("1,", 1000)+`1]`))
	if len(vs) != maxViolations {
		t.Errorf("%d violations", len(vs))
	}
	ty = typed(t, `"configSchema": {"required":["`+strings.Repeat("é", 1000)+`"]}`)
	if vs := ty.CheckConfig(readConfig(t, `{}`)); len(vs) != 1 || len(vs[0].Reason) > maxReason {
		t.Errorf("%v", vs)
	}
}

func TestReadConfig(t *testing.T) {
	for _, text := range []string{"", "hello", "{", "{} {}", "\"\xff\"", strings.Repeat(" ", MaxConfig) + "1", "\x1f\x8b", strings.Repeat("[", 100_000)} {
		if c, err := ReadConfig([]byte(text)); c != nil || !errors.Is(err, ErrNotJSON) {
			t.Errorf("%.50q: %v, %v", text, c, err)
		}
	}
}

// Schemas that ask for too much are refused when the definition is read.
func TestHostileSchemas(t *testing.T) {
	var laughs strings.Builder
	for i := range 40 {
		fmt.Fprintf(&laughs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	tests := []struct{ schema, want string }{
		{`{"$ref":"#"}`, "refers to itself"},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, "refers to itself"},
		{`{"properties":{"a":{"$ref":"#"}}}`, "refers to itself"},
		{`{"$ref":"#/$defs/d0","$defs":{` + laughs.String() + `"d40":{}}}`, "more than 2000 schemas"},
		{`{"allOf":[` + strings.Repeat(`{},`, 2000) + `{}]}`, "more than 2000 schemas"},
		{`{"enum":[` + strings.Repeat(`1,`, 2000) + `1]}`, "more than 2000 schemas"},
		{`{"$ref":"https://example.com/schema.json"}`, "/configSchema/$ref: must refer to a place inside"},
		{`{"$ref":"file:///etc/passwd"}`, "/configSchema/$ref: must refer to a place inside"},
		{`{"$ref":"other.json#/a"}`, "/configSchema/$ref: must refer to a place inside"},
		{`{"$ref":"#anchor"}`, "/configSchema/$ref: must refer to a place inside"},
		{`{"$ref":"#/$defs/none"}`, "refers to #/$defs/none, where there is no schema"},
		{`{"$ref":"#/title","title":"x"}`, "refers to #/title, where there is no schema"},
		{`{"$id":"https://example.com/","title":"x"}`, "/configSchema/$id: is not supported here"},
		{`{"items":{"$dynamicRef":"#a"}}`, "/configSchema/items/$dynamicRef: is not supported here"},
		{`{"$anchor":"a"}`, "is not supported here"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#"}`, "/configSchema/$schema: must be https://json-schema.org/draft/2020-12/schema"},
		{`{"$schema":"https://example.com/meta"}`, "/configSchema/$schema: must be https://json-schema.org/draft/2020-12/schema"},
		{`{"propertys":{}}`, "/configSchema/propertys: is not a keyword"},
		{`{"items":[{}]}`, "/configSchema/items: must be a schema: an object, not an array"},
		{`{"properties":{"a":1}}`, "/configSchema/properties/a: must be a schema"},
		{`{"properties":["a"]}`, "/configSchema/properties: "},
		{`{"allOf":{}}`, "/configSchema/allOf: "},
		{`{"type":"objekt"}`, "/configSchema/type: "},
		{`{"required":"name"}`, "/configSchema/required: "},
		{`{"minLength":-1}`, "/configSchema/minLength: "},
		{`{"pattern":"("}`, "/configSchema/pattern: has a regular expression that is not one of Go's"},
		{`{"pattern":"(?=a)"}`, "/configSchema/pattern: has a regular expression that is not one of Go's"},
		{`{"pattern":"` + strings.Repeat("a", 501) + `"}`, "more than 500 characters"},
		{`{"pattern":"((a{100}){100}){100}"}`, "/configSchema/pattern: has a regular expression"},
		{`{"allOf":[` + strings.Repeat(`{"pattern":"(a{500}){2}"},`, 20) + `{}]}`, "too much work in its regular expressions"},
		{`{"patternProperties":{"[":{}}}`, "/configSchema/patternProperties: has a regular expression that is not one of Go's"},
		{`{"minimum":1e999999999}`, "/configSchema/minimum: is a number that is too long"},
		{`{"multipleOf":1e-999999999}`, "/configSchema/multipleOf: is a number that is too long"},
		{`{"enum":[` + strings.Repeat("9", 100) + `]}`, "/configSchema/enum/0: is a number that is too long"},
	}
	for _, tt := range tests {
		began := time.Now()
		_, err := Parse([]byte(`{"name":"a","match":[{"config":"c"}],"configSchema":` + tt.schema + `}`))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.100s: got %v, want %s", tt.schema, err, tt.want)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%.100s: took %v", tt.schema, took)
		}
	}
}

func TestSchemasThatAreTaken(t *testing.T) {
	for _, schema := range []string{
		`true`, `{}`, `{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"x","x-order":["a"]}`,
		`{"$defs":{"a b":{"type":"string"},"c/d":{"$ref":"#/$defs/a%20b"}},"properties":{"e":{"$ref":"#/$defs/c~1d"}}}`,
		`{"properties":{"properties":{"type":"object"},"$ref":{"type":"string"},"$id":{"const":1}}}`,
		`{"if":{"required":["a"]},"then":{"minProperties":2},"else":{"not":{}},"dependentSchemas":{"a":{}},"unevaluatedProperties":false}`,
	} {
		typed(t, `"configSchema":`+schema)
	}
}

// The most that a schema and a config can ask for ends in a moment, or is not
// begun.
func TestCheckEndsSoon(t *testing.T) {
	ones := "[" + strings.Repeat("1,", maxConfigValues-2) + "1]"
	var objects strings.Builder
	for i := range 12_000 {
		fmt.Fprintf(&objects, `{"a":"%d","b":[%d]},`, i, i)
	}
	tests := []struct {
		name, schema, config string
		refused              bool
	}{
		{"many schemas for many values", `{"items":{"allOf":[` + strings.Repeat(`{"type":"string"},`, 1500) + `{}]}}`, ones, true},
		{"as many as are allowed", `{"items":{"allOf":[` + strings.Repeat(`{"type":"string"},`, 5) + `{}]}}`, "[" + strings.Repeat("1,", 28_000) + "1]", false},
		{"many violations", `{"items":{"type":"string"}}`, ones, false},
		{"unique items", `{"uniqueItems":true}`, "[" + strings.TrimSuffix(objects.String(), ",") + "]", false},
		{"a slow expression and a long text", `{"pattern":"(x+x+)+y(a|b){400}"}`, `"` + strings.Repeat("x", MaxConfig-10) + `"`, true},
		{"an expression for every part of a long text", `{"pattern":"(x+x+)+y"}`, `"` + strings.Repeat("x", 1<<20) + `"`, false},
		{"a long text many times", `{"allOf":[` + strings.Repeat(`{"maxLength":1},`, 30) + `{}]}`, `"` + strings.Repeat("é", 1<<20) + `"`, true},
	}
	for _, tt := range tests {
		ty := typed(t, `"configSchema":`+tt.schema)
		began := time.Now()
		vs := ty.CheckConfig(readConfig(t, tt.config))
		took := time.Since(began)
		t.Logf("%s: %v", tt.name, took.Round(time.Millisecond))
		if refused := strings.Contains(sentences(vs), "too large to be checked"); refused != tt.refused {
			t.Errorf("%s: %.200s", tt.name, sentences(vs))
		}
		if took > 10*time.Second { // some hundred milliseconds on a quiet machine
			t.Errorf("%s: took %v", tt.name, took)
		}
	}
}

func TestCheckLayers(t *testing.T) {
	chart := builtIns(t).Type("helm")
	const content, prov = "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/vnd.cncf.helm.chart.provenance.v1.prov"
	closed := typed(t, `"layers":[{"mediaType":"a/x","min":2},{"mediaType":"a/*","max":1},{"mediaType":"*","max":0}]`)
	tests := []struct {
		ty     *Type
		layers []string
		want   string
	}{
		{chart, []string{content}, ""},
		{chart, []string{prov, content, "text/plain"}, ""},
		{chart, nil, "manifest /layers: 0 layers of " + content + ", at least 1 needed"},
		{chart, []string{content, content, prov, prov}, "manifest /layers: 2 layers of " + content + ", at most 1 allowed\nmanifest /layers: 2 layers of " + prov + ", at most 1 allowed"},
		{closed, []string{"a/x", "a/x", "a/y"}, ""},
		{closed, []string{"a/x", "a/x", "a/x"}, ""},
		{closed, []string{"a/x", "a/x", "b"}, "manifest /layers: 1 layers of *, at most 0 allowed"},
		{closed, []string{"a/x", "a/y", "a/z"}, "manifest /layers: 1 layers of a/x, at least 2 needed\nmanifest /layers: 2 layers of a/*, at most 1 allowed"},
	}
	for _, tt := range tests {
		if got := sentences(tt.ty.CheckLayers(tt.layers)); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.layers, got, tt.want)
		}
	}
}

func TestShow(t *testing.T) {
	ty := typed(t, `"show":{"title":"/name","deep":"/a/1/b~1c/~0","list":"/list","number":"/n","yes":"/yes","none":"/none","object":"/a/1","null":"/null","empty":"/empty","long":"/long","tricks":"/tricks","many":"/many"}`)
	c := readConfig(t, `{"name":"hello","a":[0,{"b/c":{"~":"deep"}}],"list":["x",1,null,{"y":1},true],"n":1.50,"yes":false,"null":null,"empty":"",
		"long":"`+strings.Repeat("é", 2000)+`","tricks":" \u001b[31mred\u202e\n\tx\u0000 ","many":[`+strings.Repeat(`"m",`, 100)+`"m"]}`)
	got := ty.Show(c)
	want := map[string]string{"title": "hello", "deep": "deep", "list": "x, 1, true", "number": "1.50", "yes": "false",
		"long": strings.Repeat("é", 498) + "…", "tricks": "[31mred  x", "many": strings.TrimSuffix(strings.Repeat("m, ", 32), ", ")}
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, text := range []string{`[]`, `"x"`, `{"name":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`} {
		if got := ty.Show(readConfig(t, text)); len(got) != 0 {
			t.Errorf("%s: %v", text, got)
		}
	}
	if got := ty.Show(nil); got != nil {
		t.Errorf("no config: %v", got)
	}
}

func TestArrayIndexesOfPointers(t *testing.T) {
	ty := typed(t, `"show":{"a":"/0","b":"/01","c":"/-","d":"/2","e":"/-1","f":"/+0","g":"/2/~01"}`)
	if got := ty.Show(readConfig(t, `["x","y",{"~1":"z"}]`)); !maps.Equal(got, map[string]string{"a": "x", "g": "z"}) {
		t.Errorf("%v", got)
	}
}

func TestCommand(t *testing.T) {
	full := Vars{Host: "r.example:5000", Repository: "acme/charts/hello", Tag: "1.2.3_build.7", Digest: "sha256:0abc"}
	untagged := full
	untagged.Tag = ""
	with := func(change func(*Vars)) Vars { v := full; change(&v); return v }
	tests := []struct {
		use  string
		vars Vars
		want string
	}{
		{"helm pull oci://{{.Host}}/{{ .Repository }} --version {{.Tag}}", full, "helm pull oci://r.example:5000/acme/charts/hello --version 1.2.3_build.7"},
		{"oras pull {{.Host}}/{{.Repository}}@{{.Digest}}", untagged, "oras pull r.example:5000/acme/charts/hello@sha256:0abc"},
		{"oras pull {{.Host}}/{{.Repository}}:{{.Tag}}", untagged, "oras pull r.example:5000/acme/charts/hello@sha256:0abc"},
		{"helm pull oci://{{.Host}}/{{.Repository}} --version {{.Tag}}", untagged, ""},
		{"x {{.Tag}}", with(func(v *Vars) { v.Tag = "$(reboot)" }), ""},
		{"x {{.Host}}", with(func(v *Vars) { v.Host = "a;b" }), ""},
		{"x {{.Host}}", with(func(v *Vars) { v.Host = "[::1]:5000" }), "x [::1]:5000"},
		{"x {{.Repository}}", with(func(v *Vars) { v.Repository = "a b" }), ""},
		{"x {{.Digest}}", with(func(v *Vars) { v.Digest = "a\nb" }), ""},
		{"nothing of it", full, "nothing of it"},
	}
	for _, tt := range tests {
		if got := typed(t, fmt.Sprintf(`"use":%q`, tt.use)).Command(tt.vars); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.use, got, tt.want)
		}
	}
	if got := builtIns(t).Type(Unknown).Command(full); got != "" {
		t.Errorf("unknown: %q", got)
	}
}

func TestIsRemote(t *testing.T) {
	ty := typed(t, `"remote":["application/vnd.acme.remote","application/vnd.far.*"]`)
	for mt, want := range map[string]bool{"application/vnd.acme.remote": true, "application/vnd.acme.remote2": false, "application/vnd.far.x": true, "": false} {
		if ty.IsRemote(mt) != want {
			t.Errorf("%s: %v", mt, !want)
		}
	}
}
