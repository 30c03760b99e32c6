package discover

import (
	"cmp"
	"slices"
	"sort"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
)

// maxSubject is how many manifests of one subject are sorted in memory.
const maxSubject = 10_000

// bySubject adds the manifests that refer to a subject. They are found by an
// index of their own and are few; of the extraordinary subject with more than
// maxSubject the order's own streams are read instead. bornBy leaves out what
// was born after these positions, unless nil.
func (p *page) bySubject(visible lading.Grants, from place, bornBy []int64) (*place, error) {
	found, err := p.e.cat.BySubject(p.ctx, p.q, p.r.q.Scope.Subject, maxSubject+1)
	if err != nil {
		return nil, err
	}
	if len(found) > maxSubject {
		return p.bySubjectScan(visible, from, bornBy)
	}
	found = slices.DeleteFunc(found, func(m catalog.Match) bool {
		return !visible.Contains(m.Repository) || bornBy != nil && (m.Born > bornBy[journal.ShardOf(m.ID)] || p.r.exact && m.Mod > bornBy[journal.ShardOf(m.ID)])
	})
	compare := p.compareMatches()
	slices.SortFunc(found, compare)
	if from.Inside { // after the last one of the page before, which may be gone
		last := catalog.Match{ID: int64(from.Item), Born: from.Pos, Mod: from.Pos, Repository: from.Name, Digest: digest.Digest(from.Key)}
		at := sort.Search(len(found), func(i int) bool { return compare(found[i], last) > 0 })
		found = found[at:]
	}
	for chunk := range slices.Chunk(found, p.n+1) {
		ids := make([]int64, 0, len(chunk))
		for _, m := range chunk {
			ids = append(ids, m.ID)
		}
		rows, err := p.e.cat.Manifests(p.ctx, p.q, ids)
		if err != nil {
			return nil, err
		}
		match := func(it *catalog.Item) bool {
			return p.f.item(lading.KindManifests, it) && p.f.repository(it.Repo.Name)
		}
		var items []*catalog.Item
		for _, m := range chunk {
			items = append(items, rows[m.ID])
		}
		if err := p.complete(items, match); err != nil {
			return nil, err
		}
		for _, m := range chunk {
			if it := rows[m.ID]; it != nil && match(it) {
				if !p.room() {
					return &from, nil
				}
				p.addRow(it)
			}
			from = place{Inside: true, Item: rowID(m.ID), Pos: p.positionOf(m), Name: m.Repository, Key: string(m.Digest)}
		}
	}
	return nil, nil
}

// positionOf is the position that the order goes by.
func (p *page) positionOf(m catalog.Match) int64 {
	if p.r.q.Order == lading.OrderModified {
		return m.Mod
	}
	return m.Born
}

func (p *page) bySubjectScan(visible lading.Grants, from place, bornBy []int64) (*place, error) {
	if p.r.q.Order == lading.OrderCreated || p.r.q.Order == lading.OrderModified {
		return p.byPosition(visible, from)
	}
	w := &walk{p: p, visible: visible, last: from, desc: p.r.q.Desc, bornBy: bornBy, exact: p.r.exact}
	done, err := w.run()
	if err != nil || done {
		return nil, err
	}
	return &w.last, nil
}

// compareMatches is the order asked for.
func (p *page) compareMatches() func(a, b catalog.Match) int {
	sign := 1
	if p.r.q.Desc {
		sign = -1
	}
	switch p.r.q.Order {
	case lading.OrderCreated:
		return func(a, b catalog.Match) int {
			return sign * cmp.Or(cmp.Compare(a.Born, b.Born), cmp.Compare(a.ID, b.ID))
		}
	case lading.OrderModified:
		return func(a, b catalog.Match) int { return sign * cmp.Or(cmp.Compare(a.Mod, b.Mod), cmp.Compare(a.ID, b.ID)) }
	}
	return func(a, b catalog.Match) int {
		return sign * cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Digest, b.Digest))
	}
}
