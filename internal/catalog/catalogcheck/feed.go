package catalogcheck

import (
	"strconv"
	"strings"
)

// The lists and kinds of the feed, as its table holds them.
const (
	registryList = 0
	untaggedList = -1
	noType       = -2 // the list of the type 0; the type n is in noType-n

	manifestModified = 1
	manifestCreated  = 2
	tagModified      = 3
	tagCreated       = 4
	repositoryLive   = 7
	repositoryGone   = 8
)

func key(repo int64, name string) string { return strconv.FormatInt(repo, 10) + " " + name }

func add(m map[int64]map[string]bool, id int64, d []byte) {
	if m[id] == nil {
		m[id] = map[string]bool{}
	}
	m[id][string(d)] = true
}

// feed compares the feed with what the other tables say must be in it.
func (c *checker) feed() {
	want := map[feedRow]bool{}
	optional := map[feedRow]bool{}
	c.wantManifests(want)
	c.wantTags(want)
	c.wantGone(want, optional)
	have := map[feedRow]bool{}
	for _, r := range c.t.feed {
		have[r] = true
		if !want[r] && !optional[r] {
			c.report("the feed has a row that belongs to nothing: %+v", r)
		}
	}
	for r := range want {
		if !have[r] {
			c.report("the feed lacks %+v", r)
		}
	}
}

// lists are those of a repository's items: the registry's and the ancestors'.
func (c *checker) lists(name string) []int64 {
	out := []int64{registryList}
	for i := strings.IndexByte(name, '/'); i >= 0; {
		id, ok := c.namespace[name[:i]]
		if !ok {
			c.report("namespace %s of repository %s is not there", name[:i], name)
		}
		out = append(out, id)
		next := strings.IndexByte(name[i+1:], '/')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return out
}

func put(want map[feedRow]bool, kind, pos, item, typ int64, lists ...int64) {
	for _, l := range lists {
		want[feedRow{list: l, kind: kind, shard: int64(idShard(item)), pos: pos, item: item, typ: typ}] = true
	}
}

// nameOf is the name of a repository that is there or being purged.
func (c *checker) nameOf(repo int64) (string, bool) {
	if r := c.repos[repo]; r != nil {
		return r.name, true
	}
	name, ok := c.purging[repo]
	return name, ok
}

func (c *checker) wantManifests(want map[feedRow]bool) {
	for _, m := range c.t.manifests {
		name, ok := c.nameOf(m.repo)
		if !ok {
			continue // reported
		}
		lists := append(c.lists(name), noType-m.typ)
		if m.tagged == 0 {
			lists = append(lists, untaggedList)
		}
		put(want, manifestModified, m.mod, m.id, m.typ, lists...)
		put(want, manifestCreated, m.born, m.id, m.typ, lists...)
	}
}

func (c *checker) wantTags(want map[feedRow]bool) {
	for _, t := range c.t.tags {
		name, ok := c.nameOf(t.repo)
		m := c.manifest[t.manifest]
		if !ok || m == nil {
			continue // reported
		}
		typ := m.typ
		if x := c.retyping[m.id]; x != nil && t.mod < x.pos {
			typ = x.was // it has still to be told of
		}
		lists := append(c.lists(name), noType-typ)
		put(want, tagModified, t.mod, t.id, typ, lists...)
		put(want, tagCreated, t.born, t.id, typ, lists...)
	}
}

// wantGone adds tombstones and the births and ends of repositories.
func (c *checker) wantGone(want, optional map[feedRow]bool) {
	for _, x := range c.t.tombstones {
		if name, ok := c.nameOf(x.repo); ok {
			put(want, x.kind, x.mod, x.id, 0, c.lists(name)...)
		}
	}
	for name, r := range c.live {
		put(want, repositoryLive, r.born, r.id, 0, c.lists(name)...)
	}
	for name, p := range c.lastPast {
		if c.live[name] != nil {
			continue // the new life's row tells of the end of the old one
		}
		to := want
		if p.ended <= c.floor(idShard(p.id)) {
			to = optional
		}
		put(to, repositoryGone, p.ended, p.id, 0, c.lists(name)...)
	}
}

func (c *checker) floor(shard int) int64 {
	for _, h := range c.t.heads {
		if int(h.shard) == shard {
			return h.floor
		}
	}
	return 0
}
