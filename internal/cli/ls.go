package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// lsFlags are the flags of lading ls.
type lsFlags struct {
	conn             connFlags
	form             formFlags
	filter           filterFlags
	since, order     string
	limit            int
	stats            bool
	tagged, untagged bool
	subject          string
}

// filterFlags are those that ls and watch have in common.
type filterFlags struct {
	types, platforms, prefixes, exclude []string
}

func (f *filterFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.types, "type", nil, "only artifacts of `TYPE`: a short name (see 'lading types ls'), or a media type; may be repeated")
	fl.StringArrayVar(&f.platforms, "platform", nil, "only what is for `OS/ARCH[/VARIANT]`; may be repeated")
	fl.StringArrayVar(&f.prefixes, "prefix", nil, "only names that begin with `TEXT`: a repository's, within one repository a tag's; may be repeated")
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out `NAME`, or with an * at its end all that begin so; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
}

const lsLong = `Lists what a registry holds: repositories, tags, manifests, or namespaces (the
next segments of repositories' names). Of a HOST alone it lists repositories, of
HOST/REPOSITORY tags. A path that ends in "/" is a namespace: all below it.

A registry with the discovery extension, such as lading, lists with filters and
order and gives a cursor; --since with that cursor tells later only what has
changed. Of other registries the same is put together from _catalog, tags/list,
manifests and referrers as far as that goes, and one line tells what could not
be had.

In tables, AGE is the time since something was first pushed here, CHANGED since
it last changed, and SIZE is the manifest's own. -o json is one document with
items as the API gives them, -o ndjson an item a line, -o name a reference a
line that other commands take.`

