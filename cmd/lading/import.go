package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/telemetry"
)

// importFlags are the flags of lading import.
type importFlags struct {
	config, data, from, as, output string
	repos, prefixes, renames       []string
	conn                           cli.Flags
	jobs                           int
	dryRun, quiet                  bool
}

func importCommand() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import SOURCE",
		Short: "Take over the content of another registry",
		Long: `Takes over the content of another registry: tags, manifests with and without
tags, referrers, and the blobs that manifests use, each verified by its digest.
SOURCE is

  a directory of distribution (docker-registry) or Harbor: docker/registry/v2
  a directory of zot or olareg
  an OCI layout: a directory, or a tar file of one
  a running registry: http://HOST or https://HOST, with the credentials of the
  docker configuration. Of a lading everything is taken; of another one what
  has a tag, what an index lists, and what refers to either, because it lists
  no more

Manifests get the time at which they were pushed, where the source tells: a
file's time. It is kept in an empty registry, and in one whose last change is
not younger; everything else gets the time of the import.

Nothing is deleted, and what is there already is left out: an import that was
interrupted is finished by running it again, and content that has come since is
brought by running it once more. What cannot be taken over is told, one a line,
and does not stop the rest.

With SQLite the registry must not be running meanwhile.

Exit codes: 0 all was taken over, 1 something was not, 2 the command line or
the configuration is wrong.`,
		Example: `  lading import --data /srv/lading /var/lib/docker-registry
  lading import --dry-run /var/lib/zot
  lading import --config /etc/lading.yaml --prefix team-a --rename team-a=a https://registry.example.com
  lading import --as library/alpine ./alpine-layout`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "configuration `FILE` (see lading.example.yaml)")
	fl.StringVar(&f.data, "data", "", "`DIR` that holds the registry (default ./lading-data)")
	fl.StringVar(&f.from, "from", "auto", "`KIND` of the source: auto, distribution, zot, olareg, oci-layout or registry")
	fl.StringVar(&f.as, "as", "", "`NAME` of the repository that a single OCI layout becomes (default: the name of its directory)")
	fl.StringArrayVar(&f.repos, "repo", nil, "take only the repository `NAME`; may be repeated")
	fl.StringArrayVar(&f.prefixes, "prefix", nil, "take only what is called `NAMESPACE` or lies below it; may be repeated")
	fl.StringArrayVar(&f.renames, "rename", nil, "`OLD=NEW`: call the repository, and all below it, otherwise here; the first that fits counts")
	fl.IntVar(&f.jobs, "jobs", 0, "how `MANY` blobs are copied at a time (default: two a processor)")
	fl.BoolVar(&f.dryRun, "dry-run", false, "look at the source alone and tell what there is")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "tell only what went wrong")
	fl.StringVarP(&f.output, "output", "o", "text", "`FORM` of the summary: text or json")
	f.conn.AddTLS(cmd)
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command, place string) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	kind, err := source.ParseKind(f.from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	var over []config.Override
	if f.data != "" {
		over = append(over, config.Override{Place: "--data", Key: "data", Value: f.data})
	}
	cfg, err := config.Load(f.config, over...)
	if err != nil {
		return &failure{fmt.Errorf("the configuration is not usable:\n%w", err), exitUsage}
	}
	if f.quiet {
		cfg.Log.Level = max(cfg.Log.Level, slog.LevelWarn)
	}
	log := telemetry.NewLog(cfg.Log, cmd.ErrOrStderr()).Logger
	from := source.Options{Kind: kind, Name: f.as, Repositories: f.repos, Logger: log}
	if strings.Contains(place, "://") {
		if from.Transport, err = f.conn.Transport(place); err != nil {
			return cli.Told(place, err)
		}
	}
	src, err := source.Open(cmd.Context(), place, from)
	if err != nil {
		return &failure{fmt.Errorf("import: %w", err), exitFailed}
	}
	defer src.Close()
	stop := func() {}
	if !f.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "found %s\n", src.Describe())
		stop = opt.Meter.Show(cmd.ErrOrStderr(), terminal(cmd.ErrOrStderr()))
	}
	report, err := f.into(cmd.Context(), cfg, log, src, opt)
	stop()
	if report != nil {
		err = errors.Join(err, f.tell(cmd.OutOrStdout(), report))
	}
	if err != nil {
		return &failure{fmt.Errorf("import: %w", err), exitFailed}
	}
	if n := len(report.Skipped); n > 0 {
		return &failure{fmt.Errorf("import: %d things could not be taken over", n), exitFailed}
	}
	return nil
}

// options are those of the importer that the flags say.
func (f *importFlags) options() (opt importer.Options, err error) {
	if f.output != "text" && f.output != "json" {
		return opt, fmt.Errorf("--output: %q is no form of a summary: write text or json", f.output)
	}
	if f.jobs < 0 {
		return opt, fmt.Errorf("--jobs: %d is less than one", f.jobs)
	}
	opt = importer.Options{Named: f.repos, Jobs: f.jobs, DryRun: f.dryRun, Meter: &importer.Meter{}}
	opt.Wants = importer.Filter(f.repos, f.prefixes)
	opt.Rename, err = importer.Renames(f.renames)
	if err != nil {
		return opt, fmt.Errorf("--rename: %w", err)
	}
	return opt, nil
}

// into imports into the registry that the configuration names.
func (f *importFlags) into(ctx context.Context, cfg config.Config, log *slog.Logger, src source.Source, opt importer.Options) (report *importer.Report, err error) {
	if opt.DryRun {
		return importer.Import(ctx, src, nil, opt)
	}
	opt.Clock = &importer.Clock{}
	reg, err := server.NewWith(ctx, cfg, log, server.Options{
		Now: opt.Clock.Now, NoSweep: true, Alone: true, DB: func(o *sqldb.Options) {
			// A file that is closed in the end is durable then, and what a
			// power cut takes before is imported again. Blobs are never
			// relaxed: what is here is not copied once more.
			o.Relaxed = o.Relaxed || strings.HasPrefix(o.URL, "sqlite:")
		},
	})
	if errors.Is(err, sqldb.ErrInUse) {
		return nil, fmt.Errorf("the registry in %s is running: stop it first, or take over into another data directory: %w", cfg.Data, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, reg.Close(context.WithoutCancel(ctx)))
	}()
	if opt.Newest, err = reg.Newest(ctx); err != nil {
		return nil, err
	}
	report, err = importer.Import(ctx, src, reg.Engine(), opt)
	if err != nil {
		err = fmt.Errorf("%w\nwhat was taken over stays: run the same command again to go on", err)
	}
	return report, err
}

func (f *importFlags) tell(w io.Writer, r *importer.Report) error {
	if f.output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err := io.WriteString(w, r.Text())
	return err
}

// terminal reports whether a person looks at what is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
