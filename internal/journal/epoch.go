package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/lading-dev/lading/internal/sqldb"
)

// A database file can be copied back from a backup, a virtual machine cloned,
// a replica promoted before it had everything. Positions then no longer mean
// what they meant. The chain of epochs tells: a link is added whenever that
// may have happened, with a random id and the positions at that moment; a
// position is of this history if its link is in the chain and it does not lie
// beyond the start of the next link.

// EpochID names a link of the chain.
type EpochID [8]byte

// MarshalText writes the id in hex: every id with the same length.
func (id EpochID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *EpochID) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(id)) {
		return errors.New("journal: the id of an epoch has another length")
	}
	_, err := hex.Decode(id[:], text)
	return err
}

type link struct {
	n      int64
	id     EpochID
	starts []int64
}

type epochs struct {
	mu    sync.Mutex
	chain []link // ascending n
}

// ErrLost says that a position is not of this history.
var ErrLost = errors.New("journal: the position belongs to a history that was lost")

// ErrAhead says that a position lies beyond the heads that were read.
var ErrAhead = errors.New("journal: the position is ahead of this replica")

// openEpoch adds a link: at every start on SQLite, whose file may have been
// copied back while nobody looked; on PostgreSQL when the server's identity or
// timeline is not what the last link recorded.
func (j *Journal) openEpoch(ctx context.Context) error {
	engine, err := j.engine(ctx)
	if err != nil {
		return err
	}
	return j.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		var n int64
		var last string
		err := tx.QueryRow(tx.Context(), `SELECT n,engine FROM epoch ORDER BY n DESC LIMIT 1`).Scan(&n, &last)
		if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
			return err
		}
		if err == nil && engine != "" && engine == last {
			return nil
		}
		heads, _, err := j.Heads(tx.Context(), tx)
		if err != nil {
			return err
		}
		var id EpochID
		rand.Read(id[:])
		starts := make([]int64, len(heads))
		for i, h := range heads {
			starts[i] = h.Pos
		}
		tx.Exec(`INSERT INTO epoch(n,id,engine,starts,at) VALUES(?,?,?,?,?)`, n+1, id[:], engine, joinInts(starts), j.now().UnixMicro())
		return nil
	})
}

// engine identifies the history that the database server tells: the cluster and
// its timeline, and the database and table that hold it, which are others after
// a dump was restored or a database copied. It is empty on SQLite.
func (j *Journal) engine(ctx context.Context) (string, error) {
	if j.db.Dialect() != sqldb.Postgres {
		return "", nil
	}
	var system, timeline, database, table int64
	err := j.db.Read().QueryRow(ctx, `SELECT s.system_identifier, c.timeline_id::bigint, d.oid::bigint, 'epoch'::regclass::oid::bigint
		FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname=current_database()`).Scan(&system, &timeline, &database, &table)
	if err != nil {
		return "", fmt.Errorf("the server's identity: %w", err)
	}
	return fmt.Sprintf("%d/%d/%d/%d", system, timeline, database, table), nil
}

// Epoch returns the id of link n, which the caller read with Heads.
func (j *Journal) Epoch(ctx context.Context, q sqldb.Querier, n int64) (EpochID, error) {
	chain, err := j.chain(ctx, q, n)
	if err != nil {
		return EpochID{}, err
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if chain[i].n == n {
			return chain[i].id, nil
		}
	}
	return EpochID{}, fmt.Errorf("journal: epoch %d is missing", n)
}

// Check reports whether the positions, taken under link id, are of this
// history: nil, ErrLost, or ErrAhead when the heads have not come so far.
func (j *Journal) Check(ctx context.Context, q sqldb.Querier, id EpochID, at []int64, heads []Head, newest int64) error {
	chain, err := j.chain(ctx, q, newest)
	if err != nil {
		return err
	}
	for i, l := range chain {
		if l.id != id {
			continue
		}
		if i+1 < len(chain) && beyond(at, chain[i+1].starts) {
			return ErrLost
		}
		for s, p := range at {
			if s < len(heads) && p > heads[s].Pos {
				return ErrAhead
			}
		}
		return nil
	}
	return ErrLost
}

func beyond(at, starts []int64) bool {
	for s, p := range at {
		if s < len(starts) && p > starts[s] {
			return true
		}
	}
	return false
}

// chain returns the links, read anew when link n is not among the known ones:
// another replica may have added it.
func (j *Journal) chain(ctx context.Context, q sqldb.Querier, n int64) ([]link, error) {
	j.epochs.mu.Lock()
	chain := j.epochs.chain
	j.epochs.mu.Unlock()
	if len(chain) > 0 && chain[len(chain)-1].n >= n {
		return chain, nil
	}
	rows, err := q.Query(ctx, `SELECT n,id,starts FROM epoch ORDER BY n`)
	if err != nil {
		return nil, fmt.Errorf("journal: epochs: %w", err)
	}
	defer rows.Close()
	chain = nil
	for rows.Next() {
		var l link
		var id []byte
		var starts string
		if err := rows.Scan(&l.n, &id, &starts); err != nil {
			return nil, fmt.Errorf("journal: epochs: %w", err)
		}
		copy(l.id[:], id)
		for f := range strings.FieldsSeq(starts) {
			p, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("journal: epoch %d: %w", l.n, err)
			}
			l.starts = append(l.starts, p)
		}
		chain = append(chain, l)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	j.epochs.mu.Lock()
	j.epochs.chain = chain
	j.epochs.mu.Unlock()
	return chain, nil
}
