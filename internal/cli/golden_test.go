package cli_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestGolden is what the commands print of a registry of this project.
func TestGolden(t *testing.T) {
	w := open(t)
	host := w.host()
	index := fill(t, host, "acme/web")
	w.pass(47 * time.Hour)
	fill(t, host, "acme/tools/cli")
	w.pass(time.Hour)
	web := host + "/acme/web"
	commands := func(lines ...string) (out [][]string) {
		for _, l := range lines {
			out = append(out, strings.Fields(strings.NewReplacer("WEB", web, "HOST", host, "DIGEST", string(index.Digest)).Replace(l)))
		}
		return out
	}
	golden(t, "ls", commands("ls HOST", "ls HOST/acme", "ls HOST/acme/", "ls repositories HOST --order -created -n 1", "ls WEB", "ls tags HOST/acme/ --type image --platform linux/amd64",
		"ls manifests WEB", "ls manifests WEB --untagged -o name", "ls manifests WEB --subject DIGEST", "ls namespaces HOST --stats", "ls namespaces HOST/acme",
		"ls repositories HOST --stats", "ls WEB --order -modified -n 2", "ls WEB --prefix d --exclude x*", "ls HOST/none",
		"ls WEB --type nonsense", "ls WEB --order size", "ls HOST --tagged", "ls HOST --since none --stats", "ls HOST -o xml", "ls HOST -o template", "ls one two three", "ls bogus HOST"))
	golden(t, "ls_forms", commands("ls WEB --prefix d -o json", "ls WEB --prefix d -o ndjson", "ls WEB --prefix d -o ndjson --since none", "ls WEB -o name", "ls HOST --since now",
		"ls HOST --since now -o json", "ls WEB --template {{.tag}},{{.descriptor.digest|short}}", "ls WEB --template {{.tag}}={{.subject}},{{.created|age}},{{.descriptor.size|size}}", "ls namespaces HOST -o json"))
	golden(t, "look", commands("inspect WEB:1.0", "inspect WEB:amd", "inspect WEB:data -o json", "inspect WEB@DIGEST --template {{.type}},{{.tags}}", "tree WEB:1.0", "tree WEB:1.0 --depth 1",
		"tree WEB:amd -o json", "history WEB:1.0", "history WEB:1.0 -o ndjson", "history WEB:none", "inspect WEB:none", "inspect WEB", "inspect HOST", "tree WEB:1.0 --depth 99", "tag WEB:1.0 2 3", "tag WEB:1.0 !",
		"rm WEB:3", "history WEB:3", "rm WEB:3", "rm --repository WEB", "rm --repository --yes HOST/acme/tools/cli", "ls HOST"))
}

// TestDelta lists what has changed since a cursor.
func TestDelta(t *testing.T) {
	w := open(t)
	host := w.host()
	fill(t, host, "acme/web")
	_, out, log := lading(t, "ls", "tags", host, "--since", "none", "-o", "name")
	cursor := strings.TrimSpace(strings.TrimPrefix(log, "cursor: "))
	if strings.Count(out, "\n") != 4 || cursor == "" {
		t.Fatalf("%s%s", out, log)
	}
	does(t, "tag", host+"/acme/web:1.0", "2.0")
	does(t, "rm", host+"/acme/web:data")
	golden(t, "delta", [][]string{
		{"ls", "tags", host, "--since", cursor}, {"ls", "tags", host, "--since", cursor, "-o", "name"}, {"ls", "tags", host, "--since", cursor, "-o", "json"},
		{"ls", "tags", host, "--since", "forged"}, {"ls", "manifests", host, "--since", cursor},
	})
}

// TestContentCountsOnce adds up what an index comes to: a layer that two images
// share is there once.
func TestContentCountsOnce(t *testing.T) {
	w := open(t)
	p := pushTo(t, w.host(), "shared")
	amd, arm := p.image("amd64", "one layer"), p.image("arm64", "one layer")
	p.index("1", amd, arm)
	configs := len(`{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`) * 2
	if got, want := does(t, "inspect", w.host()+"/shared:1", "--template", "{{.contentSize}}"), fmt.Sprintln(configs+len("one layer")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
