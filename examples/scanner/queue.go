package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/examples/itemdb"
)

// Content is scanned once, in however many repositories it is. What was gone
// before it could be read is looked at again when it comes back.
const queueSchema = `
CREATE TABLE IF NOT EXISTS scan (
	id         INTEGER PRIMARY KEY,
	digest     TEXT NOT NULL UNIQUE,
	repository TEXT NOT NULL, -- one that has it
	state      TEXT NOT NULL, -- todo, done or gone
	result     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS scan_todo ON scan (id) WHERE state = 'todo';`

// queue is what is to be scanned, and what has been, in the file of the copy.
type queue struct {
	db   *itemdb.DB
	more chan struct{} // something was added
}

func newQueue(ctx context.Context, db *itemdb.DB) (*queue, error) {
	if _, err := db.SQL.ExecContext(ctx, queueSchema); err != nil {
		return nil, fmt.Errorf("tables of the queue: %w", err)
	}
	q := &queue{db: db, more: make(chan struct{}, 1)}
	db.Then = q.add
	return q, nil
}

// add adds what is new in a copy, in the transaction that makes it so.
func (q *queue) add(ctx context.Context, tx *sql.Tx, ops []lading.Item) error {
	for _, op := range ops {
		if op.Op != lading.OpPut {
			continue
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO scan (digest, repository, state) VALUES (?, ?, 'todo')
			ON CONFLICT (digest) DO UPDATE SET repository = excluded.repository, state = 'todo' WHERE state = 'gone'`,
			itemdb.Digest(op), op.Repository)
		if err != nil {
			return fmt.Errorf("queue %s: %w", op.Key, err)
		}
	}
	return nil
}

// wake lets the work go on. It is called when what was added is there to see.
func (q *queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// job is something to scan.
type job struct {
	id         int64
	repository string
	digest     lading.Digest
}

// next returns the next job; not ok when there is none.
func (q *queue) next(ctx context.Context) (j job, ok bool, err error) {
	err = q.db.SQL.QueryRowContext(ctx, `SELECT id, repository, digest FROM scan WHERE state = 'todo' ORDER BY id LIMIT 1`).
		Scan(&j.id, &j.repository, &j.digest)
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, nil
	}
	return j, err == nil, err
}

// elsewhere tells whether the copy knows another repository with the same
// content, and moves the job there.
func (q *queue) elsewhere(ctx context.Context, j job) (bool, error) {
	var other string
	err := q.db.SQL.QueryRowContext(ctx, `SELECT repository FROM item WHERE digest = ? AND repository <> ? LIMIT 1`, j.digest, j.repository).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		_, err = q.db.SQL.ExecContext(ctx, `UPDATE scan SET repository = ? WHERE id = ?`, other, j.id)
	}
	return err == nil, err
}

// done writes what came of a job.
func (q *queue) done(ctx context.Context, j job, state, result string) error {
	_, err := q.db.SQL.ExecContext(ctx, `UPDATE scan SET state = ?, result = ? WHERE id = ?`, state, result, j.id)
	return err
}

// work scans one after the other, and waits for more.
func (q *queue) work(ctx context.Context, reg lading.Reader, out io.Writer) error {
	for {
		j, ok, err := q.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			if err := q.scan(ctx, reg, j, out); err != nil {
				return err
			}
			continue
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) scan(ctx context.Context, reg lading.Reader, j job, out io.Writer) error {
	state := "done"
	result, err := scan(ctx, reg, j)
	switch {
	case errors.Is(err, lading.ErrManifestUnknown), errors.Is(err, lading.ErrNameUnknown):
		if moved, err := q.elsewhere(ctx, j); moved || err != nil {
			return err
		}
		state = "gone"
	case err != nil:
		return fmt.Errorf("scan %s@%s: %w", j.repository, j.digest, err)
	}
	if err := q.done(ctx, j, state, result); err != nil {
		return fmt.Errorf("write the scan of %s: %w", j.digest, err)
	}
	fmt.Fprintf(out, "%s %s@%s %s\n", state, j.repository, j.digest, result)
	return nil
}

// scan is where a real scanner does its work. This one counts.
func scan(ctx context.Context, reg lading.Reader, j job) (string, error) {
	m, err := reg.Manifest(ctx, j.repository, lading.Reference{Digest: j.digest})
	if err != nil {
		return "", err
	}
	var parts struct {
		Layers    []lading.Descriptor `json:"layers"`
		Manifests []lading.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(m.Bytes, &parts); err != nil {
		return "not JSON", nil // is a finding, too
	}
	return fmt.Sprintf("%d bytes, %d layers, %d manifests", len(m.Bytes), len(parts.Layers), len(parts.Manifests)), nil
}
