package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// retypeStep bounds the tags that one transaction tells of. It is less than
// deleteStep: in the feed, a tag that changes its type is four rows more.
const retypeStep = 250

// Retyped is what a stored manifest has become.
type Retyped struct {
	ID    int64
	Short string // as Manifest.Type
	Shown string
}

// Retype gives manifests of a repository other types or shown fields, as many
// of the first ones as one transaction should: each that changes is journalled,
// and so is each tag that points to it. It returns those that are left, to be
// given to it again. What is gone by now is left out.
//
// A manifest with more tags than that is journalled with the first of them, the
// others follow in transactions of their own (see Unfinished). Until then they
// are to all readers what they were.
//
// Errors: ErrStaleType when generation is not the current one any more: what
// was found by it may be wrong.
func (c *Catalog) Retype(ctx context.Context, generation int64, repo string, items []Retyped) (left []Retyped, err error) {
	lists, err := c.lists(ctx, repo)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	items = slices.SortedFunc(slices.Values(items), func(a, b Retyped) int { return cmp.Compare(a.ID, b.ID) })
	r := &retype{c: c, name: repo, lists: lists, generation: generation, ids: make([]int64, 0, inStep), items: map[int64]Retyped{}, words: map[int64]int64{}}
	for _, it := range items[:min(len(items), inStep)] {
		r.items[it.ID] = it
		r.ids = append(r.ids, it.ID)
	}
	if err := r.findWords(ctx); err != nil {
		return nil, err
	}
	if err := c.db.Update(ctx, c.Shard(repo), r.run); err != nil {
		return nil, err
	}
	return items[r.done:], nil
}

// retype is one Retype. run may be called more than once.
type retype struct {
	c          *Catalog
	name       string
	lists      []int64
	generation int64
	ids        []int64 // in order
	items      map[int64]Retyped
	words      map[int64]int64 // by manifest
	done       int             // of ids
}

