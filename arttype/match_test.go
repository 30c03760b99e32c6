package arttype

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// defined parses a definition of a name and a match.
func defined(t testing.TB, name, match string) *Definition {
	t.Helper()
	d, err := Parse([]byte(`{"name": "` + name + `", "match": ` + match + `}`))
	if err != nil {
		t.Fatalf("%s %s: %v", name, match, err)
	}
	return d
}

const (
	imageConfig = "application/vnd.oci.image.config.v1+json"
	emptyConfig = "application/vnd.oci.empty.v1+json"
)

func TestOrder(t *testing.T) {
	all := Facts{
		MediaType: "m/manifest", Kind: KindManifest, ArtifactType: "a/one", Config: "c/one", Layers: []string{"l/one", "l/two"},
		Annotations: map[string]string{"k": "v"}, LayerAnnotations: []map[string]string{{"lk": "lv"}}, Subject: true,
	}
	image := all
	image.ArtifactType, image.Config = "", imageConfig
	empty := all
	empty.ArtifactType, empty.Config = "", emptyConfig
	nothing := all
	nothing.ArtifactType, nothing.Config = "application/vnd.unknown.artifact.v1", "application/vnd.unknown.config.v1+json"
	tests := []struct {
		facts           Facts
		winner, loser   string // matches
		winner2, loser2 Source
		by              By
	}{
		// The field that weighs most.
		{facts: all, winner: `[{"artifactType":"a/one"}]`, loser: `[{"config":"c/one"}]`, by: By{"artifactType", "a/one"}},
		{facts: all, winner: `[{"artifactType":"a/one"}]`, loser: `[{"config":"c/one","layer":"l/one","annotation":"k=v"}]`, by: By{"artifactType", "a/one"}},
		{facts: all, winner: `[{"config":"c/one"}]`, loser: `[{"layer":"l/one"}]`, by: By{"config", "c/one"}},
		{facts: all, winner: `[{"layer":"l/two"}]`, loser: `[{"annotation":"k=v"}]`, by: By{"layer", "l/two"}},
		{facts: all, winner: `[{"annotation":"k"}]`, loser: `[{"mediaType":"m/manifest"}]`, by: By{"annotation", "k"}},
		{facts: all, winner: `[{"layerAnnotation":"lk"}]`, loser: `[{"mediaType":"m/manifest"}]`, by: By{"layerAnnotation", "lk"}},
		{facts: all, winner: `[{"mediaType":"m/manifest"}]`, loser: `[{"kind":"manifest"}]`, by: By{"mediaType", "m/manifest"}},
		{facts: all, winner: `[{"kind":"manifest","subject":true}]`, loser: `[{"kind":"manifest"}]`, by: By{"kind", "manifest"}},
		{facts: all, winner: `[{"subject":true,"kind":"manifest"}]`, loser: `[{"subject":true}]`, by: By{"kind", "manifest"}},
		// A wildcard still beats a weaker field, and loses to the same one.
		{facts: all, winner: `[{"artifactType":"a/*"}]`, loser: `[{"config":"c/one"}]`, by: By{"artifactType", "a/one"}},
		{facts: all, winner: `[{"artifactType":"a/one"}]`, loser: `[{"artifactType":"a/*","config":"c/one","layer":"l/one"}]`, by: By{"artifactType", "a/one"}},
		{facts: all, winner: `[{"layer":"l/two"}]`, loser: `[{"layer":"l/*"}]`, by: By{"layer", "l/two"}},
		{facts: all, winner: `[{"annotation":"k=v"}]`, loser: `[{"annotation":"k","kind":"manifest"}]`, by: By{"annotation", "k"}},
		// More fields.
		{facts: all, winner: `[{"config":"c/one","layer":"l/two"}]`, loser: `[{"config":"c/one"}]`, by: By{"config", "c/one"}},
		{facts: all, winner: `[{"config":"c/*","subject":true}]`, loser: `[{"config":"c/o*"}]`, by: By{"config", "c/one"}},
		{facts: image, winner: `[{"config":"` + imageConfig + `","annotation":"k"}]`, loser: `[{"config":"` + imageConfig + `","without":["artifactType"]}]`, by: By{"config", imageConfig}},
		// The source, then the longer wildcard, then the name.
		{facts: all, winner: `[{"config":"c/*"}]`, loser: `[{"config":"c/on*"}]`, winner2: API, loser2: Directory, by: By{"config", "c/one"}},
		{facts: all, winner: `[{"config":"c/*"}]`, loser: `[{"config":"c/on*"}]`, winner2: Directory, loser2: BuiltIn, by: By{"config", "c/one"}},
		{facts: all, winner: `[{"config":"c/one","kind":"manifest"}]`, loser: `[{"config":"c/one"}]`, winner2: BuiltIn, loser2: API, by: By{"config", "c/one"}},
		{facts: all, winner: `[{"config":"c/on*"}]`, loser: `[{"config":"c/*"}]`, by: By{"config", "c/one"}},
		// What says nothing loses to a layer, and still beats what is below.
		{facts: image, winner: `[{"layer":"l/*"}]`, loser: `[{"config":"` + imageConfig + `","annotation":"k=v","subject":true}]`, by: By{"layer", "l/one"}},
		{facts: empty, winner: `[{"layer":"l/one"}]`, loser: `[{"config":"` + emptyConfig + `"}]`, by: By{"layer", "l/one"}},
		{facts: nothing, winner: `[{"layer":"l/one"}]`, loser: `[{"config":"application/vnd.unknown.*"}]`, by: By{"layer", "l/one"}},
		{facts: nothing, winner: `[{"layer":"l/one"}]`, loser: `[{"artifactType":"application/vnd.unknown.artifact.v1"}]`, by: By{"layer", "l/one"}},
		{facts: nothing, winner: `[{"artifactType":"application/vnd.unknown.*"}]`, loser: `[{"config":"application/vnd.unknown.config.v1+json"}]`, by: By{"artifactType", "application/vnd.unknown.artifact.v1"}},
		{facts: image, winner: `[{"config":"` + imageConfig + `"}]`, loser: `[{"annotation":"k=v"}]`, by: By{"config", imageConfig}},
	}
	for _, tt := range tests {
		// The loser has the name that comes first, so that the name decides nothing.
		for _, swapped := range []bool{false, true} {
			defs := []Sourced{
				{Definition: defined(t, "zz-winner", tt.winner), Source: tt.winner2},
				{Definition: defined(t, "aa-loser", tt.loser), Source: tt.loser2},
			}
			if swapped {
				slices.Reverse(defs)
			}
			set, mistakes := NewSet(defs...)
			if mistakes != nil {
				t.Fatal(mistakes)
			}
			if got, by := set.Match(&tt.facts); got.Name != "zz-winner" || by != tt.by {
				t.Errorf("%s against %s: %s by %v, want by %v", tt.winner, tt.loser, got.Name, by, tt.by)
			}
		}
	}
}

