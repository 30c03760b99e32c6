package sqldb

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Result codes that mean that there is no room: SQLITE_FULL, and PostgreSQL's
// disk_full.
const (
	sqliteFull   = 13
	postgresFull = "53100"
)

// IsFull tells whether an error means that the database's disk is full.
func IsFull(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqliteFull
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == postgresFull
}
