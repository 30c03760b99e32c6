package floors

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheHouse(t *testing.T) {
	wrong, err := Check(os.DirFS("../.."), "github.com/lading-dev/lading")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

const smallTree = "# A house\n\n```\n" +
	"lading/          the words          0\n" +
	"├─ store/        keeps 7 things     1\n" +
	"├─ wire/         talks              2 words only\n" +
	"├─ engine/       runs               3\n" +
	"└─ storetest/    checks a store     2 tests\n" +
	"```\n"

func smallHouse() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"ARCHITECTURE.md":         file(smallTree),
		"words.go":                file("package m\nimport \"fmt\"\n"),
		"store/store.go":          file("package store\nimport \"m\"\n"),
		"store/store_test.go":     file("package store_test\nimport (\"m/storetest\"; \"m/engine\")\n"),
		"wire/wire.go":            file("package wire\nimport (\"m\"; \"other/store\")\n"),
		"engine/engine.go":        file("package engine\nimport (\"m\"; \"m/store\")\n"),
		"storetest/suite.go":      file("package storetest\nimport \"m/store\"\n"),
		"tools/go.mod":            file("module tools\n"),
		"tools/tools.go":          file("package tools\n"),
		"store/testdata/x/x.go":   file("package x\nimport \"m/engine\"\n"),
		".cache/generated/gen.go": file("package gen\n"),
	}
}

func TestRules(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"all is well", "README.md", "", ""},
		{"upwards", "store/up.go", "package store\nimport \"m/engine\"\n", "store/up.go: imports engine: floor 3 is not below 1"},
		{"sideways", "a/a.go", "package a\n", "a is a package, but not in the tree of ARCHITECTURE.md"},
		{"only tests", "new/new_test.go", "package new\n", "new is a package, but not in the tree of ARCHITECTURE.md"},
		{"the words import", "more.go", "package m\nimport \"m/store\"\n", "more.go: imports store: floor 1 is not below 0"},
		{"past the guards", "wire/short.go", "package wire\nimport \"m/store\"\n",
			"wire/short.go: imports store: wire may use the words of the root package alone"},
		{"tests in the product", "engine/t.go", "package engine\nimport _ \"m/storetest\"\n", "engine/t.go: imports storetest: it is for tests"},
		{"a package that is not there", "engine/t.go", "package engine\nimport \"m/none\"\n", "engine/t.go: imports none: it is not in the tree"},
		{"a package that is gone", "ARCHITECTURE.md", strings.Replace(smallTree, "└", "├─ gone/ was here 1\n└", 1),
			"gone is in the tree, but there is no such package"},
		{"a floor too low", "ARCHITECTURE.md", strings.Replace(smallTree, "3\n", "1\n", 1),
			"engine/engine.go: imports store: floor 1 is not below 1"},
	}
	for _, tt := range tests {
		house := smallHouse()
		house[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
		wrong, err := Check(house, "m")
		if err != nil || strings.Join(wrong, "\n") != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.name, wrong, err, tt.want)
		}
	}
}

func TestNotATree(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "has no tree",
		"\n```\nlading/ words 0\n":     "has no tree",
		"\n```\nlading/ words\n```\n":  "not a line of the tree",
		"\n```\na/ b 1\na/ c 2\n```\n": "a is in the tree twice",
		"\n```\na/ b 99999999999999999999\n```\n": "floor of a",
	} {
		house := smallHouse()
		house["ARCHITECTURE.md"] = &fstest.MapFile{Data: []byte(text)}
		if _, err := Check(house, "m"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestFileThatDoesNotParse(t *testing.T) {
	house := smallHouse()
	house["store/bad.go"] = &fstest.MapFile{Data: []byte("not go")}
	if _, err := Check(house, "m"); err == nil || !strings.Contains(err.Error(), "store/bad.go") {
		t.Errorf("got %v", err)
	}
}