func TestNameDecidesLast(t *testing.T) {
	set, mistakes := NewSet(Sourced{Definition: defined(t, "b", `[{"config":"c"},{"layer":"x"}]`)}, Sourced{Definition: defined(t, "a", `[{"config":"c"}]`)})
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	if got, _ := set.Match(&Facts{Config: "c"}); got.Name != "a" {
		t.Errorf("%s", got.Name)
	}
}

func TestWhatMustHold(t *testing.T) {
	tests := []struct {
		match string
		facts Facts
		want  bool
	}{
		{`{"artifactType":"a"}`, Facts{ArtifactType: "a"}, true},
		{`{"artifactType":"a"}`, Facts{Config: "a"}, false},
		{`{"artifactType":"a*"}`, Facts{ArtifactType: "abc"}, true},
		{`{"artifactType":"a*"}`, Facts{ArtifactType: "a"}, true},
		{`{"artifactType":"*"}`, Facts{ArtifactType: "a"}, true},
		{`{"artifactType":"*"}`, Facts{}, false},
		{`{"artifactType":"*","config":"c"}`, Facts{Config: "c"}, false},
		{`{"artifactType":"*","config":"c"}`, Facts{ArtifactType: "a", Config: "c"}, true},
		{`{"config":"c","kind":"index"}`, Facts{Config: "c", Kind: KindManifest}, false},
		{`{"config":"c","kind":"index"}`, Facts{Config: "c", Kind: KindIndex}, true},
		{`{"annotation":"k"}`, Facts{Annotations: map[string]string{"k": ""}}, true},
		{`{"annotation":"k="}`, Facts{Annotations: map[string]string{"k": "v"}}, false},
		{`{"annotation":"k=v"}`, Facts{Annotations: map[string]string{"k": "v"}}, true},
		{`{"annotation":"k=v=w"}`, Facts{Annotations: map[string]string{"k": "v=w"}}, true},
		{`{"annotation":"k=v"}`, Facts{LayerAnnotations: []map[string]string{{"k": "v"}}}, false},
		{`{"layerAnnotation":"k=v"}`, Facts{LayerAnnotations: []map[string]string{{"k": "w"}, {"k": "v"}}}, true},
		{`{"layerAnnotation":"k=v"}`, Facts{Annotations: map[string]string{"k": "v"}}, false},
		{`{"layer":"l","subject":true}`, Facts{Layers: []string{"l"}}, false},
		{`{"layer":"l","subject":true}`, Facts{Layers: []string{"x", "l"}, Subject: true}, true},
		{`{"layer":"l","without":["subject"]}`, Facts{Layers: []string{"l"}, Subject: true}, false},
		{`{"layer":"l","without":["subject"]}`, Facts{Layers: []string{"l"}}, true},
		{`{"layer":"l","without":["config"]}`, Facts{Layers: []string{"l"}, Config: "c"}, false},
		{`{"layer":"l","without":["artifactType"]}`, Facts{Layers: []string{"l"}, ArtifactType: "a"}, false},
		{`{"subject":true}`, Facts{Subject: true}, true},
		{`{"subject":true}`, Facts{}, false},
		{`{"kind":"manifest"}`, Facts{Kind: KindManifest}, true},
		{`{"mediaType":"m/*"}`, Facts{MediaType: "m/1"}, true},
		{`{"mediaType":"m/1"}`, Facts{MediaType: "m/2"}, false},
	}
	for _, tt := range tests {
		set, mistakes := NewSet(Sourced{Definition: defined(t, "it", "["+tt.match+"]")})
		if mistakes != nil {
			t.Fatal(mistakes)
		}
		got, by := set.Match(&tt.facts)
		if (got.Name == "it") != tt.want || (by.Field != "") != tt.want {
			t.Errorf("%s of %+v: %s by %v", tt.match, tt.facts, got.Name, by)
		}
	}
}

