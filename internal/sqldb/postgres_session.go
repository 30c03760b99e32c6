package sqldb

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgSession is a transaction on one connection. Statements are kept back and
// sent in one round trip, with the next query or with the commit; even BEGIN
// travels with the first of them.
type pgSession struct {
	ctx     context.Context
	e       *postgresEngine
	conn    *pgxpool.Conn
	pending *pgx.Batch
	sent    bool // something has reached the server
	open    *pgRows
}

func newPgSession(ctx context.Context, e *postgresEngine, conn *pgxpool.Conn, begin string) *pgSession {
	s := &pgSession{ctx: ctx, e: e, conn: conn, pending: &pgx.Batch{}}
	s.pending.Queue(begin)
	return s
}

func (s *pgSession) exec(sql string, args []any) error {
	args, err := pgArgs(args)
	if err != nil {
		return err
	}
	s.pending.Queue(s.e.rebind(sql), args...)
	return nil
}

// send sends what is pending and reads the results of the first n statements,
// those that return nothing.
func (s *pgSession) send(n int) (pgx.BatchResults, error) {
	if s.open != nil {
		return nil, errRowsOpen
	}
	batch := s.pending
	s.pending, s.sent = &pgx.Batch{}, true
	br := s.conn.SendBatch(s.ctx, batch)
	for range n {
		if _, err := br.Exec(); err != nil {
			_ = br.Close() // it repeats err
			return nil, err
		}
	}
	return br, nil
}

func (s *pgSession) query(sql string, args []any) (Rows, error) {
	n := s.pending.Len()
	if err := s.exec(sql, args); err != nil {
		return nil, err
	}
	br, err := s.send(n)
	if err != nil {
		return nil, err
	}
	rows, err := br.Query()
	if err != nil {
		_ = br.Close()
		return nil, err
	}
	s.open = &pgRows{Rows: rows, end: func() error {
		s.open = nil
		return br.Close()
	}}
	return s.open, nil
}

// Query and QueryRow make a session the Querier of a view.
func (s *pgSession) Query(_ context.Context, sql string, args ...any) (Rows, error) {
	return s.query(sql, args)
}

func (s *pgSession) QueryRow(_ context.Context, sql string, args ...any) Row {
	rows, err := s.query(sql, args)
	return firstRow{rows, err}
}

func (s *pgSession) batch(qs []Q) error {
	n := s.pending.Len()
	for _, q := range qs {
		if err := s.exec(q.SQL, q.Args); err != nil {
			return err
		}
	}
	br, err := s.send(n)
	if err != nil {
		return err
	}
	for _, q := range qs {
		if err := scanOne(br, q); err != nil {
			_ = br.Close()
			return err
		}
	}
	return br.Close()
}

func scanOne(br pgx.BatchResults, q Q) error {
	rows, err := br.Query()
	if err != nil {
		return err
	}
	r := &pgRows{Rows: rows}
	if err := q.Scan(r); err != nil {
		_ = r.Close()
		return err
	}
	return r.Close()
}

// commit sends COMMIT behind the pending statements: the server skips it when
// one of them fails.
func (s *pgSession) commit() error {
	n := s.pending.Len()
	s.pending.Queue("commit")
	br, err := s.send(n)
	if err != nil {
		return beforeCommit(err)
	}
	tag, err := br.Exec()
	if err == nil {
		err = br.Close()
	} else {
		_ = br.Close()
	}
	if err != nil {
		return atCommit(err)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("the server answered %s to COMMIT", tag)
	}
	s.conn.Release()
	s.conn = nil
	return nil
}

// beforeCommit judges an error in the place of a statement before COMMIT.
// Whatever the server says there, even that it ends the connection, it has
// not come to COMMIT; if it said nothing, it may have.
func beforeCommit(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) || pgconn.SafeToRetry(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// atCommit judges an error in the place of COMMIT: only a refusal is certain.
func atCommit(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && !fatal(pg) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

func (s *pgSession) rollback() {
	if s.conn == nil {
		return
	}
	if s.open != nil {
		_ = s.open.Close()
	}
	if s.sent && !s.conn.Conn().IsClosed() {
		// A connection on which this fails is not used again, and the server
		// rolls back when it is closed.
		_, _ = s.conn.Exec(s.ctx, "rollback")
	}
	s.conn.Release()
	s.conn = nil
}

// pgRows is a result of pgx as Rows.
type pgRows struct {
	pgx.Rows
	end    func() error // what else ends with the rows, or nil
	err    error
	closed bool
}

func (r *pgRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	_ = r.Close() // Err keeps it
	return false
}

func (r *pgRows) Err() error { return r.err }

func (r *pgRows) Close() error {
	if r.closed {
		return r.err
	}
	r.closed = true
	r.Rows.Close()
	r.err = r.Rows.Err()
	if r.end != nil {
		if err := r.end(); r.err == nil {
			r.err = err
		}
	}
	return r.err
}
