package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDocs runs what docs/cli.md shows, and holds that it prints what stands
// there.
func TestDocs(t *testing.T) {
	file, err := filepath.Abs("../../docs/cli.md")
	must(t, err)
	raw, err := os.ReadFile(file)
	must(t, err)
	w := open(t)
	fill(t, w.host(), "acme/web")
	w.pass(47 * time.Hour)
	fill(t, w.host(), "acme/tools/cli")
	w.pass(time.Hour)
	t.Chdir(t.TempDir()) // where a layout is written
	var out strings.Builder
	ran := 0
	for i, part := range strings.SplitAfter(string(raw), "\n```") {
		block, ok := strings.CutPrefix(part, "console\n")
		if i == 0 || !ok {
			out.WriteString(part)
			continue
		}
		out.WriteString("console\n" + runBlock(t, w.host(), block, &ran) + "```")
	}
	if ran < 20 {
		t.Errorf("only %d commands were run", ran)
	}
	if *update {
		must(t, os.WriteFile(file, []byte(out.String()), 0o644))
	} else if out.String() != string(raw) {
		t.Errorf("docs/cli.md differs; go test ./internal/cli -run TestDocs -update writes it anew. Now:\n%s", out.String())
	}
}

const docsHost = "registry.example.com"

// runBlock runs the commands of a block.
func runBlock(t *testing.T, host, block string, ran *int) string {
	t.Helper()
	var b strings.Builder
	for l := range strings.Lines(block) {
		command, ok := strings.CutPrefix(l, "$ lading ")
		if !ok {
			continue
		}
		*ran++
		code, out, log := lading(t, words(strings.ReplaceAll(command, docsHost, host))...)
		if code != 0 {
			t.Errorf("%s%d %s", l, code, log)
		}
		text := log + out
		for _, u := range unsteady {
			text = u.re.ReplaceAllString(text, u.with)
		}
		// Columns of a table do not move: hosts stand in none.
		fmt.Fprintf(&b, "%s%s", l, strings.ReplaceAll(text, "HOST", docsHost))
	}
	return b.String()
}

// words are those of a command line, as a shell takes them apart.
func words(command string) (out []string) {
	for i, part := range strings.Split(strings.TrimSpace(command), "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}
