package catalogcheck

import (
	"context"
	"fmt"

	"github.com/lading-dev/lading/internal/sqldb"
)

// tables are all rows, as they are stored.
type tables struct {
	repositories []*repository
	pasts        []*past
	purges       []*purge
	manifests    []*manifest
	contents     map[int64][]byte
	tags         []*tag
	intervals    []*interval
	tombstones   []*tombstone
	blobs        []*blob
	small        []*small   // blob_content
	links        []*link    // repository_blob
	uses         []*use     // manifest_blob
	missing      []*missing // manifest_missing
	children     []*child
	orphans      []*orphan
	namespaces   []*namespace
	words        []*word
	types        []*artifactType // artifact_type
	retypings    []*retyping
	feed         []feedRow
	heads        []*head
	journal      []*journalRow // by shard and position
	audits       []*auditRow
	auditFresh   []*auditRow
	auditPlaces  []*auditPlace
}

type repository struct {
	id                       int64
	name                     string
	incarnation              []byte
	rev, born, mod, previous int64
	tags, manifests, size    int64
}

type past struct {
	id               int64
	name             string
	incarnation      []byte
	rev, born, ended int64
}

type purge struct {
	repo int64
	name string
}

type manifest struct {
	id, repo                       int64
	digest                         []byte
	mediaType, typ, size, platform int64
	subject                        []byte
	tagged, rev, born, mod         int64
	kept, remote                   int64
}

type tag struct {
	id, repo                int64
	name                    string
	manifest, opened, actor int64
	rev, born, mod          int64
}

type interval struct {
	repo           int64
	name           string
	opened, closed int64
	digest         []byte
	actor          int64
}

type tombstone struct {
	id, repo, kind int64
	name           string
	mod            int64
}

type blob struct {
	id     int64
	digest []byte
	shard  int64
	size   int64
}

type small struct {
	blob  int64
	bytes []byte
}

type link struct{ repo, blob int64 }

type use struct{ repo, blob, manifest int64 }

type child struct {
	repo     int64
	child    []byte
	manifest int64
}

type namespace struct {
	id   int64
	name string
}

type word struct {
	id   int64
	text string
}

type artifactType struct {
	word         int64
	short, media string
}

type retyping struct{ manifest, pos, was int64 }

type feedRow struct{ list, kind, shard, pos, item, typ int64 }

type head struct{ shard, seq, pos, nextID, floor, journalFloor int64 }

type journalRow struct {
	shard, pos, seq, repo, rev, action, kind int64
	name                                     string
	digest, previous                         []byte
	typ, previousType, flags, actor          int64
}

