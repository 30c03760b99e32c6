package catalogcheck

// compare holds the replayed catalog of a shard against the tables.
func (p *replay) compare(h *head) {
	c := p.c
	n := 0
	for _, r := range c.t.repositories {
		if int64(idShard(r.id)) != p.shard || r.born == 0 {
			continue
		}
		n++
		x := p.repos[r.id]
		if x == nil {
			c.report("repository %s (%d) is in its table, not in the journal", r.name, r.id)
			continue
		}
		expect(c, x.name, r.name, "the journal's name of repository %d", r.id)
		expect(c, [3]int64{r.rev, r.born, r.mod}, [3]int64{x.rev, x.born, x.mod}, "repository %s: rev, born, mod", r.name)
	}
	expect(c, n, len(p.repos), "shard %d: living repositories", p.shard)
	p.compareGone()
	p.compareManifests()
	p.compareTags()
	p.compareTombstones(h.floor)
}

func (p *replay) compareGone() {
	n := 0
	for _, g := range p.c.t.pasts {
		if int64(idShard(g.id)) == p.shard {
			n++
			expect(p.c, g.ended, p.gone[g.id], "repository %s (%d): ended", g.name, g.id)
		}
	}
	expect(p.c, n, len(p.gone), "shard %d: repositories that are gone", p.shard)
}

func (p *replay) compareManifests() {
	n := 0
	for _, m := range p.c.t.manifests {
		x := p.repos[m.repo]
		if x == nil {
			continue // another shard's, or being purged
		}
		n++
		r := x.manifests[string(m.digest)]
		if r == nil {
			p.c.report("manifest %d of %s is in its table, not in the journal", m.id, x.name)
			continue
		}
		expect(p.c, [5]int64{m.typ, m.rev, m.born, m.mod, m.tagged}, [5]int64{r.typ, r.rev, r.born, r.mod, int64(r.tags)},
			"manifest %d of %s: type, rev, born, mod, tags", m.id, x.name)
	}
	want := 0
	for _, x := range p.repos {
		want += len(x.manifests)
	}
	expect(p.c, n, want, "shard %d: manifests", p.shard)
}

func (p *replay) compareTags() {
	n := 0
	for _, t := range p.c.t.tags {
		x := p.repos[t.repo]
		if x == nil {
			continue
		}
		n++
		r, m := x.tags[t.name], p.c.manifest[t.manifest]
		if r == nil || m == nil {
			p.c.report("tag %s of %s is in its table, not in the journal", t.name, x.name)
			continue
		}
		expect(p.c, r.digest == string(m.digest), true, "tag %s of %s points where the journal says: it", t.name, x.name)
		expect(p.c, [5]int64{t.opened, t.rev, t.born, t.mod, t.actor}, [5]int64{r.opened, r.rev, r.born, r.mod, r.actor},
			"tag %s of %s: opened, rev, born, mod, actor", t.name, x.name)
	}
	want := 0
	for _, x := range p.repos {
		want += len(x.tags)
	}
	expect(p.c, n, want, "shard %d: tags", p.shard)
}

// compareTombstones also compares the history of tags. Tombstones up to the
// floor may be gone.
func (p *replay) compareTombstones(floor int64) {
	have, history := map[string]int64{}, map[string]int64{}
	for _, x := range p.c.t.tombstones {
		if p.repos[x.repo] != nil {
			have[key(x.repo, string(rune('0'+x.kind))+" "+x.name)] = x.mod
		}
	}
	for _, i := range p.c.t.intervals {
		if p.repos[i.repo] != nil {
			history[key(i.repo, key(i.opened, i.name))] = i.closed
		}
	}
	tombstones, intervals := map[string]int64{}, map[string]int64{}
	for _, x := range p.repos {
		for name, pos := range x.tombstones {
			k := key(x.id, name)
			if _, ok := have[k]; ok || pos > floor {
				tombstones[k] = pos
			}
		}
		for name, closed := range x.intervals {
			intervals[key(x.id, name)] = closed
		}
	}
	same(p.c, have, tombstones, "tombstone")
	same(p.c, history, intervals, "closed interval of a tag")
}

func same(c *checker, have, want map[string]int64, what string) {
	for k, pos := range want {
		expect(c, have[k], pos, "the %s %q", what, k)
	}
	for k := range have {
		if _, ok := want[k]; !ok {
			c.report("the %s %q is in its table, not in the journal", what, k)
		}
	}
}
