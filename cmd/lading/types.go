package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/cli"
)

// typesFlags are the flags of lading types.
type typesFlags struct {
	conn     cli.Flags
	registry string
	stats    bool   // of ls
	id       string // of policy apply
}

func typesCommand() *cobra.Command {
	f := &typesFlags{}
	cmd := &cobra.Command{
		Use:   "types",
		Short: "Look at, check and change the definitions of artifact types, and policies",
		Long: `Looks at, checks and changes the definitions of artifact types: what is a Helm
chart, what an SBOM. Without --registry, ls and show tell of the definitions that
are built in. Policies say which types a part of a registry takes.` + cli.SignInHelp + cli.ExitHelp,
		Example: `  lading types ls
  lading types ls --registry http://127.0.0.1:5000 --stats
  lading types check recipe.json
  lading types apply recipe.json --registry http://127.0.0.1:5000
  lading types policy ls --registry http://127.0.0.1:5000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.conn.AddBelow(cmd)
	cmd.PersistentFlags().StringVar(&f.registry, "registry", "", "`HOST` of the registry, or http://HOST or https://HOST")
	noCompletion(cmd, "registry")
	return addBelow(cmd, f.listCommand(), f.showCommand(), checkTypesCommand(), f.applyCommand(), f.removeCommand(), f.policyCommand())
}

// addBelow adds commands to one that only has others below it, and what they
// end with to their help.
func addBelow(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	for _, c := range below {
		if c.Long == "" {
			c.Long = c.Short + "."
		}
		c.Long += cli.ExitHelp
	}
	cmd.AddCommand(below...)
	return cmd
}

func (f *typesFlags) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the definitions",
		Example: `  lading types ls
  lading types ls --registry http://127.0.0.1:5000 --stats`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return told(f.list(cmd.Context(), cmd.OutOrStdout()))
		},
	}
	cmd.Flags().BoolVar(&f.stats, "stats", false, "count the manifests of each type, exactly up to 1,000; with --registry")
	return cmd
}

func (f *typesFlags) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a definition",
		Example: `  lading types show helm
  lading types show recipe --registry http://127.0.0.1:5000`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: f.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.show(cmd.Context(), cmd.OutOrStdout(), args[0]))
		},
	}
}

func checkTypesCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "check FILE...",
		Short:             "Tell every mistake in definitions, each with its line and JSON pointer",
		Example:           `  lading types check recipe.json`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeJSON,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(checkTypes(cmd.OutOrStdout(), args))
		},
	}
}

func (f *typesFlags) applyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "apply FILE...",
		Short: "Put definitions into a running registry",
		Long: `Puts definitions into a running registry, their logos with them. What is stored
already is typed again, in the background.`,
		Example:           `  lading types apply recipe.json --registry http://127.0.0.1:5000`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeJSON,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.apply(cmd.Context(), cmd.OutOrStdout(), args))
		},
	}
}

func (f *typesFlags) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove definitions from a running registry",
		Long: `Removes definitions that came with "lading types apply". What they overrode holds
again; artifacts stay, and are typed again.`,
		Example:           `  lading types rm recipe --registry http://127.0.0.1:5000`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: f.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.remove(cmd.Context(), cmd.OutOrStdout(), args))
		},
	}
}

// told makes the error of a command that could not do its work.
func told(err error) error {
	var f *failure
	var known *cli.Failure
	var no *refusal
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.As(err, &known):
		return known
	case errors.As(err, &no):
		return &failure{err, cli.ExitCodeOf(no.code)}
	}
	return &failure{err, exitFailed}
}

// countedType is a definition, with how many manifests are of it where that was
// asked for.
type countedType struct {
	lading.Definition
	Stats struct{ Manifests any }
}

// definitions are those of the registry, or those that are built in.
func (f *typesFlags) definitions(ctx context.Context) ([]countedType, error) {
	if f.registry == "" {
		if f.stats {
			return nil, &failure{errors.New("--stats counts what a registry holds: say which, with --registry http://HOST"), exitUsage}
		}
		return builtIns()
	}
	path := "definitions"
	if f.stats {
		path += "?view=stats"
	}
	var out struct{ Definitions []countedType }
	err := f.read(ctx, path, &out)
	return out.Definitions, err
}

