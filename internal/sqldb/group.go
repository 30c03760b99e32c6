package sqldb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// maxAttempts bounds how often a group is run for transient errors.
const maxAttempts = 5

// groupError is a failure that no single update caused: running them again
// one by one would only repeat it, or repeat a change that may be there.
type groupError struct{ err error }

func (e *groupError) Error() string { return e.err.Error() }
func (e *groupError) Unwrap() error { return e.err }

// commit runs the jobs in one transaction, again if the engine asks for it,
// and tells the hooks. After nil the jobs that have no error are durable.
func (c *committer) commit(jobs []*job) error {
	for attempt := 1; ; attempt++ {
		tx, err := c.attempt(jobs)
		if err == nil {
			c.committed(tx, jobs)
			return nil
		}
		if attempt == maxAttempts || errors.Is(err, ErrOutcomeUnknown) || !c.db.eng.transient(err) {
			return err
		}
		c.db.counts.retries.Add(1)
		c.db.log.Debug("sqldb: group is tried again", "shard", c.shard, "attempt", attempt, "error", err)
		backOff(attempt)
	}
}

// backOff waits a little so that two groups in a deadlock do not meet again.
func backOff(attempt int) {
	time.Sleep(time.Duration(1+rand.IntN(1<<attempt)) * time.Millisecond)
}

// attempt runs the jobs once. A nil Tx without error means that nothing had
// to be committed, because every function refused.
func (c *committer) attempt(jobs []*job) (_ *Tx, err error) {
	// The transaction is nobody's own: it has no caller's deadline, but on
	// PostgreSQL it must not wait for ever.
	ctx, cancel := c.context()
	defer cancel()
	if err := c.db.fault("begin"); err != nil {
		return nil, &groupError{fmt.Errorf("sqldb: begin: %w", err)}
	}
	s, err := c.db.eng.begin(ctx, c.shard)
	if err != nil {
		return nil, &groupError{fmt.Errorf("sqldb: begin: %w", err)}
	}
	committed := false
	defer func() {
		if !committed {
			s.rollback()
		}
	}()
	tx := &Tx{db: c.db, s: s, ctx: ctx, shard: c.shard}
	useful, err := c.run(tx, jobs)
	if err != nil || !useful {
		return nil, err
	}
	if err := c.db.fault("commit"); err != nil {
		return nil, fmt.Errorf("sqldb: commit: %w", err)
	}
	start := time.Now()
	if err := s.commit(); err != nil {
		return nil, commitError(err)
	}
	committed = true
	c.db.counts.committed(time.Since(start))
	if err := c.db.fault("committed"); err != nil {
		return nil, commitError(fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
	}
	return tx, nil
}

func commitError(err error) error {
	err = fmt.Errorf("sqldb: commit: %w", err)
	if errors.Is(err, ErrOutcomeUnknown) {
		return &groupError{err}
	}
	return err
}

func (c *committer) context() (context.Context, context.CancelFunc) {
	if c.db.dialect == SQLite {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), c.db.opt.Timeout)
}

// run calls the hooks and the functions, up to the commit. It tells whether
// there is anything to commit.
func (c *committer) run(tx *Tx, jobs []*job) (useful bool, err error) {
	if err := c.hook(tx, c.db.group.Begin); err != nil {
		return false, &groupError{err}
	}
	hooks := tx.after
	for _, j := range jobs {
		if err := c.runJob(tx, j); err != nil {
			return false, err
		}
		useful = useful || j.err == nil
	}
	if !useful {
		return false, nil
	}
	tx.after = hooks
	return true, c.hook(tx, c.db.group.End)
}

// hook runs one hook with the group's own context.
func (c *committer) hook(tx *Tx, fn func(*Tx) error) error {
	if fn == nil {
		return nil
	}
	err := guarded(fn, tx)
	tx.closeRows()
	if tx.err != nil {
		return tx.err
	}
	return err
}

// runJob runs one function. Its error stays in the job while it has not
// written; afterwards it is the group's.
func (c *committer) runJob(tx *Tx, j *job) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil // nobody waits for it any more
	}
	group := tx.ctx
	tx.ctx, tx.dirty, tx.after = context.WithoutCancel(j.ctx), false, nil
	j.err = guarded(j.fn, tx)
	tx.closeRows()
	tx.ctx, j.after = group, tx.after
	switch {
	case tx.err != nil && j.err != nil && errors.Is(j.err, tx.err):
		return j.err // the function's own words around the failure
	case tx.err != nil:
		return tx.err
	case j.err != nil && tx.dirty:
		return j.err
	}
	return nil
}

// guarded calls fn and makes an error of a panic.
func guarded(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return fn(tx)
}

// committed counts a durable group and runs what waited for it.
func (c *committer) committed(tx *Tx, jobs []*job) {
	if tx == nil {
		return
	}
	c.db.counts.groups.Add(1)
	for _, fn := range tx.after {
		c.notify(fn)
	}
	for _, j := range jobs {
		if j.err != nil {
			continue
		}
		c.db.counts.updates.Add(1)
		for _, fn := range j.after {
			c.notify(fn)
		}
	}
	if c.db.group.Committed != nil {
		c.notify(func() { c.db.group.Committed(c.shard) })
	}
}

// notify calls fn; its panic cannot undo the commit, so it is only logged.
func (c *committer) notify(fn func()) {
	defer func() {
		if p := recover(); p != nil {
			c.db.log.Error("sqldb: panic after commit", "shard", c.shard, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	fn()
}
