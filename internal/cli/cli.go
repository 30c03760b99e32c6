// Package cli holds the commands with which people and scripts look into
// registries and move what is in them: ls, watch, inspect, history, tree, cp,
// rm and tag; those that say who may do what, grant and access; and audit, who
// did what. It speaks to registries over HTTP alone, to those of this project
// with package client and to all others with what the distribution-spec has,
// and to OCI layouts on disk.
//
// What is fetched and how it is shown are apart: a command turns its arguments
// into a question, a source answers it in lading.Items, a printer writes them.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// Env is what the commands know of the world. The zero value is the real one.
type Env struct {
	// Now is the clock that ages are told by.
	Now func() time.Time
	// Terminal reports whether a person looks at, or types into, a stream.
	Terminal func(stream any) bool
	// Registry is the host that is meant where none is named.
	Registry string
}

// DefaultRegistry is where `lading serve` listens when nothing else is said.
const DefaultRegistry = "127.0.0.1:5000"

func (e Env) withDefaults() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Terminal == nil {
		e.Terminal = terminal
	}
	e.Registry = cmp.Or(e.Registry, os.Getenv("LADING_REGISTRY"), DefaultRegistry)
	return e
}

// terminal reports whether a stream is a terminal.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Commands returns the commands of this package.
func Commands(env Env) []*cobra.Command {
	env = env.withDefaults()
	all := []*cobra.Command{
		lsCommand(env), watchCommand(env), inspectCommand(env), historyCommand(env),
		treeCommand(env), cpCommand(env), rmCommand(env), tagCommand(env),
		grantCommand(env), accessCommand(env),
		userCommand(env), tokenCommand(env), sessionCommand(env), loginCommand(env), logoutCommand(env), whoamiCommand(env), auditCommand(env),
	}
	for _, c := range all {
		quiet(c)
	}
	return all
}

// run makes a function that does a command's work cobra's, with the exit code
// that its error stands for.
func run(fn func(ctx context.Context, s streams, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s := streams{in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
		return failureOf(fn(cmd.Context(), s, args))
	}
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// note tells a person one line that is no part of the answer.
func (s streams) note(text string) { _, _ = io.WriteString(s.err, "lading: "+text+"\n") }

// exitHelp ends the help of every command.
const exitHelp = `

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 there is no such
thing, 4 you may not do this, 5 the registry cannot do this.`

// registryHelp tells how registries are named.
const registryHelp = `

HOST is host[:port]; where it is left out, $LADING_REGISTRY or 127.0.0.1:5000 is
meant. Loopback addresses are spoken to over HTTP, others over HTTPS; write
http://HOST or https://HOST to say it.` + signInHelp

// refHelp tells how registries are named where one has to be.
const refHelp = `

HOST is host[:port]. Loopback addresses are spoken to over HTTP, others over
HTTPS; write http://HOST or https://HOST to say it.` + signInHelp

var errUsage = errors.New("the command line is wrong")

// oneOf is some words in a sentence, of which one is chosen.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// list is some words in a sentence.
func list(words []string) string { return strings.Join(words, ", ") }
