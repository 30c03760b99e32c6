package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// watchFlags are the flags of lading watch.
type watchFlags struct {
	conn       connFlags
	form       formFlags
	filter     filterFlags
	kinds      []string
	actions    []string
	since      string
	initial    bool
	resync     bool
	data       string
	cursorFile string
	interval   time.Duration
}

const watchLong = `Tells of changes as they happen: in a registry, in a namespace (a path that ends
in "/") or in one repository. A line an event for people; -o ndjson has each as
the API tells it: {"id":"CURSOR","event":"tag.updated","data":{a CloudEvent}}.

A stream that breaks is taken up again where it was. The cursor at the end is
told on standard error, and kept in --cursor-file, from which the same command
goes on. A cursor that the registry no longer knows ends the command with 1, or
with --resync begins anew with the state of everything. Ctrl-C ends it with 0.

Of a registry without the discovery extension the tags of a repository are
compared every --interval; what comes and goes in between is not seen.`

func watchCommand(env Env) *cobra.Command {
	f := &watchFlags{}
	cmd := &cobra.Command{
		Use:   "watch [HOST[/PATH]]",
		Short: "Tell of changes as they happen",
		Long:  watchLong + registryHelp + exitHelp,
		Example: `  lading watch registry.example.com
  lading watch registry.example.com/acme/ --kinds tag --type helm
  lading watch registry.example.com/acme/web --initial -o ndjson | jq -r .data.subject
  lading watch registry.example.com --cursor-file cursor -o ndjson >> events`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePath(env, &f.conn),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			return f.run(ctx, env, s, args)
		}),
	}
	fl := cmd.Flags()
	f.conn.add(cmd)
	f.form.add(cmd, "line", "ndjson", "json", "name", "template")
	f.filter.add(cmd)
	fl.StringSliceVar(&f.kinds, "kinds", nil, "tell of `KINDS` alone: repository, tag, manifest")
	fl.StringSliceVar(&f.actions, "actions", nil, "tell of `ACTIONS` alone: created, updated, deleted; there is no cursor then")
	fl.BoolVar(&f.initial, "initial", false, "begin with the state of everything")
	fl.StringVar(&f.since, "since", "", "go on behind `CURSOR`, of a watch or of a listing of that kind with the same filters")
	fl.BoolVar(&f.resync, "resync", false, "begin anew with the state of everything when the cursor is too old")
	fl.StringVar(&f.data, "data", "", "how `MUCH` an event carries: pointer, descriptor or manifest")
	fl.StringVar(&f.cursorFile, "cursor-file", "", "keep the cursor in `FILE`, and go on behind the one in it")
	fl.DurationVar(&f.interval, "interval", 10*time.Second, "ask a registry without the discovery extension every `TIME`")
	return cmd
}

// watched are the kinds by the words that name one of them.
var watched = map[string]lading.Kind{"repository": lading.KindRepositories, "tag": lading.KindTags, "manifest": lading.KindManifests}

func (f *watchFlags) query(p place) (q lading.WatchQuery, err error) {
	q = lading.WatchQuery{Scope: f.filter.scope(p), Data: lading.Data(f.data), Since: f.since, Initial: f.initial}
	for _, word := range f.kinds {
		kind, ok := watched[strings.TrimSuffix(word, "s")]
		if !ok && word == "repositories" {
			kind, ok = lading.KindRepositories, true
		}
		if !ok {
			return q, usage("--kinds: %q is none of repository, tag, manifest", word)
		}
		q.Kinds = append(q.Kinds, kind)
	}
	for _, word := range f.actions {
		a := lading.Action(word)
		if !slices.Contains([]lading.Action{lading.ActionCreated, lading.ActionUpdated, lading.ActionDeleted}, a) {
			return q, usage("--actions: %q is none of created, updated, deleted", word)
		}
		q.Actions = append(q.Actions, a)
	}
	if !slices.Contains([]lading.Data{"", lading.DataPointer, lading.DataDescriptor, lading.DataManifest}, q.Data) {
		return q, usage("--data: %q is none of pointer, descriptor, manifest", f.data)
	}
	if f.interval <= 0 {
		return q, usage("--interval: %s is not longer than nothing", f.interval)
	}
	return q, f.resume(&q)
}

// resume takes the cursor out of the file.
func (f *watchFlags) resume(q *lading.WatchQuery) error {
	if f.cursorFile == "" {
		return nil
	}
	if len(q.Actions) > 0 {
		return usage("--actions leaves no cursor to keep in a file")
	}
	text, err := os.ReadFile(f.cursorFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--cursor-file: %w", err)
	}
	if cursor := strings.TrimSpace(string(text)); cursor != "" && f.since == "" {
		q.Since, q.Initial = cursor, false
	}
	return nil
}

func (f *watchFlags) run(ctx context.Context, env Env, s streams, args []string) error {
	at := env.Registry
	if len(args) == 1 {
		at = args[0]
	}
	p, err := parsePlace(at)
	if err != nil {
		return err
	}
	q, err := f.query(p)
	if err != nil {
		return err
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return err
	}
	w := &watcher{place: p, flags: f, q: q, cursor: q.Since, now: env.Now}
	if w.write, err = f.writer(s.out, c.url(), q.Data, env.Now); err != nil {
		return err
	}
	endpoint := "_lading/watch/events"
	d, err := c.discovery(ctx, endpoint)
	if err != nil {
		return ended(ctx, err)
	}
	if d == nil {
		return ended(ctx, f.poll(ctx, env, s, c, q, w.write))
	}
	err = ended(ctx, w.follow(ctx, s, d))
	if e := w.keep(); err == nil {
		err = e
	}
	if w.cursor != "" && w.cursor != "now" {
		_ = tellCursor(s.err, w.cursor)
	}
	return err
}

// ended is the error of a command that a person ends: none.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// completePath completes HOST/PATH.
func completePath(env Env, cf *connFlags) completer {
	return func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, env, cf, text, false)
	}
}
