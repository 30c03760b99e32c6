package catalog

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Typing is what manifests are typed by.
type Typing struct {
	// Generation counts the changes of it, from 1 once there was one.
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
	At   int64 // when it came, as a position; set by ChangeTyping
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

// Definitions returns the definitions that came through the API, in the order in
// which they did, and
// what manifests are typed by at that moment.
func (c *Catalog) Definitions(ctx context.Context) (defs []Definition, t Typing, err error) {
	err = c.db.View(ctx, func(q sqldb.Querier) error {
		if t, err = typing(ctx, q); err != nil {
			return err
		}
		rows, err := q.Query(ctx, `SELECT name,body,at FROM definition ORDER BY at,name`)
		if err != nil {
			return fmt.Errorf("catalog: definitions: %w", err)
		}
		defer rows.Close()
		defs = nil
		for rows.Next() {
			var d Definition
			if err := rows.Scan(&d.Name, &d.Body, &d.At); err != nil {
				return fmt.Errorf("catalog: definitions: %w", err)
			}
			defs = append(defs, d)
		}
		return rows.Err()
	})
	return defs, t, err
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
			if d.Body != nil {
				tx.Exec(`INSERT INTO definition(name,body,at) VALUES(?,?,?)`, d.Name, d.Body, journal.From(tx).NewPos())
			}
		}
		return nil
	})
	return generation, err
}
