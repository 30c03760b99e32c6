package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Unfinished is a manifest of another type some of whose tags have not been
// told of it: whoever began that was stopped, or is still at it.
type Unfinished struct {
	Repository string
	Manifest   int64
}

// Unfinished returns some of the manifests, of repositories that live, whose
// tags have still to be told of their change; none if there are none.
func (c *Catalog) Unfinished(ctx context.Context) (out []Unfinished, _ error) {
	// CROSS keeps SQLite from reading the manifests first.
	rows, err := c.db.Read().Query(ctx, `SELECT r.name,m.id FROM retyping x CROSS JOIN manifest m CROSS JOIN repository r WHERE m.id=x.manifest AND r.id=m.repo LIMIT 100`)
	if err != nil {
		return nil, fmt.Errorf("catalog: retyping: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var u Unfinished
		if err := rows.Scan(&u.Repository, &u.Manifest); err != nil {
			return nil, fmt.Errorf("catalog: retyping: %w", err)
		}
		out = append(out, u)
	}
	return out, rows.Err()
}

// Finish tells of the next tags of a manifest, in one transaction, and whether
// there may be more. The definitions may have changed since: the manifest's
// tags are told of what it is all the same.
func (c *Catalog) Finish(ctx context.Context, u Unfinished) (more bool, err error) {
	lists, err := c.lists(ctx, u.Repository)
	if err != nil {
		return false, err
	}
	err = c.db.Update(ctx, c.Shard(u.Repository), func(tx *sqldb.Tx) error {
		more = false
		repo, err := loadRepository(tx, u.Repository)
		if err != nil || repo == nil || repo.born == 0 {
			return err
		}
		begun, err := retypings(tx, repo, []int64{u.Manifest})
		if err != nil || len(begun) == 0 {
			return err
		}
		more, err = c.newChange(tx, repo, lists, 0).goOn(begun[0])
		return err
	})
	return more, err
}

// retyping is a row of the table of that name, with its manifest.
type retyping struct {
	manifestRow
	pos, was int64
	after    string
}

// retypings are those of the repository's manifests that are not finished.
func retypings(tx *sqldb.Tx, repo *repositoryRow, manifests []int64) ([]retyping, error) {
	out, err := gather(tx, func(rows sqldb.Rows, r *retyping) error {
		return rows.Scan(&r.id, &r.typ, &r.digest, &r.pos, &r.was, &r.after)
	}, `SELECT m.id,m.type,m.digest,x.pos,x.was,x.after FROM retyping x CROSS JOIN manifest m WHERE m.id=x.manifest AND m.repo=? AND x.manifest IN `+sqldb.In(inSize(len(manifests))),
		inArgs([]any{repo.id}, manifests)...)
	if err != nil {
		return nil, fmt.Errorf("catalog: retyping: %w", err)
	}
	return out, nil
}

// goOn tells of the next tags and whether there may be more. Tags that came,
// or were moved here, since the manifest has changed are told of already, by
// what they are now.
func (ch *change) goOn(r retyping) (more bool, err error) {
	m := &r.manifestRow
	tags, err := gather(ch.tx, func(rows sqldb.Rows, t *tagRow) error { return rows.Scan(&t.id, &t.name, &t.born, &t.mod) },
		`SELECT id,name,born,mod FROM tag WHERE manifest=? AND name>? AND mod<? ORDER BY name LIMIT ?`, m.id, r.after, r.pos, ch.c.retypeStep)
	if err != nil {
		return false, fmt.Errorf("catalog: retyping: %w", err)
	}
	for i := range tags {
		tags[i].to = m
		ch.retypeTag(&tags[i], r.was)
	}
	if more = len(tags) == ch.c.retypeStep; more {
		ch.tx.Exec(`UPDATE retyping SET after=? WHERE manifest=?`, tags[len(tags)-1].name, m.id)
	} else {
		forgetRetyping(ch.tx, m.id)
	}
	if len(tags) > 0 {
		ch.finish()
	}
	return more, nil
}

// forgetRetyping removes what is kept of a manifest that is finished, or gone.
func forgetRetyping(tx *sqldb.Tx, manifest int64) {
	tx.Exec(`DELETE FROM retyping WHERE manifest=?`, manifest)
}