func builtIns() (out []countedType, err error) {
	defs, mistakes := arttype.BuiltIns()
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	for _, d := range defs {
		raw, err := json.Marshal(d.Definition)
		if err != nil {
			return nil, err
		}
		out = append(out, countedType{Definition: lading.Definition{Name: d.Name, Source: d.Source.String(), JSON: raw}})
	}
	return out, nil
}

func (f *typesFlags) list(ctx context.Context, stdout io.Writer) error {
	defs, err := f.definitions(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	count := func(any) string { return "" }
	if f.stats {
		count = func(n any) string { return fmt.Sprint(n, "\t") }
	}
	fmt.Fprintln(w, "NAME\tSOURCE\t"+count("MANIFESTS")+"DISPLAY")
	for _, d := range defs {
		var text struct{ Display string }
		if err := json.Unmarshal(d.JSON, &text); err != nil {
			return fmt.Errorf("definition %s: %w", d.Name, err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\n", d.Name, d.Source, count(d.Stats.Manifests), cmp.Or(text.Display, d.Name))
	}
	return w.Flush()
}

func (f *typesFlags) show(ctx context.Context, stdout io.Writer, name string) error {
	defs, err := f.definitions(ctx)
	if err != nil {
		return err
	}
	for _, d := range defs {
		if d.Name == name {
			return writeIndented(stdout, d.JSON)
		}
	}
	return &failure{fmt.Errorf("there is no definition %s; `lading types ls` tells which there are", name), cli.ExitNotFound}
}

// readType reads a definition with its logo. Its mistakes name the file as it
// was given.
func readType(file string) (arttype.Sourced, arttype.Mistakes) {
	d, mistakes := arttype.LoadFile(os.DirFS(filepath.Dir(file)), filepath.Base(file), arttype.Directory)
	for i := range mistakes {
		mistakes[i].File = file
	}
	d.File = file
	return d, mistakes
}

// checkTypes tells the mistakes of files, alone, together and beside what is
// built in.
func checkTypes(stdout io.Writer, files []string) error {
	all, _ := arttype.BuiltIns()
	var mistakes arttype.Mistakes
	bad := map[string]bool{}
	for _, file := range files {
		d, wrong := readType(file)
		mistakes = append(mistakes, wrong...)
		if d.Definition != nil {
			all = append(all, d)
		}
	}
	_, wrong := arttype.NewSet(all...)
	mistakes = append(mistakes, wrong...)
	for _, m := range mistakes {
		fmt.Fprintln(stdout, m)
		bad[m.File] = true
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d files cannot be used as they are", len(bad), len(files))
	}
	for _, d := range all[len(all)-len(files):] {
		fmt.Fprintf(stdout, "%s is good: the type %s\n", d.File, d.Name)
	}
	return nil
}

// apply puts files into the registry, the logos beside them in them.
func (f *typesFlags) apply(ctx context.Context, stdout io.Writer, files []string) error {
	for _, file := range files {
		d, mistakes := readType(file)
		if len(mistakes) > 0 {
			return mistakes
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if d.SVG != nil {
			if body, err = withLogo(body, d.SVG); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if err := f.put(ctx, "definitions/"+d.Name, file, body); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s: the type %s is in use\n", file, d.Name)
	}
	return nil
}

// withLogo is a definition with its logo in it.
func withLogo(body, svg []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	logo, err := json.Marshal(string(svg))
	if err != nil {
		return nil, err
	}
	fields["logo"] = logo
	return json.Marshal(fields)
}

func (f *typesFlags) remove(ctx context.Context, stdout io.Writer, names []string) error {
	for _, name := range names {
		if _, err := f.ask(ctx, http.MethodDelete, "definitions/"+url.PathEscape(name), nil); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "%s: the definition is removed\n", name)
	}
	return nil
}
