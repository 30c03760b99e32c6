package clienttest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadme types what README.md tells a newcomer to type, with another
// address, and checks that the last answer is what it shows: a delta with the
// second tag alone.
func TestReadme(t *testing.T) {
	text := readFile(t, "../../README.md")
	r := startRegistry(t, configFile(t, ""))
	oras := newTool(t, "oras")
	script := "set -eu\nPATH=" + filepath.Dir(oras.path) + ":$PATH\n"
	for _, block := range strings.Split(text, "\n```sh\n")[1:] {
		commands, _, _ := strings.Cut(block, "\n```\n")
		script += strings.ReplaceAll(commands, "127.0.0.1:5000", r.addr) + "\n"
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env, cmd.Dir = oras.env, oras.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, answer, _ := strings.Cut(string(out), `{"kind":"delta"`)
	expect(t, parse[listing](t, `{"kind":"delta"`+answer), "delta", "put tag:acme/hello:2")
	expect(t, parse[listing](t, readFile(t, filepath.Join(oras.dir, "tags.json"))), "list", "put tag:acme/hello:1")
}

// TestReadmeAnswers checks that the answers README.md shows have the fields
// that the registry writes.
func TestReadmeAnswers(t *testing.T) {
	text := readFile(t, "../../README.md")
	r := startRegistry(t, configFile(t, ""))
	push(t, newTool(t, "oras"), r.addr+"/acme/hello:1")
	var shown, real any
	block, _, _ := strings.Cut(strings.Split(text, "\n```json\n")[1], "\n```\n")
	if err := json.Unmarshal([]byte(block), &shown); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(get(t, "http://"+r.addr+"/v2/_lading/list/tags")), &real); err != nil {
		t.Fatal(err)
	}
	equal(t, "the fields shown", fields("", shown), fields("", real))
}

// fields lists the paths of a JSON value, in order, with annotations as one.
func fields(at string, v any) string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		if strings.HasSuffix(at, ".annotations") {
			return at
		}
		for k, inner := range v {
			out = append(out, fields(at+"."+k, inner))
		}
	case []any:
		for _, inner := range v {
			out = append(out, fields(at+"[]", inner))
		}
	default:
		return at
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
