package cli_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
)

// TestHelp holds that every command tells what it does, with examples of itself
// and its exit codes.
func TestHelp(t *testing.T) {
	for _, c := range cli.Commands(env()) {
		_, out, _ := lading(t, c.Name(), "--help")
		for _, part := range []string{"Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 there is no such\nthing, 4 you may not do this, 5 the registry cannot do this.", "Examples:\n  lading " + c.Name() + " ", "--plain-http", "--ca-file FILE", "--cert FILE", "--key FILE", "--insecure"} {
			if c.Name() == "logout" && strings.HasPrefix(part, "--") {
				continue // it speaks to no registry
			}
			if !strings.Contains(out, part) {
				t.Errorf("lading %s --help has no %q", c.Name(), part)
			}
		}
		for l := range strings.Lines(c.Long) {
			if len(strings.TrimRight(l, "\n")) > 80 {
				t.Errorf("lading %s --help: a line of more than 80: %s", c.Name(), l)
			}
		}
		for example := range strings.Lines(c.Example) {
			if strings.HasPrefix(example, "  lading "+c.Name()+" ") {
				checkExample(t, c, example)
			}
		}
	}
}

// checkExample holds that an example has flags that there are.
func checkExample(t *testing.T, c *cobra.Command, example string) {
	t.Helper()
	own, _, _ := strings.Cut(strings.TrimSpace(example), "|")
	own, _, _ = strings.Cut(own, "$(")
	for _, word := range strings.Fields(own) {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case strings.HasPrefix(word, "--") && c.Flags().Lookup(name) == nil,
			strings.HasPrefix(word, "-") && len(word) == 2 && c.Flags().ShorthandLookup(name) == nil:
			t.Errorf("%s: there is no %s", example, word)
		}
	}
}

// TestCompletion completes words, hosts, repositories and tags, and is silent
// where nobody answers. The words of a flag are left to the shell to choose
// from.
func TestCompletion(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	fill(t, w.host(), "acme/cli")
	olareg := peer(t, "olareg")
	fill(t, olareg, "acme/web")
	host := w.host()
	for _, tt := range []struct{ args, want string }{
		{"ls ma", "manifests|:6"},
		{"ls tags HOST/acme/w", "HOST/acme/web|:6"},
		{"ls HOST/", "HOST/acme/cli|HOST/acme/web|:6"},
		{"inspect HOST/acme/web", "HOST/acme/web:|:6"},
		{"inspect HOST/acme/web:a", "HOST/acme/web:amd|:4"},
		{"inspect http://HOST/acme/web:a", "http://HOST/acme/web:amd|:4"},
		{"cp HOST/acme/web:1.0 HOST/acme/c", "HOST/acme/cli|:6"},
		{"inspect OLAREG/acme/web:a", "OLAREG/acme/web:amd|:4"},
		{"inspect OLAREG/", ":6"},
		{"inspect 127.0.0.1:1/x", ":6"},
		{"inspect HOST/acme/web:1.0 x", ":4"},
		{"ls --order mod", "name|-name|created|-created|modified|-modified|:4"},
		{"ls --type hel", "helm|:4"},
		{"tree -o j", "text|json|:4"},
	} {
		args := strings.Fields(strings.NewReplacer("HOST", host, "OLAREG", olareg).Replace(tt.args))
		_, out, log := lading(t, append([]string{"__completeNoDesc"}, args...)...)
		got := strings.ReplaceAll(strings.TrimSpace(out), "\n", "|")
		if want := strings.NewReplacer("HOST", host, "OLAREG", olareg).Replace(tt.want); got != want {
			t.Errorf("%s: %q, want %q\n%s", tt.args, got, want, log)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, _ := lading(t, "completion", shell); code != 0 || !strings.Contains(out, "__complete") {
			t.Errorf("%s: %d", shell, code)
		}
	}
}
