package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestExitCodesAndOutput(t *testing.T) {
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "good.yaml")
	write(t, bad, "listen: 1\nshards: 2\n")
	write(t, good, "data: /d\ncatalog: {url: 'postgres://u:hunter2@db/l'}\n")
	inTheWay := filepath.Join(dir, "file")
	write(t, inTheWay, "")
	tests := []struct {
		args   string
		code   int
		stdout string // a part of it; empty: there is none
		stderr string
	}{
		{"--help", exitDone, "Exit codes: 0 done", ""},
		{"serve --help", exitDone, "lading serve --config /etc/lading.yaml", ""},
		{"config", exitDone, "lading config [command]", ""},
		{"version", exitDone, "lading devel (go1.", ""},
		{"completion bash", exitDone, "bash completion", ""},
		{"bogus", exitUsage, "", `unknown command "bogus"`},
		{"config bogus", exitUsage, "", `unknown command "bogus"`},
		{"serve --bogus", exitUsage, "", "unknown flag: --bogus\nSee 'lading serve --help'."},
		{"serve now", exitUsage, "", `unknown command "now"`},
		{"serve --listen 0.0.0.0:0", exitUsage, "", "--listen: listen: \"0.0.0.0:0\" can be reached"},
		{"serve --config " + filepath.Join(dir, "none"), exitUsage, "", "no such file"},
		{"serve --config " + bad, exitUsage, "", bad + ":2: shards: is not a key"},
		{"serve --listen 127.0.0.1:0 --data " + inTheWay, exitFailed, "", inTheWay},
		{"config check", exitUsage, "", "accepts 1 arg(s)"},
		{"config check " + bad, exitUsage, "", bad + ":1: listen: "},
		{"config show --config " + good, exitDone, "catalog:\n  shards: 16\n  url: \"postgres://db/l\"\n", ""},
		{"config show --config " + bad, exitUsage, "", bad + ":1: listen: "},
		{"serve --insecure-no-auth --listen 0.0.0.0:0 --data " + inTheWay, exitFailed, "", inTheWay},
		{"serve --listen 0.0.0.0:0 --insecure-no-auth=false", exitUsage, "", "or --insecure-no-auth"},
		{"config check " + good, exitDone, good + " is good: serves on 127.0.0.1:5000, data in /d, catalog postgres://db/l\n", ""},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		code := run(ctx, strings.Fields(tt.args), &stdout, &stderr)
		cancel()
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, code, tt.code)
		}
		holds(t, tt.args+": stdout", stdout.String(), tt.stdout)
		holds(t, tt.args+": stderr", stderr.String(), tt.stderr)
	}
}

func TestAddressInUse(t *testing.T) {
	s := startServing(t, "--data", t.TempDir())
	var stdout, stderr bytes.Buffer
	addr := strings.TrimPrefix(s.url, "http://")
	code := run(context.Background(), []string{"serve", "--listen", addr, "--data", t.TempDir()}, &stdout, &stderr)
	if code != exitFailed || stdout.Len() > 0 || !strings.Contains(stderr.String(), "address already in use") {
		t.Errorf("code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
	}
	got := version(info)
	if !strings.HasPrefix(got, "lading v1.2.3 (go") || !strings.HasSuffix(got, ", commit 0123456789ab with changes)") {
		t.Error(got)
	}
	if got := version(nil); !strings.HasPrefix(got, "lading devel (go") {
		t.Error(got)
	}
}

// holds checks that text holds part, or is empty when part is.
func holds(t *testing.T, what, text, part string) {
	t.Helper()
	if (part == "") != (text == "") || !strings.Contains(text, part) {
		t.Errorf("%s: got %q, want a text with %q", what, text, part)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
