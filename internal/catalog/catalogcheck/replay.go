package catalogcheck

import (
	"fmt"

	"github.com/lading-dev/lading/internal/catalog"
)

// The replay builds a catalog of journal rows alone.

type replayed struct {
	id         int64
	name       string
	rev        int64
	born, mod  int64
	manifests  map[string]*replayedManifest // by stored digest
	tags       map[string]*replayedTag
	tombstones map[string]int64 // kind and name to position
	intervals  map[string]int64 // name and beginning to end
}

type replayedManifest struct {
	typ, rev, born, mod int64
	tags, tagsBefore    int // now, and when the running transaction began
}

type replayedTag struct {
	digest                 string
	opened, rev, born, mod int64
	actor                  int64
}

type replay struct {
	c     *checker
	shard int64
	repos map[int64]*replayed
	names map[string]*replayed // living, by name
	gone  map[int64]int64      // where a repository ended
	group []*journalRow        // the running transaction
}

// replay applies a shard's journal from its beginning and compares what comes
// out with the tables.
func (c *checker) replay(h *head, rows []*journalRow) {
	p := &replay{c: c, shard: h.shard, repos: map[int64]*replayed{}, names: map[string]*replayed{}, gone: map[int64]int64{}}
	for _, r := range rows {
		p.apply(r)
	}
	p.compare(h)
}

func (p *replay) bad(r *journalRow, format string, args ...any) {
	p.c.report("replay of shard %d, row %d: %s", p.shard, r.seq, fmt.Sprintf(format, args...))
}

func (p *replay) apply(r *journalRow) {
	if r.kind == kindRepository {
		p.repository(r)
	} else if x := p.repos[r.repo]; x == nil {
		p.bad(r, "repository %d is not there", r.repo)
	} else {
		x.rev, x.mod = r.rev, r.pos
		if r.kind == kindManifest {
			p.manifest(r, x)
		} else {
			p.tag(r, x)
		}
	}
	p.group = append(p.group, r)
	if r.flags&last != 0 {
		p.endOfTransaction()
	}
}

func (p *replay) repository(r *journalRow) {
	x := p.names[r.name]
	switch r.action {
	case created:
		if x != nil {
			p.bad(r, "repository %s is there already", r.name)
		}
		x = &replayed{id: r.repo, name: r.name, rev: r.rev, born: r.pos, mod: r.pos, manifests: map[string]*replayedManifest{},
			tags: map[string]*replayedTag{}, tombstones: map[string]int64{}, intervals: map[string]int64{}}
		p.names[r.name], p.repos[r.repo] = x, x
	case deleted:
		if x == nil || x.id != r.repo {
			p.bad(r, "repository %s (%d) is not there", r.name, r.repo)
		}
		delete(p.names, r.name)
		delete(p.repos, r.repo)
		p.gone[r.repo] = r.pos
	default:
		p.bad(r, "action %d on a repository", r.action)
	}
}

func (p *replay) manifest(r *journalRow, x *replayed) {
	m := x.manifests[string(r.digest)]
	if (m != nil) != (r.flags&existed != 0) || (m == nil) != (r.action == created) {
		p.bad(r, "manifest there: %v, action %d, flags %d", m != nil, r.action, r.flags)
		return
	}
	d, _ := catalog.DecodeDigest(r.digest)
	tomb := "5 " + string(d)
	switch r.action {
	case created:
		x.manifests[string(r.digest)] = &replayedManifest{typ: r.typ, rev: r.rev, born: r.pos, mod: r.pos}
		delete(x.tombstones, tomb)
	case updated:
		m.typ, m.rev, m.mod = r.typ, r.rev, r.pos
	case deleted:
		if m.tags != 0 {
			p.bad(r, "the manifest goes while %d tags point to it", m.tags)
		}
		delete(x.manifests, string(r.digest))
		x.tombstones[tomb] = r.pos
	}
	if m != nil && (m.tagsBefore > 0) != (r.flags&wasTagged != 0) {
		p.bad(r, "the manifest had %d tags before, flags %d", m.tagsBefore, r.flags)
	}
	if m != nil && r.action == deleted && r.previousType != m.typ {
		p.bad(r, "the type before is %d, want %d", r.previousType, m.typ)
	}
}

func (p *replay) tag(r *journalRow, x *replayed) {
	t := x.tags[r.name]
	if (t != nil) != (r.flags&existed != 0) || (t == nil) != (r.action == created) {
		p.bad(r, "tag %s there: %v, action %d, flags %d", r.name, t != nil, r.action, r.flags)
		return
	}
	if t != nil {
		if t.digest != string(r.previous) {
			p.bad(r, "tag %s pointed to another manifest than the row says", r.name)
		}
		if r.action == updated && string(r.digest) == t.digest {
			p.retyped(r, x, t)
			return
		}
		x.intervals[key(t.opened, r.name)] = r.pos
		if m := x.manifests[t.digest]; m != nil {
			m.tags--
		}
	}
	switch r.action {
	case created:
		t = &replayedTag{born: r.pos}
		x.tags[r.name] = t
		delete(x.tombstones, "6 "+r.name)
	case deleted:
		delete(x.tags, r.name)
		x.tombstones["6 "+r.name] = r.pos
		return
	}
	t.digest, t.opened, t.rev, t.mod, t.actor = string(r.digest), r.pos, r.rev, r.pos, r.actor
	m := x.manifests[t.digest]
	if m == nil {
		p.bad(r, "tag %s points to a manifest that is not there", r.name)
		return
	}
	if m.typ != r.typ {
		p.bad(r, "tag %s has type %d, its manifest %d", r.name, r.typ, m.typ)
	}
	m.tags++
}

// retyped is a tag whose manifest is of another type now: it goes on pointing
// there, and whoever moved it is still who did.
func (p *replay) retyped(r *journalRow, x *replayed, t *replayedTag) {
	t.rev, t.mod = r.rev, r.pos
	if m := x.manifests[t.digest]; m == nil || m.typ != r.typ {
		p.bad(r, "tag %s has type %d, its manifest another", r.name, r.typ)
	}
}

// endOfTransaction checks what must hold between transactions: each manifest
// whose tags changed was journalled with them.
func (p *replay) endOfTransaction() {
	for _, r := range p.group {
		x := p.repos[r.repo]
		if r.kind != kindManifest || x == nil {
			continue
		}
		if m := x.manifests[string(r.digest)]; m != nil && (m.tags > 0) != (r.flags&isTagged != 0) {
			p.bad(r, "the manifest has %d tags after its transaction, flags %d", m.tags, r.flags)
		}
	}
	for _, r := range p.group {
		if x := p.repos[r.repo]; x != nil {
			p.settle(r, x)
		}
	}
	p.group = p.group[:0]
}

// settle notes how many tags the manifests of a transaction have, and reports
// one whose tags changed without a row of its own.
func (p *replay) settle(r *journalRow, x *replayed) {
	for _, d := range [][]byte{r.digest, r.previous} {
		m := x.manifests[string(d)]
		if m == nil || m.tags == m.tagsBefore {
			continue
		}
		if m.mod < p.group[0].pos {
			p.bad(r, "the tags of a manifest changed from %d to %d without a row about it", m.tagsBefore, m.tags)
		}
		m.tagsBefore = m.tags
	}
}
