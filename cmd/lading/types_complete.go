package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
)

// noCompletion keeps the shell from offering files for a flag.
func noCompletion(cmd *cobra.Command, flag string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions); err != nil {
		panic(err) // there is no such flag
	}
}

// completeJSON has the shell offer files of definitions and policies.
func completeJSON(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeNames offers the names of definitions, of the registry where one is
// given.
func (f *typesFlags) completeNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), cli.CompleteTime)
	defer cancel()
	defs, err := f.definitions(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, d := range defs {
		out = append(out, d.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completePolicies offers the ids of the registry's policies.
func (f *typesFlags) completePolicies(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), cli.CompleteTime)
	defer cancel()
	all, err := f.policies(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, p := range all {
		out = append(out, p.ID)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// writeIndented writes JSON for people.
func writeIndented(w io.Writer, text json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("what the registry answers is not JSON: %w", err)
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}
