package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Gone is a tombstone of a tag, a manifest or a repository.
type Gone struct {
	ID         int64
	Repository string
	Name       string // the tag's name, or the manifest's digest
	Kind       FeedKind
	Born       int64 // a repository's
}

// GoneRepositories returns the past repositories with those ids.
func (c *Catalog) GoneRepositories(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]Gone, error) {
	return c.gone(ctx, q, ids, `SELECT id,name,'',8,born FROM repository_past WHERE id IN `)
}

// Tombstones returns the tombstones with those ids, of living repositories.
func (c *Catalog) Tombstones(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]Gone, error) {
	return c.gone(ctx, q, ids, `SELECT x.id,r.name,x.name,x.kind,0 FROM tombstone x JOIN repository r ON r.id=x.repo WHERE x.id IN `)
}

func (c *Catalog) gone(ctx context.Context, q sqldb.Querier, ids []int64, text string) (map[int64]Gone, error) {
	out := make(map[int64]Gone, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		rows, err := q.Query(ctx, text+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
		if err != nil {
			return nil, fmt.Errorf("catalog: tombstones: %w", err)
		}
		for rows.Next() {
			var g Gone
			var kind int64
			if err := rows.Scan(&g.ID, &g.Repository, &g.Name, &kind, &g.Born); err != nil {
				rows.Close()
				return nil, fmt.Errorf("catalog: tombstones: %w", err)
			}
			g.Kind = FeedKind(kind)
			out[g.ID] = g
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("catalog: tombstones: %w", err)
		}
		ids = ids[n:]
	}
	return out, nil
}
