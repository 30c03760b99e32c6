// Package sqldb is the room where SQL engines are kept alike: it opens SQLite
// (embedded, pure Go) or PostgreSQL, and gives both the same transactions,
// the same parameters and the same values.
//
// Writes go through [DB.Update]. Updates that wait at the same time are
// committed together, one transaction a group, because the price of a durable
// commit is the sync and not the statements. Reads go through [DB.Read] (one
// statement) or [DB.View] (a snapshot) and never wait for writes.
//
// SQL is written once, with ? for parameters, in the subset that both engines
// speak: INSERT … ON CONFLICT … DO UPDATE/NOTHING … RETURNING, row values,
// UNION ALL, WITH. Columns hold 64-bit integers, text and bytes; NULL scans
// into pointers and sql.Null types. Only schema files need the words of
// [Dialect.DDL].
//
// The package knows no table but its own, schema_version.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Errors of this package. They are found with errors.Is.
var (
	// ErrNoRows is what Row.Scan returns when the query found nothing.
	ErrNoRows = errors.New("sqldb: no rows")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("sqldb: database is closed")
	// ErrOutcomeUnknown tells that the database was lost during a commit: the
	// change may be there or not. The caller must not acknowledge it, and
	// whoever keeps a copy of database state in memory must read it again.
	ErrOutcomeUnknown = errors.New("sqldb: outcome of the commit is unknown")
	// ErrInUse tells that another process has the SQLite file open.
	ErrInUse = errors.New("in use by another process")
	// ErrPanic is wrapped by the error an Update returns when its function
	// panicked.
	ErrPanic = errors.New("sqldb: panic in update")
)

// Limits and defaults of Options.
const (
	MaxShards       = 64
	defaultShards   = 16
	defaultMaxGroup = 64
	defaultTimeout  = 30 * time.Second
)

// Options say which database to open and how.
type Options struct {
	// URL is "sqlite:PATH" (a file; its directories are created) or
	// "postgres://…" / "postgresql://…".
	URL string
	// Relaxed trades durability for speed: synchronous=NORMAL on SQLite,
	// synchronous_commit=off on PostgreSQL. After a power cut the last
	// acknowledged changes may be missing; the database is still consistent.
	Relaxed bool
	// Shards is the number of independent commit queues on PostgreSQL: 0 means
	// 16, the most is 64. SQLite has one writer and always one shard.
	Shards int
	// Logger gets what cannot be returned: failed checkpoints, retried groups.
	// nil discards it.
	Logger *slog.Logger
	// MaxGroup is the largest number of updates committed together; 0 means 64.
	MaxGroup int
	// Readers is the largest number of concurrent reads; 0 means
	// max(4, 2*GOMAXPROCS) on SQLite and max(16, 4*GOMAXPROCS) on PostgreSQL.
	// The rest wait.
	Readers int
	// CheckpointPages is the length of SQLite's write-ahead log, in pages, at
	// which the writer starts it from the beginning; 0 means 16,000 (64 MiB).
	CheckpointPages int
	// Timeout bounds one group's transaction on PostgreSQL, so that a server
	// that stopped answering does not hold updates for ever; 0 means 30 s.
	Timeout time.Duration

	// Updating is told of every Update, by the goroutine that waits for it, and
	// what it returns of its end; for traces. nil is nobody.
	Updating func(ctx context.Context) (done func(error))

	// Fault is for tests: it is called at the points "begin", "exec", "query",
	// "commit" and "committed" of every group, and an error it returns is
	// treated as if the engine had failed there. "committed" comes after the
	// engine's commit: an error there is a change that failed but persisted,
	// and the caller gets ErrOutcomeUnknown. ExecDirect calls "exec" and
	// "committed". It may be called by several goroutines.
	Fault func(point string) error
	// Trace is for tests: it is called with each statement that Read or View
	// runs, by several goroutines.
	Trace func(sql string, args []any)
}

// Dialect tells the two engines apart.
type Dialect int

// The engines.
const (
	SQLite Dialect = iota
	Postgres
)

// String returns "sqlite" or "postgres".
func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	opt        Options
	log        *slog.Logger
	dialect    Dialect
	eng        engine
	committers []*committer
	group      Group
	counts     counters
	closed     atomic.Bool
}

// engine is what SQLite and PostgreSQL do differently.
type engine interface {
	// begin starts the transaction of a group on a shard.
	begin(ctx context.Context, shard int) (session, error)
	// afterGroup is called by the committer between two groups.
	afterGroup()
	// view runs fn on one snapshot.
	view(ctx context.Context, fn func(Querier) error) error
	// reader runs single statements.
	reader() Querier
	// exec runs one autocommitted statement. On SQLite it is called by the
	// committer only.
	exec(ctx context.Context, sql string, args []any) (int64, error)
	// migrate gives fn the means to change the schema, alone among all
	// processes. On SQLite it is called by the committer only.
	migrate(ctx context.Context, fn func(schemaConn) error) error
	// transient tells errors that a second attempt may not see again.
	transient(err error) bool
	stats(*Stats)
	close() error
}

