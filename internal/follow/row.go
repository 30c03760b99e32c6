package follow

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Row is a change as all readers share it. Nobody changes it.
type Row struct {
	catalog.Followed
	Kind lading.Kind
	// Type and PreviousType are those of the tag or manifest after and before
	// the change.
	Type, PreviousType catalog.Type
	// Put brings a copy to the state after the change; nil where there is
	// nothing any more.
	Put *lading.Change
	// Remove takes the item out of a copy: because it is gone, or because it
	// no longer is what the copy is about.
	Remove *lading.Change
	// Last tells that the row ends its transaction.
	Last bool

	size int // about, in bytes
}

var kinds = map[journal.Kind]lading.Kind{
	journal.Repository: lading.KindRepositories,
	journal.Manifest:   lading.KindManifests,
	journal.Tag:        lading.KindTags,
}

var actions = map[journal.Action]lading.Action{
	journal.Created: lading.ActionCreated,
	journal.Updated: lading.ActionUpdated,
	journal.Deleted: lading.ActionDeleted,
}

// complete makes rows of what was read of the journal.
func complete(ctx context.Context, cat *catalog.Catalog, read []journal.Row, wanted func(string) bool) (out []*Row, err error) {
	err = cat.DB().View(ctx, func(q sqldb.Querier) error {
		followed, err := cat.Follow(ctx, q, read, wanted)
		if err != nil {
			return err
		}
		out = make([]*Row, 0, len(followed))
		for _, f := range followed {
			if f.Repo.Name == "" {
				continue // forgotten altogether
			}
			r, err := newRow(ctx, cat, q, f)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	return out, nil
}

func newRow(ctx context.Context, cat *catalog.Catalog, q sqldb.Querier, f catalog.Followed) (r *Row, err error) {
	r = &Row{Followed: f, Kind: kinds[f.Row.Kind], Last: f.Flags&journal.Last != 0, size: 1024}
	if r.Type, err = cat.Type(ctx, q, f.Row.Type); err != nil {
		return nil, err
	}
	if r.PreviousType, err = cat.Type(ctx, q, f.Row.PreviousType); err != nil {
		return nil, err
	}
	gone, err := r.gone()
	if err != nil {
		return nil, err
	}
	r.Remove = r.change(gone)
	switch {
	case f.Action == journal.Deleted:
	case f.Row.Kind == journal.Repository:
		born := journal.Time(f.Pos)
		r.Put = r.change(lading.Item{Op: lading.OpPut, Key: gone.Key, Repository: gone.Repository, Incarnation: gone.Incarnation,
			Rev: f.Rev, Created: &born, Modified: &born})
	case f.Item != nil:
		it, err := cat.Put(ctx, q, r.Kind, f.Item)
		if err != nil {
			return nil, err
		}
		it.Rev = f.Rev
		r.size += 2 * f.Item.TextBytes()
		r.Put = r.change(it)
	}
	return r, nil
}

// gone is the removal of what the row is about.
func (r *Row) gone() (lading.Item, error) {
	name := r.Repo.Name
	it := lading.Item{Op: lading.OpRemove, Repository: name, Incarnation: catalog.IncarnationText(r.Repo.Incarnation), Rev: r.Rev}
	switch r.Row.Kind {
	case journal.Tag:
		it.Key, it.Tag = lading.TagKey(name, r.Name), r.Name
	case journal.Manifest:
		d, err := catalog.DecodeDigest(r.Digest)
		if err != nil {
			return it, err
		}
		it.Key = lading.ManifestKey(name, d)
	default:
		it.Key = lading.RepositoryKey(name)
	}
	return it, nil
}

func (r *Row) change(it lading.Item) *lading.Change {
	c := &lading.Change{Kind: r.Kind, Action: actions[r.Action], Time: journal.Time(r.Pos),
		ID: fmt.Sprintf("%s-%d", it.Incarnation, r.Rev), Item: lading.ChangedItem{Item: it, PrevRev: r.Rev - 1}}
	if r.Row.Kind == journal.Tag && r.Previous != nil && string(r.Previous) != string(r.Digest) {
		if d, err := catalog.DecodeDigest(r.Previous); err == nil {
			c.Item.Previous = &lading.Previous{Digest: d}
		}
	}
	return c
}
