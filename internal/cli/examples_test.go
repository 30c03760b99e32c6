package cli_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
)

// exampleWords takes a command line apart; quotes hold words together.
var exampleWords = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)

// TestExamples runs the examples of every command against a registry that has
// what most of them name. What one wants more is not there, or may not be done;
// but each is understood, here and by the registry.
func TestExamples(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	host, file := accounted(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	first, err := os.ReadFile(file)
	must(t, err)
	signIn(t, host, "admin", strings.TrimSpace(string(first)))
	t.Chdir(t.TempDir())
	e := env()
	e.Registry = host
	run := func(in string, args ...string) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // some never end
		defer cancel()
		code, _, log := ladingWith(ctx, e, in, args...)
		return code, log
	}
	for _, command := range []string{"user add bob --password-stdin", "user add service:ci", "cp -q " + w.host() + "/acme/web:1.0 " + host + "/acme/web:1.2", "cp -q " + w.host() + "/acme/web:1.0 oci:web:1.2"} {
		if code, _, log := ladingWith(t.Context(), e, "battery staple", strings.Fields(command)...); code != 0 {
			t.Fatal(command, log)
		}
	}
	digest := strings.Fields(does(t, "ls", w.host()+"/acme/web", "--template", "{{.descriptor.digest}}"))[0]
	ran := 0
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			line = regexp.MustCompile(`(\w+\.example\.com|10\.0\.0\.7:5000)`).ReplaceAllString(line, host)
			line = strings.NewReplacer("sha256:4f3a…", digest, `"$(jq -r .cursor all.json)"`, "now").Replace(line)
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " > ")
			line, _, _ = strings.Cut(line, " >> ")
			line, _, _ = strings.Cut(line, " < ")
			if strings.Contains(line, "docker.io") || !strings.HasPrefix(line, "  lading ") {
				continue
			}
			var args []string
			for _, word := range exampleWords.FindAllString(line, -1)[1:] {
				args = append(args, strings.Trim(word, `"'`))
			}
			ran++
			// What wants somebody at a terminal says that nobody is there.
			if code, log := run("battery staple", args...); code == cli.ExitUsage && !strings.Contains(log, "nobody ") || code == cli.ExitUnsupported {
				t.Errorf("%s: %d %s", line, code, log)
			}
		}
		for _, below := range c.Commands() {
			each(below)
		}
	}
	for _, c := range cli.Commands(e) {
		each(c)
	}
	if ran < 70 {
		t.Errorf("only %d examples were run", ran)
	}
}
