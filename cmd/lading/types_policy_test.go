package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
)

func TestPolicies(t *testing.T) {
	dir, at := t.TempDir(), " --registry "+runningRegistry(t)
	charts, wide, bad, twin := filepath.Join(dir, "charts.json"), filepath.Join(dir, "everything.json"), filepath.Join(dir, "bad.json"), filepath.Join(dir, "twin.json")
	write(t, charts, `{"scope": {"namespace": "acme/charts"}, "allow": ["helm"], "validate": "enforce"}`)
	write(t, wide, `{"scope": {}, "deny": ["docker-plugin", "sif", "wasm", "ollama", "ebpf", "tekton"], "sparse": "deny"}`)
	write(t, bad, "{\n\"scope\": {},\n\"alow\": [\"helm\"],\n\"deny\": [\"hlem\"]}")
	write(t, twin, `{"scope": {"namespace": "acme/charts"}}`)
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"types policy", exitDone, "lading types policy [command]"},
		{"types policy ls", exitUsage, "say which registry, with --registry HOST"},
		{"types policy ls" + at, exitDone, "There are no policies: everything is taken."},
		{"types policy apply" + at, exitUsage, "requires at least 1 arg(s)"},
		{"types policy apply " + dir + "/none.json" + at, exitFailed, "no such file"},
		{"types policy apply " + bad + at, exitFailed, bad + ":3: /alow: is not a field that is known here"},
		{"types policy apply " + bad + at, exitFailed, bad + ":4: /deny/0: "},
		{"types policy apply " + charts + " " + wide + at, exitDone, "charts.json: the policy charts is in force\n" + wide + ": the policy everything is in force"},
		{"types policy apply " + twin + at, exitFailed, "charts"}, // has the scope
		{"types policy apply " + twin + " " + wide + " --id x" + at, exitUsage, "--id is the id of one policy"},
		{"types policy apply " + twin + " --id charts" + at, exitDone, "twin.json: the policy charts is in force"},
		{"types policy apply " + charts + at, exitDone, "the policy charts is in force"},
		{"types policy apply " + charts + " --id Charts" + at, exitFailed, `"Charts" cannot be the id of a policy, which is of lower-case letters and digits, in parts joined by single dashes: give one with --id`},
		{"types policy ls" + at, exitDone, "charts      namespace acme/charts  helm   -                                         deny     enforce   -\n"},
		{"types policy ls" + at, exitDone, "everything  registry               all    docker-plugin,sif,wasm,ollama and 2 more  allow    warn      deny\n"},
		{"types policy show charts" + at, exitDone, "\n  \"validate\": \"enforce\"\n"},
		{"types policy show nobody" + at, cli.ExitNotFound, "nobody: the registry answers 404 Not Found"},
		{"__complete types policy rm" + at + " ch", exitDone, "charts\n"},
		{"types policy rm charts everything" + at, exitDone, "charts: the policy is removed\neverything: the policy is removed"},
		{"types policy rm charts" + at, cli.ExitNotFound, "charts: the registry answers 404 Not Found"},
		{"types policy ls" + at, exitDone, "There are no policies"},
	} {
		code, out, log := command(t, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out+log, tt.want) {
			t.Errorf("%s: %d, want %d with %q\n%s%s", tt.args, code, tt.code, tt.want, out, log)
		}
	}
}

// TestTypesHelp: every command of types says what it is for, with an example
// that is one.
func TestTypesHelp(t *testing.T) {
	for _, name := range []string{"", " ls", " show", " check", " apply", " rm", " policy", " policy ls", " policy show", " policy apply", " policy rm"} {
		code, out, log := command(t, strings.Fields("types"+name+" --help")...)
		if code != exitDone || !strings.Contains(out, "Examples:\n  lading types"+name) {
			t.Errorf("types%s --help: %d %s%s", name, code, out, log)
		}
	}
}
