package catalogcheck

// orphan is a row of the table of that name: a child of a deleted index (1), or
// a deleted manifest that had referrers (2).
type orphan struct {
	repo, kind int64
	digest     []byte
	shard, at  int64
}

// orphans checks that those recorded are where they are looked for, that a
// child is there, and that what has a tag is kept.
func (c *checker) orphans() {
	newest, there := map[int64]int64{}, map[string]bool{}
	for _, h := range c.t.heads {
		newest[h.shard] = h.pos
	}
	for _, m := range c.t.manifests {
		there[key(m.repo, string(m.digest))] = true
		if len(c.tags[m.id]) > 0 && m.kept != 1 {
			c.report("manifest %d has a tag and is not kept", m.id)
		}
		if m.kept < 0 || m.kept > newest[int64(idShard(m.repo))] {
			c.report("manifest %d is kept from what came before %d, which is to come", m.id, m.kept)
		}
		if m.remote < 0 {
			c.report("manifest %d has %d remote references", m.id, m.remote)
		}
	}
	for _, o := range c.t.orphans {
		name, ok := c.owner(o.repo, "an orphan")
		if !ok || c.repos[o.repo] == nil {
			continue
		}
		expect(c, o.shard, int64(c.shardOf(name)), "the shard of an orphan of repository %s", name)
		if o.at <= 0 || o.at > newest[o.shard] {
			c.report("an orphan of repository %s became one at %d", name, o.at)
		}
		switch {
		case o.kind != 1 && o.kind != 2:
			c.report("an orphan of repository %s is of kind %d", name, o.kind)
		case o.kind == 1 && !there[key(o.repo, string(o.digest))]:
			c.report("an orphan of repository %s is not there", name)
		}
	}
}
