package discover

import (
	"context"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// page gathers the items of one page, on one snapshot.
type page struct {
	e   *Engine
	r   *request
	ctx context.Context
	q   sqldb.Querier
	f   filter

	n      int // items that fit
	bytes  int // about how many bytes still fit
	budget int // rows that may still be looked at
	out    []entry
}

// entry is an item, or a row that becomes one when the page is closed.
type entry struct {
	item lading.Item
	row  *catalog.Item
}

// room reports whether another item fits.
func (p *page) room() bool { return len(p.out) < p.n && p.bytes > 0 }

// spent reports whether enough rows were looked at.
func (p *page) spent() bool { return p.budget <= 0 }

// looked is how many rows the page has cost the caller: the budget that is
// spent, which is of visible rows alone, as it decides where a page ends. A
// question by subject pays for what it shows: whether there is an index for
// it depends on what others have.
func (p *page) looked() int {
	if p.r.q.Scope.Subject != "" {
		return len(p.out)
	}
	return max(p.e.opt.Scan-p.budget, len(p.out))
}

const itemBytes = 400 // an item's JSON without names and annotations, about

func (p *page) add(it lading.Item) {
	p.bytes -= itemBytes
	p.out = append(p.out, entry{item: it})
}

func (p *page) addRow(it *catalog.Item) {
	p.bytes -= itemBytes + 3*len(it.Repo.Name) + 2*len(it.Tag) + it.TextBytes()
	for _, t := range it.Tags {
		p.bytes -= len(t) + 3
	}
	p.out = append(p.out, entry{row: it})
}

// complete reads, before they are added, the tags of those of the rows that
// may still fit: how large they are decides how many do.
func (p *page) complete(rows []*catalog.Item, match func(*catalog.Item) bool) error {
	if p.r.q.Kind != lading.KindManifests {
		return nil
	}
	room := p.n + 1 - len(p.out)
	var fit []*catalog.Item
	for _, it := range rows {
		if it != nil && len(fit) < room && match(it) {
			fit = append(fit, it)
		}
	}
	return p.e.cat.AddTags(p.ctx, p.q, fit)
}

// items closes the page.
func (p *page) items() ([]lading.Item, error) {
	if p.f.types.err != nil {
		return nil, p.f.types.err
	}
	out := make([]lading.Item, 0, len(p.out))
	for _, en := range p.out {
		it := en.item
		if en.row != nil {
			var err error
			if it, err = p.e.cat.Put(p.ctx, p.q, p.r.q.Kind, en.row); err != nil {
				return nil, err
			}
		}
		out = append(out, it)
	}
	return out, nil
}

// repositoryItem is a repository as a listing shows it. Its own state changes
// with its life alone, so that is its rev and its modified.
func (p *page) repositoryItem(r catalog.RepositoryItem) lading.Item {
	born := journal.Time(r.Born)
	it := lading.Item{Op: lading.OpPut, Key: lading.RepositoryKey(r.Name), Repository: r.Name,
		Incarnation: catalog.IncarnationText(r.Incarnation), Rev: 1, Created: &born, Modified: &born}
	if p.r.q.Stats {
		last := journal.Time(r.Mod)
		it.Stats = &lading.Stats{Tags: r.Tags, Manifests: r.Manifests, Size: r.Size, LastPush: &last}
	}
	return it
}

// whole returns the listing of this page. A next place makes it a page with a
// successor, t being what the token is made of; a done one ends with a cursor
// if there is one.
func (p *page) whole(t *token, next *place, c *cursor) (out lading.Listing, err error) {
	if out.Items, err = p.items(); err != nil {
		return out, err
	}
	out.Delta = t.Delta
	if next != nil {
		t.Pos, t.Subject, t.Query = *next, p.r.subject, p.r.q
		t.Query.N, t.Query.Page, t.Query.Since, t.Query.Wait = p.r.n, "", "", 0
		out.Next, err = p.e.sealToken(t)
		return out, err
	}
	if c != nil {
		out.Cursor = p.e.sealCursor(*c)
	}
	return out, nil
}

// live answers NAME_UNKNOWN for a query on a repository that is not there or
// that the caller may not see.
func (p *page) live() error {
	name := p.r.q.Scope.Repository
	if name == "" {
		return nil
	}
	if !p.r.grants.Contains(name) {
		return lading.ErrNameUnknown
	}
	rs, err := p.e.cat.RepositoriesIn(p.ctx, p.q, lading.RepositoryRange(name), 1, false)
	if err == nil && len(rs) == 0 {
		err = lading.ErrNameUnknown
	}
	return err
}

// own reduces positions to those that a cursor of this query depends on: all,
// or a repository's own shard.
func (p *page) own(at []int64) []int64 {
	name := p.r.q.Scope.Repository
	if name == "" {
		return at
	}
	s := p.e.cat.Shard(name)
	out := make([]int64, len(at))
	out[s] = at[s]
	return out
}

// check answers CURSOR_EXPIRED unless positions, taken at a time, are of this
// history and not too old.
func (p *page) check(id journal.EpochID, at []int64, issued int64, heads []journal.Head, newest int64) error {
	err := p.e.j.Check(p.ctx, p.q, id, at, heads, newest)
	if err == journal.ErrLost {
		return expired("epoch")
	}
	if err != nil {
		return err
	}
	return p.age(at, issued, heads)
}

// skew is how far the clocks of replicas may differ: a tombstone is kept
// longer than any cursor is served that needs it.
const skew = time.Minute

// age answers CURSOR_EXPIRED for what is older than tombstones are kept. It
// goes by time alone: whether a tombstone was there to be purged would tell of
// deletions that the caller may not know of. The shards' floors are looked at
// as well, for the day on which a clock is wrong.
func (p *page) age(at []int64, issued int64, heads []journal.Head) error {
	if keep := p.e.opt.Retention; keep > 0 && issued < p.e.opt.Now().Add(skew-keep).UnixMicro() {
		return expired("retention")
	}
	for s, pos := range at {
		if pos < heads[s].Floor && (p.r.q.Scope.Repository == "" || s == p.e.cat.Shard(p.r.q.Scope.Repository)) {
			return expired("retention")
		}
	}
	return nil
}

// until is the position up to which a listing or delta that begins now tells.
func (p *page) until(heads []journal.Head) []int64 {
	if p.r.pin != nil {
		return p.r.pin
	}
	return positions(heads)
}

func positions(heads []journal.Head) []int64 {
	out := make([]int64, len(heads))
	for i, h := range heads {
		out[i] = h.Pos
	}
	return out
}
