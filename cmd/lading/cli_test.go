package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestClientCommands holds that the commands that speak to registries are
// there, and what they end with.
func TestClientCommands(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	data := filepath.Join(t.TempDir(), "data")
	if code, out, log := command(t, "import", "-q", "--data", data, "--as", "team/src", layout(t, "{}")); code != exitDone {
		t.Fatal(code, out, log)
	}
	s := startServing(t, "--data", data)
	host := strings.TrimPrefix(s.url, "http://")
	for _, tt := range []struct {
		args   string
		code   int
		stdout string // a part of it; empty: there is none
		stderr string
	}{
		{"cp " + host + "/team/src:v1 " + host + "/team/app", exitDone, "1 manifest (0 referrers), 1 tag, 1 blob", ""},
		{"ls " + host, exitDone, "team/app", ""},
		{"ls " + host + " --bogus", exitUsage, "", "unknown flag: --bogus\nSee 'lading ls --help'."},
		{"ls bogus " + host, exitUsage, "", "none of repositories, tags, manifests, namespaces\nSee 'lading ls --help'."},
		{"inspect " + host + "/team/app:v1", exitDone, "Media type:", ""},
		{"inspect " + host + "/team/app:v2", 3, "", "there is no such thing\n"},
		{"tree " + host + "/team/app:v1", exitDone, "sha256:", ""},
		{"history " + host + "/team/app:v1", exitDone, "created", ""},
		{"tag " + host + "/team/app:v1 v2", exitDone, "team/app:v2 is sha256:", ""},
		{"rm " + host + "/team/app:v2", exitDone, "removed", ""},
		{"watch " + host + "/none", 3, "", "NAME_UNKNOWN"},
	} {
		code, out, log := command(t, strings.Fields(tt.args)...)
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, code, tt.code)
		}
		holds(t, tt.args+": stdout", out, tt.stdout)
		holds(t, tt.args+": stderr", log, tt.stderr)
	}
}
