// Package itemdb is a store for an informer in a SQLite file: the items of a
// copy, and in the same transaction the cursor that belongs to them and
// whatever else a program wants to keep in step with them. It is an example:
// copy it, and change the tables to what you need.
package itemdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/lading-dev/lading"
)

const schema = `
CREATE TABLE IF NOT EXISTS item (
	key        TEXT PRIMARY KEY,
	repository TEXT NOT NULL,
	tag        TEXT NOT NULL,
	digest     TEXT NOT NULL,
	type       TEXT NOT NULL,
	item       TEXT NOT NULL -- all of it, in JSON
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_repository ON item (repository);
CREATE TABLE IF NOT EXISTS copy (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	what   TEXT NOT NULL, -- of which registry and which question
	cursor TEXT NOT NULL
);`

// DB is a copy in a file. It implements informer.Store; any number of programs
// may read the file meanwhile.
type DB struct {
	SQL *sql.DB
	// Then, if set, is called within the transaction of each Apply, with the
	// same operations.
	Then func(ctx context.Context, tx *sql.Tx, ops []lading.Item) error
}

// Open opens or creates the file. It is a copy of what the text says, "tags of
// https://reg.example below acme", and of nothing else from then on: the cursor
// in it belongs to that question.
func Open(ctx context.Context, file, what string) (*DB, error) {
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+file+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	d := &DB{SQL: db}
	if err := d.begin(ctx, what); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", file, err), db.Close())
	}
	return d, nil
}

func (d *DB) begin(ctx context.Context, what string) error {
	if _, err := d.SQL.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := d.SQL.ExecContext(ctx, `INSERT INTO copy (id, what, cursor) VALUES (1, ?, '') ON CONFLICT DO NOTHING`, what); err != nil {
		return err
	}
	var is string
	if err := d.SQL.QueryRowContext(ctx, `SELECT what FROM copy`).Scan(&is); err != nil {
		return err
	}
	if is != what {
		return fmt.Errorf("it is a copy of %s, not of %s: take another file", is, what)
	}
	return nil
}

// Close closes the file.
func (d *DB) Close() error { return d.SQL.Close() }

// Cursor implements informer.Store.
func (d *DB) Cursor(ctx context.Context) (cursor string, err error) {
	err = d.SQL.QueryRowContext(ctx, `SELECT cursor FROM copy`).Scan(&cursor)
	return cursor, err
}

// Get implements informer.Store.
func (d *DB) Get(ctx context.Context, key string) (it lading.Item, ok bool, err error) {
	var text string
	err = d.SQL.QueryRowContext(ctx, `SELECT item FROM item WHERE key = ?`, key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return it, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &it)
	}
	return it, err == nil, err
}

// Range implements informer.Store. SQLite compares text byte by byte, as names
// of repositories are compared.
func (d *DB) Range(ctx context.Context, r lading.Range) iter.Seq2[lading.Item, error] {
	return func(yield func(lading.Item, error) bool) {
		err := d.each(ctx, r, func(it lading.Item) bool { return yield(it, nil) })
		if err != nil {
			yield(lading.Item{}, err)
		}
	}
}

func (d *DB) each(ctx context.Context, r lading.Range, fn func(lading.Item) bool) error {
	rows, err := d.SQL.QueryContext(ctx, `SELECT item FROM item WHERE repository >= ? AND (repository < ? OR ? = '')`, r.From, r.To, r.To)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var it lading.Item
		if err := json.Unmarshal([]byte(text), &it); err != nil {
			return err
		}
		if !fn(it) {
			return nil
		}
	}
	return rows.Err()
}

// Apply implements informer.Store: items and cursor are one transaction.
func (d *DB) Apply(ctx context.Context, ops []lading.Item, cursor string) error {
	tx, err := d.SQL.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing behind Commit
	for _, op := range ops {
		if err := apply(ctx, tx, op); err != nil {
			return fmt.Errorf("%s %s: %w", op.Op, op.Key, err)
		}
	}
	if d.Then != nil {
		if err := d.Then(ctx, tx, ops); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE copy SET cursor = ?`, cursor); err != nil {
		return err
	}
	return tx.Commit()
}

func apply(ctx context.Context, tx *sql.Tx, op lading.Item) error {
	if op.Op == lading.OpRemove {
		_, err := tx.ExecContext(ctx, `DELETE FROM item WHERE key = ?`, op.Key)
		return err
	}
	text, err := json.Marshal(op)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO item (key, repository, tag, digest, type, item) VALUES (?, ?, ?, ?, ?, ?)`,
		op.Key, op.Repository, op.Tag, Digest(op), op.Type, string(text))
	return err
}

// Digest is the digest of what an item is, or points to; empty for a
// repository.
func Digest(it lading.Item) string {
	if it.Descriptor == nil {
		return ""
	}
	return string(it.Descriptor.Digest)
}
