package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/config"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at configuration files",
		Long:  "Looks at configuration files; docs/configuration.md has every key." + exitHelp,
		Example: `  lading config check lading.yaml
  lading config show --config /etc/lading.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(configCheckCommand(), configShowCommand())
	return cmd
}

func configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Tell every mistake in a configuration file",
		Long: `Reads a configuration file as 'lading serve' would and tells every mistake in
it, one a line: file:line: key: what is wrong and what is allowed. Nothing is
opened. Ends with 2 when there are mistakes.` + exitHelp,
		Example: `  lading config check lading.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err != nil {
				return &failure{fmt.Errorf("the configuration is not usable:\n%w", err), exitUsage}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: serves on %s, data in %s, catalog %s\n",
				args[0], cfg.Listen, cfg.Data, cfg.Catalog.Redacted())
			return nil
		},
	}
}

func configShowCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the configuration that is in force",
		Long: `Prints every key with its value: the file's, or the default. It is a file
that 'lading serve' reads, but for what may be secret, which is left out.` + exitHelp,
		Example: `  lading config show
  lading config show --config /etc/lading.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return &failure{fmt.Errorf("the configuration is not usable:\n%w", err), exitUsage}
			}
			fmt.Fprint(cmd.OutOrStdout(), cfg.Text())
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`")
	return cmd
}