func (t *tables) load(ctx context.Context, q sqldb.Querier) error {
	t.contents = map[int64][]byte{}
	type content struct {
		manifest int64
		bytes    []byte
	}
	var contents []*content
	for _, err := range []error{
		read(ctx, q, &t.repositories, `SELECT id,name,incarnation,rev,born,mod,previous,tags,manifests,size FROM repository ORDER BY id`, func(r *repository) []any {
			return []any{&r.id, &r.name, &r.incarnation, &r.rev, &r.born, &r.mod, &r.previous, &r.tags, &r.manifests, &r.size}
		}),
		read(ctx, q, &t.pasts, `SELECT id,name,incarnation,rev,born,ended FROM repository_past ORDER BY id`, func(p *past) []any {
			return []any{&p.id, &p.name, &p.incarnation, &p.rev, &p.born, &p.ended}
		}),
		read(ctx, q, &t.purges, `SELECT repo,name FROM purge ORDER BY repo`, func(p *purge) []any { return []any{&p.repo, &p.name} }),
		read(ctx, q, &t.manifests, `SELECT id,repo,digest,media_type,type,size,platform,subject,tagged,rev,born,mod,kept,remote FROM manifest ORDER BY id`, func(m *manifest) []any {
			return []any{&m.id, &m.repo, &m.digest, &m.mediaType, &m.typ, &m.size, &m.platform, &m.subject, &m.tagged, &m.rev, &m.born, &m.mod, &m.kept, &m.remote}
		}),
		read(ctx, q, &contents, `SELECT manifest,bytes FROM content`, func(c *content) []any { return []any{&c.manifest, &c.bytes} }),
		read(ctx, q, &t.tags, `SELECT id,repo,name,manifest,opened,actor,rev,born,mod FROM tag ORDER BY id`, func(g *tag) []any {
			return []any{&g.id, &g.repo, &g.name, &g.manifest, &g.opened, &g.actor, &g.rev, &g.born, &g.mod}
		}),
		read(ctx, q, &t.intervals, `SELECT repo,name,opened,closed,digest,actor FROM tag_past ORDER BY repo,name,opened`, func(i *interval) []any {
			return []any{&i.repo, &i.name, &i.opened, &i.closed, &i.digest, &i.actor}
		}),
		read(ctx, q, &t.tombstones, `SELECT id,repo,kind,name,mod FROM tombstone ORDER BY id`, func(x *tombstone) []any {
			return []any{&x.id, &x.repo, &x.kind, &x.name, &x.mod}
		}),
		read(ctx, q, &t.blobs, `SELECT id,digest,shard,size FROM blob ORDER BY id`, func(b *blob) []any { return []any{&b.id, &b.digest, &b.shard, &b.size} }),
		read(ctx, q, &t.small, `SELECT blob,bytes FROM blob_content`, func(s *small) []any { return []any{&s.blob, &s.bytes} }),
		read(ctx, q, &t.links, `SELECT repo,blob FROM repository_blob`, func(l *link) []any { return []any{&l.repo, &l.blob} }),
		read(ctx, q, &t.uses, `SELECT repo,blob,manifest FROM manifest_blob`, func(u *use) []any { return []any{&u.repo, &u.blob, &u.manifest} }),
		read(ctx, q, &t.missing, `SELECT repo,digest,manifest FROM manifest_missing`, func(m *missing) []any { return []any{&m.repo, &m.digest, &m.manifest} }),
		read(ctx, q, &t.orphans, `SELECT repo,kind,digest,shard,at FROM orphan`, func(o *orphan) []any { return []any{&o.repo, &o.kind, &o.digest, &o.shard, &o.at} }),
		read(ctx, q, &t.children, `SELECT repo,child,manifest FROM manifest_child`, func(c *child) []any { return []any{&c.repo, &c.child, &c.manifest} }),
		read(ctx, q, &t.namespaces, `SELECT id,name FROM namespace`, func(n *namespace) []any { return []any{&n.id, &n.name} }),
		read(ctx, q, &t.words, `SELECT id,text FROM word`, func(w *word) []any { return []any{&w.id, &w.text} }),
		read(ctx, q, &t.types, `SELECT word,short,media FROM artifact_type`, func(a *artifactType) []any { return []any{&a.word, &a.short, &a.media} }),
		read(ctx, q, &t.retypings, `SELECT manifest,pos,was FROM retyping`, func(r *retyping) []any { return []any{&r.manifest, &r.pos, &r.was} }),
		read(ctx, q, &t.heads, `SELECT shard,seq,pos,next_id,floor,journal_floor FROM head ORDER BY shard`, func(h *head) []any {
			return []any{&h.shard, &h.seq, &h.pos, &h.nextID, &h.floor, &h.journalFloor}
		}),
		read(ctx, q, &t.journal, `SELECT shard,pos,seq,repo,rev,action,kind,name,digest,previous,type,previous_type,flags,actor FROM journal ORDER BY shard,pos`, func(j *journalRow) []any {
			return []any{&j.shard, &j.pos, &j.seq, &j.repo, &j.rev, &j.action, &j.kind, &j.name, &j.digest, &j.previous, &j.typ, &j.previousType, &j.flags, &j.actor}
		}),
		read(ctx, q, &t.audits, `SELECT pos,source,actor,place FROM audit`, func(a *auditRow) []any { return []any{&a.pos, &a.source, &a.actor, &a.place} }),
		read(ctx, q, &t.auditFresh, `SELECT pos,source FROM audit_fresh`, func(a *auditRow) []any { return []any{&a.pos, &a.source} }),
		read(ctx, q, &t.auditPlaces, `SELECT place,pos,source FROM audit_place`, func(a *auditPlace) []any { return []any{&a.place, &a.pos, &a.source} }),
		t.readFeed(ctx, q),
	} {
		if err != nil {
			return err
		}
	}
	for _, c := range contents {
		t.contents[c.manifest] = c.bytes
	}
	return nil
}

func (t *tables) readFeed(ctx context.Context, q sqldb.Querier) error {
	var rows []*feedRow
	err := read(ctx, q, &rows, `SELECT list,kind,shard,pos,item,type FROM feed`, func(f *feedRow) []any {
		return []any{&f.list, &f.kind, &f.shard, &f.pos, &f.item, &f.typ}
	})
	for _, r := range rows {
		t.feed = append(t.feed, *r)
	}
	return err
}

// read appends the rows of a query; fields are a row's scan targets.
func read[T any](ctx context.Context, q sqldb.Querier, into *[]*T, sql string, fields func(*T) []any) error {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	defer rows.Close()
	for rows.Next() {
		v := new(T)
		if err := rows.Scan(fields(v)...); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		*into = append(*into, v)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
