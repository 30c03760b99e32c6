package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Store reads the records of a database whose schema has them.
type Store struct {
	db     *sqldb.DB
	now    func() time.Time
	export bool
}

// Export has changes come into the file of records; call it before anything
// else.
func (s *Store) Export() { s.export = true }

// NewStore returns the records of a database. A nil clock is time.Now.
func NewStore(db *sqldb.DB, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{db: db, now: now}
}

// Bounds of a question.
const (
	chunk = 500 // rows that are read at a time, where some are left out
	// budget is how many rows that the reader may see are looked at for a page.
	budget = 20_000
	// patience is how long a question may take that no list answers.
	patience = 15 * time.Second
)

// settle is how far behind a reader stays who begins with the oldest: changes
// of different shards are not committed in the order of their times.
func (s *Store) settle() time.Duration {
	if s.db.Dialect() == sqldb.Postgres {
		return 3 * time.Second
	}
	return 250 * time.Millisecond
}

// Audit implements lading.Auditor: it tells of the names that the context's
// grants hold, and nothing else. How a page ends, and what goes on after it,
// follows from records that the caller may see alone.
//
// Errors: PARAMETER_INVALID; UNAVAILABLE when it would take too long.
func (s *Store) Audit(ctx context.Context, q lading.AuditQuery) (lading.AuditPage, error) {
	mine, err := lading.GrantsFrom(ctx)
	if err != nil {
		return lading.AuditPage{}, err
	}
	w, err := s.newWalk(mine, q)
	if err != nil {
		return lading.AuditPage{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := w.page(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = lading.ErrUnavailable.With("the question takes too long: ask for a repository, a namespace or an actor, or a shorter time").Wrap(err)
	}
	return page, err
}

// walk is one question.
type walk struct {
	db    *sqldb.DB
	q     lading.AuditQuery
	names lading.Grants // that are asked for and may be seen
	lists []string
	after key
	bound int64 // the last position, with oldest; the first one otherwise
	empty bool
}

func (s *Store) newWalk(mine lading.Grants, q lading.AuditQuery) (*walk, error) {
	if q.N == 0 {
		q.N = lading.DefaultPage
	}
	w := &walk{db: s.db, q: q, names: mine}
	asked := lading.AllGrants()
	switch {
	case q.Repository != "":
		asked = lading.NewGrants(lading.RepositoryRange(q.Repository))
	case q.Namespace != "":
		asked = lading.NewGrants(lading.NamespaceRanges(q.Namespace)...)
	}
	w.names = mine.Intersect(asked)
	w.empty = w.names.Empty()
	if !w.names.All() {
		if w.lists = listsFor(w.names); w.lists == nil {
			w.lists = listsFor(asked)
		}
	}
	if w.lists == nil && q.Actor != "" {
		w.lists = []string{actorList(q.Actor)}
	}
	from, to := int64(0), s.now().UnixMicro()+int64(24*time.Hour/time.Microsecond)
	if !q.Since.IsZero() {
		from = q.Since.UnixMicro()
	}
	if q.Oldest {
		to = s.now().Add(-s.settle()).UnixMicro()
	}
	if !q.Until.IsZero() {
		to = min(to, q.Until.UnixMicro()-1)
	}
	if q.Oldest {
		w.after, w.bound = key{from - 1, 1<<63 - 1}, to
	} else {
		w.after, w.bound = key{to + 1, -1}, from
	}
	if q.After != "" {
		k, err := parseKey(q.After)
		if err != nil {
			return nil, lading.InvalidParameter("after", "not out of an answer")
		}
		w.after = k
	}
	return w, nil
}

// row is a record as it is kept.
type row struct {
	key
	actor, place, body string
	refused            bool
}

// page gathers records until there are enough, or none, or many have been
// looked at.
func (w *walk) page(ctx context.Context) (lading.AuditPage, error) {
	p := lading.AuditPage{Records: []lading.AuditRecord{}}
	if w.q.Oldest {
		p.Next = w.q.After
	}
	for looked := 0; !w.empty; {
		rows, err := w.read(ctx)
		if err != nil {
			return p, err
		}
		for _, r := range rows {
			w.after = r.key
			if !visible(w.names, r.place) {
				continue
			}
			rec, ok, err := w.keep(r)
			if err != nil {
				return p, err
			}
			if ok {
				p.Records = append(p.Records, rec)
			}
			p.Next = r.String()
			if looked++; len(p.Records) == w.q.N || looked == budget {
				p.More = true
				return p, nil
			}
		}
		if len(rows) < w.step() {
			break
		}
	}
	if !w.q.Oldest {
		p.Next = ""
	}
	return p, nil
}

// keep reads a record and tells whether it was asked for.
func (w *walk) keep(r row) (rec lading.AuditRecord, ok bool, err error) {
	switch q := w.q; {
	case q.Actor != "" && q.Actor != r.actor:
		return rec, false, nil
	case q.Outcome != "" && r.refused != (q.Outcome != lading.AuditAllowed):
		return rec, false, nil
	}
	if err := json.Unmarshal([]byte(r.body), &rec); err != nil {
		return rec, false, fmt.Errorf("audit: record %s: %w", r.key, err)
	}
	rec.ID = r.String()
	ok = (w.q.Action == "" || w.q.Action == rec.Action) &&
		(w.q.Outcome == "" || w.q.Outcome == lading.AuditRefused || w.q.Outcome == rec.Outcome)
	return rec, ok, nil
}

// step is how many rows are read at a time.
func (w *walk) step() int {
	if w.q.Actor == "" && w.q.Outcome == "" && w.q.Action == "" && (w.names.All() || w.lists != nil) {
		return w.q.N
	}
	return chunk
}

// read returns the next rows.
func (w *walk) read(ctx context.Context) ([]row, error) {
	sql, args := w.statement()
	rows, err := w.db.Read().Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("audit: read: %w", err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var r row
		var refused int64
		if err := rows.Scan(&r.pos, &r.source, &r.actor, &r.place, &refused, &r.body); err != nil {
			return nil, fmt.Errorf("audit: read: %w", err)
		}
		r.refused = refused == 1
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("audit: read: %w", err)
	}
	return out, nil
}

// statement asks by the index that leaves out most.
func (w *walk) statement() (string, []any) {
	const columns = `SELECT a.pos,a.source,a.actor,a.place,a.refused,a.body FROM `
	within := `(%[1]spos,%[1]ssource)<(?,?) AND %[1]spos>=? ORDER BY %[1]spos DESC,%[1]ssource DESC LIMIT ?`
	if w.q.Oldest {
		within = `(%[1]spos,%[1]ssource)>(?,?) AND %[1]spos<=? ORDER BY %[1]spos,%[1]ssource LIMIT ?`
	}
	bounds := []any{w.after.pos, w.after.source, w.bound, w.step()}
	switch {
	case w.lists != nil:
		return w.ofLists(columns, fmt.Sprintf(within, ""), bounds)
	case w.q.Outcome != "" && w.q.Outcome != lading.AuditAllowed:
		return columns + `audit a WHERE a.refused=1 AND ` + fmt.Sprintf(within, "a."), bounds
	}
	return columns + `audit a WHERE ` + fmt.Sprintf(within, "a."), bounds
}

// ofLists reads several lists, and what is in none yet, side by side, and of
// each no more than of all.
func (w *walk) ofLists(columns, within string, bounds []any) (string, []any) {
	order := ` ORDER BY a.pos DESC,a.source DESC LIMIT ?`
	if w.q.Oldest {
		order = ` ORDER BY a.pos,a.source LIMIT ?`
	}
	parts := []string{`SELECT * FROM (SELECT pos,source FROM audit_fresh WHERE ` + within + `) x`}
	args := slices.Clone(bounds)
	for _, list := range w.lists {
		parts = append(parts, `SELECT * FROM (SELECT pos,source FROM audit_place WHERE place=? AND `+within+`) x`)
		args = append(append(args, list), bounds...)
	}
	return columns + `(` + strings.Join(parts, ` UNION `) + `) k JOIN audit a ON a.pos=k.pos AND a.source=k.source` + order, append(args, w.step())
}

// trimStep bounds the records that one transaction removes.
const trimStep = 500

// Trim removes some of the records that were written up to a time, and tells
// whether there are more.
func (s *Store) Trim(ctx context.Context, upTo time.Time) (more bool, err error) {
	var found []row
	rows, err := s.db.Read().Query(ctx, `SELECT pos,source,actor,place FROM audit WHERE pos<=? ORDER BY pos,source LIMIT ?`, upTo.UnixMicro(), trimStep)
	if err != nil {
		return false, fmt.Errorf("audit: trim: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.pos, &r.source, &r.actor, &r.place); err != nil {
			return false, fmt.Errorf("audit: trim: %w", err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil || len(found) == 0 {
		return false, err
	}
	rows.Close()
	last, lists := found[len(found)-1].key, map[string]bool{}
	for _, r := range found {
		for _, list := range listsOf(r.actor, r.place) {
			lists[list] = true
		}
	}
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		for list := range lists {
			tx.Exec(`DELETE FROM audit_place WHERE place=? AND (pos,source)<=(?,?)`, list, last.pos, last.source)
		}
		tx.Exec(`DELETE FROM audit_fresh WHERE (pos,source)<=(?,?)`, last.pos, last.source)
		tx.Exec(`DELETE FROM audit_outbox WHERE (pos,source)<=(?,?)`, last.pos, last.source)
		tx.Exec(`DELETE FROM audit WHERE (pos,source)<=(?,?)`, last.pos, last.source)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("audit: trim: %w", err)
	}
	return len(found) == trimStep, nil
}
