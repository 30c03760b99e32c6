package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
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

// LivingNames returns, in order, the living repositories of ranges that hold one
// name each.
func (c *Catalog) LivingNames(ctx context.Context, ranges []lading.Range) (found []string, err error) {
	for some := range slices.Chunk(ranges, inStep) {
		args := make([]string, len(some))
		for i, r := range some {
			args[i] = r.From
		}
		rows, err := c.db.Read().Query(ctx, `SELECT name FROM repository WHERE born>0 AND name IN `+sqldb.In(inSize(len(some))), inArgs(nil, args)...)
		if err != nil {
			return nil, fmt.Errorf("catalog: names: %w", err)
		}
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				rows.Close()
				return nil, fmt.Errorf("catalog: names: %w", err)
			}
			found = append(found, name)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("catalog: names: %w", err)
		}
	}
	slices.Sort(found)
	return found, nil
}
