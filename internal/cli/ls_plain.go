package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer"
)

// gatherJobs is how many requests are under way at a time.
const gatherJobs = 8

// gatherer puts listings together from what every registry has.
type gatherer struct {
	*conn
	reg   *remote.Registry
	scope lading.Scope
	kind  lading.Kind
	// names alone are wanted: manifests need not be read.
	namesOnly bool
	types     types
	meter     *importer.Meter
	// more reports whether more items are wanted.
	more func() bool
}

// gathered shows what can be put together of a registry without the extension.
func (f *lsFlags) gathered(ctx context.Context, env Env, s streams, c *conn, q lading.Query, out printer) error {
	if q.Since != "" && q.Since != "none" {
		return unsupported("%s does not have the discovery extension: it cannot tell what has changed", c.host)
	}
	reg, err := c.registry()
	if err != nil {
		return err
	}
	g := &gatherer{conn: c, reg: reg, scope: q.Scope, kind: q.Kind, types: builtIn(), meter: &importer.Meter{}}
	g.namesOnly = f.form.form == "name" && len(q.Scope.Types) == 0 && len(q.Scope.Platforms) == 0
	stop := func() {}
	if env.Terminal(s.err) {
		stop = g.meter.Show(s.err, true)
	}
	tell := sync.OnceFunc(func() {
		if text := missing(q, f.form.form != "name"); text != "" {
			s.note(c.host + " does not have the discovery extension; not to be had: " + text)
		}
	})
	begun := false
	err = g.run(ctx, q.Desc && q.Order == lading.OrderName, f.limit, func(p page) error {
		begun = true
		tell()
		return out.page(p)
	})
	stop()
	if err == nil || begun {
		tell()
		if e := out.end(""); err == nil {
			err = e
		}
	}
	return err
}

// missing are the things asked for that a registry without the extension cannot
// tell.
func missing(q lading.Query, times bool) string {
	var what []string
	if times && q.Kind != lading.KindNamespaces {
		what = append(what, "when things were pushed")
	}
	if q.Order == lading.OrderCreated || q.Order == lading.OrderModified {
		what = append(what, "the order by date (listed by name)")
	}
	if q.Kind == lading.KindManifests {
		what = append(what, "manifests without a tag that nothing leads to")
	}
	if q.Stats {
		what = append(what, "counts and sizes")
	}
	if q.Since != "" {
		what = append(what, "a cursor")
	}
	return list(what)
}

// run hands on the listing in pages, in the order of names.
func (g *gatherer) run(ctx context.Context, desc bool, limit int, each func(page) error) error {
	shown := 0
	g.more = func() bool { return limit <= 0 || shown < limit || desc }
	var kept []lading.Item
	hand := func(items []lading.Item) error {
		if desc {
			kept = append(kept, items...)
			return nil
		}
		if limit > 0 {
			items = items[:min(len(items), limit-shown)]
		}
		shown += len(items)
		return each(page{items: items})
	}
	err := g.list(ctx, hand, each)
	if err != nil || !desc {
		return err
	}
	slices.Reverse(kept)
	if limit > 0 {
		kept = kept[:min(len(kept), limit)]
	}
	return each(page{items: kept})
}

func (g *gatherer) list(ctx context.Context, hand func([]lading.Item) error, each func(page) error) error {
	if g.scope.Repository != "" {
		err := g.repository(ctx, g.scope.Repository, hand)
		return said(g.host+"/"+g.scope.Repository, err)
	}
	names, err := g.repositories(ctx)
	if err != nil {
		return err
	}
	switch g.kind {
	case lading.KindNamespaces:
		return each(page{namespaces: namespacesOf(names, g.scope.Namespace)})
	case lading.KindRepositories:
		var items []lading.Item
		for _, name := range names {
			items = append(items, lading.Item{Op: lading.OpPut, Key: lading.RepositoryKey(name), Repository: name})
		}
		return hand(items)
	}
	for _, name := range names {
		if !g.more() {
			return nil
		}
		err := g.repository(ctx, name, hand)
		// The catalog may name what has gone, or has no tags.
		if err != nil && !isNotFound(err) {
			return said(g.host+"/"+name, err)
		}
	}
	return nil
}

// repositories are the names that the registry tells and the scope keeps, in
// order.
func (g *gatherer) repositories(ctx context.Context) ([]string, error) {
	var names []string
	err := g.reg.Repositories(ctx, "", func(page []string) error {
		names = append(names, page...)
		return nil
	})
	if isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented) || errors.Is(err, errdef.ErrNotFound) {
		return nil, unsupported("%s does not list its repositories: name one, %s/REPOSITORY", g.host, g.host)
	}
	if err != nil {
		return nil, said(g.host, err)
	}
	slices.Sort(names)
	in := lading.AllGrants()
	if ns := g.scope.Namespace; ns != "" {
		in = lading.NewGrants(lading.NamespaceRanges(ns)...)
	}
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return !in.Contains(name) || !keeps(name, g.scope.Prefix, g.scope.Exclude)
	}), nil
}

