package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

const shards = 64

// table has the buckets of callers of one kind.
type table[K comparable] struct {
	rates rates
	most  int // callers in a shard
	seed  maphash.Seed
	shard [shards]shard[K]
}

// shard has some of the callers, in a list by when they last came.
type shard[K comparable] struct {
	mu             sync.Mutex
	by             map[K]*caller[K]
	newest, oldest *caller[K]
	_              [64]byte // the next shard's lock is not in the same line of a cache
}

type caller[K comparable] struct {
	key          K
	older, newer *caller[K]
	buckets      buckets
	held         int // streams and held deltas
}

func newTable[K comparable](r rates, callers int) *table[K] {
	return &table[K]{rates: r, most: max(1, callers/shards), seed: maphash.MakeSeed()}
}

// ask does something with one of the caller's buckets, and tells what is left
// in it.
func (t *table[K]) ask(key K, now int64, o op) (wait time.Duration, left int) {
	s := t.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, r := &s.caller(key, now, t.most).buckets[o.class], t.rates[o.class]
	wait = time.Duration(o.what(b, now, r, o))
	return wait, b.left(now, r)
}

// hold counts what is held, unless it is as many as may be.
func (t *table[K]) hold(key K, now int64, most int) bool {
	s := t.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.caller(key, now, t.most)
	if most > 0 && c.held >= most {
		return false
	}
	c.held++
	return true
}

// release ends a hold.
func (t *table[K]) release(key K) {
	s := t.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.by[key]; c != nil && c.held > 0 { // it is there: who holds is not forgotten
		c.held--
	}
}

// count forgets callers of whom there is nothing to remember, and tells how
// many are left, and how many of them owe rows.
func (t *table[K]) count(now int64) (callers, debtors int) {
	for i := range t.shard {
		s := &t.shard[i]
		s.mu.Lock()
		for c := s.oldest; c != nil; {
			next := c.newer
			if c.held == 0 && c.buckets.full(now) {
				s.forget(c)
			} else if owes(&c.buckets[Sync], now, t.rates[Sync], op{}) > 0 {
				debtors++
			}
			c = next
		}
		callers += len(s.by)
		s.mu.Unlock()
	}
	return callers, debtors
}

func (t *table[K]) of(key K) *shard[K] {
	return &t.shard[maphash.Comparable(t.seed, key)%shards]
}

// caller finds a caller, or makes one with full buckets, and puts it first in
// the list.
func (s *shard[K]) caller(key K, now int64, most int) *caller[K] {
	c := s.by[key]
	switch {
	case c == nil:
		s.makeRoom(now, most)
		c = &caller[K]{key: key}
		if s.by == nil {
			s.by = map[K]*caller[K]{}
		}
		s.by[key] = c
	case c == s.newest:
		return c
	default:
		s.unlink(c)
	}
	c.older = s.newest
	if s.newest != nil {
		s.newest.newer = c
	}
	if s.newest = c; s.oldest == nil {
		s.oldest = c
	}
	return c
}

// makeRoom forgets up to two callers of whom there is nothing to remember, so
// that they go as fast as others come, and where there are too many the one
// that was quiet longest. Who holds something stays: those are bounded by what
// may be held.
func (s *shard[K]) makeRoom(now int64, most int) {
	for range 2 {
		if c := s.oldest; c != nil && c.held == 0 && c.buckets.full(now) {
			s.forget(c)
		}
	}
	for c := s.oldest; c != nil && len(s.by) >= most; {
		next := c.newer
		if c.held == 0 {
			s.forget(c)
		}
		c = next
	}
}

func (s *shard[K]) forget(c *caller[K]) {
	s.unlink(c)
	delete(s.by, c.key)
}

func (s *shard[K]) unlink(c *caller[K]) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		s.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		s.oldest = c.newer
	}
	c.older, c.newer = nil, nil
}