func lsCommand(env Env) *cobra.Command {
	f := &lsFlags{}
	cmd := &cobra.Command{
		Use:   "ls [repositories|tags|manifests|namespaces] [HOST[/PATH]]",
		Short: "List repositories, tags, manifests or namespaces",
		Long:  lsLong + registryHelp + exitHelp,
		Example: `  lading ls registry.example.com
  lading ls registry.example.com/acme/web
  lading ls tags registry.example.com/acme/ --type helm --order -modified -n 5
  lading ls manifests registry.example.com/acme/web --untagged
  lading ls registry.example.com/acme/web --prefix pr- -o name | xargs -r lading rm
  lading ls namespaces registry.example.com/acme --stats
  lading ls registry.example.com/acme/web --template '{{.tag}} {{short .descriptor.digest}}'
  lading ls tags registry.example.com --since none -o json > all.json
  lading ls tags registry.example.com --since "$(jq -r .cursor all.json)"`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: completeLs(env, f),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			return f.run(ctx, env, s, args)
		}),
	}
	fl := cmd.Flags()
	f.conn.add(cmd)
	f.form.add(cmd, "table", "json", "ndjson", "name", "template")
	f.filter.add(cmd)
	fl.StringVar(&f.since, "since", "", "list only what changed after `CURSOR`; none lists everything and tells the cursor, now only tells it")
	fl.StringVar(&f.order, "order", "", "`ORDER` by name, created or modified; with a - before it the other way round")
	fl.IntVarP(&f.limit, "limit", "n", 0, "list no more than so `MANY`")
	fl.BoolVar(&f.stats, "stats", false, "tell how many tags and manifests there are, and how large they are")
	fl.BoolVar(&f.tagged, "tagged", false, "only manifests with a tag")
	fl.BoolVar(&f.untagged, "untagged", false, "only manifests without a tag")
	fl.StringVar(&f.subject, "subject", "", "only manifests that refer to `DIGEST`")
	cmd.MarkFlagsMutuallyExclusive("tagged", "untagged")
	_ = cmd.RegisterFlagCompletionFunc("order", cobra.FixedCompletions(toCompletions([]string{"name", "-name", "created", "-created", "modified", "-modified"}), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// kinds are the words of what can be listed.
var kinds = []string{string(lading.KindRepositories), string(lading.KindTags), string(lading.KindManifests), string(lading.KindNamespaces)}

// lsArgs tells what is to be listed, and of what.
func lsArgs(env Env, args []string) (kind lading.Kind, p place, err error) {
	if len(args) > 0 && slices.Contains(kinds, args[0]) {
		kind, args = lading.Kind(args[0]), args[1:]
	}
	if len(args) > 1 {
		return kind, p, usage("%q is none of %s", args[0], list(kinds))
	}
	at := env.Registry
	if len(args) == 1 {
		at = args[0]
	}
	if p, err = parsePlace(at); err != nil {
		return kind, p, err
	}
	if kind == "" {
		kind = lading.KindRepositories
		if p.path != "" && !p.below {
			kind = lading.KindTags
		}
	}
	return kind, p, nil
}

// query is the question that the flags ask.
func (f *lsFlags) query(kind lading.Kind, p place) (q lading.Query, err error) {
	q = lading.Query{Kind: kind, Since: f.since, Stats: f.stats, Scope: f.filter.scope(p)}
	q.Scope.Subject = digest.Digest(f.subject)
	if kind == lading.KindRepositories || kind == lading.KindNamespaces {
		q.Scope.Repository, q.Scope.Namespace = "", p.path
	}
	if f.tagged || f.untagged {
		q.Scope.Tagged = &f.tagged
	}
	name, desc := strings.CutPrefix(f.order, "-")
	q.Order, q.Desc = lading.Order(name), desc
	if q.N = lading.MaxPage; f.limit > 0 {
		q.N = min(q.N, f.limit)
	}
	return q, f.check(q)
}

func (f *lsFlags) check(q lading.Query) error {
	content := q.Kind == lading.KindTags || q.Kind == lading.KindManifests
	switch {
	case f.limit < 0:
		return usage("--limit: %d is less than one", f.limit)
	case f.order != "" && !slices.Contains([]lading.Order{lading.OrderName, lading.OrderCreated, lading.OrderModified}, q.Order):
		return usage("--order: %q is none of [-]name, [-]created, [-]modified", f.order)
	case f.subject != "" && q.Scope.Subject.Validate() != nil:
		return usage("--subject: %q is not a digest", f.subject)
	case !content && (len(f.filter.types) > 0 || len(f.filter.platforms) > 0):
		return usage("--type and --platform are for tags and manifests")
	case q.Kind != lading.KindManifests && (q.Scope.Tagged != nil || f.subject != ""):
		return usage("--tagged, --untagged and --subject are for manifests")
	case content && f.stats:
		return usage("--stats is for repositories and namespaces")
	case q.Since != "" && q.View():
		return usage("--since needs the order by name, and no --stats: only then there is a cursor")
	}
	return nil
}

// scope is the part of the registry that the filters leave.
func (f *filterFlags) scope(p place) lading.Scope {
	s := lading.Scope{Repository: p.path, Types: f.types, Platforms: f.platforms, Prefix: f.prefixes, Exclude: f.exclude}
	if p.below {
		s.Repository, s.Namespace = "", p.path
	}
	return s
}

func (f *lsFlags) run(ctx context.Context, env Env, s streams, args []string) error {
	kind, p, err := lsArgs(env, args)
	if err != nil {
		return err
	}
	q, err := f.query(kind, p)
	if err != nil {
		return err
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return err
	}
	d, err := c.discovery(ctx, "_lading/list/"+string(kind))
	if err != nil {
		return err
	}
	v := view{place: p, kind: kind, stats: f.stats, now: env.Now, byModified: q.Order == lading.OrderModified,
		delta: f.since != "" && f.since != "none", wantCursor: f.since != ""}
	out, err := f.form.printer(s, v)
	if err != nil {
		return err
	}
	if d != nil {
		return f.listed(ctx, d, p, q, out)
	}
	return f.gathered(ctx, env, s, c, q, out)
}

// listed shows what a registry lists by itself.
func (f *lsFlags) listed(ctx context.Context, d lading.Lister, p place, q lading.Query, out printer) error {
	cursor, shown, err := pages(ctx, d, q, f.limit, out.page)
	if err == nil || shown > 0 {
		if e := out.end(cursor); err == nil {
			err = e
		}
	}
	return listError(p, err)
}

// listError tells a person what to do about an error of a listing.
func listError(p place, err error) error {
	var hint string
	switch {
	case err == nil:
		return nil
	case isNotFound(err) && p.path != "" && !p.below:
		hint = fmt.Sprintf("\nfor all that is below %s write %s/", p.path, p.repository())
	case codeIs(err, lading.CodeCursorExpired):
		hint = "\nlist everything once more, with --since none"
	}
	if err = said(p.String(), err); hint != "" {
		return fmt.Errorf("%w%s", err, hint)
	}
	return err
}

// pages asks for page after page and hands each on, until there are no more or
// the limit is reached. The cursor is that of a listing that is complete.
func pages(ctx context.Context, d lading.Lister, q lading.Query, limit int, each func(page) error) (cursor string, shown int, err error) {
	for {
		l, err := d.List(ctx, q)
		if err != nil {
			return "", shown, err
		}
		p := page{items: l.Items, namespaces: l.Namespaces, cursor: l.Cursor}
		if limit > 0 {
			p.items = p.items[:min(len(p.items), limit-shown)]
			p.namespaces = p.namespaces[:min(len(p.namespaces), limit-shown)]
		}
		complete := len(p.items) == len(l.Items) && l.Next == ""
		shown += len(p.items) + len(p.namespaces)
		if err := each(p); err != nil {
			return "", shown, err
		}
		if complete {
			return l.Cursor, shown, nil
		}
		if l.Next == "" || limit > 0 && shown >= limit {
			return "", shown, nil
		}
		q = lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, N: q.N, Page: l.Next}
	}
}