// session is the transaction of one group. It is used by one goroutine. After
// an error the group is rolled back.
type session interface {
	query(sql string, args []any) (Rows, error)
	exec(sql string, args []any) error
	batch(qs []Q) error
	// commit makes the group durable. An error wraps ErrOutcomeUnknown unless
	// it is certain that nothing was committed.
	commit() error
	// rollback ends a session that was not committed; it is safe after an
	// error of commit.
	rollback()
}

// Open opens the database and checks that it answers. It creates no table;
// see [Migrate].
func Open(ctx context.Context, opt Options) (*DB, error) {
	db := &DB{opt: withDefaults(opt)}
	db.log = db.opt.Logger
	var err error
	switch {
	case strings.HasPrefix(opt.URL, "sqlite:"):
		db.opt.Shards = 1
		db.eng, err = openSQLite(ctx, db.opt, &db.counts)
	case strings.HasPrefix(opt.URL, "postgres://"), strings.HasPrefix(opt.URL, "postgresql://"):
		db.dialect = Postgres
		db.eng, err = openPostgres(ctx, db.opt)
	default:
		// The URL may hold a password: it is not repeated.
		err = errors.New("the database URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("sqldb: open: %w", err)
	}
	for shard := range db.opt.Shards {
		db.committers = append(db.committers, newCommitter(db, shard))
	}
	return db, nil
}

func withDefaults(opt Options) Options {
	if opt.Shards <= 0 {
		opt.Shards = defaultShards
	}
	opt.Shards = min(opt.Shards, MaxShards)
	if opt.MaxGroup <= 0 {
		opt.MaxGroup = defaultMaxGroup
	}
	if opt.Readers <= 0 {
		opt.Readers = max(4, 2*runtime.GOMAXPROCS(0))
		if !strings.HasPrefix(opt.URL, "sqlite:") {
			opt.Readers = max(16, 4*runtime.GOMAXPROCS(0))
		}
	}
	if opt.CheckpointPages <= 0 {
		opt.CheckpointPages = defaultCheckpointPages
	}
	if opt.Timeout <= 0 {
		opt.Timeout = defaultTimeout
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return opt
}

// Dialect tells which engine it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Shards returns the number of shards: 1 on SQLite.
func (db *DB) Shards() int { return len(db.committers) }

// Close waits for the updates that were accepted, then closes the engine; on
// SQLite the write-ahead log is moved into the database file. Reads must have
// ended. Further calls return nil.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	for _, c := range db.committers {
		c.close()
	}
	if err := db.eng.close(); err != nil {
		return fmt.Errorf("sqldb: close: %w", err)
	}
	return nil
}

// View calls fn with a Querier whose reads all see the same committed state.
// Rows must be closed, or read to the end, before the next query. fn must not
// call View, and its Querier must not be used after it returned.
func (db *DB) View(ctx context.Context, fn func(q Querier) error) error {
	if db.closed.Load() {
		return ErrClosed
	}
	if db.opt.Trace != nil {
		return db.eng.view(ctx, func(q Querier) error { return fn(traced{q, db.opt.Trace}) })
	}
	return db.eng.view(ctx, fn)
}

// Read returns a Querier for single statements, each of which sees the state
// at its own time: the cheapest way to read. Rows hold a connection until they
// are closed or read to the end.
func (db *DB) Read() Querier {
	if db.opt.Trace != nil {
		return traced{db.eng.reader(), db.opt.Trace}
	}
	return db.eng.reader()
}

// ExecDirect runs one autocommitted statement outside the groups and returns
// the number of rows it affected. On SQLite the writer runs it between groups.
// After an error of the context or of the network it may still have happened.
func (db *DB) ExecDirect(ctx context.Context, sql string, args ...any) (int64, error) {
	var n int64
	err := db.direct(ctx, func(ctx context.Context) error {
		if err := db.fault("exec"); err != nil {
			return fmt.Errorf("sqldb: exec: %w", err)
		}
		var err error
		if n, err = db.eng.exec(ctx, sql, args); err != nil {
			return fmt.Errorf("sqldb: exec: %w", err)
		}
		if err := db.fault("committed"); err != nil {
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return nil
	})
	return n, err
}

// direct runs fn where the engine allows writes outside the groups.
func (db *DB) direct(ctx context.Context, fn func(ctx context.Context) error) error {
	if db.closed.Load() {
		return ErrClosed
	}
	if db.dialect == Postgres {
		return fn(ctx)
	}
	return db.committers[0].do(&job{ctx: ctx, direct: fn})
}

func (db *DB) fault(point string) error {
	if db.opt.Fault == nil {
		return nil
	}
	return db.opt.Fault(point)
}
