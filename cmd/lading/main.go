// Command lading is an OCI artifact registry that always knows, and can always
// tell, what it holds. This package is the command line alone: it reads flags,
// loads the configuration and hands over to internal/server. The commands that
// speak to any registry are those of internal/cli.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
)

// The exit codes, as `lading --help` tells them.
const (
	exitDone   = 0
	exitFailed = 1 // the command could not do its work
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// exitHelp ends the help of the commands that work on this machine.
const exitHelp = `

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.`

// run carries out one command line and returns its exit code. It ends early,
// in good order, when ctx does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var failed *failure
	if errors.As(err, &failed) {
		fmt.Fprintf(stderr, "lading: %v\n", failed.err)
		return failed.code
	}
	var told *cli.Failure
	if errors.As(err, &told) && told.Code != exitUsage {
		fmt.Fprintf(stderr, "lading: %v\n", told)
		return told.Code
	}
	fmt.Fprintf(stderr, "lading: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
	return exitUsage
}

// failure is the error of a command that was understood. Any other error out
// of cobra is about the command line.
type failure struct {
	err  error
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// quiet keeps the shell from offering files where none are meant: a command that
// has an argument says itself what to offer.
func quiet(cmd *cobra.Command) {
	if !strings.Contains(cmd.Use, " ") && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cli.QuietFlags(cmd)
	for _, c := range cmd.Commands() {
		quiet(c)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lading",
		Short: "An OCI artifact registry that can always tell what it holds",
		Long: `lading is an OCI artifact registry that always knows, and can always tell, what
it holds: list it with order, filters and paging, keep the cursor, and ask
later for only what changed. ls, watch, inspect, history, tree, cp, rm and tag
look into any registry and move what is in it; user, token, session, grant,
access and audit say who may do what in one, and who did.

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong;
of the commands that speak to a registry also 3 there is no such thing, 4 you
may not do this, 5 the registry cannot do this.`,
		Example: `  lading serve
  lading ls registry.example.com/acme/web
  lading cp old.example.com/acme/web:1.2 registry.example.com/acme/web
  lading serve --listen 127.0.0.1:0 --data /tmp/try
  lading config check lading.yaml`,
		SilenceErrors: true, // run tells them, once
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), importCommand(), typesCommand(), conformanceCommand(), configCommand(), versionCommand())
	for _, c := range root.Commands() {
		quiet(c)
	}
	root.AddCommand(cli.Commands(cli.Env{})...)
	return root
}
