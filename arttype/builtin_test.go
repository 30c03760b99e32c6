package arttype

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// builtIns is the set of the built-in definitions.
func builtIns(t testing.TB) *Set {
	t.Helper()
	defs, mistakes := BuiltIns()
	set, more := NewSet(defs...)
	for _, m := range append(mistakes, more...) {
		t.Error(m)
	}
	return set
}

func TestBuiltInsAreComplete(t *testing.T) {
	set := builtIns(t)
	if n := len(set.Types()); n < 42 {
		t.Errorf("there are %d types", n)
	}
	for _, ty := range set.Types() {
		if ty.File != ty.Name+".json" || ty.Definition.Logo != ty.Name+".svg" {
			t.Errorf("%s: read from %s, with the logo %s", ty.Name, ty.File, ty.Definition.Logo)
		}
		if !strings.HasPrefix(ty.Info, "https://") {
			t.Errorf("%s does not say where its media types are from", ty.Name)
		}
		if ty.Description == "" || ty.Display == ty.Name {
			t.Errorf("%s says nothing to people", ty.Name)
		}
		if bytes.Equal(ty.SVG(), set.Type(Unknown).SVG()) {
			t.Errorf("%s has no logo of its own", ty.Name)
		}
	}
}

// One style: a grid of 24, lines of one width, round ends, two colours.
var logoStyle = regexp.MustCompile(`^<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#6f7f95" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">` +
	`(<path( stroke="#[0-9a-f]{6}")? d="[^"]+"( stroke-dasharray="[0-9. ]+")?></path>){2,3}</svg>\n$`)

func TestBuiltInLogosHaveOneStyle(t *testing.T) {
	files, err := filepath.Glob("types/*.svg")
	if err != nil || len(files) != len(builtIns(t).Types())+1 {
		t.Fatalf("there are %d logos (%v)", len(files), err)
	}
	seen := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		clean, err := SanitizeLogo(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if !bytes.Equal(clean, data) {
			t.Errorf("%s loses something when it is sanitised:\n%s%s", file, data, clean)
		}
		if !logoStyle.Match(data) {
			t.Errorf("%s is not of the others' style: %s", file, data)
		}
		if other := seen[string(clean)]; other != "" {
			t.Errorf("%s is the same as %s", file, other)
		}
		seen[string(clean)] = file
	}
}

type written struct {
	Want, By, Note string
	Manifest       json.RawMessage
}

func TestHandWrittenManifests(t *testing.T) {
	data, err := os.ReadFile("testdata/manifests.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []written
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	set, met := builtIns(t), map[string]bool{}
	for _, c := range cases {
		f, err := ReadFacts("", c.Manifest)
		if err != nil {
			t.Fatalf("%s: %v", c.Note, err)
		}
		got, by := set.Match(&f)
		if got.Name != c.Want || by.Field != c.By {
			t.Errorf("%s (%s): is %s by %q, want %s by %s", c.Want, c.Note, got.Name, by, c.Want, c.By)
		}
		met[c.Want] = true
	}
	for _, ty := range set.Types() {
		if !met[ty.Name] {
			t.Errorf("no manifest is of the type %s", ty.Name)
		}
	}
}

func TestRealManifests(t *testing.T) {
	list, err := os.ReadFile("testdata/real/types.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	if files, _ := filepath.Glob("testdata/real/*/*.json"); len(files) != len(lines) {
		t.Errorf("%d manifests, %d of them listed", len(files), len(lines))
	}
	set := builtIns(t)
	for _, line := range lines {
		words := strings.Fields(line)
		data, err := os.ReadFile("testdata/real/" + words[0] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		f, err := ReadFacts("", data)
		if err != nil {
			t.Fatal(err)
		}
		got, by := set.Match(&f)
		if field := by.Field; got.Name != words[1] || got.Name != Unknown && field != words[2] {
			t.Errorf("%s: is %s by %q, want %s", words[0], got.Name, by, line)
		}
		if vs := got.CheckLayers(f.Layers); vs != nil {
			t.Errorf("%s: %v", words[0], vs)
		}
		checkRealConfig(t, words[0], got)
	}
}

// checkRealConfig holds a config that was kept against its type.
func checkRealConfig(t *testing.T, name string, ty *Type) {
	data, err := os.ReadFile("testdata/real/" + name + ".config")
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if vs := ty.CheckConfig(c); vs != nil {
		t.Errorf("%s: %v", name, vs)
	}
	if shown := ty.Show(c); len(shown) < 3 {
		t.Errorf("%s: shows %v", name, shown)
	}
}

func TestRealChartIsShown(t *testing.T) {
	helm := builtIns(t).Type("helm")
	files, err := filepath.Glob("testdata/real/helm/*.config")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		got := helm.Show(c)
		if got["title"] != "hello" || got["appVersion"] != "1.16.0" || got["description"] != "A Helm chart for Kubernetes" || got["type"] != "application" {
			t.Errorf("%s: %v", file, got)
		}
		if v := got["version"]; v != "0.1.0" && v != "0.2.0+build.7" {
			t.Errorf("%s: version %q", file, v)
		}
	}
}

// TestImageConfig: what the config of an OCI image must have (image-spec,
// config.md, "Properties") is asked for, and nothing more.
func TestImageConfig(t *testing.T) {
	image := builtIns(t).Type("image")
	for text, want := range map[string]string{
		`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}`:                                  "",
		`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:ab"]},"my.own":{}}`: "",
		`{}`: "config: missing properties 'architecture', 'os', 'rootfs'",
		`{"architecture":1,"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`:             "config /architecture: got number, want string",
		`{"architecture":"amd64","os":"linux","rootfs":{"type":"tree","diff_ids":["a"]}}`:      "config /rootfs/type: is not one of the values that the schema allows",
		`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["a",{}]}}`: "config /rootfs/diff_ids/1: got object, want string",
	} {
		c, err := ReadConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range image.CheckConfig(c) {
			got = append(got, v.String())
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
