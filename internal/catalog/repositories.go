package catalog

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

const repositorySQL = `SELECT id,name,incarnation,rev,born,mod,previous,tags,manifests,size FROM repository WHERE `

func scanRepositories(rows sqldb.Rows, err error) ([]RepositoryItem, error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: repositories: %w", err)
	}
	defer rows.Close()
	var out []RepositoryItem
	for rows.Next() {
		var r RepositoryItem
		if err := rows.Scan(&r.ID, &r.Name, &r.Incarnation, &r.Rev, &r.Born, &r.Mod, &r.Previous, &r.Tags, &r.Manifests, &r.Size); err != nil {
			return nil, fmt.Errorf("catalog: repositories: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// RepositoriesIn returns up to n living repositories in a range of names, the
// last first if desc.
func (c *Catalog) RepositoriesIn(ctx context.Context, q sqldb.Querier, r lading.Range, n int, desc bool) ([]RepositoryItem, error) {
	text, args := repositorySQL+`born>0 AND name>=?`, []any{bound(r.From)}
	if r.To != "" {
		text, args = text+` AND name<?`, append(args, bound(r.To))
	}
	text += ` ORDER BY name`
	if desc {
		text += ` DESC`
	}
	rows, err := q.Query(ctx, text+` LIMIT ?`, append(args, n)...)
	return scanRepositories(rows, err)
}

// Living finds living repositories by name, in no order.
func (c *Catalog) Living(ctx context.Context, q sqldb.Querier, wanted []string) (live []RepositoryItem, err error) {
	for ns := range slices.Chunk(wanted, inStep) {
		rows, err := q.Query(ctx, repositorySQL+`born>0 AND name IN `+sqldb.In(inSize(len(ns))), inArgs(nil, ns)...)
		rs, err := scanRepositories(rows, err)
		if err != nil {
			return nil, err
		}
		live = append(live, rs...)
	}
	return live, nil
}

// Life is a living repository and its place in time.
type Life struct{ ID, Born, Mod int64 }

// Named finds repositories by name: the living ones, and of those without a
// living one the id of the newest past one.
func (c *Catalog) Named(ctx context.Context, q sqldb.Querier, wanted []string) (live []Life, past []int64, err error) {
	live, rest, err := c.livesKnown(ctx, q, wanted)
	if err != nil {
		return nil, nil, err
	}
	more, rest, err := c.lives(ctx, q, rest)
	if err != nil {
		return nil, nil, err
	}
	newest := map[string]int64{}
	for ns := range slices.Chunk(rest, inStep) {
		rows, err := q.Query(ctx, `SELECT name,MAX(id) FROM repository_past WHERE name IN `+sqldb.In(inSize(len(ns)))+` GROUP BY name`, inArgs(nil, ns)...)
		if err := scanNamed(rows, err, newest); err != nil {
			return nil, nil, err
		}
	}
	return append(live, more...), slices.Sorted(maps.Values(newest)), nil
}

// livesKnown finds the living repositories among those whose ids are known from
// an earlier question: a seek in one tree of integers, which costs a third of
// one by name. A life keeps its id and no other has it, so whether an id lives
// is all there is to ask. It returns the names that it has not found.
func (c *Catalog) livesKnown(ctx context.Context, q sqldb.Querier, wanted []string) (live []Life, rest []string, err error) {
	names := make(map[int64]string, len(wanted))
	ids := make([]int64, 0, len(wanted))
	for _, name := range wanted {
		if id, ok := c.repos.get(name); ok {
			names[id], ids = name, append(ids, id)
		} else {
			rest = append(rest, name)
		}
	}
	for some := range slices.Chunk(ids, inStep) {
		rows, err := q.Query(ctx, `SELECT id,born,mod,'' FROM repository WHERE born>0 AND id IN `+sqldb.In(inSize(len(some))), inArgs(nil, some)...)
		err = scanLives(rows, err, func(l Life, _ string) {
			live = append(live, l)
			delete(names, l.ID)
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return live, append(rest, slices.Collect(maps.Values(names))...), nil
}

// lives finds living repositories by name, remembers their ids, and returns the
// names that it has not found.
func (c *Catalog) lives(ctx context.Context, q sqldb.Querier, wanted []string) (live []Life, rest []string, err error) {
	found := map[string]bool{}
	for some := range slices.Chunk(wanted, inStep) {
		rows, err := q.Query(ctx, `SELECT id,born,mod,name FROM repository WHERE born>0 AND name IN `+sqldb.In(inSize(len(some))), inArgs(nil, some)...)
		err = scanLives(rows, err, func(l Life, name string) {
			live, found[name] = append(live, l), true
			c.repos.keep(name, l.ID)
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return live, slices.DeleteFunc(slices.Clone(wanted), func(n string) bool { return found[n] }), nil
}

func scanLives(rows sqldb.Rows, err error, fn func(l Life, name string)) error {
	if err != nil {
		return fmt.Errorf("catalog: repositories: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var l Life
		var name string
		if err := rows.Scan(&l.ID, &l.Born, &l.Mod, &name); err != nil {
			return fmt.Errorf("catalog: repositories: %w", err)
		}
		fn(l, name)
	}
	return rows.Err()
}

// PastIn returns the ids of the newest past repositories of up to n names in a
// range that has no living one; living ones have said what there is to say.
// The ids of a name's lives grow from one to the next.
func (c *Catalog) PastIn(ctx context.Context, q sqldb.Querier, r lading.Range, n int) ([]int64, error) {
	text, args := `SELECT p.name,MAX(p.id) FROM repository_past p WHERE p.name>=?`, []any{bound(r.From)}
	if r.To != "" {
		text, args = text+` AND p.name<?`, append(args, bound(r.To))
	}
	newest := map[string]int64{}
	rows, err := q.Query(ctx, text+` AND NOT EXISTS (SELECT 1 FROM repository r WHERE r.name=p.name AND r.born>0) GROUP BY p.name ORDER BY p.name LIMIT ?`, append(args, n)...)
	if err := scanNamed(rows, err, newest); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Values(newest)), nil
}

func scanNamed(rows sqldb.Rows, err error, into map[string]int64) error {
	if err != nil {
		return fmt.Errorf("catalog: past repositories: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var id int64
		if err := rows.Scan(&name, &id); err != nil {
			return fmt.Errorf("catalog: past repositories: %w", err)
		}
		into[name] = id
	}
	return rows.Err()
}

// Repositories returns the living repositories with those ids.
func (c *Catalog) Repositories(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]RepositoryItem, error) {
	out := make(map[int64]RepositoryItem, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		rows, err := q.Query(ctx, repositorySQL+`born>0 AND id IN `+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
		rs, err := scanRepositories(rows, err)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			out[r.ID] = r
		}
		ids = ids[n:]
	}
	return out, nil
}

// IncarnationText is how an incarnation is shown.
func IncarnationText(b []byte) string { return hex.EncodeToString(b) }
