package sqldb

import (
	"context"
	"fmt"
	"strings"
)

// Tx is the transaction of a group as one update's function sees it. It is
// valid until the function returns and must stay on its goroutine.
type Tx struct {
	db    *DB
	s     session
	ctx   context.Context
	shard int
	state any
	after []func()
	dirty bool  // the current function has written
	err   error // a statement failed: the group cannot be committed
	open  *txRows
}

// Shard is the shard that the group commits to.
func (tx *Tx) Shard() int { return tx.shard }

// Dialect tells which engine it is.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// State returns what SetState has set in this group's transaction, or nil.
func (tx *Tx) State() any { return tx.state }

// SetState keeps a value for as long as the group's transaction lives:
// Group.Begin sets it, the functions and Group.End read it. A group that is
// run again begins with nil.
func (tx *Tx) SetState(v any) { tx.state = v }

// Context is the context of the function's own Update, without its
// cancellation: work that has begun is not interrupted.
func (tx *Tx) Context() context.Context { return tx.ctx }

// AfterCommit has fn run when the group is durable and before Update returns,
// on the committer: it must not block. It is dropped when the function that
// registered it fails.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// Exec queues a statement. Queued statements run in order, at the latest
// before the next query of the transaction or its commit; when one fails the
// group fails, whatever the function returns.
func (tx *Tx) Exec(sql string, args ...any) {
	tx.dirty = true
	if tx.usable() != nil {
		return
	}
	if err := tx.db.fault("exec"); err != nil {
		tx.fail(err)
		return
	}
	if err := tx.s.exec(sql, args); err != nil {
		tx.fail(fmt.Errorf("sqldb: exec: %w", err))
	}
}

// Query implements Querier. The cancellation of ctx is ignored; see Context.
func (tx *Tx) Query(_ context.Context, sql string, args ...any) (Rows, error) {
	if err := tx.beforeQuery(sql); err != nil {
		return nil, err
	}
	rows, err := tx.s.query(sql, args)
	if err != nil {
		return nil, tx.fail(fmt.Errorf("sqldb: query: %w", err))
	}
	tx.open = &txRows{Rows: rows, tx: tx}
	return tx.open, nil
}

// QueryRow implements Querier.
func (tx *Tx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := tx.Query(ctx, sql, args...)
	return firstRow{rows, err}
}

// Batch runs several queries in order, in one round trip on PostgreSQL. It
// stops at the first error of a query or of a Scan function and returns it.
func (tx *Tx) Batch(qs ...Q) error {
	if len(qs) == 0 {
		return tx.err
	}
	own := error(nil) // an error of a Scan function is the caller's, not the database's
	wrapped := make([]Q, len(qs))
	for i, q := range qs {
		if err := tx.beforeQuery(q.SQL); err != nil {
			return err
		}
		wrapped[i] = Q{q.SQL, q.Args, func(r Rows) error {
			own = q.Scan(r)
			return own
		}}
	}
	err := tx.s.batch(wrapped)
	if err != nil && (own == nil || tx.err != nil) {
		return tx.fail(fmt.Errorf("sqldb: batch: %w", err))
	}
	return err
}

// beforeQuery refuses what the transaction cannot serve and notes writes.
func (tx *Tx) beforeQuery(sql string) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if !readOnly(sql) {
		tx.dirty = true
	}
	if err := tx.db.fault("query"); err != nil {
		return tx.fail(err)
	}
	return nil
}

func (tx *Tx) usable() error {
	if tx.err == nil && tx.open != nil {
		tx.fail(errRowsOpen)
	}
	return tx.err
}

// fail keeps the first failure: the group is rolled back.
func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return err
}

// closeRows closes what a function has left open.
func (tx *Tx) closeRows() {
	if tx.open != nil {
		_ = tx.open.Close() // a failure is kept in tx.err
	}
}

// txRows tells its transaction when it ends, and how.
type txRows struct {
	Rows
	tx *Tx
}

func (r *txRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.ended()
	return false
}

func (r *txRows) Close() error {
	err := r.Rows.Close()
	r.ended()
	return err
}

func (r *txRows) ended() {
	if r.tx.open == r {
		r.tx.open = nil
	}
	if err := r.Rows.Err(); err != nil {
		r.tx.fail(fmt.Errorf("sqldb: query: %w", err))
	}
}

// readOnly tells statements that cannot have written: a SELECT, or a WITH
// that holds no word of change.
func readOnly(sql string) bool {
	s := strings.TrimLeft(sql, " \t\r\n(")
	if hasPrefixFold(s, "SELECT") || hasPrefixFold(s, "VALUES") {
		return true
	}
	if !hasPrefixFold(s, "WITH") {
		return false
	}
	up := strings.ToUpper(s)
	return !strings.Contains(up, "INSERT") && !strings.Contains(up, "UPDATE") && !strings.Contains(up, "DELETE")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
