package catalog

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// repositoryRow is a row of the table of that name.
type repositoryRow struct {
	id                       int64
	name                     string
	incarnation              []byte
	rev, born, mod, previous int64
	tags, manifests, size    int64
	stored                   bool
}

// idOr0 is the repository's id, 0 where there is none: no row has that.
func (r *repositoryRow) idOr0() int64 {
	if r == nil {
		return 0
	}
	return r.id
}

// manifestRow is the part of a manifest's row that changes work with.
type manifestRow struct {
	id, typ, size     int64
	digest            []byte
	tagged, born, mod int64
	wasTagged         int64 // tagged, before the change
}

// tagRow is a tag with the manifest that it points to.
type tagRow struct {
	id            int64
	name          string
	opened, actor int64
	born, mod     int64
	typ           int64 // the manifest's, or still the one before (see tagType)
	to            *manifestRow
}

// change is one transaction on one repository: it gathers journal rows, moves
// the feed, and closes with the repository's own row. The caller has made all
// its checks before it calls the first method that writes.
type change struct {
	c     *Catalog
	tx    *sqldb.Tx
	w     *journal.Writer
	repo  *repositoryRow
	actor int64
	feed  feedWriter
	rows  []journal.Row
}

func (c *Catalog) newChange(tx *sqldb.Tx, repo *repositoryRow, lists []int64, actor int64) *change {
	return &change{c: c, tx: tx, w: journal.From(tx), repo: repo, actor: actor, feed: feedWriter{tx: tx, lists: lists}}
}

// record adds a journal row and returns its position and rev.
func (ch *change) record(r journal.Row) (pos, rev int64) {
	ch.repo.rev++
	r.Pos, r.Rev, r.Repo, r.Actor = ch.w.NewPos(), ch.repo.rev, ch.repo.id, ch.actor
	ch.repo.mod = r.Pos
	ch.rows = append(ch.rows, r)
	return r.Pos, r.Rev
}

// birth makes the repository visible, with a new incarnation.
func (ch *change) birth() error {
	r := ch.repo
	var past, ended int64
	err := ch.tx.QueryRow(ch.tx.Context(), `SELECT id,ended FROM repository_past WHERE name=? ORDER BY ended DESC LIMIT 1`, r.name).Scan(&past, &ended)
	if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return fmt.Errorf("catalog: %s: %w", r.name, err)
	}
	if past != 0 {
		// The new life's row tells of the end of the old one from now on.
		r.previous = ended
		ch.feed.remove(RepositoryGone, ended, ch.feed.lists...)
	}
	r.incarnation = make([]byte, 12)
	rand.Read(r.incarnation)
	r.born, _ = ch.record(journal.Row{Kind: journal.Repository, Action: journal.Created, Name: r.name})
	ch.feed.insert(RepositoryLive, r.born, r.id, 0, ch.feed.lists...)
	return nil
}

// touch journals that a manifest's tags changed and moves it in its lists.
func (ch *change) touch(m *manifestRow) {
	pos, rev := ch.record(journal.Row{Kind: journal.Manifest, Action: journal.Updated, Digest: m.digest, Type: m.typ, PreviousType: m.typ, Flags: m.flags() | journal.Existed})
	ch.feed.move(ManifestModified, m.mod, pos, m.typ, ch.feed.with(TypeList(m.typ))...)
	switch {
	case m.wasTagged == 0 && m.tagged > 0:
		ch.feed.remove(ManifestModified, m.mod, UntaggedList)
		ch.feed.remove(ManifestCreated, m.born, UntaggedList)
	case m.wasTagged > 0 && m.tagged == 0:
		ch.feed.insert(ManifestModified, pos, m.id, m.typ, UntaggedList)
		ch.feed.insert(ManifestCreated, m.born, m.id, m.typ, UntaggedList)
	}
	ch.tx.Exec(`UPDATE manifest SET tagged=?,kept=1,mod=?,rev=? WHERE id=?`, m.tagged, pos, rev, m.id) // it has, or has had, a tag
	m.mod, m.wasTagged = pos, m.tagged
}

func (m *manifestRow) flags() (f journal.Flags) {
	if m.wasTagged > 0 {
		f |= journal.WasTagged
	}
	if m.tagged > 0 {
		f |= journal.IsTagged
	}
	return f
}

// openTag points a tag that does not exist to a manifest. previous is where an
// earlier one of that name ended, or 0.
func (ch *change) openTag(name string, to *manifestRow, previous int64) {
	pos, rev := ch.record(journal.Row{Kind: journal.Tag, Action: journal.Created, Name: name, Digest: to.digest, Type: to.typ, Flags: journal.IsTagged})
	id := ch.w.NewID()
	ch.tx.Exec(`INSERT INTO tag(id,repo,name,manifest,opened,actor,rev,born,mod,previous) VALUES(?,?,?,?,?,?,?,?,?,?)`,
		id, ch.repo.id, name, to.id, pos, ch.actor, rev, pos, pos, previous)
	lists := ch.feed.with(TypeList(to.typ))
	ch.feed.insert(TagModified, pos, id, to.typ, lists...)
	ch.feed.insert(TagCreated, pos, id, to.typ, lists...)
	ch.repo.tags++
}

