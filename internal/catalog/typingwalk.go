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
	Tags       int64 // how many point to it

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
		rows, err := q.Query(ctx, `SELECT m.id,m.repo,r.name,m.size,m.tagged FROM manifest m JOIN repository r ON r.id=m.repo WHERE m.id IN `+sqldb.In(inSize(len(chunk))), inArgs(nil, chunk)...)
		if err != nil {
			return nil, fmt.Errorf("catalog: walk: %w", err)
		}
		for rows.Next() {
			s := &Stored{}
			if err := rows.Scan(&s.ID, &s.repo, &s.Repository, &s.size, &s.Tags); err != nil {
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