// findWords adds the words that are missing, outside of the transaction. The
// media type of a manifest does not change.
func (r *retype) findWords(ctx context.Context) error {
	old := map[int64]int64{}
	q := r.c.db.Read()
	rows, err := q.Query(ctx, `SELECT id,type FROM manifest WHERE id IN `+sqldb.In(inSize(len(r.ids))), inArgs(nil, r.ids)...)
	if err != nil {
		return fmt.Errorf("catalog: retype: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, typ int64
		if err := rows.Scan(&id, &typ); err != nil {
			return fmt.Errorf("catalog: retype: %w", err)
		}
		old[id] = typ
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("catalog: retype: %w", err)
	}
	rows.Close()
	for id, word := range old {
		t, err := r.c.Type(ctx, q, word)
		if err != nil {
			return err
		}
		t.Short = r.items[id].Short
		if r.words[id], err = r.c.typeWord(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (r *retype) run(tx *sqldb.Tx) error {
	r.done = 0
	t, err := typing(tx.Context(), tx)
	if err != nil {
		return err
	}
	if t.Generation != r.generation {
		return ErrStaleType
	}
	repo, err := loadRepository(tx, r.name)
	if err != nil {
		return err
	}
	if repo == nil || repo.born == 0 {
		r.done = len(r.ids)
		return nil
	}
	// A manifest changes again when all its tags have been told of the last
	// time: there are no three types at once.
	begun, err := retypings(tx, repo, r.ids)
	if err != nil {
		return err
	}
	ch := r.c.newChange(tx, repo, r.lists, 0)
	if len(begun) > 0 {
		_, err := ch.goOn(begun[0])
		return err
	}
	return r.change(ch)
}

// change changes manifests with all their tags, or the first one with its
// first tags.
func (r *retype) change(ch *change) error {
	changed, err := r.changed(ch.tx, ch.repo.id)
	r.done = len(r.ids)
	if err != nil || len(changed) == 0 {
		return err
	}
	tags, err := tagsOfAll(ch.tx, changed, r.c.retypeStep+1)
	if err != nil {
		return err
	}
	if len(tags) > r.c.retypeStep { // those of the last one are not all
		i := slices.Index(changed, tags[len(tags)-1].to)
		if i == 0 {
			r.begin(ch, changed[0], tags[:r.c.retypeStep])
			return nil
		}
		r.done, _ = slices.BinarySearch(r.ids, changed[i].id)
		changed = changed[:i]
	}
	for _, m := range changed {
		was := m.typ
		ch.retype(m, r.words[m.id], r.items[m.id].Shown)
		for ; len(tags) > 0 && tags[0].to == m; tags = tags[1:] {
			ch.retypeTag(tags[0], was)
		}
	}
	ch.finish()
	return nil
}

// begin changes a manifest with its first tags.
func (r *retype) begin(ch *change, m *manifestRow, tags []*tagRow) {
	was := m.typ
	ch.retype(m, r.words[m.id], r.items[m.id].Shown)
	ch.tx.Exec(`INSERT INTO retyping(manifest,pos,was,after) VALUES(?,?,?,?)`, m.id, m.mod, was, tags[len(tags)-1].name)
	for _, t := range tags {
		ch.retypeTag(t, was)
	}
	ch.finish()
	r.done, _ = slices.BinarySearch(r.ids, m.id)
}

// changed returns those of the manifests that are there and are something
// else, in the order of their ids.
func (r *retype) changed(tx *sqldb.Tx, repo int64) (out []*manifestRow, _ error) {
	rows, err := tx.Query(tx.Context(), `SELECT id,type,size,digest,tagged,born,mod,COALESCE(shown,'') FROM manifest WHERE repo=? AND id IN `+sqldb.In(inSize(len(r.ids)))+` ORDER BY id`,
		inArgs([]any{repo}, r.ids)...)
	if err != nil {
		return nil, fmt.Errorf("catalog: retype: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		m, shown := &manifestRow{}, ""
		if err := rows.Scan(&m.id, &m.typ, &m.size, &m.digest, &m.tagged, &m.born, &m.mod, &shown); err != nil {
			return nil, fmt.Errorf("catalog: retype: %w", err)
		}
		m.wasTagged = m.tagged
		word, known := r.words[m.id]
		if known && (word != m.typ || shown != r.items[m.id].Shown) {
			out = append(out, m)
		}
	}
	return out, rows.Err()
}

// tagsOfAll are the first n tags that point to the manifests, in their order and
// that of the names.
func tagsOfAll(tx *sqldb.Tx, manifests []*manifestRow, n int) (out []*tagRow, _ error) {
	ids := make([]int64, 0, len(manifests))
	byID := map[int64]*manifestRow{}
	for _, m := range manifests {
		ids = append(ids, m.id)
		byID[m.id] = m
	}
	rows, err := tx.Query(tx.Context(), `SELECT id,name,born,mod,manifest FROM tag WHERE manifest IN `+sqldb.In(inSize(len(ids)))+` ORDER BY manifest,name LIMIT ?`,
		append(inArgs(nil, ids), n)...)
	if err != nil {
		return nil, fmt.Errorf("catalog: retype: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		t, to := &tagRow{}, int64(0)
		if err := rows.Scan(&t.id, &t.name, &t.born, &t.mod, &to); err != nil {
			return nil, fmt.Errorf("catalog: retype: %w", err)
		}
		t.to = byID[to]
		out = append(out, t)
	}
	return out, rows.Err()
}

// retype gives a manifest another type or other shown fields, and tells of it.
func (ch *change) retype(m *manifestRow, typ int64, shown string) {
	old := m.typ
	m.typ = typ
	pos, rev := ch.record(journal.Row{Kind: journal.Manifest, Action: journal.Updated, Digest: m.digest, Type: typ, PreviousType: old, Flags: m.flags() | journal.Existed})
	lists := ch.feed.lists
	if m.tagged == 0 {
		lists = ch.feed.with(UntaggedList)
	}
	ch.retypeFeed(ManifestModified, ManifestCreated, m.mod, m.born, pos, old, typ, lists)
	ch.tx.Exec(`UPDATE manifest SET type=?,shown=?,mod=?,rev=? WHERE id=?`, typ, nullable(shown), pos, rev, m.id)
	m.mod = pos
}

// retypeTag tells of a tag whose manifest has changed. It goes on pointing
// there, so that its interval does too: a row about a tag whose digest and
// previous digest are the same is one of these.
func (ch *change) retypeTag(t *tagRow, was int64) {
	m := t.to
	pos, rev := ch.record(journal.Row{Kind: journal.Tag, Action: journal.Updated, Name: t.name, Digest: m.digest, Previous: m.digest,
		Type: m.typ, PreviousType: was, Flags: journal.Existed | journal.WasTagged | journal.IsTagged})
	ch.retypeFeed(TagModified, TagCreated, t.mod, t.born, pos, was, m.typ, ch.feed.lists)
	ch.tx.Exec(`UPDATE tag SET mod=?,rev=? WHERE id=?`, pos, rev, t.id)
}

// retypeFeed moves an item to a new position in the lists that it stays in, and
// from one type's list to the other's, with one statement for each kind.
func (ch *change) retypeFeed(modified, created FeedKind, mod, born, pos, old, typ int64, lists []int64) {
	lists = append(slices.Clone(lists), TypeList(old))
	ch.feed.change(modified, mod, pos, typ, TypeList(old), TypeList(typ), lists)
	if old != typ {
		ch.feed.change(created, born, born, typ, TypeList(old), TypeList(typ), lists)
	}
}