// moveTag closes the tag's interval and opens one that points elsewhere.
func (ch *change) moveTag(t *tagRow, to *manifestRow) {
	from := t.to
	pos, rev := ch.record(journal.Row{Kind: journal.Tag, Action: journal.Updated, Name: t.name, Digest: to.digest, Previous: from.digest,
		Type: to.typ, PreviousType: t.typ, Flags: journal.Existed | journal.WasTagged | journal.IsTagged})
	ch.closeInterval(t, pos)
	ch.tx.Exec(`UPDATE tag SET manifest=?,opened=?,actor=?,rev=?,mod=? WHERE id=?`, to.id, pos, ch.actor, rev, pos, t.id)
	if t.typ == to.typ {
		ch.feed.move(TagModified, t.mod, pos, to.typ, ch.feed.with(TypeList(to.typ))...)
		return
	}
	ch.feed.move(TagModified, t.mod, pos, to.typ, ch.feed.lists...)
	ch.feed.move(TagCreated, t.born, t.born, to.typ, ch.feed.lists...)
	ch.feed.remove(TagModified, t.mod, TypeList(t.typ))
	ch.feed.remove(TagCreated, t.born, TypeList(t.typ))
	ch.feed.insert(TagModified, pos, t.id, to.typ, TypeList(to.typ))
	ch.feed.insert(TagCreated, t.born, t.id, to.typ, TypeList(to.typ))
}

// closeTag ends a tag and leaves a tombstone.
func (ch *change) closeTag(t *tagRow) {
	pos, _ := ch.record(journal.Row{Kind: journal.Tag, Action: journal.Deleted, Name: t.name, Previous: t.to.digest, PreviousType: t.typ,
		Flags: journal.Existed | journal.WasTagged})
	ch.closeInterval(t, pos)
	ch.tx.Exec(`DELETE FROM tag WHERE id=?`, t.id)
	lists := ch.feed.with(TypeList(t.typ))
	ch.feed.remove(TagModified, t.mod, lists...)
	ch.feed.remove(TagCreated, t.born, lists...)
	ch.bury(TagGone, t.name, pos)
	ch.repo.tags--
}

func (ch *change) closeInterval(t *tagRow, pos int64) {
	ch.tx.Exec(`INSERT INTO tag_past(repo,name,opened,closed,digest,actor,media_type,size) SELECT ?,?,?,?,?,?,media_type,size FROM manifest WHERE id=?`,
		ch.repo.id, t.name, t.opened, pos, t.to.digest, t.actor, t.to.id)
}

// bury leaves a tombstone. Its name has none yet: raise removed it when the
// item came to life.
func (ch *change) bury(kind FeedKind, name string, pos int64) {
	id := ch.w.NewID()
	ch.tx.Exec(`INSERT INTO tombstone(id,repo,kind,name,mod) VALUES(?,?,?,?,?)`, id, ch.repo.id, int64(kind), name, pos)
	ch.feed.insert(kind, pos, id, 0, ch.feed.lists...)
}

// grave is a tombstone that stands in the way of a new item.
type grave struct {
	id, mod int64
	kind    FeedKind
	name    string
}

// raise removes the tombstone of an item that comes to life again and returns
// where the item had died, 0 if it has no tombstone. The new item's row tells
// of that end from now on.
func (ch *change) raise(graves []grave, kind FeedKind, name string) int64 {
	for _, g := range graves {
		if g.kind == kind && g.name == name {
			ch.tx.Exec(`DELETE FROM tombstone WHERE id=?`, g.id)
			ch.feed.remove(g.kind, g.mod, ch.feed.lists...)
			return g.mod
		}
	}
	return 0
}

// finish writes the journal, the feed and the repository's row.
func (ch *change) finish() {
	ch.w.Append(ch.tx, ch.rows)
	ch.feed.flush()
	r := ch.repo
	if r.stored {
		ch.tx.Exec(`UPDATE repository SET incarnation=?,rev=?,born=?,mod=?,previous=?,tags=?,manifests=?,size=? WHERE id=?`,
			r.incarnation, r.rev, r.born, r.mod, r.previous, r.tags, r.manifests, r.size, r.id)
		return
	}
	ch.tx.Exec(`INSERT INTO repository(id,name,incarnation,rev,born,mod,previous,tags,manifests,size) VALUES(?,?,?,?,?,?,?,?,?,?)`,
		r.id, r.name, r.incarnation, r.rev, r.born, r.mod, r.previous, r.tags, r.manifests, r.size)
}

// loadRepository returns the living or unborn repository of that name, nil if
// there is none.
func loadRepository(tx *sqldb.Tx, name string) (*repositoryRow, error) {
	r := &repositoryRow{name: name, stored: true}
	err := tx.QueryRow(tx.Context(), selectRepository, name).Scan(r.fields()...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: repository %s: %w", name, err)
	}
	return r, nil
}

const selectRepository = `SELECT id,incarnation,rev,born,mod,previous,tags,manifests,size FROM repository WHERE name=?`

func (r *repositoryRow) fields() []any {
	return []any{&r.id, &r.incarnation, &r.rev, &r.born, &r.mod, &r.previous, &r.tags, &r.manifests, &r.size}
}

func tombstoneName(d digest.Digest) string { return string(d) }