// The index must find what trying every rule finds.
func TestIndexAgainstTryingAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	types := []string{"", "", "", "a", "ab", "abc", "a*", "ab*", "abc*", "*", imageConfig, "application/vnd.unknown.x", "application/*"}
	values := []string{"", "a", "ab", "abc", "abcd", "b", imageConfig, "application/vnd.unknown.x"}
	quoted := func(name, v string) string {
		if v == "" {
			return ""
		}
		return fmt.Sprintf("%q:%q,", name, v)
	}
	for round := range 100 {
		var defs []Sourced
		for i := range 1 + rng.IntN(40) {
			m := quoted("artifactType", pick(types...)) + quoted("config", pick(types...)) + quoted("layer", pick(types...)) +
				quoted("mediaType", pick(types...)) + quoted("annotation", pick("", "", "k", "k=v", "j")) +
				quoted("layerAnnotation", pick("", "", "", "k", "k=v")) + quoted("kind", pick("", "", "index", "manifest"))
			if m == "" {
				m = `"subject":true,`
			}
			defs = append(defs, Sourced{Definition: defined(t, fmt.Sprintf("t%d", i), "[{"+strings.TrimSuffix(m, ",")+"}]"), Source: Source(rng.IntN(3))})
		}
		set, _ := NewSet(defs...)
		for range 50 {
			f := Facts{ArtifactType: pick(values...), Config: pick(values...), MediaType: pick(values...), Kind: Kind(pick("index", "manifest")), Subject: rng.IntN(2) == 0}
			for range rng.IntN(4) {
				f.AddLayer(pick(values...), map[string]string{pick("k", "j"): pick("v", "w")})
			}
			f.Annotations = map[string]string{pick("k", "j", "i"): pick("v", "w")}
			got, _ := set.Match(&f)
			if want := tryAll(set, &f); got.Name != want {
				t.Fatalf("round %d: %+v: the index finds %s, trying all %s", round, f, got.Name, want)
			}
		}
	}
}

func tryAll(s *Set, f *Facts) string {
	c := choice{facts: f}
	var rules []*rule
	for _, ty := range s.types {
		for _, m := range ty.Match {
			rules = append(rules, newRule(ty, m))
		}
	}
	inOrder(rules)
	c.try(rules)
	if c.best == nil {
		return Unknown
	}
	return c.best.typ.Name
}

