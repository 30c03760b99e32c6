package catalogcheck

import (
	"encoding/json"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/catalog"
)

func (c *checker) repositories() {
	incarnations := map[string]int64{}
	fresh := func(id int64, incarnation []byte) {
		if len(incarnation) != 12 {
			c.report("repository %d has an incarnation of %d bytes", id, len(incarnation))
		}
		if other, ok := incarnations[string(incarnation)]; ok {
			c.report("repositories %d and %d have the same incarnation", id, other)
		}
		incarnations[string(incarnation)] = id
	}
	for _, r := range c.t.repositories {
		expect(c, idShard(r.id), c.shardOf(r.name), "the shard of repository %s", r.name)
		c.counters(r)
		if r.born > 0 {
			fresh(r.id, r.incarnation)
		}
		if r.born > r.mod {
			c.report("repository %s was born at %d, after it changed at %d", r.name, r.born, r.mod)
		}
	}
	for _, p := range c.t.pasts {
		fresh(p.id, p.incarnation)
		if c.repos[p.id] != nil {
			c.report("repository %s (%d) is there and gone", p.name, p.id)
		}
		if p.born >= p.ended {
			c.report("repository %s (%d) ended at %d, born at %d", p.name, p.id, p.ended, p.born)
		}
		if r := c.live[p.name]; r != nil && r.born <= p.ended {
			c.report("repository %s was born at %d, before the one before it ended at %d", p.name, r.born, p.ended)
		}
	}
	for _, p := range c.t.purges {
		if l := c.lastPast[p.name]; l == nil || c.repos[p.repo] != nil {
			c.report("repository %s (%d) is being purged but not gone", p.name, p.repo)
		}
	}
}

// counters checks what a repository's row says about other rows.
func (c *checker) counters(r *repository) {
	var tags, manifests, size int64
	for _, m := range c.t.manifests {
		if m.repo == r.id {
			manifests++
			size += m.size
			tags += int64(len(c.tags[m.id]))
		}
	}
	expect(c, r.manifests, manifests, "repository %s: manifests", r.name)
	expect(c, r.tags, tags, "repository %s: tags", r.name)
	expect(c, r.size, size, "repository %s: size", r.name)
	var previous int64
	if l := c.lastPast[r.name]; l != nil && r.born > 0 {
		previous = l.ended
	}
	expect(c, r.previous, previous, "repository %s: previous", r.name)
	if r.born == 0 && (r.rev != 0 || r.mod != 0 || manifests != 0 || len(r.incarnation) != 0) {
		c.report("repository %s is not born and has rev %d, mod %d, %d manifests", r.name, r.rev, r.mod, manifests)
	}
}

// document is what a manifest says it refers to.
type document struct {
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Blobs     []descriptor `json:"blobs"`
	Manifests []descriptor `json:"manifests"`
	Subject   *descriptor  `json:"subject"`
}

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
}

// kept reports whether the blob must be in the registry (image-spec, layer.md,
// "Non-Distributable Layers").
func (d descriptor) kept() bool {
	return !strings.Contains(d.MediaType, "nondistributable") && !strings.Contains(d.MediaType, "rootfs.foreign")
}

func (c *checker) manifests() {
	for id := range c.t.contents {
		if c.manifest[id] == nil {
			c.report("the content of manifest %d is there, the manifest is not", id)
		}
	}
	uses, children := map[int64]map[string]bool{}, map[int64]map[string]bool{}
	for _, u := range c.t.uses {
		if b := c.blobs[u.blob]; b != nil {
			add(uses, u.manifest, b.digest)
		} else {
			c.report("manifest %d uses blob %d, which is not there", u.manifest, u.blob)
		}
	}
	for _, m := range c.t.missing {
		add(uses, m.manifest, m.digest)
	}
	for _, ch := range c.t.children {
		add(children, ch.manifest, ch.child)
	}
	present := map[string]bool{} // repository and digest
	for _, m := range c.t.manifests {
		present[key(m.repo, string(m.digest))] = true
	}
	for _, m := range c.t.manifests {
		if _, ok := c.owner(m.repo, "manifest %d", m.id); ok {
			c.oneManifest(m, uses[m.id], children[m.id], present)
		}
	}
}

func (c *checker) oneManifest(m *manifest, uses, children, present map[string]bool) {
	d, err := catalog.DecodeDigest(m.digest)
	if err != nil {
		c.report("manifest %d: %v", m.id, err)
		return
	}
	raw, ok := c.t.contents[m.id]
	if !ok {
		c.report("manifest %s has no content", d)
		return
	}
	expect(c, d.Algorithm().FromBytes(raw), d, "the digest of the bytes of manifest %s", d)
	expect(c, m.size, int64(len(raw)), "the size of manifest %s", d)
	if c.repos[m.repo] == nil {
		return // being purged: in which order is the purge's own affair
	}
	expect(c, m.tagged, int64(len(c.tags[m.id])), "manifest %s: tagged", d)
	if m.born > m.mod {
		c.report("manifest %s was born at %d, after it changed at %d", d, m.born, m.mod)
	}
	for _, w := range []int64{m.mediaType, m.typ, m.platform} {
		if !c.words[w] {
			c.report("manifest %s needs word %d, which is not there", d, w)
		}
	}
	c.references(m, d, raw, uses, children, present)
}

