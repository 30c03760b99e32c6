package sqldb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pageSize is the page size of a new database file, in bytes. A change touches
// some thirty pages here and there, so small ones make a smaller log: with
// 8,192 bytes a push of a manifest wrote half as much again, and took a tenth
// more of the processor.
const pageSize = 4096

// busyTimeout is how long a connection waits for locks of other processes,
// such as the sqlite3 shell.
const busyTimeout = 5 * time.Second

// sqliteEngine is one file: a writer, which the one committer uses, a pool of
// readers, and a connection for checkpoints.
type sqliteEngine struct {
	writer  *sqliteConn
	readers *readerPool
	check   *checkpointer
	unlock  func() error
	orFail  map[string]string // statements of sessions, as they are run
}

func openSQLite(ctx context.Context, opt Options, counts *counters) (_ engine, err error) {
	path, err := sqlitePath(opt.URL)
	if err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	e := &sqliteEngine{readers: newReaderPool(path, opt.Readers), orFail: map[string]string{}}
	if e.unlock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = e.unlock()
		}
	}()
	if e.writer, err = connectSQLite(ctx, path, writerPragmas(opt)...); err != nil {
		return nil, err
	}
	if e.check, err = startCheckpointer(ctx, path, opt, e.writer); err != nil {
		_ = e.writer.close()
		return nil, err
	}
	return e, nil
}

// sqlitePath returns the absolute path in a sqlite: URL.
func sqlitePath(url string) (string, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//")
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("the database URL must name a file: sqlite:PATH")
	}
	return filepath.Abs(path)
}

// createFile makes sure that the file exists, durably and readable by its
// owner alone; SQLite gives its other files the same mode.
func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// writerPragmas are those of connections that write to the files.
func writerPragmas(opt Options) []string {
	sync := "synchronous=FULL"
	if opt.Relaxed {
		sync = "synchronous=NORMAL"
	}
	return []string{
		fmt.Sprintf("busy_timeout=%d", busyTimeout.Milliseconds()),
		fmt.Sprintf("page_size=%d", pageSize), // counts only for a file without pages
		"journal_mode=WAL",
		sync,
		"fullfsync=1", // without effect except on macOS
		"checkpoint_fullfsync=1",
		"wal_autocheckpoint=0", // the checkpointer does it
		"foreign_keys=0",
		"temp_store=memory",
	}
}

func (e *sqliteEngine) begin(ctx context.Context, _ int) (session, error) {
	if _, err := e.writer.exec(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		return nil, err
	}
	return &sqliteSession{ctx: ctx, c: e.writer, orFail: e.orFail}, nil
}

func (e *sqliteEngine) afterGroup() { e.check.afterGroup() }

func (e *sqliteEngine) view(ctx context.Context, fn func(Querier) error) error {
	return e.readers.view(ctx, fn)
}

func (e *sqliteEngine) reader() Querier { return e.readers }

func (e *sqliteEngine) exec(ctx context.Context, sql string, args []any) (int64, error) {
	return e.writer.exec(ctx, sql, args)
}

// transient: there is one writer, so nothing gets better by itself.
func (e *sqliteEngine) transient(error) bool { return false }

func (e *sqliteEngine) stats(s *Stats) {
	e.check.stats(s)
	e.readers.stats(s)
}

func (e *sqliteEngine) close() error {
	return errors.Join(e.readers.close(), e.check.close(), e.writer.close(), e.unlock())
}

// sqliteSession runs statements at once: there is no round trip to save.
type sqliteSession struct {
	ctx    context.Context
	c      *sqliteConn
	orFail map[string]string // the engine's
}

func (s *sqliteSession) query(sql string, args []any) (Rows, error) {
	r, err := s.c.query(s.ctx, sql, args, nil)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *sqliteSession) exec(sql string, args []any) error {
	text, ok := s.orFail[sql]
	if !ok {
		text = orFail(sql)
		if len(s.orFail) >= maxStatements {
			clear(s.orFail)
		}
		s.orFail[sql] = text
	}
	_, err := s.c.exec(s.ctx, text, args)
	return err
}

// orFail spares SQLite the copy of each page that it makes to undo a statement
// of several rows that fails halfway: here the group is rolled back then, with
// all its statements.
func orFail(sql string) string {
	if strings.Contains(sql, "ON CONFLICT") {
		return sql
	}
	for _, verb := range []string{"INSERT", "UPDATE"} {
		if rest, ok := strings.CutPrefix(sql, verb+" "); ok && !strings.HasPrefix(rest, "OR ") {
			return verb + " OR FAIL " + rest
		}
	}
	return sql
}

func (s *sqliteSession) batch(qs []Q) error {
	for _, q := range qs {
		r, err := s.c.query(s.ctx, q.SQL, q.Args, nil)
		if err != nil {
			return err
		}
		if err := q.Scan(r); err != nil {
			_ = r.Close() // the function's error says more
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// commit returns an error only if nothing was committed: SQLite tells it
// before the log frame that ends the transaction counts.
func (s *sqliteSession) commit() error {
	_, err := s.c.exec(s.ctx, "COMMIT", nil)
	return err
}

func (s *sqliteSession) rollback() {
	if s.c.open != nil {
		_ = s.c.open.Close()
	}
	// After some failures SQLite has rolled back by itself: no transaction is
	// open then, and that is the error.
	_, _ = s.c.exec(s.ctx, "ROLLBACK", nil)
}

func (e *sqliteEngine) migrate(_ context.Context, fn func(schemaConn) error) error {
	return fn(sqliteSchema{snapshot{e.writer}})
}

// sqliteSchema is the writer, as Migrate uses it.
type sqliteSchema struct{ snapshot }

func (s sqliteSchema) exec(ctx context.Context, sql string, args []any) (int64, error) {
	return s.c.exec(ctx, sql, args)
}
