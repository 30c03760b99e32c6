package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReferenceIsFresh(t *testing.T) {
	want, err := reference("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is not what the comments say: run go generate ./internal/config")
	}
	if !strings.Contains(want, "**`log.level`** is the least level that is logged: debug, info, warn or error. Default: `info`.\n") {
		t.Error(want)
	}
}

func TestWhatHasNoCommentIsRefused(t *testing.T) {
	source, err := os.ReadFile("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{
		"Level (log.level) is":  "Level is",
		"Format (log.format) i": "Format (log.level) i",
	} {
		file := filepath.Join(t.TempDir(), "config.go")
		if err := os.WriteFile(file, []byte(strings.Replace(string(source), old, wrong, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := reference(file); err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}
