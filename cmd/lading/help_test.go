package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand is the command and all below it.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		all = append(all, everyCommand(c)...)
	}
	return all
}

// TestHelpIsWhole: every command tells what it does in lines that fit, what it
// ends with, and how it is used, by examples that are command lines of it.
func TestHelpIsWhole(t *testing.T) {
	commands := everyCommand(rootCommand())
	if len(commands) < 45 {
		t.Errorf("only %d commands were looked at", len(commands))
	}
	for _, c := range commands {
		name := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q is no line for a list", name, c.Short)
		}
		if !strings.Contains(c.Long, "Exit codes: 0 ") {
			t.Errorf("%s does not say what it ends with", name)
		}
		for l := range strings.Lines(c.Long) {
			if len(strings.TrimRight(l, "\n")) > 82 {
				t.Errorf("%s: a line that does not fit: %s", name, l)
			}
		}
		own := 0
		for _, example := range strings.Split(strings.ReplaceAll(c.Example, "\\\n", ""), "\n") {
			line := strings.TrimSpace(example)
			if line == name || strings.HasPrefix(line, name+" ") {
				own++
			}
			if err := understood(line); err != nil {
				t.Errorf("%s: the example %q: %v", name, line, err)
			}
		}
		if own == 0 {
			t.Errorf("%s has no example", name)
		}
	}
}

// shellWords takes a command line apart; quotes hold words together.
var shellWords = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)

// understood is nil for a command line whose flags and arguments are right. What
// a shell does behind it is left out.
func understood(line string) error {
	var args []string
	for _, word := range shellWords.FindAllString(line, -1)[1:] {
		if slices.Contains([]string{"|", "<", ">", ">>", "#"}, word) {
			break
		}
		args = append(args, strings.Trim(word, `"'`))
	}
	cmd, rest, err := rootCommand().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// TestFlagsAreAlike: a flag is described in one way in all commands that mean
// the same by it, and says what is to be written behind it.
func TestFlagsAreAlike(t *testing.T) {
	// What another thing is in another command.
	other := map[string]bool{"output": true, "limit": true, "interval": true, "since": true, "registry": true, "id": true, "group": true,
		"namespace": true, "repo": true, "prefix": true, "quiet": true, "password-stdin": true, "stats": true, "list": true, "jobs": true, "config": true, "all": true, "data": true}
	said := map[string]string{}
	for _, c := range everyCommand(rootCommand()) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			if was, ok := said[f.Name]; ok && was != f.Usage && !other[f.Name] {
				t.Errorf("%s: --%s is %q, and elsewhere %q", c.CommandPath(), f.Name, f.Usage, was)
			}
			said[f.Name] = f.Usage
			if what, _ := pflag.UnquoteUsage(f); what != "" && what == strings.ToLower(what) && !strings.Contains(what, ":") {
				t.Errorf("%s: --%s %s does not say what is to be written", c.CommandPath(), f.Name, what)
			}
			if strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s: --%s ends in a full stop", c.CommandPath(), f.Name)
			}
		})
	}
}
