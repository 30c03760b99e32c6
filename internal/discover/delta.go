package discover

import (
	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

// The phases of a delta: what the caller can no longer read, or did not read
// all the time; what it has gained; what changed in the rest.
const (
	phaseLost = iota
	phaseGained
	phaseChanged
)

// delta is a page of what changed after a cursor.
type delta struct {
	*page
	t                 *token
	from              *fromCursor
	fromFull, fromMay lading.Grants // under which the copy was made
	toFull, toMay     lading.Grants // of the cursor to come
}

func (p *page) delta() (out lading.Listing, err error) {
	heads, newest, err := p.e.j.Heads(p.ctx, p.q)
	if err != nil {
		return out, err
	}
	at := p.until(heads)
	if p.r.q.Since == "now" && p.r.tok == nil {
		if err := p.live(); err != nil {
			return out, err
		}
		t, _, err := p.beginList(at, newest)
		if err != nil {
			return out, err
		}
		t.Delta = true
		return p.whole(t, nil, p.cursorOf(t))
	}
	d := &delta{page: p}
	if p.r.tok == nil {
		// The positions of the cursor first: it may be ahead of this replica.
		if err := p.check(p.r.from.epoch, p.r.from.at, p.r.from.issued, heads, newest); err != nil {
			return out, err
		}
		d.t = &token{Delta: true, At: p.own(at), Issued: p.e.moment(), From: &fromCursor{p.r.from.at, rowID(p.r.from.issued), p.r.from.full, p.r.from.may}}
		d.t.Epoch, err = p.e.j.Epoch(p.ctx, p.q, newest)
	} else {
		d.t = p.r.tok
		if err := p.check(d.t.Epoch, d.t.At, int64(d.t.Issued), heads, newest); err != nil {
			return out, err
		}
		err = p.age(d.t.From.At, int64(d.t.From.Issued), heads)
	}
	if err != nil {
		return out, err
	}
	if err := d.grants(); err != nil {
		return out, err
	}
	return d.run()
}

// grants loads the sets of both cursors and narrows the coming one's.
func (d *delta) grants() (err error) {
	d.from = d.t.From
	if d.fromFull, err = d.e.loadSet(d.ctx, d.q, d.from.Full); err != nil {
		return err
	}
	if d.fromMay, err = d.e.loadSet(d.ctx, d.q, d.from.May); err != nil {
		return err
	}
	if d.r.tok == nil {
		d.toFull, d.toMay = d.r.grants, d.r.grants
	} else {
		if d.toFull, err = d.e.loadSet(d.ctx, d.q, d.t.Full); err != nil {
			return err
		}
		if d.toMay, err = d.e.loadSet(d.ctx, d.q, d.t.May); err != nil {
			return err
		}
		d.toFull = d.narrow(d.toFull)
	}
	if d.e.opt.faults.OneSet {
		d.fromMay = d.fromFull
	}
	if d.e.opt.faults.ForgetGrants {
		d.fromFull, d.fromMay = d.toFull, d.toMay
	}
	if d.t.Full, err = d.e.saveSet(d.ctx, d.toFull); err != nil {
		return err
	}
	d.t.May, err = d.e.saveSet(d.ctx, d.toMay)
	return err
}

// run goes through the phases until the page is full.
func (d *delta) run() (out lading.Listing, err error) {
	steps := [...]func(place) (*place, error){phaseLost: d.lost, phaseGained: d.gained, phaseChanged: d.changed}
	pos := d.t.Pos
	for phase := pos.Phase; phase < len(steps); phase++ {
		if pos.Phase != phase {
			pos = place{Phase: phase}
		}
		next, err := steps[phase](pos)
		if err != nil {
			return out, err
		}
		if next != nil {
			return d.whole(d.t, next, nil)
		}
	}
	return d.whole(d.t, nil, d.cursorOf(d.t))
}

// kept is what the caller could read at every page of the old copy and of this
// delta: there, changes alone matter.
func (d *delta) kept() lading.Grants { return d.fromFull.Intersect(d.toFull) }

// lost tells the client to forget what it may hold but did not read all the
// time: a range at a time, whatever is in it. A page goes on where the last
// range ended: the ranges may have grown together since.
func (d *delta) lost(from place) (*place, error) {
	forget := d.fromMay.Union(d.toMay).Subtract(d.kept()).Intersect(d.r.names)
	if from.Inside {
		forget = forget.Intersect(lading.NewGrants(lading.Range{From: from.Name}))
	}
	for _, r := range forget.Ranges() {
		if !d.room() {
			return &from, nil
		}
		d.add(removeRange(r))
		if r.To == "" {
			break // nothing follows the end
		}
		from = place{Phase: phaseLost, Name: r.To, Inside: true}
	}
	return nil, nil
}

// removeRange removes every repository in a range, or the only one.
func removeRange(r lading.Range) lading.Item {
	if r.To == r.From+"\x00" {
		return removeRepository(r.From)
	}
	return lading.Item{Op: lading.OpRemove, Key: lading.RangeKey(r.From, r.To)}
}

func removeRepository(name string) lading.Item {
	return lading.Item{Op: lading.OpRemove, Key: lading.RepositoryKey(name), Repository: name}
}

// gained tells the content of repositories that the caller can read now and
// could not read all the time before: those that live there now, as they are.
func (d *delta) gained(from place) (*place, error) {
	now := d.toFull // narrowed to what can be read at this very page
	if d.e.opt.faults.LeakGained {
		now = d.toMay
	}
	w := &walk{p: d.page, visible: now.Subtract(d.fromFull).Intersect(d.r.names), last: from, bornBy: d.t.At, exact: d.r.exact,
		reset: d.r.q.Kind != lading.KindRepositories}
	done, err := w.run()
	if err != nil || done {
		return nil, err
	}
	return &w.last, nil
}

var deltaKinds = map[lading.Kind][]catalog.FeedKind{
	lading.KindTags:         {catalog.TagModified, catalog.TagGone, catalog.RepositoryLive, catalog.RepositoryGone},
	lading.KindManifests:    {catalog.ManifestModified, catalog.ManifestGone, catalog.RepositoryLive, catalog.RepositoryGone},
	lading.KindRepositories: {catalog.RepositoryLive, catalog.RepositoryGone},
}

// changed tells the state of all that changed after the old cursor, shard by
// shard in the order of positions, up to the new one's.
func (d *delta) changed(from place) (*place, error) {
	var src *sources
	visible := d.kept().Intersect(d.r.names)
	for shard := from.Shard; shard < len(d.t.At); shard++ {
		span := catalog.Span{After: d.from.At[shard], Until: d.t.At[shard]}
		if shard == from.Shard && from.Pos > 0 {
			span.After = from.Pos
		}
		if span.After >= span.Until {
			continue
		}
		if src == nil {
			var err error
			if src, err = d.sources(visible); err != nil {
				return nil, err
			}
		}
		ss := src.streams(deltaKinds[d.r.q.Kind], []int{shard}, func(int) catalog.Span { return span })
		if len(ss) == 0 {
			continue
		}
		m, err := d.newMerge(ss, false, d.n+1)
		if err != nil {
			return nil, err
		}
		last := place{Phase: phaseChanged, Shard: shard, Pos: span.After}
		if next, err := d.changes(m, visible, src.filtered, &last); next != nil || err != nil {
			return next, err
		}
	}
	return nil, nil
}

// changes adds the changes of one shard. It returns where to stop, nil at the
// end.
func (d *delta) changes(m *merge, visible lading.Grants, filtered bool, last *place) (*place, error) {
	for {
		entries, err := d.take(m)
		if err != nil || len(entries) == 0 {
			return nil, err
		}
		rows, err := d.read(entries, func(int64) bool { return true })
		if err != nil {
			return nil, err
		}
		match := func(it *catalog.Item) bool {
			return d.f.item(d.r.q.Kind, it) && d.f.repository(it.Repo.Name) && visible.Contains(it.Repo.Name)
		}
		if err := d.complete(rows.inOrder(entries), match); err != nil {
			return nil, err
		}
		for _, e := range entries {
			repo, ch := d.change(e, rows)
			if repo == "" || filtered && !visible.Contains(repo) {
				continue // of a repository that is gone, or hidden
			}
			if ch != nil {
				if !d.room() {
					return last, nil
				}
				if ch.row != nil {
					d.addRow(ch.row)
				} else {
					d.add(ch.item)
				}
			}
			last.Pos = e.Pos
			if d.budget--; d.spent() {
				return last, nil
			}
		}
	}
}

// change is what an entry means to the client; the repository's name is empty
// where the entry's repository is gone, the change nil where there is none.
func (d *delta) change(e catalog.Entry, rows rowSet) (repo string, ch *entry) {
	switch e.Kind {
	case catalog.RepositoryLive:
		r := rows.repos[e.Item]
		return r.Name, d.born(r)
	case catalog.RepositoryGone:
		g := rows.gone[e.Item]
		if d.e.opt.faults.FilterHidesRepo && d.f.selective() || !d.f.repository(g.Repository) {
			return g.Repository, nil
		}
		return g.Repository, &entry{item: removeRepository(g.Repository)}
	case catalog.TagGone:
		g := rows.gone[e.Item]
		if !d.f.repository(g.Repository) || !d.f.tag(g.Name) {
			return g.Repository, nil
		}
		return g.Repository, &entry{item: lading.Item{Op: lading.OpRemove, Key: lading.TagKey(g.Repository, g.Name), Repository: g.Repository, Tag: g.Name}}
	case catalog.ManifestGone:
		g := rows.gone[e.Item]
		if !d.f.repository(g.Repository) {
			return g.Repository, nil
		}
		return g.Repository, &entry{item: lading.Item{Op: lading.OpRemove, Key: "manifest:" + g.Repository + "@" + g.Name, Repository: g.Repository}}
	}
	it := rows.items[e.Item]
	if it == nil {
		return "", nil
	}
	return it.Repo.Name, d.modified(e, it)
}

// born is a repository that came to life: an item of its own, or the reset
// that ends an earlier life of which the client may hold something.
func (d *delta) born(r catalog.RepositoryItem) *entry {
	if r.ID == 0 || !d.f.repository(r.Name) {
		return nil
	}
	// Even where that life ended before the old cursor: the delta that led to
	// the cursor may have lost sight of its end when this life began between
	// two of its pages. So it is with items, in modified.
	again := r.Previous != 0
	if d.r.q.Kind == lading.KindRepositories {
		if d.f.created.holds(r.Born) {
			return &entry{item: d.repositoryItem(r)}
		}
		if again {
			return &entry{item: removeRepository(r.Name)}
		}
		return nil
	}
	if !again || d.e.opt.faults.NoIncarnation {
		return nil
	}
	return &entry{item: resetItem(r.Name)}
}

// modified is a tag or manifest that changed: its state if it matches, a
// remove if it may have matched before: if it, or one of its key that was
// deleted since, was there at the old cursor.
func (d *delta) modified(e catalog.Entry, it *catalog.Item) *entry {
	if !d.f.repository(it.Repo.Name) {
		return nil
	}
	if d.f.item(d.r.q.Kind, it) {
		return &entry{row: it}
	}
	if d.r.q.Kind == lading.KindTags && !d.f.tag(it.Tag) || (it.Born > d.from.At[e.Shard] && it.Previous == 0) || d.e.opt.faults.KeepLeavers {
		return nil
	}
	key := lading.ManifestKey(it.Repo.Name, it.Digest)
	if d.r.q.Kind == lading.KindTags {
		key = lading.TagKey(it.Repo.Name, it.Tag)
	}
	return &entry{item: lading.Item{Op: lading.OpRemove, Key: key, Repository: it.Repo.Name, Tag: it.Tag}}
}
