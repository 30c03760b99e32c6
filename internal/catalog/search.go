package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading"
)

// NamesContaining looks at the first scan living repositories in a range of
// names and returns, in order, up to n of those whose names contain the text,
// and how many it has looked at.
func (c *Catalog) NamesContaining(ctx context.Context, r lading.Range, text string, scan, n int) (found []string, looked int, err error) {
	where, args := `born>0 AND name>=?`, []any{bound(r.From)}
	if r.To != "" {
		where, args = where+` AND name<?`, append(args, bound(r.To))
	}
	window := `(SELECT name FROM repository WHERE ` + where + ` ORDER BY name LIMIT ?) w`
	args = append(args, scan)
	q := c.db.Read()
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM `+window, args...).Scan(&looked); err != nil {
		return nil, 0, fmt.Errorf("catalog: search: %w", err)
	}
	// Without the text the name is another: both engines say so alike.
	page, err := names(ctx, q, n, `SELECT w.name FROM `+window+` WHERE REPLACE(w.name,?,'')<>w.name ORDER BY w.name LIMIT ?`, append(args, text, n+1)...)
	return page.Names, looked, err
}
