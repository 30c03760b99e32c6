package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"modernc.org/sqlite"
)

// maxStatements is how many prepared statements a connection keeps.
const maxStatements = 300

// sqliteConn is one connection of the driver with its prepared statements:
// preparing is the main cost of a small statement. It has one user at a time.
type sqliteConn struct {
	conn  driver.Conn
	stmts map[string]*sqliteStmt
	uses  uint64
	open  *sqliteRows
}

type sqliteStmt struct {
	stmt driver.Stmt
	args []driver.NamedValue
	vals []driver.Value
	used uint64 // when, on the connection's own clock of uses
}

// connectSQLite opens the file and runs the pragmas.
func connectSQLite(ctx context.Context, path string, pragmas ...string) (*sqliteConn, error) {
	connector, err := sqlite.NewConnector(sqliteDSN(path))
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &sqliteConn{conn: conn, stmts: map[string]*sqliteStmt{}}
	for _, p := range pragmas {
		if _, err := c.exec(ctx, "PRAGMA "+p, nil); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("pragma %s: %w", p, err)
		}
	}
	return c, nil
}

// sqliteDSN makes a file: URI of an absolute path. In its statements "x" is a
// name and never a string, as on PostgreSQL.
func sqliteDSN(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?_dqs=0"
}

// prepare returns the statement, prepared once per connection.
func (c *sqliteConn) prepare(sql string) (*sqliteStmt, error) {
	c.uses++
	if st := c.stmts[sql]; st != nil {
		st.used = c.uses
		return st, nil
	}
	stmt, err := c.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	if len(c.stmts) >= maxStatements {
		c.evict()
	}
	st := &sqliteStmt{stmt: stmt, used: c.uses}
	c.stmts[sql] = st
	return st, nil
}

// evict closes the statement that was not used for the longest time.
func (c *sqliteConn) evict() {
	oldest := ""
	for sql, st := range c.stmts {
		if oldest == "" || st.used < c.stmts[oldest].used {
			oldest = sql
		}
	}
	_ = c.stmts[oldest].stmt.Close() // it repeats the error of its last run
	delete(c.stmts, oldest)
}

// bind fills the statement's argument list.
func (st *sqliteStmt) bind(args []any) error {
	st.args = st.args[:0]
	for i, a := range args {
		v, err := toValue(a)
		if err != nil {
			return fmt.Errorf("parameter %d: %w", i+1, err)
		}
		st.args = append(st.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return nil
}

// exec runs a statement to its end and returns the number of rows affected.
func (c *sqliteConn) exec(ctx context.Context, sql string, args []any) (int64, error) {
	if c.open != nil {
		return 0, errRowsOpen
	}
	st, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	if err := st.bind(args); err != nil {
		return 0, err
	}
	res, err := st.stmt.(driver.StmtExecContext).ExecContext(ctx, st.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a statement; release, which may be nil, is called when the rows
// are closed or there are none.
func (c *sqliteConn) query(ctx context.Context, sql string, args []any, release func()) (*sqliteRows, error) {
	r, err := c.start(ctx, sql, args)
	if err != nil {
		if release != nil {
			release()
		}
		return nil, err
	}
	r.release = release
	return r, nil
}

func (c *sqliteConn) start(ctx context.Context, sql string, args []any) (*sqliteRows, error) {
	if c.open != nil {
		return nil, errRowsOpen
	}
	st, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	if err := st.bind(args); err != nil {
		return nil, err
	}
	rows, err := st.stmt.(driver.StmtQueryContext).QueryContext(ctx, st.args)
	if err != nil {
		return nil, err
	}
	if st.vals == nil {
		st.vals = make([]driver.Value, len(rows.Columns()))
	}
	c.open = &sqliteRows{ctx: ctx, c: c, st: st, rows: rows}
	return c.open, nil
}

func (c *sqliteConn) close() error {
	for _, st := range c.stmts {
		_ = st.stmt.Close()
	}
	return c.conn.Close()
}

// sqliteRows reads the result of a statement of c.
type sqliteRows struct {
	ctx     context.Context
	c       *sqliteConn
	st      *sqliteStmt
	rows    driver.Rows
	err     error
	closed  bool
	release func()
}

func (r *sqliteRows) Next() bool {
	if r.closed {
		return false
	}
	err := r.ctx.Err() // the driver looks at it before the first row only
	if err == nil {
		err = r.rows.Next(r.st.vals)
	}
	if err == nil {
		return true
	}
	if !errors.Is(err, io.EOF) {
		r.err = err
	}
	_ = r.Close()
	return false
}

func (r *sqliteRows) Scan(dest ...any) error {
	if r.closed {
		return errors.New("sqldb: scan without a row")
	}
	if len(dest) != len(r.st.vals) {
		return fmt.Errorf("sqldb: scan: %d destinations for %d columns", len(dest), len(r.st.vals))
	}
	for i, d := range dest {
		if err := fromValue(d, r.st.vals[i]); err != nil {
			return fmt.Errorf("sqldb: scan: column %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *sqliteRows) Err() error { return r.err }

func (r *sqliteRows) Close() error {
	if r.closed {
		return r.err
	}
	r.closed = true
	r.c.open = nil
	if err := r.rows.Close(); err != nil && r.err == nil {
		r.err = err
	}
	if r.release != nil {
		r.release()
	}
	return r.err
}