func TestSources(t *testing.T) {
	mine := `[{"config":"application/vnd.cncf.helm.config.v1+json"}]`
	defs, _ := BuiltIns()
	defs = append(defs,
		Sourced{Definition: defined(t, "helm", `[{"config":"mine"}]`), Source: Directory, File: "helm.json"},
		Sourced{Definition: defined(t, "flux", `[{"config":"directory"}]`), Source: Directory, File: "flux.json"},
		Sourced{Definition: defined(t, "flux", `[{"config":"api"}]`), Source: API},
		Sourced{Definition: defined(t, "chart", mine), Source: Directory, File: "chart.json"})
	set, mistakes := NewSet(defs...)
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	for config, want := range map[string]string{"mine": "helm", "api": "flux", "directory": Unknown, "application/vnd.cncf.helm.config.v1+json": "chart"} {
		if got, _ := set.Match(&Facts{Config: config}); got.Name != want {
			t.Errorf("%s: %s, want %s", config, got.Name, want)
		}
	}
	data, err := json.Marshal(set.Type("chart"))
	if want := `{"name":"chart","version":1,"display":"chart","match":[{"config":"application/vnd.cncf.helm.config.v1+json"}],"source":"directory","file":"chart.json"}`; err != nil || string(data) != want {
		t.Errorf("got  %s, %v\nwant %s", data, err, want)
	}
	if ty := set.Type("flux"); ty.Source != API || set.Type("helm").Source != Directory || set.Type("none") != nil {
		t.Errorf("flux is from %s", ty.Source)
	}
}

func TestDefinitionsThatClash(t *testing.T) {
	same := `[{"config":"x","kind":"index"},{"layer":"l"}]`
	other := `[{"layer":"l"},{"kind":"index","config":"x"}]`
	set, mistakes := NewSet(
		Sourced{Definition: defined(t, "one", same), Source: Directory, File: "b.json"},
		Sourced{Definition: defined(t, "two", other), Source: Directory, File: "c.json"},
		Sourced{Definition: defined(t, "one", `[{"config":"y"}]`), Source: Directory, File: "d.json"},
		Sourced{Definition: defined(t, "three", other), Source: API},
		Sourced{Definition: defined(t, "four", `[{"layer":"l"}]`), Source: Directory, File: "e.json"})
	want := "c.json:1: /match: the type \"one\" has the same match\nd.json:1: /name: \"one\" is the name of another definition in b.json"
	if mistakes.Error() != want {
		t.Errorf("got:\n%v", mistakes)
	}
	var names []string
	for _, ty := range set.Types() {
		names = append(names, ty.Name)
	}
	if got := strings.Join(names, " "); got != "four one three" {
		t.Errorf("the set has %s", got)
	}
}

func TestTooManyShareAValue(t *testing.T) {
	var defs []Sourced
	for i := range maxSharers + 2 {
		defs = append(defs, Sourced{Definition: defined(t, fmt.Sprintf("t%03d", i), fmt.Sprintf(`[{"layer":"l%d"},{"config":"c","annotation":"k=%d"}]`, i, i)), Source: API})
	}
	set, mistakes := NewSet(defs...)
	if len(mistakes) != 2 || !strings.Contains(mistakes.Error(), "more than 64 alternatives share") || len(set.Types()) != maxSharers {
		t.Errorf("%d types, %v", len(set.Types()), mistakes)
	}
	for i, want := range map[int]string{0: "t000", maxSharers: Unknown} {
		if got, _ := set.Match(&Facts{Layers: []string{fmt.Sprintf("l%d", i)}}); got.Name != want {
			t.Errorf("layer %d: %s, want %s", i, got.Name, want)
		}
	}
}

func TestTooManyTypes(t *testing.T) {
	var defs []Sourced
	for i := range MaxTypes + 1 {
		name := fmt.Sprintf("t%d", i)
		defs = append(defs, Sourced{Definition: &Definition{Name: name, Match: []Match{{Config: name}}}, Source: API})
	}
	set, mistakes := NewSet(defs...)
	if len(set.Types()) != MaxTypes || len(mistakes) != 1 || !strings.Contains(mistakes.Error(), "more than 2000 types") {
		t.Errorf("%d types, %v", len(set.Types()), mistakes)
	}
}

