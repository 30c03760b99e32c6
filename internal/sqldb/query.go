package sqldb

import (
	"context"
	"errors"
)

// Querier reads. Placeholders are ? on both engines; arguments are integers,
// bool (stored as 0 or 1), float64, string, []byte, nil, types whose kind is
// one of these, pointers to them, and driver.Valuer. A nil slice is NULL.
// Arguments must not be changed before the transaction has ended.
type Querier interface {
	// Query runs a statement that returns rows. The caller closes them.
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// QueryRow runs a statement of which the first row matters. Its Scan
	// must be called.
	QueryRow(ctx context.Context, sql string, args ...any) Row
}

// traced tells a test what is read.
type traced struct {
	q    Querier
	tell func(sql string, args []any)
}

func (t traced) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	t.tell(sql, args)
	return t.q.Query(ctx, sql, args...)
}

func (t traced) QueryRow(ctx context.Context, sql string, args ...any) Row {
	t.tell(sql, args)
	return t.q.QueryRow(ctx, sql, args...)
}

// Rows is a result that is read row by row. It closes itself when Next returns
// false.
type Rows interface {
	// Next goes to the next row and tells whether there is one.
	Next() bool
	// Scan copies the columns into dest: pointers to integers, bool, float64,
	// string, []byte, types of these kinds, pointers to such pointers (nil for
	// NULL), sql.Scanner such as the sql.Null types, and *any.
	Scan(dest ...any) error
	// Err is the error that ended Next, if any.
	Err() error
	// Close releases the result. It may be called at any time and repeatedly.
	Close() error
}

// Row is the first row of a result.
type Row interface {
	// Scan copies the columns like Rows.Scan; ErrNoRows when there is no row.
	Scan(dest ...any) error
}

// Q is one read of Tx.Batch. Scan is called once with the result, and need
// not close it.
type Q struct {
	SQL  string
	Args []any
	Scan func(Rows) error
}

// errRowsOpen is a mistake of the caller: PostgreSQL cannot serve it, so that
// SQLite must not either.
var errRowsOpen = errors.New("sqldb: the rows of the previous query are still open")

// firstRow makes a Row of what Query returned.
type firstRow struct {
	rows Rows
	err  error
}

func (r firstRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		_ = r.rows.Close() // the scan's error says more
		return err
	}
	return r.rows.Close()
}
