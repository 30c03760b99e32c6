package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// historyScan is how many pointings of a tag are looked at for one page.
const historyScan = 4000

// pointing is an interval in which a tag pointed to a manifest.
type pointing struct {
	opened, closed  int64 // closed is 0 while it points there
	digest          []byte
	mediaType, size sql.NullInt64 // of a manifest that went before they were kept: none
}

// TagHistory returns a page of what happened to a tag of a living repository,
// the newest first; nothing for a tag that never was. A manifest that is typed
// again is the same manifest: that is no history.
func (c *Catalog) TagHistory(ctx context.Context, repo, tag string, q lading.HistoryQuery) (out lading.TagHistory, err error) {
	err = c.db.View(ctx, func(db sqldb.Querier) error {
		var id int64
		err := db.QueryRow(ctx, `SELECT id FROM repository WHERE name=? AND born>0`, repo).Scan(&id)
		if errors.Is(err, sqldb.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("catalog: tag history: %w", err)
		}
		h := newHistory(q)
		found, err := h.pointings(ctx, db, id, tag)
		if err != nil {
			return fmt.Errorf("catalog: tag history: %w", err)
		}
		out, err = h.page(found, func(id int64) (string, error) { return c.Word(ctx, db, id) })
		return err
	})
	return out, err
}

// history is a query with its bounds as positions: since < pos < before.
type history struct {
	before, since int64
	digest        []byte
	n, scan       int
}

func newHistory(q lading.HistoryQuery) history {
	h := history{before: 1 << 62, digest: EncodeDigest(q.Digest), n: q.N, scan: historyScan}
	if !q.Before.IsZero() {
		h.before = journal.Pos(q.Before)
	}
	if !q.Since.IsZero() {
		h.since = q.Since.UnixMicro()
	}
	if q.Digest == "" {
		h.scan = q.N + 1 // each of them is an event, or the last one
	}
	return h
}

// pointings reads those that began before the bound, the newest first, and one
// more than are looked at.
func (h history) pointings(ctx context.Context, db sqldb.Querier, repo int64, tag string) (out []pointing, err error) {
	for _, from := range []string{
		`SELECT t.opened,0,m.digest,m.media_type,m.size FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=? AND t.name=? AND t.opened<? ORDER BY t.opened DESC LIMIT ?`,
		`SELECT opened,closed,digest,media_type,size FROM tag_past WHERE repo=? AND name=? AND opened<? ORDER BY opened DESC LIMIT ?`,
	} {
		rows, err := db.Query(ctx, from, repo, tag, h.before, h.scan+1-len(out))
		if out, err = scanPointings(rows, err, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func scanPointings(rows sqldb.Rows, err error, out []pointing) ([]pointing, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p pointing
		if err := rows.Scan(&p.opened, &p.closed, &p.digest, &p.mediaType, &p.size); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// page makes events of pointings. A pointing that ends where the next one
// begins was moved, and its end is no event of its own.
func (h history) page(found []pointing, word func(int64) (string, error)) (out lading.TagHistory, err error) {
	next := int64(0) // where the pointing after this one began
	for i, p := range found {
		if i == h.scan {
			out.Next = journal.Time(found[i-1].opened)
			return out, nil
		}
		events := []struct {
			pos    int64
			action lading.Action
			happen bool
		}{
			{p.closed, lading.ActionDeleted, p.closed > 0 && p.closed != next},
			{p.opened, lading.ActionCreated, true},
		}
		next = p.opened
		for _, e := range events {
			if !e.happen || e.pos >= h.before || !p.mediaType.Valid || len(h.digest) > 0 && string(p.digest) != string(h.digest) {
				continue
			}
			if e.pos <= h.since {
				return out, nil
			}
			if len(out.Events) == h.n {
				out.Next = out.Events[h.n-1].Time
				return out, nil
			}
			ev, err := p.event(e.pos, e.action, word)
			if err != nil {
				return out, err
			}
			out.Events = append(out.Events, ev)
		}
	}
	return out, nil
}

func (p pointing) event(pos int64, action lading.Action, word func(int64) (string, error)) (ev lading.TagEvent, err error) {
	ev = lading.TagEvent{Action: action, Time: journal.Time(pos)}
	ev.Descriptor.Size = p.size.Int64
	if ev.Descriptor.Digest, err = DecodeDigest(p.digest); err != nil {
		return ev, err
	}
	ev.Descriptor.MediaType, err = word(p.mediaType.Int64)
	return ev, err
}
