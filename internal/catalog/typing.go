package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Typing is what manifests are typed by.
type Typing struct {
	// Generation counts the changes of it, and of policies, from 1 once there
	// was one.
	Generation int64
	// Definitions says what the generation stands for, and Walked what the
	// stored manifests were last brought up to. Both are the texts that
	// ChangeTyping was given, and EndWalk makes the second the first; "{}" is
	// nothing.
	Definitions, Walked string
}

// Definition is a definition that came through the API, as it was sent.
type Definition struct {
	Name string
	Body []byte
	At   int64 // the generation that it came with; set by ChangeTyping
}

// Typing returns what manifests are typed by now.
func (c *Catalog) Typing(ctx context.Context) (Typing, error) { return typing(ctx, c.db.Read()) }

func typing(ctx context.Context, q sqldb.Querier) (t Typing, err error) {
	err = q.QueryRow(ctx, `SELECT generation,definitions,walked FROM typing WHERE id=0`).Scan(&t.Generation, &t.Definitions, &t.Walked)
	if err != nil {
		return t, fmt.Errorf("catalog: typing: %w", err)
	}
	return t, nil
}

// definitions are those that came through the API, in the order in which they
// did.
func definitions(ctx context.Context, q sqldb.Querier) (defs []Definition, _ error) {
	rows, err := q.Query(ctx, `SELECT name,body,at FROM definition ORDER BY at,name`)
	if err != nil {
		return nil, fmt.Errorf("catalog: definitions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Definition
		if err := rows.Scan(&d.Name, &d.Body, &d.At); err != nil {
			return nil, fmt.Errorf("catalog: definitions: %w", err)
		}
		defs = append(defs, d)
	}
	return defs, rows.Err()
}

// ChangeTyping makes a generation that stands for definitions out of the one
// after which it was thought of, and stores, or with a nil Body removes, those
// that come through the API with it. All shards see it before it returns.
//
// Errors: ErrStaleType when it is not the current generation any more.
func (c *Catalog) ChangeTyping(ctx context.Context, after int64, definitions, walked string, changes ...Definition) (generation int64, err error) {
	err = c.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		t, err := typing(tx.Context(), tx)
		if err != nil {
			return err
		}
		if t.Generation != after {
			return ErrStaleType
		}
		generation = after + 1
		tx.Exec(`UPDATE typing SET generation=?,definitions=?,walked=? WHERE id=0`, generation, definitions, walked)
		for _, d := range changes {
			tx.Exec(`DELETE FROM definition WHERE name=?`, d.Name)
			c.auditRule(tx, "definition", d.Name, d.Body)
			if d.Body != nil {
				tx.Exec(`INSERT INTO definition(name,body,at) VALUES(?,?,?)`, d.Name, d.Body, generation)
			}
		}
		return nil
	})
	return generation, err
}
