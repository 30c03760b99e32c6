package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

func (f *typesFlags) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Look at and change which types a part of a registry takes",
		Long: `Looks at and changes policies: which types of artifacts a repository, a namespace
or the whole registry takes, and how strictly they are held to their definitions.
The narrowest policy holds, whole. What is stored already stays.

A policy is a JSON file:

  {"scope": {"namespace": "charts"}, "allow": ["helm"], "validate": "enforce"}

scope     {"repository": "..."}, {"namespace": "..."}, or {}, the registry
allow     short names of types; when there are any, no others are taken
deny      short names of types that are not taken
unknown   allow or deny: artifacts of no type that is known here
validate  off, warn or enforce: config and layers as the definition says
sparse    allow or deny: manifests that refer to what is not there`,
		Example: `  lading types policy ls --registry http://127.0.0.1:5000
  lading types policy apply charts.json --registry http://127.0.0.1:5000
  lading types policy rm charts --registry http://127.0.0.1:5000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	return addBelow(cmd, f.policyListCommand(), f.policyShowCommand(), f.policyApplyCommand(), f.policyRemoveCommand())
}

func (f *typesFlags) policyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "ls",
		Short:             "List the policies",
		Example:           `  lading types policy ls --registry http://127.0.0.1:5000`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return told(f.listPolicies(cmd.Context(), cmd.OutOrStdout()))
		},
	}
}

func (f *typesFlags) policyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show a policy",
		Example:           `  lading types policy show charts --registry http://127.0.0.1:5000`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: f.completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.showPolicy(cmd.Context(), cmd.OutOrStdout(), args[0]))
		},
	}
}

func (f *typesFlags) policyApplyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE...",
		Short: "Put policies into a running registry",
		Long: `Puts policies into a running registry. The id of a policy is the name of its file
without .json, unless --id says another. From when the command has ended on, what
the policy does not take is refused.`,
		Example: `  lading types policy apply charts.json --registry http://127.0.0.1:5000
  lading types policy apply policy.json --id charts --registry http://127.0.0.1:5000`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeJSON,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.id != "" && len(args) > 1 {
				return fmt.Errorf("--id is the id of one policy, and %d files are given", len(args))
			}
			return told(f.applyPolicies(cmd.Context(), cmd.OutOrStdout(), args))
		},
	}
	cmd.Flags().StringVar(&f.id, "id", "", "the `ID` of the policy, when its file has another name")
	noCompletion(cmd, "id")
	return cmd
}

func (f *typesFlags) policyRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm ID...",
		Short:             "Remove policies from a running registry",
		Example:           `  lading types policy rm charts --registry http://127.0.0.1:5000`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: f.completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			return told(f.removePolicies(cmd.Context(), cmd.OutOrStdout(), args))
		},
	}
}

func (f *typesFlags) policies(ctx context.Context) ([]lading.Policy, error) {
	var out struct{ Policies []lading.Policy }
	err := f.read(ctx, "policies", &out)
	return out.Policies, err
}

func (f *typesFlags) listPolicies(ctx context.Context, stdout io.Writer) error {
	all, err := f.policies(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(stdout, "There are no policies: everything is taken.")
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSCOPE\tALLOW\tDENY\tUNKNOWN\tVALIDATE\tSPARSE")
	for _, one := range all {
		var p arttype.Policy
		if err := json.Unmarshal(one.JSON, &p); err != nil {
			return fmt.Errorf("policy %s: %w", one.ID, err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, p.Scope, namesOr(p.Allow, "all"), namesOr(p.Deny, "-"), p.Unknown, p.Validate, cmp.Or(p.Sparse, "-"))
	}
	return w.Flush()
}

// maxNamesListed is how many names of types a line of a table has.
const maxNamesListed = 4

func namesOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	if more := len(names) - maxNamesListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamesListed], ","), more)
	}
	return strings.Join(names, ",")
}

func (f *typesFlags) showPolicy(ctx context.Context, stdout io.Writer, id string) error {
	var p lading.Policy
	if err := f.read(ctx, "policies/"+url.PathEscape(id), &p); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return writeIndented(stdout, p.JSON)
}

var policyID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// applyPolicies puts files into the registry.
func (f *typesFlags) applyPolicies(ctx context.Context, stdout io.Writer, files []string) error {
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		id := cmp.Or(f.id, strings.TrimSuffix(filepath.Base(file), ".json"))
		if !policyID.MatchString(id) {
			return fmt.Errorf("%s: %q cannot be the id of a policy, which is of lower-case letters and digits, in parts joined by single dashes: give one with --id", file, id)
		}
		if err := f.put(ctx, "policies/"+url.PathEscape(id), file, body); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s: the policy %s is in force\n", file, id)
	}
	return nil
}

func (f *typesFlags) removePolicies(ctx context.Context, stdout io.Writer, ids []string) error {
	for _, id := range ids {
		if _, err := f.ask(ctx, http.MethodDelete, "policies/"+url.PathEscape(id), nil); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		fmt.Fprintf(stdout, "%s: the policy is removed\n", id)
	}
	return nil
}
