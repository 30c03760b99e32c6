package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Walk is how far what is stored in a shard was typed again: what was put after
// Pos, up to Ends, has still to be looked at. What was put after Ends was typed
// by the walk's generation, or a later one.
type Walk struct {
	Shard     int
	Pos, Ends int64
}

// Walks returns the walk of a generation in each shard, and begins those that
// have not begun.
//
// Errors: ErrStaleType when it is not the current generation any more.
func (c *Catalog) Walks(ctx context.Context, generation int64) ([]Walk, error) {
	out := make([]Walk, c.db.Shards())
	for shard := range out {
		err := c.db.Update(ctx, shard, func(tx *sqldb.Tx) error {
			w := &out[shard]
			w.Shard = shard
			var of int64
			err := tx.QueryRow(tx.Context(), `SELECT generation,pos,ends FROM typing_walk WHERE shard=?`, shard).Scan(&of, &w.Pos, &w.Ends)
			if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
				return fmt.Errorf("catalog: walk: %w", err)
			}
			t, err := typing(tx.Context(), tx)
			if err != nil {
				return err
			}
			if t.Generation != generation {
				return ErrStaleType
			}
			if of == generation {
				return nil
			}
			// Under the lock of the head, and so after every push that was
			// typed by an older generation.
			w.Pos, w.Ends = 0, journal.From(tx).Pos()
			tx.Exec(`INSERT INTO typing_walk(shard,generation,pos,ends) VALUES(?,?,?,?)
				ON CONFLICT(shard) DO UPDATE SET generation=excluded.generation,pos=excluded.pos,ends=excluded.ends`, shard, generation, w.Pos, w.Ends)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SaveWalk keeps how far a walk of a generation has come.
func (c *Catalog) SaveWalk(ctx context.Context, generation int64, w Walk) error {
	_, err := c.db.ExecDirect(ctx, `UPDATE typing_walk SET pos=? WHERE shard=? AND generation=? AND pos<?`, w.Pos, w.Shard, generation, w.Pos)
	if err != nil {
		return fmt.Errorf("catalog: walk: %w", err)
	}
	return nil
}

// EndWalk keeps that what is stored was brought up to a generation, unless
// there is a later one.
func (c *Catalog) EndWalk(ctx context.Context, generation int64) error {
	if _, err := c.db.ExecDirect(ctx, `UPDATE typing SET walked=definitions WHERE id=0 AND generation=?`, generation); err != nil {
		return fmt.Errorf("catalog: walk: %w", err)
	}
	return nil
}

// Stored is a stored manifest as the walk looks at it.
type Stored struct {
	ID         int64
	Repository string
	Digest     digest.Digest
	MediaType  string
	Bytes      []byte
	Type       Type
	Shown      string

	repo, pos, size int64
}

// walkBytes is about how many bytes of manifests are looked at in one step.
const walkBytes = 4 << 20

// Walked returns up to n manifests that a walk comes to next, fewer where they
// are large, and the walk behind them.
func (c *Catalog) Walked(ctx context.Context, w Walk, n int) (out []*Stored, next Walk, err error) {
	err = c.db.View(ctx, func(q sqldb.Querier) error {
		next = w
		entries, err := c.Scan(ctx, q, Stream{Kind: ManifestCreated, List: RegistryList, Shard: w.Shard}, Span{After: w.Pos, Until: w.Ends}, n)
		if err != nil {
			return err
		}
		if len(entries) < n {
			next.Pos = w.Ends
		} else {
			next.Pos = entries[len(entries)-1].Pos
		}
		pos := make(map[int64]int64, len(entries))
		ids := make([]int64, 0, len(entries))
		for _, e := range entries {
			pos[e.Item] = e.Pos
			ids = append(ids, e.Item)
		}
		if out, err = c.stored(ctx, q, ids); err != nil {
			return err
		}
		for _, s := range out {
			s.pos = pos[s.ID]
		}
		slices.SortFunc(out, func(a, b *Stored) int { return int(a.pos - b.pos) })
		total := int64(0)
		for i, s := range out {
			if total += s.size; i > 0 && total > walkBytes {
				out, next.Pos = out[:i], out[i-1].pos
				break
			}
			if err := c.readStored(ctx, q, s); err != nil {
				return err
			}
		}
		return nil
	})
	return out, next, err
}

// stored returns those of the manifests whose repositories live, without what
// readStored reads.
func (c *Catalog) stored(ctx context.Context, q sqldb.Querier, ids []int64) (out []*Stored, err error) {
	for chunk := range slices.Chunk(ids, inStep) {
		rows, err := q.Query(ctx, `SELECT m.id,m.repo,r.name,m.size FROM manifest m JOIN repository r ON r.id=m.repo WHERE m.id IN `+sqldb.In(inSize(len(chunk))), inArgs(nil, chunk)...)
		if err != nil {
			return nil, fmt.Errorf("catalog: walk: %w", err)
		}
		for rows.Next() {
			s := &Stored{}
			if err := rows.Scan(&s.ID, &s.repo, &s.Repository, &s.size); err != nil {
				rows.Close()
				return nil, fmt.Errorf("catalog: walk: %w", err)
			}
			out = append(out, s)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("catalog: walk: %w", err)
		}
	}
	return out, nil
}

func (c *Catalog) readStored(ctx context.Context, q sqldb.Querier, s *Stored) error {
	var enc []byte
	var mediaType, typ int64
	var shown sql.NullString
	err := q.QueryRow(ctx, `SELECT m.digest,m.media_type,m.type,m.shown,c.bytes FROM manifest m JOIN content c ON c.manifest=m.id WHERE m.id=?`, s.ID).
		Scan(&enc, &mediaType, &typ, &shown, &s.Bytes)
	if err != nil {
		return fmt.Errorf("catalog: walk: manifest %d: %w", s.ID, err)
	}
	s.Shown = shown.String
	if s.Digest, err = DecodeDigest(enc); err != nil {
		return err
	}
	if s.MediaType, err = c.Word(ctx, q, mediaType); err != nil {
		return err
	}
	s.Type, err = c.Type(ctx, q, typ)
	return err
}

// Retyped is what a stored manifest has become.
type Retyped struct {
	ID    int64
	Short string // as Manifest.Type
	Shown string
}

// Retype gives manifests of a repository other types or shown fields, in one
// transaction: each that changes is journalled, and so is each tag that points
// to it. What is gone by now is left out.
//
// Errors: ErrStaleType when generation is not the current one any more: what
// was found by it may be wrong.
func (c *Catalog) Retype(ctx context.Context, generation int64, repo string, items []Retyped) error {
	lists, err := c.lists(ctx, repo)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(items, inStep) {
		r := &retype{c: c, name: repo, lists: lists, generation: generation, items: map[int64]Retyped{}, words: map[int64]int64{}}
		for _, it := range chunk {
			r.items[it.ID] = it
			r.ids = append(r.ids, it.ID)
		}
		if err := r.findWords(ctx); err != nil {
			return err
		}
		if err := c.db.Update(ctx, c.Shard(repo), r.run); err != nil {
			return err
		}
	}
	return nil
}

type retype struct {
	c          *Catalog
	name       string
	lists      []int64
	generation int64
	ids        []int64
	items      map[int64]Retyped
	words      map[int64]int64 // by manifest
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
	t, err := typing(tx.Context(), tx)
	if err != nil {
		return err
	}
	if t.Generation != r.generation {
		return ErrStaleType
	}
	repo, err := loadRepository(tx, r.name)
	if err != nil || repo == nil || repo.born == 0 {
		return err
	}
	changed, err := r.changed(tx, repo.id)
	if err != nil || len(changed) == 0 {
		return err
	}
	tags, err := tagsOfAll(tx, changed)
	if err != nil {
		return err
	}
	ch := r.c.newChange(tx, repo, r.lists, 0)
	for _, m := range changed {
		ch.retype(m, r.words[m.id], r.items[m.id].Shown, tags[m.id])
	}
	ch.finish()
	return nil
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

// tagsOfAll are the tags that point to each of the manifests, in order.
func tagsOfAll(tx *sqldb.Tx, manifests []*manifestRow) (map[int64][]*tagRow, error) {
	ids := make([]int64, 0, len(manifests))
	byID := map[int64]*manifestRow{}
	for _, m := range manifests {
		ids = append(ids, m.id)
		byID[m.id] = m
	}
	rows, err := tx.Query(tx.Context(), `SELECT id,name,born,mod,manifest FROM tag WHERE manifest IN `+sqldb.In(inSize(len(ids)))+` ORDER BY manifest,name`, inArgs(nil, ids)...)
	if err != nil {
		return nil, fmt.Errorf("catalog: retype: %w", err)
	}
	defer rows.Close()
	out := map[int64][]*tagRow{}
	for rows.Next() {
		t, to := &tagRow{}, int64(0)
		if err := rows.Scan(&t.id, &t.name, &t.born, &t.mod, &to); err != nil {
			return nil, fmt.Errorf("catalog: retype: %w", err)
		}
		t.to = byID[to]
		out[to] = append(out[to], t)
	}
	return out, rows.Err()
}

// retype gives a manifest another type or other shown fields, and tells of it
// and of the tags that point to it. Those go on pointing there, so that their
// intervals do too: a row about a tag whose digest and previous digest are the
// same is one of these.
func (ch *change) retype(m *manifestRow, typ int64, shown string, tags []*tagRow) {
	old := m.typ
	m.typ = typ
	pos, rev := ch.record(journal.Row{Kind: journal.Manifest, Action: journal.Updated, Digest: m.digest, Type: typ, PreviousType: old, Flags: m.flags() | journal.Existed})
	lists := ch.feed.lists
	if m.tagged == 0 {
		lists = ch.feed.with(UntaggedList)
	}
	ch.retypeFeed(ManifestModified, ManifestCreated, m.mod, m.born, pos, m.id, old, typ, lists)
	ch.tx.Exec(`UPDATE manifest SET type=?,shown=?,mod=?,rev=? WHERE id=?`, typ, nullable(shown), pos, rev, m.id)
	m.mod = pos
	for _, t := range tags {
		pos, rev := ch.record(journal.Row{Kind: journal.Tag, Action: journal.Updated, Name: t.name, Digest: m.digest, Previous: m.digest,
			Type: typ, PreviousType: old, Flags: journal.Existed | journal.WasTagged | journal.IsTagged})
		ch.retypeFeed(TagModified, TagCreated, t.mod, t.born, pos, t.id, old, typ, ch.feed.lists)
		ch.tx.Exec(`UPDATE tag SET mod=?,rev=? WHERE id=?`, pos, rev, t.id)
	}
}

// retypeFeed moves an item to a new position in the lists that it stays in, and
// from one type's list to the other's.
func (ch *change) retypeFeed(modified, created FeedKind, mod, born, pos, item, old, typ int64, lists []int64) {
	if old == typ {
		ch.feed.move(modified, mod, pos, typ, append(slices.Clone(lists), TypeList(typ))...)
		return
	}
	ch.feed.move(modified, mod, pos, typ, lists...)
	ch.feed.move(created, born, born, typ, lists...)
	ch.feed.remove(modified, mod, TypeList(old))
	ch.feed.remove(created, born, TypeList(old))
	ch.feed.insert(modified, pos, item, typ, TypeList(typ))
	ch.feed.insert(created, born, item, typ, TypeList(typ))
}
