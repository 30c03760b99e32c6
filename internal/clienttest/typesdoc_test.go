package clienttest

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const typesDoc = "../../docs/types.md"

// docSession are the commands of a page, each block with the answer that
// stands below it; "…" in an answer stands for anything.
var docSession = regexp.MustCompile("(?s)\n```sh\n(.*?)\n```\n(?:```\n(.*?)\n```\n)?")

// TestTypesDoc types what docs/types.md tells to type, from the first push of
// a type that the code has never heard of to the last policy, and compares
// every answer.
func TestTypesDoc(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		text := readFile(t, typesDoc)
		writeFile(t, filepath.Join(oras.dir, "recipe.json"), recipe(t))
		blocks := docSession.FindAllStringSubmatch(text, -1)
		if len(blocks) < 7 || strings.Count(text, "```sh") != len(blocks) {
			t.Fatalf("%d blocks of commands are found", len(blocks))
		}
		for _, block := range blocks {
			commands := strings.ReplaceAll(block[1], "127.0.0.1:5000", addr)
			want := regexp.QuoteMeta(strings.ReplaceAll(block[2], "127.0.0.1:5000", addr))
			answer := regexp.MustCompile("(?s)^" + strings.ReplaceAll(want, "…", ".*") + "$")
			answered := func() bool {
				out := oras.shell(t, commands)
				if block[2] == "" || answer.MatchString(out) {
					return true
				}
				t.Logf("%s\nanswers\n%s\nwant\n%s", commands, out, block[2])
				return false
			}
			if strings.Contains(commands, "/list/") {
				waitFor(t, "what is typed again in the background", answered)
			} else if !answered() {
				t.FailNow()
			}
		}
	})
}

// shell runs commands as a person would, with the client and lading at hand,
// in the client's directory. They must succeed.
func (c tool) shell(t *testing.T, commands string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", "PATH="+filepath.Dir(c.path)+":"+filepath.Dir(binary)+":$PATH\n"+commands)
	cmd.Env, cmd.Dir = c.env, c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	return strings.TrimSpace(string(out))
}

// recipe is the definition that docs/types.md shows.
func recipe(t *testing.T) string {
	t.Helper()
	_, block, found := strings.Cut(readFile(t, typesDoc), "\n```json\n")
	text, _, closed := strings.Cut(block, "\n```\n")
	if !found || !closed {
		t.Fatal("the page shows no definition")
	}
	return text + "\n"
}

// docTexts are the messages that docs/types.md shows, one a line.
func docTexts(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, block := range regexp.MustCompile("(?s)\n```text\n(.*?)\n```\n").FindAllStringSubmatch(readFile(t, typesDoc), -1) {
		out = append(out, strings.Split(block[1], "\n")...)
	}
	return out
}

// TestTypesDocMistakes makes the mistakes that the page tells of.
func TestTypesDocMistakes(t *testing.T) {
	lading := newTool(t, "oras")
	text := strings.NewReplacer(`{"artifactType": `, `{"artefactType": `, `"title": "/name"`, `"title": "name"`).Replace(recipe(t))
	writeFile(t, filepath.Join(lading.dir, "recipe.json"), text)
	out := lading.shell(t, "lading types check recipe.json 2>&1 || true")
	equal(t, "the mistakes", out, strings.Join(docTexts(t)[:3], "\n"))
}

// TestTypesDocRefusals has manifests refused as the page says.
func TestTypesDocRefusals(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras, texts := newTool(t, "oras"), docTexts(t)[3:]
		putPolicy(t, addr, "charts", "acme/charts", `"helm"`)
		oras.put(t, "config.json", `{"name":"hello"}`)
		oras.put(t, "chart.tgz", "a chart")
		image := []string{"push", "--plain-http", "--config", "config.json:" + dockerType, addr + "/acme/charts/app:1", "chart.tgz:text/plain"}
		chart := []string{"push", "--plain-http", "--config", "config.json:" + chartType, addr + "/acme/charts/hello:1", "chart.tgz:application/vnd.cncf.helm.chart.content.v1.tar+gzip"}
		for i, args := range [][]string{image, chart} {
			_, said, _ := strings.Cut(texts[i], ": ")
			oras.fails(t, said, args...)
		}
		push(t, oras, addr+"/acme/parts:1")
		oras.run(t, "manifest", "index", "create", "--plain-http", addr+"/acme/parts:all", "1")
		_, said, _ := strings.Cut(texts[2], "…")
		oras.fails(t, said, "manifest", "delete", "--plain-http", "--force", addr+"/acme/parts@"+oras.run(t, "resolve", "--plain-http", addr+"/acme/parts:1"))
	})
}
