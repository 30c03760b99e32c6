package catalog

import (
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestLinkCacheOldRead: what was read before a link went away is not
// remembered after.
func TestLinkCacheOldRead(t *testing.T) {
	d := digest.FromString("x")
	for name, forget := range map[string]func(*linkCache){
		"link":       func(c *linkCache) { c.forget("a", d) },
		"repository": func(c *linkCache) { c.forgetAll() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newLinkCache(1 << 20)
			_, ok, changes := c.get("a", d)
			if ok {
				t.Fatal("an empty cache knows a link")
			}
			forget(c)
			c.put("a", Blob{Digest: d, Size: 1}, changes)
			if _, ok, _ := c.get("a", d); ok {
				t.Error("a link is remembered that was read before it went away")
			}
			_, _, changes = c.get("a", d)
			c.put("a", Blob{Digest: d, Size: 1}, changes)
			if _, ok, _ := c.get("a", d); !ok {
				t.Error("a link is not remembered")
			}
			if _, ok, _ := c.get("b", d); ok {
				t.Error("another repository's link is remembered")
			}
			forget(c)
			if _, ok, _ := c.get("a", d); ok {
				t.Error("a link is remembered that has gone")
			}
		})
	}
}

// TestLinkCacheForgetsOld: both generations forget.
func TestLinkCacheForgetsOld(t *testing.T) {
	c := newLinkCache(8 * linkOverhead)
	key := func(i int) digest.Digest { return digest.FromString(fmt.Sprint(i)) }
	for i := range 3 {
		_, _, changes := c.get("a", key(i))
		c.put("a", Blob{Digest: key(i)}, changes)
	}
	if len(c.old) == 0 {
		t.Fatal("no link grew old")
	}
	for i := range 3 {
		c.forget("a", key(i))
	}
	if n := len(c.old) + len(c.young); n != 0 {
		t.Errorf("%d links are remembered that have gone", n)
	}
}

// TestLinkCacheBudget: whatever is asked for, memory is bounded, and what is
// asked for again and again stays.
func TestLinkCacheBudget(t *testing.T) {
	const budget = 64 << 10
	c := newLinkCache(budget)
	hot := digest.FromString("hot")
	misses := 0
	for i := range 10_000 {
		d := digest.FromString(fmt.Sprint(i))
		for _, d := range []digest.Digest{d, hot} {
			_, ok, changes := c.get("some/repository", d)
			if ok {
				continue
			}
			if d == hot {
				misses++
			}
			c.put("some/repository", Blob{Digest: d, Bytes: make([]byte, i%2000)}, changes)
		}
	}
	if misses != 1 {
		t.Errorf("what is asked for every time was missing %d times", misses)
	}
	total := 0
	for _, m := range []map[linkKey]Blob{c.young, c.old} {
		for k, b := range m {
			total += linkOverhead + len(k.repo) + len(k.digest) + len(b.Bytes)
		}
	}
	if total > budget || total < budget/4 {
		t.Errorf("%d bytes are kept of a budget of %d", total, budget)
	}
}
