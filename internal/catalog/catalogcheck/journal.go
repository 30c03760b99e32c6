package catalogcheck

import "slices"

// Actions, kinds and flags, as the journal's table holds them.
const (
	created = 1
	updated = 2
	deleted = 3

	kindRepository = 1
	kindManifest   = 2
	kindTag        = 3

	existed   = 1
	wasTagged = 2
	isTagged  = 4
	last      = 8
)

// heads checks that no row is ahead of its shard's head.
func (c *checker) heads() {
	expect(c, len(c.t.heads), c.shards, "the number of heads")
	pos, id := map[int]int64{}, map[int]int64{}
	seen := func(item int64, at ...int64) {
		s := idShard(item)
		id[s] = max(id[s], item/64)
		pos[s] = max(pos[s], slices.Max(at))
	}
	for _, r := range c.t.repositories {
		seen(r.id, r.mod)
	}
	for _, p := range c.t.pasts {
		seen(p.id, p.ended)
	}
	for _, m := range c.t.manifests {
		seen(m.id, m.mod)
	}
	for _, t := range c.t.tags {
		seen(t.id, t.mod)
	}
	for _, x := range c.t.tombstones {
		seen(x.id, x.mod)
	}
	for _, b := range c.t.blobs {
		seen(b.id, 0)
	}
	for _, h := range c.t.heads {
		s := int(h.shard)
		if id[s] >= h.nextID {
			c.report("shard %d has given the id %d, its head says that %d is next", s, id[s], h.nextID)
		}
		if pos[s] > h.pos {
			c.report("shard %d has a row at %d, its head is at %d", s, pos[s], h.pos)
		}
	}
}

// journals checks each shard's journal and replays it.
func (c *checker) journals() {
	byShard := map[int64][]*journalRow{}
	for _, r := range c.t.journal {
		byShard[r.shard] = append(byShard[r.shard], r)
	}
	for _, h := range c.t.heads {
		rows := byShard[h.shard]
		c.sequence(h, rows)
		if h.journalFloor == 0 {
			c.replay(h, rows)
		}
		delete(byShard, h.shard)
	}
	for s, rows := range byShard {
		c.report("shard %d has %d journal rows and no head", s, len(rows))
	}
}

// sequence checks that rows are numbered without a gap, grouped by
// transaction, and that each repository's revs are.
func (c *checker) sequence(h *head, rows []*journalRow) {
	if len(rows) == 0 {
		if h.seq != 0 && h.journalFloor == 0 {
			c.report("shard %d: the journal is empty, its head has seq %d", h.shard, h.seq)
		}
		return
	}
	if h.journalFloor == 0 {
		expect(c, rows[0].seq, 1, "shard %d: the journal's first seq", h.shard)
	}
	end := rows[len(rows)-1]
	expect(c, end.seq, h.seq, "shard %d: the journal's last seq", h.shard)
	expect(c, end.flags&last, last, "shard %d: the mark of the journal's last row", h.shard)
	if end.pos > h.pos {
		c.report("shard %d: the journal's last row is at %d, its head at %d", h.shard, end.pos, h.pos)
	}
	revs := map[int64]int64{}
	for i, r := range rows {
		if i > 0 {
			prev := rows[i-1]
			expect(c, r.seq, prev.seq+1, "shard %d: the seq after %d", h.shard, prev.seq)
			if prev.flags&last == 0 && (prev.repo != r.repo || prev.actor != r.actor) {
				c.report("shard %d: rows %d and %d are of one transaction and of two repositories or actors", h.shard, prev.seq, r.seq)
			}
		}
		if rev, ok := revs[r.repo]; ok || h.journalFloor == 0 {
			expect(c, r.rev, rev+1, "shard %d: row %d: the rev of repository %d", h.shard, r.seq, r.repo)
		}
		revs[r.repo] = r.rev
		expect(c, idShard(r.repo), int(h.shard), "row %d: the shard of repository %d", r.seq, r.repo)
	}
}
