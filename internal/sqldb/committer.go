package sqldb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Group are the hooks around every group of updates.
type Group struct {
	// Begin runs first in each group's transaction, for instance to lock the
	// shard's head row. Its error fails every update of the group.
	Begin func(tx *Tx) error
	// End runs last before the commit.
	End func(tx *Tx) error
	// Committed runs after a successful commit, outside any lock and before
	// the updates return. It must not block.
	Committed func(shard int)
}

// SetGroup sets the hooks. It must be called before the first Update.
func (db *DB) SetGroup(g Group) { db.group = g }

// Update runs fn in a transaction on the shard and returns after that
// transaction is durable. Updates that wait for the same shard at the same time
// share one transaction, in which their functions run one after the other,
// each seeing what the ones before it have written.
//
// fn may run more than once, so it must set its results anew each time: when
// it, or another function of its group, fails after a write, the transaction
// is rolled back and every function runs again, alone. An error of fn is
// returned as it is, and nothing that fn wrote is kept. Panics in fn become
// errors that wrap ErrPanic.
//
// A context that ends while the update waits takes it out of the queue; once
// fn runs it is not interrupted. fn must not call Update or ExecDirect.
func (db *DB) Update(ctx context.Context, shard int, fn func(tx *Tx) error) error {
	if shard < 0 || shard >= len(db.committers) {
		return fmt.Errorf("sqldb: update: no shard %d", shard)
	}
	if db.opt.Updating == nil {
		return db.committers[shard].do(&job{ctx: ctx, fn: fn})
	}
	done := db.opt.Updating(ctx)
	err := db.committers[shard].do(&job{ctx: ctx, fn: fn})
	done(err)
	return err
}

// The states of a job.
const (
	queued int32 = iota
	taken
	withdrawn
)

// job is one waiting update, or a direct statement of the writer.
type job struct {
	ctx    context.Context
	fn     func(tx *Tx) error
	direct func(ctx context.Context) error

	state atomic.Int32
	done  chan error // capacity 1
	// Written by the committer alone:
	err      error // what fn returned without having written
	after    []func()
	answered bool
}

func (j *job) answer(err error) {
	if !j.answered {
		j.answered = true
		j.done <- err
	}
}

// committer runs the groups of one shard, one at a time.
type committer struct {
	db    *DB
	shard int
	wake  chan struct{} // capacity 1: the queue is no longer empty, or closed
	ended chan struct{}

	mu     sync.Mutex
	queue  []*job
	closed bool
}

func newCommitter(db *DB, shard int) *committer {
	c := &committer{db: db, shard: shard, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go c.loop()
	return c
}

// do queues a job and waits for its answer.
func (c *committer) do(j *job) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	j.done = make(chan error, 1)
	if err := c.submit(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-j.ctx.Done():
		if j.state.CompareAndSwap(queued, withdrawn) {
			return j.ctx.Err()
		}
		return <-j.done
	}
}

func (c *committer) submit(j *job) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.queue = append(c.queue, j)
	c.signal()
	return nil
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close refuses new jobs and waits for those in the queue.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.signal()
	c.mu.Unlock()
	<-c.ended
}

func (c *committer) loop() {
	ended := false
	defer func() {
		if !ended { // a function called runtime.Goexit: the queue goes on without it
			go c.loop()
		}
	}()
	for {
		jobs, open := c.take()
		if len(jobs) > 0 {
			c.serve(jobs)
			c.db.eng.afterGroup()
			continue
		}
		if !open {
			ended = true
			close(c.ended)
			return
		}
		<-c.wake
	}
}

// take removes the jobs of the next group from the queue: updates up to the
// limit, or one direct statement. It tells whether more can come.
func (c *committer) take() (jobs []*job, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, j := range c.queue {
		if len(jobs) == c.db.opt.MaxGroup || (j.direct != nil && len(jobs) > 0) {
			break
		}
		n++
		if !j.state.CompareAndSwap(queued, taken) {
			continue // withdrawn
		}
		jobs = append(jobs, j)
		if j.direct != nil {
			break
		}
	}
	rest := copy(c.queue, c.queue[n:])
	clear(c.queue[rest:])
	c.queue = c.queue[:rest]
	return jobs, !c.closed || rest > 0
}

// serve runs the jobs and answers every one of them, whatever happens.
func (c *committer) serve(jobs []*job) {
	defer func() {
		for _, j := range jobs {
			j.answer(fmt.Errorf("%w: the function left its goroutine", ErrPanic))
		}
	}()
	if jobs[0].direct != nil {
		jobs[0].answer(jobs[0].direct(context.WithoutCancel(jobs[0].ctx)))
		return
	}
	err := c.commit(jobs)
	var all *groupError // no use to run them alone
	if err == nil || len(jobs) == 1 || errors.As(err, &all) {
		finish(jobs, err)
		return
	}
	for _, j := range jobs {
		c.db.counts.reruns.Add(1)
		one := []*job{j}
		finish(one, c.commit(one))
	}
}

// finish answers the jobs of a group that ended with err.
func finish(jobs []*job, err error) {
	var all *groupError
	if errors.As(err, &all) {
		err = all.err
	}
	for _, j := range jobs {
		if err != nil {
			j.answer(err)
		} else {
			j.answer(j.err)
		}
	}
}
