package catalog

import (
	"sync"

	"github.com/opencontainers/go-digest"
)

// linkCache remembers blobs that are linked in a repository, so that a HEAD or
// GET of one, the most frequent request there is, need not ask the database.
// It is for a process that is alone with its database: every change that takes
// a link away says so here, in its commit. It knows nothing of absence.
//
// There are two generations: an entry that is used moves to the young one, and
// when that is full the old one is dropped. So it is nearly as good as a list
// by age, at the price of a map.
type linkCache struct {
	budget int // bytes, of one generation

	mu         sync.Mutex
	changes    uint64
	young, old map[linkKey]Blob
	weight     int // of the young ones, in bytes
}

type linkKey struct {
	repo   string
	digest digest.Digest
}

// linkBudget bounds the memory of the cache: half of it for each generation.
const linkBudget = 8 << 20

// linkOverhead is about what an entry takes beside its strings and bytes.
const linkOverhead = 160

func newLinkCache(budget int) *linkCache {
	return &linkCache{budget: budget / 2, young: map[linkKey]Blob{}}
}

// get returns a linked blob. Where it is not known, it returns the number that
// put wants to see again: with it, what was read before a link was taken away
// is not remembered after.
func (c *linkCache) get(repo string, d digest.Digest) (b Blob, ok bool, changes uint64) {
	if c == nil {
		return Blob{}, false, 0
	}
	key := linkKey{repo, d}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok = c.young[key]; ok {
		return b, true, 0
	}
	if b, ok = c.old[key]; ok {
		c.add(key, b)
	}
	return b, ok, c.changes
}

func (c *linkCache) put(repo string, b Blob, changes uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if changes == c.changes {
		c.add(linkKey{repo, b.Digest}, b)
	}
}

func (c *linkCache) add(key linkKey, b Blob) {
	w := linkOverhead + len(key.repo) + len(key.digest) + len(b.Bytes)
	if c.weight+w > c.budget {
		c.old, c.young, c.weight = c.young, map[linkKey]Blob{}, 0
	}
	c.young[key] = b
	c.weight += w
}

// forget is told that a link is gone.
func (c *linkCache) forget(repo string, d digest.Digest) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.young, linkKey{repo, d})
	delete(c.old, linkKey{repo, d})
}

// forgetAll is told that a repository is gone. That is rare enough to begin
// again with all of them.
func (c *linkCache) forgetAll() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.young, c.old, c.weight = map[linkKey]Blob{}, nil, 0
}
