package arttype

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"
)

// Whatever a manifest says, the index finds what trying every rule finds.
func FuzzMatch(f *testing.F) {
	data, err := os.ReadFile("testdata/manifests.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases []written
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add("", []byte(c.Manifest))
	}
	set := builtIns(f)
	f.Fuzz(func(t *testing.T, mediaType string, manifest []byte) {
		facts, err := ReadFacts(mediaType, manifest)
		if err != nil {
			return
		}
		got, by := set.Match(&facts)
		if want := tryAll(set, &facts); got.Name != want || (want == Unknown) != (by == By{}) {
			t.Errorf("%s by %v, want %s", got.Name, by, want)
		}
		facts.Claim()
		got.CheckLayers(facts.Layers)
	})
}

// Whatever a config holds, what is told of it is bounded and can be shown.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{`{"name":"a","version":"1"}`, `[1e3,"x",null]`, `{"list":["a",{"b":1}],"long":"x"}`, "{\"name\":\"\x1b\"}"} {
		f.Add([]byte(s))
	}
	types := []*Type{builtIns(f).Type("helm"), typed(f, `"show":{"a":"/0","b":"/name","c":"/list","d":"/a~1b"},
		"configSchema":{"minProperties":1,"items":{"anyOf":[{"type":"integer","multipleOf":0.5},{"pattern":"^a+$"}]},"uniqueItems":true,
		"patternProperties":{"^x":{"maxLength":3}},"unevaluatedProperties":{"enum":[1,"a"]}}`)}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadConfig(data)
		if err != nil {
			return
		}
		slow := &Config{bytes: len(data)}
		if err := slow.readTokens(data); err != nil || !reflect.DeepEqual(c, slow) {
			t.Errorf("read as %+v, token by token %+v, %v", c, slow, err)
		}
		for _, ty := range types {
			vs := ty.CheckConfig(c)
			if len(vs) > maxViolations {
				t.Errorf("%d violations", len(vs))
			}
			for _, v := range vs {
				if len(v.Reason) > maxReason || v.Reason == "" {
					t.Errorf("a reason of %d bytes", len(v.Reason))
				}
			}
			for name, s := range ty.Show(c) {
				if len(s) > maxShown || !utf8.ValidString(s) || plain(s) != s {
					t.Errorf("%s: %q", name, s)
				}
			}
		}
	})
}