func TestReadFacts(t *testing.T) {
	tests := []struct {
		mediaType, manifest string
		want                Facts
	}{
		{"m/x", `{"mediaType":"m/y","artifactType":"a","config":{"mediaType":"c"},"layers":[{"mediaType":"l","annotations":{"k":"v"}},{}],"annotations":{"j":"w"},"subject":{}}`,
			Facts{MediaType: "m/x", Kind: KindManifest, ArtifactType: "a", Config: "c", Layers: []string{"l", ""}, LayerAnnotations: []map[string]string{{"k": "v"}}, Annotations: map[string]string{"j": "w"}, Subject: true}},
		{"", `{"mediaType":"m/y","blobs":[{"mediaType":"b"}]}`, Facts{MediaType: "m/y", Kind: KindManifest, Layers: []string{"b"}}},
		{"", `{"manifests":[],"config":{"mediaType":"c"}}`, Facts{Kind: KindIndex, Config: "c"}},
		{dockerList, `{}`, Facts{MediaType: dockerList, Kind: KindIndex}},
		{"application/vnd.oci.image.index.v1+json", `{}`, Facts{MediaType: "application/vnd.oci.image.index.v1+json", Kind: KindIndex}},
		{"", `{"layers":null,"manifests":null,"subject":null}`, Facts{Kind: KindManifest}},
	}
	for _, tt := range tests {
		got, err := ReadFacts(tt.mediaType, []byte(tt.manifest))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v; want %+v", tt.manifest, got, err, tt.want)
		}
	}
	for _, manifest := range []string{"", "[]", `{"layers":{}}`, `{"annotations":{"a":1}}`} {
		if _, err := ReadFacts("", []byte(manifest)); err == nil {
			t.Errorf("%s was read", manifest)
		}
	}
}

// What is behind the bounds does not count.
func TestLookingEnds(t *testing.T) {
	set, mistakes := NewSet(
		Sourced{Definition: defined(t, "layer", `[{"layer":"l"}]`)}, Sourced{Definition: defined(t, "both", `[{"config":"c","layer":"l"}]`)},
		Sourced{Definition: defined(t, "annotated", `[{"layerAnnotation":"k"}]`)})
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	layers := func(n int, text func(i int) string) (all []string) {
		for i := range n {
			all = append(all, text(i))
		}
		return append(all, "l")
	}
	same := func(int) string { return "x" }
	other := func(i int) string { return fmt.Sprint("x", i%2) }
	for _, tt := range []struct {
		layers []string
		want   string
	}{
		{layers(MaxLayers-1, same), "layer"}, {layers(MaxLayers, same), Unknown},
		{layers(maxDistinct-1, other), "layer"}, {layers(maxDistinct, other), Unknown},
	} {
		if got, _ := set.Match(&Facts{Layers: tt.layers}); got.Name != tt.want {
			t.Errorf("%d layers: %s, want %s", len(tt.layers), got.Name, tt.want)
		}
		if got, _ := set.Match(&Facts{Layers: tt.layers, Config: "c"}); got.Name != strings.Replace(tt.want, "layer", "both", 1) {
			t.Errorf("%d layers and a config: %s", len(tt.layers), got.Name)
		}
	}
	var f, g Facts
	for i := range maxAnnotated + 1 {
		f.LayerAnnotations = append(f.LayerAnnotations, map[string]string{fmt.Sprint("k", i): ""})
	}
	f.LayerAnnotations[maxAnnotated-1]["k"] = ""
	if got, _ := set.Match(&f); got.Name != "annotated" {
		t.Errorf("the last that is looked at: %s", got.Name)
	}
	delete(f.LayerAnnotations[maxAnnotated-1], "k")
	f.LayerAnnotations[maxAnnotated]["k"] = ""
	if got, _ := set.Match(&f); got.Name != Unknown {
		t.Errorf("the first that is not: %s", got.Name)
	}
	for range MaxLayers + 10 {
		g.AddLayer("x", map[string]string{"k": ""})
	}
	if len(g.Layers) != MaxLayers || len(g.LayerAnnotations) != maxAnnotated {
		t.Errorf("%d layers, %d annotated ones are kept", len(g.Layers), len(g.LayerAnnotations))
	}
}

func TestClaim(t *testing.T) {
	tests := []struct {
		facts Facts
		want  string
	}{
		{Facts{ArtifactType: "a/b", Config: "c/d"}, "artifactType a/b"},
		{Facts{ArtifactType: "application/vnd.unknown.artifact.v1", Config: "c/d"}, "config c/d"},
		{Facts{Config: emptyConfig, Layers: []string{"application/vnd.oci.image.layer.v1.tar+gzip", "l/x"}}, "layer l/x"},
		{Facts{Config: emptyConfig, Layers: []string{emptyConfig}}, "config " + emptyConfig},
		{Facts{MediaType: "m/x"}, "mediaType m/x"},
	}
	for _, tt := range tests {
		if got := tt.facts.Claim().String(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.facts, got, tt.want)
		}
	}
}
