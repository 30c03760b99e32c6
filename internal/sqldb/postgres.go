package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrateLock is the key of the advisory lock that migrations hold: "lading"
// in ASCII.
const migrateLock = 0x6c6164696e67

// postgresEngine has a pool for groups and one for reads, so that neither can
// take the last connection from the other.
type postgresEngine struct {
	writers *pgxpool.Pool
	readers *pgxpool.Pool
	rebinder
}

func openPostgres(ctx context.Context, opt Options) (engine, error) {
	e := &postgresEngine{}
	var err error
	// One for each shard, and some for direct statements beside them.
	if e.writers, err = openPool(ctx, opt, opt.Shards+2); err != nil {
		return nil, err
	}
	if e.readers, err = openPool(ctx, opt, opt.Readers); err != nil {
		e.writers.Close()
		return nil, err
	}
	if err := e.check(ctx, opt); err != nil {
		_ = e.close()
		return nil, err
	}
	return e, nil
}

func openPool(ctx context.Context, opt Options, size int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(opt.URL)
	if err != nil {
		return nil, err // pgx leaves the password out of it
	}
	cfg.MaxConns = int32(size)
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sessionSettings(opt))
		return err
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// sessionSettings is what every connection needs: commits that are durable
// even where the server's default is not (stronger defaults stay), a server
// that frees the locks of a process that hangs in a transaction, and no
// just-in-time compilation, which takes longer than any query here.
func sessionSettings(opt Options) string {
	commit := `CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END`
	if opt.Relaxed {
		commit = `'off'`
	}
	return fmt.Sprintf(`SELECT set_config('synchronous_commit', %s, false),
		set_config('idle_in_transaction_session_timeout', '%d', false), set_config('jit', 'off', false)`,
		commit, 2*opt.Timeout.Milliseconds())
}

// check looks at the server: the answers of a database with another encoding
// would differ, and a server without fsync loses acknowledged changes.
func (e *postgresEngine) check(ctx context.Context, opt Options) error {
	var encoding, fsync string
	err := e.readers.QueryRow(ctx, `SELECT current_setting('server_encoding'), current_setting('fsync')`).Scan(&encoding, &fsync)
	if err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database has the encoding %s; create it with ENCODING 'UTF8'", encoding)
	}
	if fsync != "on" {
		opt.Logger.Warn("sqldb: the server runs with fsync off: a crash can lose or damage everything")
	}
	return nil
}

func (e *postgresEngine) begin(ctx context.Context, _ int) (session, error) {
	conn, err := e.writers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return newPgSession(ctx, e, conn, "begin"), nil
}

func (e *postgresEngine) afterGroup() {}

func (e *postgresEngine) view(ctx context.Context, fn func(Querier) error) error {
	conn, err := e.readers.Acquire(ctx)
	if err != nil {
		return err
	}
	s := newPgSession(ctx, e, conn, "begin isolation level repeatable read read only")
	// There is nothing to commit; rolling back ends the snapshot.
	defer s.rollback()
	return fn(s)
}

func (e *postgresEngine) reader() Querier { return pgReader{e} }

func (e *postgresEngine) exec(ctx context.Context, sql string, args []any) (int64, error) {
	args, err := pgArgs(args)
	if err != nil {
		return 0, err
	}
	tag, err := e.writers.Exec(ctx, e.rebind(sql), args...)
	return tag.RowsAffected(), err
}

// transient errors are deadlocks, serialization failures, statements prepared
// before the schema changed, and connections lost before the commit was sent.
func (e *postgresEngine) transient(err error) bool {
	var down *pgconn.ConnectError
	if errors.As(err, &down) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		stale := pg.Code == "0A000" && strings.Contains(pg.Message, "cached plan")
		return pg.Code == "40001" || pg.Code == "40P01" || stale || fatal(pg)
	}
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// fatal tells errors that ended the connection.
func fatal(pg *pgconn.PgError) bool {
	return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC"
}

func (e *postgresEngine) stats(s *Stats) {
	p := e.readers.Stat()
	s.Readers, s.MaxReaders = int(p.AcquiredConns()), int(p.MaxConns())
}

func (e *postgresEngine) close() error {
	e.writers.Close()
	e.readers.Close()
	return nil
}

// pgArgs brings arguments to the values that both engines bind alike.
func pgArgs(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		v, err := toValue(a)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}

// pgReader runs single statements on any connection.
type pgReader struct{ e *postgresEngine }

func (r pgReader) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	args, err := pgArgs(args)
	if err != nil {
		return nil, err
	}
	rows, err := r.e.readers.Query(ctx, r.e.rebind(sql), args...)
	if err != nil {
		return nil, err
	}
	return &pgRows{Rows: rows}, nil
}

func (r pgReader) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := r.Query(ctx, sql, args...)
	return firstRow{rows, err}
}

func (e *postgresEngine) migrate(ctx context.Context, fn func(schemaConn) error) error {
	conn, err := e.writers.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrateLock)); err != nil {
		return err
	}
	err = fn(pgSchema{conn, e})
	// Closing the connection frees the lock too, if the statement cannot.
	if _, unlock := conn.Exec(context.WithoutCancel(ctx), fmt.Sprintf("SELECT pg_advisory_unlock(%d)", migrateLock)); unlock != nil {
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
	}
	return err
}

// pgSchema is a connection as Migrate uses it.
type pgSchema struct {
	conn *pgxpool.Conn
	e    *postgresEngine
}

func (s pgSchema) exec(ctx context.Context, sql string, args []any) (int64, error) {
	tag, err := s.conn.Exec(ctx, s.e.rebind(sql), args...)
	return tag.RowsAffected(), err
}

func (s pgSchema) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	rows, err := s.conn.Query(ctx, s.e.rebind(sql), args...)
	if err != nil {
		return nil, err
	}
	return &pgRows{Rows: rows}, nil
}

func (s pgSchema) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := s.Query(ctx, sql, args...)
	return firstRow{rows, err}
}
