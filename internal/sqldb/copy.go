package sqldb

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoCopy is returned by CopyTo where the engine has tools of its own.
var ErrNoCopy = errors.New("sqldb: PostgreSQL copies a database with pg_dump")

// CopyTo writes what is committed now into a new file, while updates go on: a
// whole SQLite database without a write-ahead log. It takes as long as
// writing the file, and keeps the log from being reused meanwhile.
//
// Errors: ErrNoCopy on PostgreSQL; an error where the file exists.
func (db *DB) CopyTo(ctx context.Context, path string) error {
	e, ok := db.eng.(*sqliteEngine)
	if !ok {
		return ErrNoCopy
	}
	if db.closed.Load() {
		return ErrClosed
	}
	// A connection of its own: those that read may not write, not even
	// another file.
	c, err := connectSQLite(ctx, e.readers.path, fmt.Sprintf("busy_timeout=%d", busyTimeout.Milliseconds()))
	if err != nil {
		return fmt.Errorf("sqldb: copy: %w", err)
	}
	_, err = c.exec(ctx, "VACUUM INTO ?", []any{path})
	if err := errors.Join(err, c.close()); err != nil {
		return fmt.Errorf("sqldb: copy: %w", err)
	}
	return nil
}
