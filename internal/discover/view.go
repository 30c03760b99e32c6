package discover

import (
	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

// view is a page of a listing that has no cursor.
func (p *page) view() (out lading.Listing, err error) {
	if err := p.live(); err != nil {
		return out, err
	}
	t := p.r.tok
	if t == nil {
		t = &token{}
	}
	visible := p.r.grants.Intersect(p.r.names)
	var next *place
	switch {
	case p.r.q.Scope.Subject != "":
		next, err = p.bySubject(visible, t.Pos, nil)
	case p.r.q.Order == lading.OrderCreated || p.r.q.Order == lading.OrderModified:
		next, err = p.byPosition(visible, t.Pos)
	default:
		w := &walk{p: p, visible: visible, last: t.Pos, desc: p.r.q.Desc}
		var done bool
		if done, err = w.run(); !done {
			next = &w.last
		}
	}
	if err != nil {
		return out, err
	}
	return p.whole(t, next, nil)
}

var viewKinds = map[lading.Kind]map[lading.Order]catalog.FeedKind{
	lading.KindTags:         {lading.OrderCreated: catalog.TagCreated, lading.OrderModified: catalog.TagModified},
	lading.KindManifests:    {lading.OrderCreated: catalog.ManifestCreated, lading.OrderModified: catalog.ManifestModified},
	lading.KindRepositories: {lading.OrderCreated: catalog.RepositoryLive, lading.OrderModified: catalog.RepositoryLive},
}

// byPosition adds items in the order in which they were created or modified.
// It returns where to go on, nil at the end.
func (p *page) byPosition(visible lading.Grants, from place) (*place, error) {
	src, err := p.sources(visible)
	if err != nil {
		return nil, err
	}
	bounds := p.f.created
	if p.r.q.Order == lading.OrderModified {
		bounds = p.f.mods
	}
	shards := make([]int, p.e.cat.DB().Shards())
	for i := range shards {
		shards[i] = i
	}
	kind := viewKinds[p.r.q.Kind][p.r.q.Order]
	ss := src.streams([]catalog.FeedKind{kind}, shards, func(s int) catalog.Span { return p.viewSpan(bounds, from, s) })
	m, err := p.newMerge(ss, p.r.q.Desc, p.n+1)
	if err != nil {
		return nil, err
	}
	for {
		entries, err := p.take(m)
		if err != nil || len(entries) == 0 {
			return nil, err
		}
		next, err := p.addEntries(entries, visible, src.filtered, &from)
		if next != nil || err != nil {
			return next, err
		}
	}
}

// viewSpan bounds a shard's stream by the time filter and by where the last
// page ended.
func (p *page) viewSpan(b interval, from place, shard int) catalog.Span {
	sp := catalog.Span{After: b.after - 1, Until: b.before - 1, Desc: p.r.q.Desc}
	if from.Pos == 0 {
		return sp
	}
	// Order is by position, then shard.
	done := shard <= from.Shard
	switch {
	case p.r.q.Desc && done:
		sp.Until = min(sp.Until, from.Pos-1)
	case p.r.q.Desc:
		sp.Until = min(sp.Until, from.Pos)
	case done:
		sp.After = max(sp.After, from.Pos)
	default:
		sp.After = max(sp.After, from.Pos-1)
	}
	return sp
}

// take reads entries ahead: as many as may still fit.
func (p *page) take(m *merge) (out []catalog.Entry, err error) {
	want := max(p.n+1-len(p.out), 16)
	for len(out) < want {
		e, err := m.next()
		if e == nil || err != nil {
			return out, err
		}
		out = append(out, *e)
	}
	return out, nil
}

// addEntries adds the items of entries that match. It returns where to stop.
func (p *page) addEntries(entries []catalog.Entry, visible lading.Grants, filtered bool, last *place) (*place, error) {
	rows, err := p.read(entries, p.f.entry)
	if err != nil {
		return nil, err
	}
	match := func(it *catalog.Item) bool {
		return p.f.item(p.r.q.Kind, it) && p.f.repository(it.Repo.Name) && visible.Contains(it.Repo.Name)
	}
	if err := p.complete(rows.inOrder(entries), match); err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, matches := "", false
		it, repo := rows.items[e.Item], rows.repos[e.Item]
		switch {
		case it != nil:
			name, matches = it.Repo.Name, match(it)
		case repo.ID != 0:
			name = repo.Name
			matches = p.f.repository(name) && p.f.created.holds(repo.Born) && p.f.mods.holds(repo.Born)
		}
		if filtered && !visible.Contains(name) {
			continue // hidden rows cost the caller nothing and move nothing
		}
		if matches {
			if !p.room() {
				return last, nil
			}
			if it != nil {
				p.addRow(it)
			} else {
				p.add(p.repositoryItem(repo))
			}
		}
		last.Pos, last.Shard = e.Pos, e.Shard
		if p.budget--; p.spent() {
			return last, nil
		}
	}
	return nil, nil
}

// rowSet are the rows that entries stand for.
type rowSet struct {
	items map[int64]*catalog.Item
	repos map[int64]catalog.RepositoryItem
	gone  map[int64]catalog.Gone
}

// inOrder are the entries' items, nil where there is none.
func (rs rowSet) inOrder(entries []catalog.Entry) []*catalog.Item {
	out := make([]*catalog.Item, 0, len(entries))
	for _, e := range entries {
		out = append(out, rs.items[e.Item])
	}
	return out
}

// read loads the rows of those entries whose type is wanted.
func (p *page) read(entries []catalog.Entry, wanted func(typ int64) bool) (rows rowSet, err error) {
	var items, repos, tombs, past []int64
	for _, e := range entries {
		switch e.Kind {
		case catalog.RepositoryLive:
			repos = append(repos, e.Item)
		case catalog.RepositoryGone:
			past = append(past, e.Item)
		case catalog.ManifestGone, catalog.TagGone:
			tombs = append(tombs, e.Item)
		default:
			if wanted(e.Type) {
				items = append(items, e.Item)
			}
		}
	}
	c := p.e.cat
	if p.r.q.Kind == lading.KindManifests {
		rows.items, err = c.Manifests(p.ctx, p.q, items)
	} else {
		rows.items, err = c.Tags(p.ctx, p.q, items)
	}
	if err == nil {
		rows.repos, err = c.Repositories(p.ctx, p.q, repos)
	}
	if err == nil {
		rows.gone, err = c.Tombstones(p.ctx, p.q, tombs)
	}
	if err != nil || len(past) == 0 {
		return rows, err
	}
	gone, err := c.GoneRepositories(p.ctx, p.q, past)
	for id, g := range gone {
		rows.gone[id] = g
	}
	return rows, err
}
