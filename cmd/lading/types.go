package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

// typesFlags are the flags of lading types.
type typesFlags struct{ registry string }

func typesCommand() *cobra.Command {
	f := &typesFlags{}
	cmd := &cobra.Command{
		Use:   "types",
		Short: "Look at, check and change the definitions of artifact types",
		Long: `Looks at, checks and changes the definitions of artifact types: what is a Helm
chart, what an SBOM. Without --registry, ls and show tell of the definitions that
are built in.`,
		Example: `  lading types ls --registry http://127.0.0.1:5000
  lading types check recipe.json
  lading types apply --registry http://127.0.0.1:5000 recipe.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&f.registry, "registry", "", "`URL` of a running registry: http://HOST or https://HOST")
	cmd.AddCommand(
		&cobra.Command{Use: "ls", Short: "List the definitions", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return told(f.list(cmd.Context(), cmd.OutOrStdout()))
		}},
		&cobra.Command{Use: "show NAME", Short: "Show a definition", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.show(cmd.Context(), cmd.OutOrStdout(), args[0]))
		}},
		&cobra.Command{Use: "check FILE...", Short: "Tell every mistake in definitions, each with its line and JSON pointer", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return told(checkTypes(cmd.OutOrStdout(), args))
		}},
		&cobra.Command{Use: "apply FILE...", Short: "Put definitions into a running registry", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.apply(cmd.Context(), cmd.OutOrStdout(), args))
		}},
		&cobra.Command{Use: "rm NAME...", Short: "Remove definitions from a running registry", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.remove(cmd.Context(), cmd.OutOrStdout(), args))
		}},
	)
	return cmd
}

// told makes the error of a command that could not do its work.
func told(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failure{err, exitFailed}
}

// definitions are those of the registry, or those that are built in.
func (f *typesFlags) definitions(ctx context.Context) ([]lading.Definition, error) {
	if f.registry == "" {
		return builtIns()
	}
	var out struct{ Definitions []lading.Definition }
	body, err := f.ask(ctx, http.MethodGet, "", nil)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	return out.Definitions, err
}

func builtIns() (out []lading.Definition, err error) {
	defs, mistakes := arttype.BuiltIns()
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	for _, d := range defs {
		raw, err := json.Marshal(d.Definition)
		if err != nil {
			return nil, err
		}
		out = append(out, lading.Definition{Name: d.Name, Source: d.Source.String(), JSON: raw})
	}
	return out, nil
}

func (f *typesFlags) list(ctx context.Context, stdout io.Writer) error {
	defs, err := f.definitions(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSOURCE\tDISPLAY")
	for _, d := range defs {
		var text struct{ Display string }
		if err := json.Unmarshal(d.JSON, &text); err != nil {
			return fmt.Errorf("definition %s: %w", d.Name, err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, d.Source, text.Display)
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
			var b bytes.Buffer
			if err := json.Indent(&b, d.JSON, "", "  "); err != nil {
				return fmt.Errorf("definition %s: %w", name, err)
			}
			fmt.Fprintln(stdout, b.String())
			return nil
		}
	}
	return fmt.Errorf("there is no definition %s", name)
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
		if _, err := f.ask(ctx, http.MethodPut, "/"+d.Name, body); err != nil {
			return fmt.Errorf("%s: %w", file, err)
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
		if _, err := f.ask(ctx, http.MethodDelete, "/"+url.PathEscape(name), nil); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "%s: the definition is removed\n", name)
	}
	return nil
}

const (
	typesTime   = 30 * time.Second
	typesAnswer = 64 << 20 // bytes of an answer that are read
)

// ask sends a request about definitions and returns the body of the answer.
func (f *typesFlags) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	base, err := url.Parse(f.registry)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, &failure{fmt.Errorf("--registry %q is not http://HOST or https://HOST", f.registry), exitUsage}
	}
	ctx, cancel := context.WithTimeout(ctx, typesTime)
	defer cancel()
	at := strings.TrimSuffix(f.registry, "/") + "/v2/_lading/types/definitions" + path
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, typesAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return nil, refusal(resp.Status, answer)
	}
	return answer, nil
}

// refusal is what the registry said, for a person.
func refusal(status string, answer []byte) error {
	var said struct {
		Errors []struct{ Message string }
	}
	if json.Unmarshal(answer, &said) != nil || len(said.Errors) == 0 {
		return fmt.Errorf("the registry answers %s", status)
	}
	return fmt.Errorf("the registry answers %s: %s", status, said.Errors[0].Message)
}
