// Package journal is the ordered record of every change in the registry: how
// a transaction appends to it, how a follower reads it, and how one tells that
// a position belongs to this history and not to a copy of it.
//
// A position is a microsecond clock that is advanced by at least one with each
// row of a shard and never set back, so that order by position is the order of
// commits and also the order of time, whatever the machine's clock does. A
// row's seq counts the shard's rows without a gap: it proves that nothing is
// missing. Both are handed out under the lock of the shard's head row, which a
// group of updates takes once.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Action is what happened to an item.
type Action int64

// The actions.
const (
	Created Action = 1
	Updated Action = 2
	Deleted Action = 3
)

// Kind is the kind of item that a row is about.
type Kind int64

// The kinds.
const (
	Repository Kind = 1
	Manifest   Kind = 2
	Tag        Kind = 3
)

// Flags tell what the item was before the change, and where its transaction
// ends.
type Flags int64

// The flags.
const (
	Existed   Flags = 1 // the item existed before
	WasTagged Flags = 2 // the manifest had a tag before
	IsTagged  Flags = 4 // the manifest has a tag after
	Last      Flags = 8 // the last row of its transaction
)

// Row is one change. Repo is the id of a repository's incarnation; types and
// actors are words of the catalog's dictionary, 0 for none.
type Row struct {
	Shard        int
	Pos          int64
	Seq          int64
	Repo         int64
	Rev          int64
	Action       Action
	Kind         Kind
	Name         string // the tag, or the repository; empty for a manifest
	Digest       []byte // encoded (catalog.EncodeDigest); nil where there is none
	Previous     []byte // a tag's digest before
	Type         int64
	PreviousType int64
	Flags        Flags
	Actor        int64
}

// Journal hands out positions within groups of updates and tells followers
// that there is something to read.
type Journal struct {
	db  *sqldb.DB
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	wake chan struct{} // closed and replaced after each commit

	epochs epochs
}