// keeps reports whether prefix and exclude keep a name.
func keeps(name string, prefix, exclude []string) bool {
	begins := func(p string) bool { return strings.HasPrefix(name, p) }
	if len(prefix) > 0 && !slices.ContainsFunc(prefix, begins) {
		return false
	}
	return !slices.ContainsFunc(exclude, func(e string) bool {
		p, all := strings.CutSuffix(e, "*")
		return name == e || all && begins(p)
	})
}

// namespacesOf are the next segments of names below a namespace.
func namespacesOf(names []string, below string) []lading.Namespace {
	var out []lading.Namespace
	for _, name := range names {
		rest := name
		if below != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(name, below+"/"); !ok {
				continue
			}
		}
		segment, _, more := strings.Cut(rest, "/")
		ns := strings.TrimSuffix(name, strings.TrimPrefix(rest, segment))
		i := slices.IndexFunc(out, func(n lading.Namespace) bool { return n.Namespace == ns })
		if i < 0 {
			out, i = append(out, lading.Namespace{Namespace: ns}), len(out)
		}
		out[i].Repository = out[i].Repository || !more
		out[i].More = out[i].More || more
	}
	slices.SortFunc(out, func(a, b lading.Namespace) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return out
}

// repository hands on the tags, or manifests, of one repository.
func (g *gatherer) repository(ctx context.Context, name string, hand func([]lading.Item) error) error {
	repo, err := g.conn.repo(name)
	if err != nil {
		return err
	}
	tags, err := tagsOf(ctx, repo)
	if err != nil {
		return err
	}
	if g.kind == lading.KindManifests {
		return g.manifests(ctx, repo, name, tags, hand)
	}
	if g.scope.Repository != "" {
		tags = slices.DeleteFunc(tags, func(t string) bool { return !keeps(t, g.scope.Prefix, g.scope.Exclude) })
	}
	g.meter.Begin("reading "+name, "tags", len(tags), 0)
	const chunk = 128
	for part := range slices.Chunk(tags, chunk) {
		if !g.more() {
			return nil
		}
		items, err := g.tags(ctx, repo, name, part)
		if err != nil {
			return err
		}
		if err := hand(items); err != nil {
			return err
		}
	}
	return nil
}

func tagsOf(ctx context.Context, repo store) ([]string, error) {
	var tags []string
	err := repo.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	})
	slices.Sort(tags)
	return slices.Compact(tags), err
}

// tags reads what some tags point to, concurrently.
func (g *gatherer) tags(ctx context.Context, repo *remote.Repository, name string, tags []string) ([]lading.Item, error) {
	items := make([]lading.Item, len(tags))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(gatherJobs)
	for i, tag := range tags {
		group.Go(func() error {
			defer g.meter.Add(1, 0)
			it := lading.Item{Op: lading.OpPut, Key: lading.TagKey(name, tag), Repository: name, Tag: tag}
			if !g.namesOnly {
				a, err := readManifest(ctx, repo, tag)
				if isNotFound(err) {
					return nil // it has gone meanwhile
				}
				if err != nil {
					return fmt.Errorf("%s:%s: %w", name, tag, err)
				}
				if err := g.describe(ctx, repo, a, &it); err != nil {
					return err
				}
			}
			items[i] = it
			return nil
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(items, func(it lading.Item) bool { return !g.wants(it) }), err
}

// describe fills in what a manifest says of itself.
func (g *gatherer) describe(ctx context.Context, repo store, a *artifact, it *lading.Item) error {
	config, err := readConfig(ctx, repo, a)
	if err != nil {
		return err
	}
	it.Type, it.Shown = g.types.of(a, config)
	it.Descriptor = a.descriptor(platformOf(a, config))
	if a.Subject != nil {
		it.Subject = a.Subject.Digest
	}
	return nil
}

// wants reports whether the filters keep an item.
func (g *gatherer) wants(it lading.Item) bool {
	if it.Key == "" {
		return false
	}
	s, d := g.scope, it.Descriptor
	if len(s.Types) > 0 && !slices.ContainsFunc(s.Types, func(t string) bool {
		return t == it.Type || strings.Contains(t, "/") && d != nil && t == d.ArtifactType
	}) {
		return false
	}
	if len(s.Platforms) > 0 && (d == nil || !slices.Contains(s.Platforms, platformText(d.Platform))) {
		return false
	}
	if s.Tagged != nil && *s.Tagged != (len(it.Tags) > 0) {
		return false
	}
	return s.Subject == "" || it.Subject == s.Subject
}
