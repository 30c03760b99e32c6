package catalog

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// FindLink returns a repository in the ranges that links the blob, empty if
// there is none among the first n repositories of the ranges. Repositories
// outside of them are not looked at, let alone counted: whatever they link,
// the answer is the same.
//
// A walk along the blob's links would be shorter where few repositories have
// it, but it would pass those that the caller may not see, and a bound on it
// would tell of them. Only for the range of all names there is nothing to
// tell, and the links are what is read.
func (c *Catalog) FindLink(ctx context.Context, d digest.Digest, ranges []lading.Range, n int) (repo string, err error) {
	err = c.db.View(ctx, func(q sqldb.Querier) error {
		blobs, err := c.blobIDs(ctx, q, d)
		if err != nil || len(blobs) == 0 {
			return err
		}
		for _, r := range ranges {
			if r == (lading.Range{}) {
				repo, err = anyLink(ctx, q, blobs)
				return err
			}
			var looked int
			if repo, looked, err = c.linkWithin(ctx, q, blobs, r, n); err != nil || repo != "" {
				return err
			}
			if n -= looked; n <= 0 {
				return nil
			}
		}
		return nil
	})
	return repo, err
}

// blobIDs returns the ids of a blob, one in each shard that has it.
func (c *Catalog) blobIDs(ctx context.Context, q sqldb.Querier, d digest.Digest) ([]int64, error) {
	return ids(q.Query(ctx, `SELECT id FROM blob WHERE digest=?`, EncodeDigest(d)))
}

func ids(rows sqldb.Rows, err error) (out []int64, _ error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: links: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("catalog: links: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// anyLink returns a repository that links one of the blobs.
func anyLink(ctx context.Context, q sqldb.Querier, blobs []int64) (string, error) {
	return first(q.Query(ctx, `SELECT r.name FROM repository_blob l JOIN repository r ON r.id=l.repo WHERE l.blob IN `+sqldb.In(inSize(len(blobs)))+` LIMIT 1`, inArgs(nil, blobs)...))
}

// linkWithin returns a repository in the range that links one of the blobs, of
// the first n there, and how many there were.
func (c *Catalog) linkWithin(ctx context.Context, q sqldb.Querier, blobs []int64, r lading.Range, n int) (string, int, error) {
	where, args := `name>=?`, []any{bound(r.From)}
	if r.To != "" {
		where, args = where+` AND name<?`, append(args, bound(r.To))
	}
	window := `(SELECT id,name FROM repository WHERE ` + where + ` ORDER BY name LIMIT ?) w`
	args = append(args, n)
	// CROSS keeps SQLite from walking the blob's links instead.
	repo, err := first(q.Query(ctx, `SELECT w.name FROM `+window+` CROSS JOIN repository_blob l WHERE l.repo=w.id AND l.blob IN `+sqldb.In(inSize(len(blobs)))+` LIMIT 1`,
		inArgs(args, blobs)...))
	if err != nil || repo != "" {
		return repo, 0, err
	}
	var looked int
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM `+window, args...).Scan(&looked); err != nil {
		return "", 0, fmt.Errorf("catalog: links: %w", err)
	}
	return "", looked, nil
}

// first returns the first row's text, empty if there is no row.
func first(rows sqldb.Rows, err error) (s string, _ error) {
	if err != nil {
		return "", fmt.Errorf("catalog: links: %w", err)
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&s); err != nil {
			return "", fmt.Errorf("catalog: links: %w", err)
		}
	}
	return s, rows.Err()
}
