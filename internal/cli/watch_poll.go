package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading"
)

// poller compares what tags point to with what they pointed to before.
type poller struct {
	g     *gatherer
	env   Env
	held  map[string]ocispec.Descriptor // by "repository:tag"
	count int
}

// poll watches a registry without the extension.
func (f *watchFlags) poll(ctx context.Context, env Env, s streams, c *conn, q lading.WatchQuery, write func([]lading.Event) error) error {
	switch {
	case q.Since != "" && q.Since != "now":
		return unsupported("%s does not have the discovery extension: it cannot tell what has changed since", c.host)
	case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, lading.KindTags):
		return unsupported("%s does not have the discovery extension: of it only tags can be watched", c.host)
	case len(q.Scope.Types) > 0 || len(q.Scope.Platforms) > 0:
		return unsupported("%s does not have the discovery extension: of it tags cannot be watched by type or platform", c.host)
	}
	reg, err := c.registry()
	if err != nil {
		return err
	}
	s.note(fmt.Sprintf("%s does not have the discovery extension: compares its tags every %s; not to be had: manifests, a cursor, what comes and goes in between", c.host, f.interval))
	p := &poller{g: &gatherer{conn: c, reg: reg, scope: q.Scope, kind: lading.KindTags}, env: env}
	for {
		now, err := p.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (p.held == nil || !passes(err)):
			return said(c.place.repository(), err)
		case err != nil:
			s.note(fmt.Sprintf("%v; tries again", said(c.host, err)))
		default:
			if err := write(f.wanted(p.compare(now, f.initial))); err != nil {
				return writeError{err}
			}
		}
		if sleep(ctx, f.interval) != nil {
			return nil
		}
	}
}

// wanted drops events of actions that were not asked for.
func (f *watchFlags) wanted(events []lading.Event) []lading.Event {
	if len(f.actions) == 0 {
		return events
	}
	return slices.DeleteFunc(events, func(e lading.Event) bool {
		return e.Change != nil && !slices.Contains(f.actions, string(e.Change.Action))
	})
}

// look asks for all tags and what they point to.
func (p *poller) look(ctx context.Context) (map[string]ocispec.Descriptor, error) {
	repos := []string{p.g.scope.Repository}
	if repos[0] == "" {
		var err error
		if repos, err = p.g.repositories(ctx); err != nil {
			return nil, err
		}
	}
	now := map[string]ocispec.Descriptor{}
	for _, name := range repos {
		if err := p.lookAt(ctx, name, now); err != nil && (!isNotFound(err) || p.g.scope.Repository != "" && p.held == nil) {
			return nil, err
		}
	}
	return now, nil
}

func (p *poller) lookAt(ctx context.Context, name string, now map[string]ocispec.Descriptor) error {
	repo, err := p.g.conn.repo(name)
	if err != nil {
		return err
	}
	tags, err := tagsOf(ctx, repo)
	if err != nil {
		return err
	}
	found := make([]ocispec.Descriptor, len(tags))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(gatherJobs)
	for i, tag := range tags {
		if p.g.scope.Repository != "" && !keeps(tag, p.g.scope.Prefix, p.g.scope.Exclude) {
			continue
		}
		group.Go(func() error {
			desc, err := repo.Resolve(ctx, tag)
			if isNotFound(err) {
				return nil // it has gone meanwhile
			}
			found[i] = desc
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, tag := range tags {
		if found[i].Digest != "" {
			now[name+":"+tag] = found[i]
		}
	}
	return nil
}

// compare makes events of the differences, by name, and remembers what is now.
// The first look makes none, or the state of everything.
func (p *poller) compare(now map[string]ocispec.Descriptor, initial bool) (events []lading.Event) {
	first := p.held == nil
	for _, name := range slices.Sorted(maps.Keys(now)) {
		before, was := p.held[name]
		switch {
		case first && initial:
			events = append(events, p.event(lading.ActionState, name, now[name], ocispec.Descriptor{}))
		case first || was && before.Digest == now[name].Digest:
		case was:
			events = append(events, p.event(lading.ActionUpdated, name, now[name], before))
		default:
			events = append(events, p.event(lading.ActionCreated, name, now[name], before))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.held)) {
		if _, is := now[name]; !is {
			events = append(events, p.event(lading.ActionDeleted, name, ocispec.Descriptor{}, p.held[name]))
		}
	}
	if p.held = now; first && initial {
		events = append(events, lading.Event{Control: lading.ControlSynced})
	}
	return events
}

func (p *poller) event(action lading.Action, name string, desc, before ocispec.Descriptor) lading.Event {
	repo, tag := cutTag(name)
	p.count++
	c := &lading.Change{Kind: lading.KindTags, Action: action, Time: p.env.Now().UTC().Truncate(time.Millisecond), ID: fmt.Sprintf("poll-%d-%d", p.env.Now().UnixNano(), p.count)}
	c.Item.Item = lading.Item{Op: lading.OpPut, Key: lading.TagKey(repo, tag), Repository: repo, Tag: tag, Descriptor: &lading.ItemDescriptor{Descriptor: desc}}
	if action == lading.ActionDeleted {
		c.Item.Item = lading.Item{Op: lading.OpRemove, Key: lading.TagKey(repo, tag), Repository: repo}
	}
	if before.Digest != "" {
		c.Item.Previous = &lading.Previous{Digest: before.Digest}
	}
	return lading.Event{Change: c}
}

// cutTag takes "repository:tag" apart.
func cutTag(name string) (repo, tag string) {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == ':' {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}
