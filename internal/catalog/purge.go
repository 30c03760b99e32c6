package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// purgeStep bounds the rows that one transaction of a purge removes.
const purgeStep = 500

// PurgeGone removes one step's worth of the content of repositories that are
// gone. It returns false when there is nothing left. Nothing of it was visible
// any more, so nothing is journalled.
func (c *Catalog) PurgeGone(ctx context.Context) (bool, error) {
	rows, err := c.db.Read().Query(ctx, `SELECT repo,name FROM purge ORDER BY repo LIMIT 1`)
	if err != nil {
		return false, fmt.Errorf("catalog: purge: %w", err)
	}
	var repo int64
	var name string
	for rows.Next() {
		if err := rows.Scan(&repo, &name); err != nil {
			rows.Close()
			return false, fmt.Errorf("catalog: purge: %w", err)
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil || repo == 0 {
		return false, err
	}
	lists, err := c.lists(ctx, name)
	if err != nil {
		return false, err
	}
	return true, c.db.Update(ctx, journal.ShardOf(repo), func(tx *sqldb.Tx) error {
		return (&purge{tx: tx, repo: repo, feed: feedWriter{tx: tx, lists: lists}}).step()
	})
}

type purge struct {
	tx   *sqldb.Tx
	repo int64
	feed feedWriter
}

// step removes rows of the first table that still has some; when none has,
// the purge is over.
func (p *purge) step() error {
	for _, part := range []func() (int, error){p.tags, p.manifests, p.tombstones, p.links} {
		n, err := part()
		if err != nil {
			return fmt.Errorf("catalog: purge: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	p.tx.Exec(`DELETE FROM purge WHERE repo=?`, p.repo)
	return nil
}

// rows runs a query and gathers its rows before anything is written.
func gather[T any](tx *sqldb.Tx, scan func(sqldb.Rows, *T) error, sql string, args ...any) (out []T, err error) {
	rows, err := tx.Query(tx.Context(), sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func (p *purge) tags() (int, error) {
	type row struct{ id, born, mod, typ int64 }
	found, err := gather(p.tx, func(r sqldb.Rows, v *row) error { return r.Scan(&v.id, &v.born, &v.mod, &v.typ) },
		`SELECT t.id,t.born,t.mod,`+tagType+` FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=? LIMIT ?`, p.repo, purgeStep)
	for _, t := range found {
		lists := p.feed.with(TypeList(t.typ))
		p.feed.remove(TagModified, t.mod, lists...)
		p.feed.remove(TagCreated, t.born, lists...)
		p.tx.Exec(`DELETE FROM tag WHERE id=?`, t.id)
	}
	return len(found), err
}

func (p *purge) manifests() (int, error) {
	type row struct{ id, born, mod, typ int64 }
	found, err := gather(p.tx, func(r sqldb.Rows, v *row) error { return r.Scan(&v.id, &v.born, &v.mod, &v.typ) },
		`SELECT id,born,mod,type FROM manifest WHERE repo=? LIMIT ?`, p.repo, purgeStep)
	for _, m := range found {
		lists := p.feed.with(TypeList(m.typ), UntaggedList)
		p.feed.remove(ManifestModified, m.mod, lists...)
		p.feed.remove(ManifestCreated, m.born, lists...)
		p.tx.Exec(`DELETE FROM content WHERE manifest=?`, m.id)
		forgetRetyping(p.tx, m.id)
		p.tx.Exec(`DELETE FROM manifest WHERE id=?`, m.id)
	}
	return len(found), err
}

func (p *purge) tombstones() (int, error) {
	type row struct{ id, mod, kind int64 }
	found, err := gather(p.tx, func(r sqldb.Rows, v *row) error { return r.Scan(&v.id, &v.mod, &v.kind) },
		`SELECT id,mod,kind FROM tombstone WHERE repo=? LIMIT ?`, p.repo, purgeStep)
	for _, t := range found {
		p.feed.remove(FeedKind(t.kind), t.mod, p.feed.lists...)
		p.tx.Exec(`DELETE FROM tombstone WHERE id=?`, t.id)
	}
	return len(found), err
}

// links removes what refers to blobs, orphans, and the history of tags.
func (p *purge) links() (int, error) {
	for _, t := range []struct{ table, key string }{
		{"manifest_blob", "blob,manifest"}, {"manifest_child", "child,manifest"}, {"manifest_missing", "digest,manifest"}, {"orphan", "kind,digest"}, {"repository_blob", "blob"}, {"tag_past", "name,opened"},
	} {
		var n int64
		err := p.tx.QueryRow(p.tx.Context(), `SELECT COUNT(*) FROM (SELECT 1 FROM `+t.table+` WHERE repo=? LIMIT ?) x`, p.repo, purgeStep).Scan(&n)
		if err != nil {
			return 0, err
		}
		if n > 0 {
			p.tx.Exec(`DELETE FROM `+t.table+` WHERE repo=? AND (`+t.key+`) IN (SELECT `+t.key+` FROM `+t.table+` WHERE repo=? LIMIT ?)`, p.repo, p.repo, purgeStep)
			return int(n), nil
		}
	}
	return 0, nil
}

// PurgeTombstones removes one step's worth of a shard's tombstones up to a
// position: cursors from before it expire. It returns false when there is
// nothing left.
func (c *Catalog) PurgeTombstones(ctx context.Context, shard int, upTo int64) (more bool, err error) {
	type row struct {
		pos, item, kind int64
		name            string
	}
	err = c.db.Update(ctx, shard, func(tx *sqldb.Tx) error {
		found, err := gather(tx, func(r sqldb.Rows, v *row) error { return r.Scan(&v.pos, &v.item, &v.kind, &v.name) },
			`SELECT f.pos,f.item,f.kind,COALESCE(r.name,p.name) FROM feed f
			LEFT JOIN tombstone x ON f.kind<8 AND x.id=f.item LEFT JOIN repository r ON r.id=x.repo
			LEFT JOIN repository_past p ON p.id=CASE WHEN f.kind=8 THEN f.item ELSE x.repo END
			WHERE f.list=0 AND f.kind IN (5,6,8) AND f.shard=? AND f.pos<=? ORDER BY f.kind,f.pos LIMIT ?`, shard, upTo, purgeStep)
		if err != nil {
			return fmt.Errorf("catalog: purge tombstones: %w", err)
		}
		more = len(found) > 0
		w := journal.From(tx)
		for _, t := range found {
			lists, err := c.lists(ctx, t.name)
			if err != nil {
				return err
			}
			f := feedWriter{tx: tx, lists: lists}
			f.remove(FeedKind(t.kind), t.pos, lists...)
			if FeedKind(t.kind) != RepositoryGone {
				tx.Exec(`DELETE FROM tombstone WHERE id=?`, t.item)
			}
			w.RaiseFloor(t.pos)
		}
		if more {
			return nil
		}
		more, err = forgetPast(tx, upTo)
		return err
	})
	return more, err
}

// forgetPast removes rows of repositories that ended long ago. Until then the
// journal, which is kept no longer, names repositories by them.
func forgetPast(tx *sqldb.Tx, upTo int64) (more bool, err error) {
	ids, err := gather(tx, func(r sqldb.Rows, id *int64) error { return r.Scan(id) },
		`SELECT id FROM repository_past WHERE ended<=? AND (id & 63)=? AND NOT EXISTS (SELECT 1 FROM purge g WHERE g.repo=repository_past.id) ORDER BY ended LIMIT ?`,
		upTo, tx.Shard(), purgeStep)
	for _, id := range ids {
		tx.Exec(`DELETE FROM repository_past WHERE id=?`, id)
	}
	return len(ids) > 0, err
}

// TrimJournal removes one step's worth of a shard's journal up to a position.
func (c *Catalog) TrimJournal(ctx context.Context, shard int, upTo int64) (more bool, err error) {
	err = c.db.Update(ctx, shard, func(tx *sqldb.Tx) error {
		var last, n int64
		err := tx.QueryRow(tx.Context(), `SELECT COALESCE(MAX(pos),0),COUNT(*) FROM (SELECT pos FROM journal WHERE shard=? AND pos<=? ORDER BY pos LIMIT ?) x`, shard, upTo, purgeStep).Scan(&last, &n)
		if err != nil {
			return fmt.Errorf("catalog: trim journal: %w", err)
		}
		if more = n > 0; more {
			tx.Exec(`DELETE FROM journal WHERE shard=? AND pos<=?`, shard, last)
			journal.From(tx).RaiseJournalFloor(last)
		}
		return nil
	})
	return more, err
}
