package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Stream is one sequence of items in the order of a position: those of one
// kind in a list and shard, or those of one kind in a repository.
type Stream struct {
	Kind  FeedKind
	Repo  int64 // the repository's id; 0 for a list
	List  int64
	Shard int
}

// Span bounds a scan: After < position <= Until, newest first if Desc.
type Span struct {
	After, Until int64
	Desc         bool
}

// Entry is an item's place in a stream. Type is its artifact type's word.
type Entry struct {
	Pos, Item, Type int64
	Kind            FeedKind
	Shard           int
}

// streamSQL are the columns, source and condition of each kind's stream in a
// repository. A repository's own rows have its id as the item.
var streamSQL = map[FeedKind]struct{ cols, from, pos string }{
	ManifestModified: {"mod,id,type", "manifest WHERE repo=?", "mod"},
	ManifestCreated:  {"born,id,type", "manifest WHERE repo=?", "born"},
	TagModified:      {"t.mod,t.id," + tagType, "tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=?", "t.mod"},
	TagCreated:       {"t.born,t.id," + tagType, "tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=?", "t.born"},
	ManifestGone:     {"mod,id,0", "tombstone WHERE repo=? AND kind=5", "mod"},
	TagGone:          {"mod,id,0", "tombstone WHERE repo=? AND kind=6", "mod"},
	RepositoryLive:   {"born,id,0", "repository WHERE id=?", "born"},
	RepositoryGone:   {"ended,id,0", "repository_past WHERE id=?", "ended"},
}

// sql returns the statement that reads a stream, its arguments without the
// limit.
func (s Stream) sql(sp Span) (string, []any) {
	pos, text := "pos", "SELECT pos,item,type FROM feed WHERE list=? AND kind=? AND shard=?"
	args := []any{s.List, int64(s.Kind), s.Shard}
	if s.Repo != 0 {
		d := streamSQL[s.Kind]
		pos, text, args = d.pos, "SELECT "+d.cols+" FROM "+d.from, []any{s.Repo}
	}
	dir := ""
	if sp.Desc {
		dir = " DESC"
	}
	return text + " AND " + pos + ">? AND " + pos + "<=? ORDER BY " + pos + dir + " LIMIT ?", append(args, sp.After, sp.Until)
}

// Scan returns up to n entries of a stream within the span.
func (c *Catalog) Scan(ctx context.Context, q sqldb.Querier, s Stream, sp Span, n int) ([]Entry, error) {
	text, args := s.sql(sp)
	rows, err := q.Query(ctx, text, append(args, n)...)
	if err != nil {
		return nil, fmt.Errorf("catalog: scan: %w", err)
	}
	defer rows.Close()
	out := make([]Entry, 0, min(n, 128))
	for rows.Next() {
		e := Entry{Kind: s.Kind, Shard: s.Shard}
		if err := rows.Scan(&e.Pos, &e.Item, &e.Type); err != nil {
			return nil, fmt.Errorf("catalog: scan: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// headsStep bounds how many streams one statement looks at.
const headsStep = 16

// First returns the first entry of each stream within its span, nil where it
// has none, in few statements whatever the number of streams.
func (c *Catalog) First(ctx context.Context, q sqldb.Querier, ss []Stream, spans []Span) ([]*Entry, error) {
	out := make([]*Entry, len(ss))
	for base := 0; base < len(ss); base += headsStep {
		end := min(base+headsStep, len(ss))
		if err := c.first(ctx, q, ss[base:end], spans[base:end], out[base:end]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Catalog) first(ctx context.Context, q sqldb.Querier, ss []Stream, spans []Span, out []*Entry) error {
	var b strings.Builder
	var args []any
	for i, s := range ss {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		text, a := s.sql(spans[i])
		fmt.Fprintf(&b, "SELECT %d,x.* FROM (%s) x", i, text)
		args = append(append(args, a...), 1)
	}
	rows, err := q.Query(ctx, b.String(), args...)
	if err != nil {
		return fmt.Errorf("catalog: heads: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int64
		var e Entry
		if err := rows.Scan(&i, &e.Pos, &e.Item, &e.Type); err != nil {
			return fmt.Errorf("catalog: heads: %w", err)
		}
		e.Kind, e.Shard = ss[i].Kind, ss[i].Shard
		out[i] = &e
	}
	return rows.Err()
}
