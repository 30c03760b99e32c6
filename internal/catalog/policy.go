package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Policy is a policy on types of artifacts, as it was sent.
type Policy struct {
	ID   string
	Body []byte
}

// Rules are the definitions that came through the API, in the order in which
// they did, the policies, by id, and what manifests are typed by: all of one
// moment.
func (c *Catalog) Rules(ctx context.Context) (defs []Definition, policies []Policy, t Typing, err error) {
	err = c.db.View(ctx, func(q sqldb.Querier) error {
		if t, err = typing(ctx, q); err != nil {
			return err
		}
		if defs, err = definitions(ctx, q); err != nil {
			return err
		}
		policies, err = readPolicies(ctx, q)
		return err
	})
	return defs, policies, t, err
}

func readPolicies(ctx context.Context, q sqldb.Querier) (out []Policy, _ error) {
	rows, err := q.Query(ctx, `SELECT id,body FROM policy ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("catalog: policies: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p Policy
		if err := rows.Scan(&p.ID, &p.Body); err != nil {
			return nil, fmt.Errorf("catalog: policies: %w", err)
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// ChangePolicy stores a policy or, with a nil Body, removes it, and makes a
// generation of that, after the one in which it was thought of. What manifests
// are typed by stays, and so does how far a walk has come. When it returns, no
// put that was decided by an older generation is committed any more.
//
// Errors: ErrStaleType when it is not the current generation any more.
func (c *Catalog) ChangePolicy(ctx context.Context, after int64, p Policy) (generation int64, err error) {
	err = c.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		t, err := typing(tx.Context(), tx)
		if err != nil {
			return err
		}
		if t.Generation != after {
			return ErrStaleType
		}
		generation = after + 1
		tx.Exec(`UPDATE typing SET generation=? WHERE id=0`, generation)
		tx.Exec(`UPDATE typing_walk SET generation=? WHERE generation=?`, generation, after)
		tx.Exec(`DELETE FROM policy WHERE id=?`, p.ID)
		c.auditRule(tx, "policy", p.ID, p.Body)
		if p.Body != nil {
			tx.Exec(`INSERT INTO policy(id,body) VALUES(?,?)`, p.ID, p.Body)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return generation, c.drain(ctx)
}

// drain waits for the changes that have begun in any shard: each holds the lock
// of its shard's head.
func (c *Catalog) drain(ctx context.Context) error {
	for shard := 1; shard < c.db.Shards(); shard++ {
		if err := c.db.Update(ctx, shard, func(*sqldb.Tx) error { return nil }); err != nil {
			return fmt.Errorf("catalog: wait for shard %d: %w", shard, err)
		}
	}
	return nil
}
