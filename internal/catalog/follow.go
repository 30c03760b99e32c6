package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Followed is a journal row with what it is about.
type Followed struct {
	journal.Row
	// Repo is the repository's id, name, incarnation and born, also of one
	// that is gone; the name is empty where nothing is known of it any more.
	Repo RepositoryItem
	// Item is the tag or manifest after the change: what the row says, and
	// the rest as it is now. It is nil where the row tells of an end, or of a
	// repository, and where the item is gone by now.
	Item *Item
}

// itemKey finds a tag, by its name, or a manifest, by its encoded digest.
type itemKey struct {
	repo int64
	name string
}

// Follow completes journal rows out of the catalog, in few statements: of those
// whose repository's name is wanted; nil wants all.
func (c *Catalog) Follow(ctx context.Context, q sqldb.Querier, rows []journal.Row, wanted func(name string) bool) ([]Followed, error) {
	repos, err := c.followedRepositories(ctx, q, rows)
	if err != nil {
		return nil, err
	}
	if wanted != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r journal.Row) bool { return !wanted(repos[r.Repo].Name) })
	}
	f := &follower{c: c, ctx: ctx, q: q}
	if err := f.load(rows); err != nil {
		return nil, err
	}
	out := make([]Followed, len(rows))
	for i, r := range rows {
		out[i] = Followed{Row: r, Repo: repos[r.Repo]}
		if it := f.item(r); it != nil {
			it.Repo, it.Rev, it.Mod = out[i].Repo, r.Rev, r.Pos
			out[i].Item = it
		}
	}
	return out, nil
}

func (c *Catalog) followedRepositories(ctx context.Context, q sqldb.Querier, rows []journal.Row) (map[int64]RepositoryItem, error) {
	out := map[int64]RepositoryItem{}
	for _, table := range []string{"repository", "repository_past"} {
		var ids []int64
		seen := map[int64]bool{}
		for _, r := range rows {
			if _, ok := out[r.Repo]; !ok && !seen[r.Repo] {
				ids, seen[r.Repo] = append(ids, r.Repo), true
			}
		}
		for len(ids) > 0 {
			n := min(len(ids), inStep)
			res, err := q.Query(ctx, `SELECT id,name,incarnation,born FROM `+table+` WHERE id IN `+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
			if err != nil {
				return nil, fmt.Errorf("catalog: followed repositories: %w", err)
			}
			for res.Next() {
				var r RepositoryItem
				if err := res.Scan(&r.ID, &r.Name, &r.Incarnation, &r.Born); err != nil {
					res.Close()
					return nil, fmt.Errorf("catalog: followed repositories: %w", err)
				}
				out[r.ID] = r
			}
			res.Close()
			if err := res.Err(); err != nil {
				return nil, fmt.Errorf("catalog: followed repositories: %w", err)
			}
			ids = ids[n:]
		}
	}
	return out, nil
}

// follower has the items that rows are about.
type follower struct {
	c               *Catalog
	ctx             context.Context
	q               sqldb.Querier
	tags, manifests map[itemKey]*Item
}

func (f *follower) load(rows []journal.Row) (err error) {
	var tags, manifests []itemKey
	for _, r := range rows {
		switch {
		case r.Action == journal.Deleted:
		case r.Kind == journal.Tag:
			tags = append(tags, itemKey{r.Repo, r.Name})
		case r.Kind == journal.Manifest:
			manifests = append(manifests, itemKey{r.Repo, string(r.Digest)})
		}
	}
	f.tags, err = f.find(tags, `SELECT `+tagColumns+`,t.repo FROM tag t JOIN manifest m ON m.id=t.manifest WHERE `, "t.repo=? AND t.name=?", tagFields,
		func(k itemKey) any { return k.name }, func(it *Item) string { return it.Tag })
	if err != nil {
		return err
	}
	for _, r := range rows { // tags that point elsewhere by now
		if t := f.tags[itemKey{r.Repo, r.Name}]; r.Kind == journal.Tag && r.Action != journal.Deleted && (t == nil || string(t.desc.digest) != string(r.Digest)) {
			manifests = append(manifests, itemKey{r.Repo, string(r.Digest)})
		}
	}
	f.manifests, err = f.find(manifests, `SELECT `+manifestCols+`,m.repo FROM manifest m WHERE `, "m.repo=? AND m.digest=?", manifestFields,
		func(k itemKey) any { return []byte(k.name) }, func(it *Item) string { return string(it.desc.digest) })
	if err != nil {
		return err
	}
	all := make([]*Item, 0, len(f.manifests))
	for _, it := range f.manifests {
		if it != nil {
			all = append(all, it)
		}
	}
	return f.c.AddTags(f.ctx, f.q, all)
}

// followStep is how many keys one statement finds.
const followStep = 16

func (f *follower) find(keys []itemKey, text, condition string, fields func(*Item) []any, arg func(itemKey) any, name func(*Item) string) (map[itemKey]*Item, error) {
	out := make(map[itemKey]*Item, len(keys))
	wanted := keys[:0:0]
	for _, k := range keys {
		if _, ok := out[k]; !ok {
			out[k] = nil
			wanted = append(wanted, k)
		}
	}
	for len(wanted) > 0 {
		n := min(len(wanted), followStep)
		chunk := wanted[:n]
		for len(chunk) < min(inSize(n), followStep) { // few texts of the statement
			chunk = append(chunk[:len(chunk):len(chunk)], chunk[0])
		}
		var args []any
		for _, k := range chunk {
			args = append(args, k.repo, arg(k))
		}
		rows, err := f.q.Query(f.ctx, text+"("+strings.Join(slices.Repeat([]string{condition}, len(chunk)), ") OR (")+")", args...)
		items, err := collect(rows, err, fields, repoID)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if it.Platform, err = f.c.Word(f.ctx, f.q, it.desc.platform); err != nil {
				return nil, err
			}
			out[itemKey{it.Repo.ID, name(it)}] = it
		}
		wanted = wanted[n:]
	}
	return out, nil
}

// item is a copy of what a row is about, nil where that is gone.
func (f *follower) item(r journal.Row) *Item {
	if r.Action == journal.Deleted {
		return nil
	}
	switch r.Kind {
	case journal.Manifest:
		return f.manifests[itemKey{r.Repo, string(r.Digest)}].clone()
	case journal.Tag:
		tag := f.tags[itemKey{r.Repo, r.Name}].clone()
		if tag != nil && string(tag.desc.digest) == string(r.Digest) {
			return tag
		}
		m := f.manifests[itemKey{r.Repo, string(r.Digest)}].clone()
		if m == nil { // the truth of now, for want of that of then
			return tag
		}
		m.Tag, m.ID, m.Born = r.Name, 0, r.Pos
		if tag != nil && tag.Born <= r.Pos {
			m.ID, m.Born = tag.ID, tag.Born
		}
		return m
	}
	return nil
}

func (it *Item) clone() *Item {
	if it == nil {
		return nil
	}
	c := *it
	return &c
}
