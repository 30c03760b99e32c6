package sqldb

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// readerCache lets a reader keep 8 MiB of pages in place of 2: those of a thousand
// rows wherever they lie in a large table, which a page of a listing may need,
// and the next one again.
const readerCache = "cache_size=-8192" // in KiB where it is less than 0

// readerPool lends connections that cannot write. It opens them when they are
// first needed and lends the one used last, whose page cache is warm.
type readerPool struct {
	path   string
	tokens chan struct{} // one for each connection that may be lent
	closed chan struct{}

	mu   sync.Mutex
	idle []*sqliteConn
}

func newReaderPool(path string, n int) *readerPool {
	return &readerPool{path: path, tokens: make(chan struct{}, n), closed: make(chan struct{})}
}

func (p *readerPool) get(ctx context.Context) (*sqliteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case p.tokens <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, ErrClosed
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := connectSQLite(ctx, p.path, fmt.Sprintf("busy_timeout=%d", busyTimeout.Milliseconds()), "query_only=1", "temp_store=memory", readerCache)
	if err != nil {
		<-p.tokens
		return nil, err
	}
	return c, nil
}

func (p *readerPool) put(c *sqliteConn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	<-p.tokens
}

// close waits for the connections that are lent and closes all.
func (p *readerPool) close() error {
	close(p.closed)
	for range cap(p.tokens) {
		p.tokens <- struct{}{}
	}
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}

// Query implements Querier: one statement on any connection.
func (p *readerPool) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	c, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.query(ctx, sql, args, func() { p.put(c) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// QueryRow implements Querier.
func (p *readerPool) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := p.Query(ctx, sql, args...)
	return firstRow{rows, err}
}

// view runs fn between BEGIN and COMMIT of one connection.
func (p *readerPool) view(ctx context.Context, fn func(Querier) error) error {
	c, err := p.get(ctx)
	if err != nil {
		return err
	}
	defer p.put(c)
	// Not with ctx: ending just then, it would leave a transaction behind.
	if _, err := c.exec(context.Background(), "BEGIN", nil); err != nil {
		return err
	}
	defer func() {
		if c.open != nil {
			_ = c.open.Close()
		}
		// It only ends the snapshot, so it cannot lose anything.
		_, _ = c.exec(context.Background(), "COMMIT", nil)
	}()
	return fn(snapshot{c})
}

// snapshot is the Querier of a view.
type snapshot struct{ c *sqliteConn }

func (s snapshot) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	r, err := s.c.query(ctx, sql, args, nil)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s snapshot) QueryRow(ctx context.Context, sql string, args ...any) Row {
	rows, err := s.Query(ctx, sql, args...)
	return firstRow{rows, err}
}