// Options are the parts of a Journal that can be replaced.
type Options struct {
	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// Open installs the journal's hooks in db, whose schema must be there, and
// adds a link to the chain of epochs where one is due.
func Open(ctx context.Context, db *sqldb.DB, opt Options) (*Journal, error) {
	j := &Journal{db: db, now: opt.Now, log: opt.Logger, wake: make(chan struct{})}
	if j.now == nil {
		j.now = time.Now
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	for s := range db.Shards() {
		if _, err := db.ExecDirect(ctx, `INSERT INTO head(shard,seq,pos,next_id,floor,journal_floor) VALUES(?,0,0,1,0,0) ON CONFLICT DO NOTHING`, s); err != nil {
			return nil, fmt.Errorf("journal: heads: %w", err)
		}
	}
	db.SetGroup(sqldb.Group{Begin: j.begin, End: j.end, Committed: func(int) { j.Wake() }})
	if err := j.openEpoch(ctx); err != nil {
		return nil, fmt.Errorf("journal: epoch: %w", err)
	}
	return j, nil
}

// Writer appends rows and hands out positions and ids for one group of
// updates. An update may draw from it only once it is certain to succeed.
type Writer struct {
	now              func() time.Time
	seq, pos, nextID int64
	shard            int
	floor, jfloor    int64
	dirty            bool
}

func (j *Journal) begin(tx *sqldb.Tx) error {
	w := &Writer{now: j.now, shard: tx.Shard()}
	q := `SELECT seq,pos,next_id,floor,journal_floor FROM head WHERE shard=?`
	if j.db.Dialect() == sqldb.Postgres {
		q += ` FOR UPDATE` // one group a shard at a time, whichever replica runs it
	}
	if err := tx.QueryRow(tx.Context(), q, tx.Shard()).Scan(&w.seq, &w.pos, &w.nextID, &w.floor, &w.jfloor); err != nil {
		return fmt.Errorf("journal: head of shard %d: %w", tx.Shard(), err)
	}
	tx.SetState(w)
	return nil
}

func (j *Journal) end(tx *sqldb.Tx) error {
	if w := From(tx); w.dirty {
		tx.Exec(`UPDATE head SET seq=?,pos=?,next_id=?,floor=?,journal_floor=? WHERE shard=?`,
			w.seq, w.pos, w.nextID, w.floor, w.jfloor, w.shard)
	}
	return nil
}

// From returns the writer of the running group.
func From(tx *sqldb.Tx) *Writer { return tx.State().(*Writer) }

// NewID returns an id that no other row of the registry has. Ids of a shard
// grow in the order in which they are drawn.
func (w *Writer) NewID() int64 {
	w.dirty = true
	id := w.nextID<<shardBits | int64(w.shard)
	w.nextID++
	return id
}

// shardBits is how many low bits of an id name its shard.
const shardBits = 6

// ShardOf returns the shard of the row with that id.
func ShardOf(id int64) int { return int(id & (1<<shardBits - 1)) }

// NewPos returns the next position.
func (w *Writer) NewPos() int64 {
	w.dirty = true
	w.pos = max(w.pos+1, w.now().UnixMicro())
	return w.pos
}

// Pos is the last position that was drawn, whether or not it is committed.
func (w *Writer) Pos() int64 { return w.pos }

// RaiseFloor records that tombstones up to pos may be gone.
func (w *Writer) RaiseFloor(pos int64) {
	if pos > w.floor {
		w.floor, w.dirty = pos, true
	}
}

// RaiseJournalFloor records that journal rows up to pos may be gone.
func (w *Writer) RaiseJournalFloor(pos int64) {
	if pos > w.jfloor {
		w.jfloor, w.dirty = pos, true
	}
}

const rowColumns = 14

// Append queues the rows of one transaction, whose positions were drawn in
// order, and gives them their seq; the last is marked as such.
func (w *Writer) Append(tx *sqldb.Tx, rows []Row) {
	if len(rows) == 0 {
		return
	}
	w.dirty = true
	rows[len(rows)-1].Flags |= Last
	const step = 64 // rows a statement: bounds the number of parameters
	for len(rows) > 0 {
		n := min(step, len(rows))
		args := make([]any, 0, n*rowColumns)
		for i := range rows[:n] {
			r := &rows[i]
			w.seq++
			r.Seq, r.Shard = w.seq, w.shard
			args = append(args, r.Shard, r.Pos, r.Seq, r.Repo, r.Rev, int64(r.Action), int64(r.Kind), r.Name,
				r.Digest, r.Previous, r.Type, r.PreviousType, int64(r.Flags), r.Actor)
		}
		tx.Exec(insertRows(n), args...)
		rows = rows[n:]
	}
}

func insertRows(n int) string {
	return `INSERT INTO journal(shard,pos,seq,repo,rev,action,kind,name,digest,previous,type,previous_type,flags,actor) VALUES` +
		sqldb.Values(n, rowColumns)
}

// Wake tells everyone who waits that there may be something new.
func (j *Journal) Wake() {
	j.mu.Lock()
	close(j.wake)
	j.wake = make(chan struct{})
	j.mu.Unlock()
}

// Changed returns a channel that is closed after the next commit of this
// process. Take it before reading, wait on it after. Commits of other replicas
// do not close it: poll as well.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wake
}

// ErrGap says that a follower cannot be served: rows after its position were
// trimmed, or a row is missing.
var ErrGap = errors.New("journal: rows are missing")

// Read returns up to n rows of a shard after position pos, in order.
func (j *Journal) Read(ctx context.Context, shard int, pos int64, n int) ([]Row, error) {
	rows, err := j.db.Read().Query(ctx, `SELECT pos,seq,repo,rev,action,kind,name,digest,previous,type,previous_type,flags,actor
		FROM journal WHERE shard=? AND pos>? ORDER BY pos LIMIT ?`, shard, pos, n)
	if err != nil {
		return nil, fmt.Errorf("journal: read: %w", err)
	}
	defer rows.Close()
	var out []Row
	for rows.Next() {
		r := Row{Shard: shard}
		var action, kind, flags int64
		if err := rows.Scan(&r.Pos, &r.Seq, &r.Repo, &r.Rev, &action, &kind, &r.Name, &r.Digest, &r.Previous,
			&r.Type, &r.PreviousType, &flags, &r.Actor); err != nil {
			return nil, fmt.Errorf("journal: read: %w", err)
		}
		r.Action, r.Kind, r.Flags = Action(action), Kind(kind), Flags(flags)
		if n := len(out); n > 0 && out[n-1].Seq+1 != r.Seq {
			return nil, fmt.Errorf("%w: shard %d: %d follows %d", ErrGap, shard, r.Seq, out[n-1].Seq)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Head is where a shard stands.
type Head struct {
	Seq, Pos int64
	Floor    int64 // tombstones up to here may be gone
	Trimmed  int64 // journal rows up to here may be gone
}

// Heads returns where each shard stands, and the number of the newest epoch,
// as the snapshot q sees them.
func (j *Journal) Heads(ctx context.Context, q sqldb.Querier) ([]Head, int64, error) {
	rows, err := q.Query(ctx, `SELECT shard,seq,pos,floor,journal_floor,(SELECT COALESCE(MAX(n),0) FROM epoch) FROM head ORDER BY shard`)
	if err != nil {
		return nil, 0, fmt.Errorf("journal: heads: %w", err)
	}
	defer rows.Close()
	heads := make([]Head, j.db.Shards())
	var epoch int64
	for rows.Next() {
		var h Head
		var shard int64
		if err := rows.Scan(&shard, &h.Seq, &h.Pos, &h.Floor, &h.Trimmed, &epoch); err != nil {
			return nil, 0, fmt.Errorf("journal: heads: %w", err)
		}
		if int(shard) < len(heads) {
			heads[shard] = h
		}
	}
	return heads, epoch, rows.Err()
}

// Time is the time of a position.
func Time(pos int64) time.Time { return time.UnixMicro(pos).UTC() }

// Pos is the first position at or after a time.
func Pos(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

func joinInts(v []int64) string {
	var b strings.Builder
	for i, n := range v {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
