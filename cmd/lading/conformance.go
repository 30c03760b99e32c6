package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/conformance"
	"github.com/lading-dev/lading/internal/cli"
)

// conformanceFlags are the flags of lading conformance discovery.
type conformanceFlags struct {
	opt           conformance.Options
	conn          cli.Flags
	header, other []string
	report, junit string
	list, quiet   bool
}

func conformanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Hold a registry against a specification",
		Long:  "Holds a registry against a specification." + exitHelp,
		Example: `  lading conformance discovery http://127.0.0.1:5000
  lading conformance discovery --list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(conformanceDiscovery())
	return cmd
}

func conformanceDiscovery() *cobra.Command {
	f := &conformanceFlags{}
	cmd := &cobra.Command{
		Use:   "discovery URL",
		Short: "Hold a registry against the discovery protocol: list, delta and watch",
		Long: `Holds a registry against the discovery protocol (docs/spec/discovery.md): list,
delta and watch. It is a client like any other, so it runs against every
registry that says it speaks the protocol. It pushes small artifacts into
repositories of random names below a namespace, and deletes them again.

What needs two callers (that nothing hidden is shown) is left out, and said so,
unless a second one is given with --other-header and --hidden.

Exit codes: 0 no requirement that MUST hold has failed, 1 one has or the suite
could not run, 2 the command line is wrong.`,
		Example: `  lading conformance discovery http://127.0.0.1:5000
  lading conformance discovery https://reg.example --namespace ci/conformance \
    --header "Authorization: Bearer $TOKEN" --report report.json --junit junit.xml
  lading conformance discovery http://127.0.0.1:5000 --only LIST --only CURS-4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return listCases(cmd.OutOrStdout())
			}
			f.opt.URL = args[0]
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.conn.AddTLS(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.opt.Namespace, "namespace", "conformance", "`NAME` below which the suite pushes")
	flags.StringArrayVar(&f.header, "header", nil, "header of every request, `\"Name: value\"`; may be repeated")
	flags.StringArrayVar(&f.other, "other-header", nil, "header of a second caller's requests, `\"Name: value\"`, who may read --namespace and not --hidden")
	flags.StringVar(&f.opt.Hidden, "hidden", "", "`NAME` below which the suite pushes what the second caller may not read")
	flags.StringVar(&f.opt.Expired, "expired-cursor", "", "a `CURSOR` of /v2/_lading/list/tags that is too old by now")
	flags.StringArrayVar(&f.opt.Only, "only", nil, "run the case of this `ID`, or the group: LIST-1, LIST; may be repeated")
	flags.BoolVar(&f.opt.Keep, "keep", false, "leave what was pushed")
	flags.StringVar(&f.report, "report", "", "write a report as JSON to this `FILE`")
	flags.StringVar(&f.junit, "junit", "", "write a report in the form of JUnit's to this `FILE`")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show only what failed")
	flags.BoolVar(&f.list, "list", false, "list the cases and run none")
	return cmd
}

func listCases(stdout io.Writer) error {
	for _, c := range conformance.Cases() {
		if _, err := fmt.Fprintf(stdout, "%-8s %-6s %s\n", c.ID, c.Level, c.Title); err != nil {
			return told(err)
		}
	}
	return nil
}

func (f *conformanceFlags) run(ctx context.Context, stdout io.Writer) (err error) {
	if f.opt.Header, err = headers(f.header); err != nil {
		return err
	}
	if f.opt.Other, err = headers(f.other); err != nil {
		return err
	}
	way, err := f.conn.Transport(f.opt.URL)
	if err != nil {
		return cli.Told(f.opt.URL, err)
	}
	f.opt.Client = &http.Client{Transport: way}
	f.opt.Told = func(r conformance.Result) {
		if !f.quiet || r.Status == conformance.Failed {
			fmt.Fprint(stdout, r.Text())
		}
	}
	report, err := conformance.Run(ctx, f.opt)
	if err != nil {
		return told(err)
	}
	fmt.Fprintf(stdout, "%d passed, %d failed, %d skipped\n", report.Count(conformance.Passed), report.Count(conformance.Failed), report.Count(conformance.Skipped))
	if err := errors.Join(toFile(f.report, report.WriteJSON), toFile(f.junit, report.WriteJUnit)); err != nil {
		return told(err)
	}
	if !report.Conforms() {
		return told(errors.New("the registry does not conform"))
	}
	return nil
}

// headers reads "Name: value" lines; none is nil.
func headers(lines []string) (http.Header, error) {
	var h http.Header
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("%q is no header: want \"Name: value\"", name)
		}
		if h == nil {
			h = http.Header{}
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return h, nil
}

// toFile writes a file, where it has a name.
func toFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return errors.Join(write(file), file.Close())
}
