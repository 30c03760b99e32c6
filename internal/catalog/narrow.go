package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Narrow is what the database itself leaves out of a walk in key order, so
// that a rare type does not cost a row's reading for each other one.
type Narrow struct {
	Types  []int64 // words; keep these, nil for all
	Tagged *bool   // keep manifests with, or without, a tag
}

// Active reports whether anything is left out.
func (n Narrow) Active() bool { return n.Types != nil || n.Tagged != nil }

// where is the condition on a manifest m, with its arguments appended; typ is
// the column of the type.
func (n Narrow) where(typ string, args []any) (string, []any) {
	text := ""
	if n.Types != nil {
		if len(n.Types) == 0 {
			return " AND 1=0", args
		}
		text = " AND " + typ + " IN " + sqldb.In(inSize(len(n.Types)))
		args = inArgs(args, n.Types)
	}
	if n.Tagged != nil {
		if *n.Tagged {
			text += " AND m.tagged>0"
		} else {
			text += " AND m.tagged=0"
		}
	}
	return text, args
}

// TagsWithin looks at the next scan tags of a repository after a key and
// returns those that narrow keeps. end is the key of the last one looked at,
// empty if the repository has no more.
func (c *Catalog) TagsWithin(ctx context.Context, q sqldb.Querier, repo RepositoryItem, after string, scan int, desc bool, narrow Narrow) (items []*Item, end string, err error) {
	cmp, dir := ">", ""
	if desc {
		cmp, dir = "<", " DESC"
		if after == "" {
			after = "\x7f"
		}
	}
	where, args := narrow.where(tagType, []any{repo.ID, after, scan})
	rows, err := q.Query(ctx, `SELECT `+tagColumns+` FROM (SELECT id,manifest FROM tag WHERE repo=? AND name`+cmp+`? ORDER BY name`+dir+` LIMIT ?) w
		JOIN manifest m ON m.id=w.manifest JOIN tag t ON t.id=w.id WHERE 1=1`+where+` ORDER BY t.name`+dir, args...)
	if items, err = c.inRepository(ctx, q, repo, rows, err, tagFields); err != nil {
		return nil, "", err
	}
	err = q.QueryRow(ctx, `SELECT name FROM tag WHERE repo=? AND name`+cmp+`? ORDER BY name`+dir+` LIMIT 1 OFFSET ?`, repo.ID, after, scan-1).Scan(&end)
	return items, end, noEnd(err)
}

// ManifestsWithin is TagsWithin for manifests.
func (c *Catalog) ManifestsWithin(ctx context.Context, q sqldb.Querier, repo RepositoryItem, after digest.Digest, scan int, desc bool, narrow Narrow) (items []*Item, end string, err error) {
	cmp, dir, from := ">", "", afterDigest(after)
	if desc {
		cmp, dir = "<", " DESC"
		if after == "" {
			from = []byte{0xff, 0xff}
		}
	}
	where, args := narrow.where("w.wtype", []any{repo.ID, from, scan}) // the window has the type from the index alone
	rows, err := q.Query(ctx, `SELECT `+manifestCols+` FROM (SELECT id AS wid,type AS wtype FROM manifest WHERE repo=? AND digest`+cmp+`? ORDER BY digest`+dir+` LIMIT ?) w
		JOIN manifest m ON m.id=w.wid WHERE 1=1`+where+` ORDER BY m.digest`+dir, args...)
	if items, err = c.inRepository(ctx, q, repo, rows, err, manifestFields); err != nil {
		return nil, "", err
	}
	var last []byte
	err = q.QueryRow(ctx, `SELECT digest FROM manifest WHERE repo=? AND digest`+cmp+`? ORDER BY digest`+dir+` LIMIT 1 OFFSET ?`, repo.ID, from, scan-1).Scan(&last)
	if err != nil {
		return items, "", noEnd(err)
	}
	d, err := DecodeDigest(last)
	return items, string(d), err
}

func noEnd(err error) error {
	if err == nil || errors.Is(err, sqldb.ErrNoRows) {
		return nil
	}
	return fmt.Errorf("catalog: window: %w", err)
}