// references checks what a manifest refers to: it is recorded, and it is here.
func (c *checker) references(m *manifest, d digest.Digest, raw []byte, uses, children, present map[string]bool) {
	var doc document
	if json.Unmarshal(raw, &doc) != nil {
		doc = document{}
	}
	blobs := append(append([]descriptor{}, doc.Layers...), doc.Blobs...)
	if doc.Config != nil {
		blobs = append(blobs, *doc.Config)
	}
	said := map[string]bool{}
	for _, b := range blobs {
		enc := string(catalog.EncodeDigest(b.Digest))
		said[enc] = true
		if b.kept() && !uses[enc] {
			c.report("manifest %s uses blob %s, which is not recorded", d, b.Digest)
		}
	}
	for enc := range uses {
		if !said[enc] {
			c.report("manifest %s is recorded to use a blob that it does not name", d)
		}
	}
	for _, k := range doc.Manifests {
		enc := string(catalog.EncodeDigest(k.Digest))
		said[enc] = true
		if !children[enc] {
			c.report("index %s lists %s, which is not recorded", d, k.Digest)
		}
		if !c.sparse && !present[key(m.repo, enc)] {
			c.report("index %s lists %s, which is not in the repository", d, k.Digest)
		}
	}
	for enc := range children {
		if !said[enc] {
			c.report("manifest %s is recorded to have a child that it does not name", d)
		}
	}
	var subject digest.Digest
	if doc.Subject != nil {
		subject = doc.Subject.Digest
	}
	expect(c, string(m.subject), string(catalog.EncodeDigest(subject)), "the subject of manifest %s", d)
}

func (c *checker) tagsAndTombstones() {
	alive := map[string]int64{} // repository, kind and name to where a tag's interval began
	for _, m := range c.t.manifests {
		d, _ := catalog.DecodeDigest(m.digest)
		alive[key(m.repo, "5 "+string(d))] = 1
	}
	for _, t := range c.t.tags {
		alive[key(t.repo, "6 "+t.name)] = t.opened
		if _, ok := c.owner(t.repo, "tag %s (%d)", t.name, t.id); !ok {
			continue
		}
		if m := c.manifest[t.manifest]; m == nil || m.repo != t.repo {
			c.report("tag %s of repository %d points to manifest %d, which is not there", t.name, t.repo, t.manifest)
		}
		if t.born > t.opened || t.opened > t.mod {
			c.report("tag %s of repository %d: born %d, opened %d, modified %d", t.name, t.repo, t.born, t.opened, t.mod)
		}
	}
	for _, x := range c.t.tombstones {
		c.owner(x.repo, "the tombstone of %s", x.name)
		if x.kind != 5 && x.kind != 6 {
			c.report("the tombstone of %s is of kind %d", x.name, x.kind)
		}
		if alive[key(x.repo, string(rune('0'+x.kind))+" "+x.name)] != 0 {
			c.report("%s of repository %d is there and has a tombstone", x.name, x.repo)
		}
	}
	c.intervals(alive)
}

// intervals checks that a tag's history does not overlap.
func (c *checker) intervals(open map[string]int64) {
	var last *interval
	for _, i := range c.t.intervals {
		c.owner(i.repo, "the history of tag %s", i.name)
		if i.opened >= i.closed {
			c.report("the history of tag %s has an interval from %d to %d", i.name, i.opened, i.closed)
		}
		if last != nil && last.repo == i.repo && last.name == i.name && last.closed > i.opened {
			c.report("the history of tag %s overlaps: to %d, from %d", i.name, last.closed, i.opened)
		}
		if at := open[key(i.repo, "6 "+i.name)]; at != 0 && i.closed > at {
			c.report("the history of tag %s reaches to %d, the tag begins at %d", i.name, i.closed, at)
		}
		last = i
	}
}

// links checks the rows that name blobs and manifests.
func (c *checker) links() {
	for _, s := range c.t.small {
		b := c.blobs[s.blob]
		if b == nil {
			c.report("the content of blob %d is there, the blob is not", s.blob)
			continue
		}
		expect(c, int64(len(s.bytes)), b.size, "the length of the content of blob %d", s.blob)
		if d, err := catalog.DecodeDigest(b.digest); err != nil || d.Algorithm().FromBytes(s.bytes) != d {
			c.report("the content of blob %d does not have its digest %s (%v)", s.blob, d, err)
		}
	}
	for _, l := range c.t.links {
		c.owner(l.repo, "the link of blob %d", l.blob)
		if b := c.blobs[l.blob]; b == nil || idShard(l.repo) != int(b.shard) {
			c.report("repository %d links blob %d, which is not in its shard", l.repo, l.blob)
		}
	}
	for _, u := range c.t.uses {
		if _, ok := c.owner(u.repo, "the use of blob %d", u.blob); !ok || c.repos[u.repo] == nil {
			continue
		}
		if !c.linked[[2]int64{u.repo, u.blob}] {
			c.report("manifest %d uses blob %d, which repository %d does not link", u.manifest, u.blob, u.repo)
		}
		if m := c.manifest[u.manifest]; m == nil || m.repo != u.repo {
			c.report("blob %d is used by manifest %d, which is not in repository %d", u.blob, u.manifest, u.repo)
		}
	}
	for _, k := range c.t.children {
		if _, ok := c.owner(k.repo, "a child of manifest %d", k.manifest); !ok || c.repos[k.repo] == nil {
			continue
		}
		if m := c.manifest[k.manifest]; m == nil || m.repo != k.repo {
			c.report("manifest %d has a child but is not in repository %d", k.manifest, k.repo)
		}
	}
	for _, b := range c.t.blobs {
		expect(c, int(b.shard), idShard(b.id), "the shard of blob %d", b.id)
	}
}
