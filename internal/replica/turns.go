// Package replica is what the replicas of one registry have in common beside
// the catalog, in its database: whose turn it is to do what one of them is
// enough for, and what ACME has brought. It decides nothing about either.
package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Turns are those of one process. A turn is for a time, so that the others go
// on where a process has ended without a word; their clocks are taken to agree
// within seconds. Where they do not, two do at the same time what one would be
// enough for: what is done in turns must bear that.
type Turns struct {
	db     *sqldb.DB
	now    func() time.Time
	holder string

	mu   sync.Mutex
	mine map[string]time.Time // until when; by mu
}

// NewTurns returns the turns of a process, in a database whose schema has them.
// A nil clock is time.Now.
func NewTurns(db *sqldb.DB, now func() time.Time) *Turns {
	if now == nil {
		now = time.Now
	}
	return &Turns{db: db, now: now, holder: rand.Text(), mine: map[string]time.Time{}}
}

// Take takes a turn for so long from now, or keeps it; false tells that it is
// another's. A turn of which half is left is not written again.
func (t *Turns) Take(ctx context.Context, name string, d time.Duration) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.mine[name].Sub(now) > d/2 {
		return true, nil
	}
	var other time.Time
	err := t.db.Update(ctx, 0, func(tx *sqldb.Tx) (err error) {
		if other, err = t.othersUntil(tx, name); err != nil || other.After(now) {
			return err
		}
		tx.Exec(`INSERT INTO turn(name,holder,until) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET holder=excluded.holder,until=excluded.until`,
			name, t.holder, now.Add(d).UnixMicro())
		return nil
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("replica: take the turn of %s: %w", name, err)
	case other.After(now):
		delete(t.mine, name)
		return false, nil
	}
	t.mine[name] = now.Add(d)
	return true, nil
}

// othersUntil is until when a turn is another's; zero where it is nobody's, or
// this process's.
func (t *Turns) othersUntil(tx *sqldb.Tx, name string) (time.Time, error) {
	var holder string
	var until int64
	err := tx.QueryRow(tx.Context(), `SELECT holder,until FROM turn WHERE name=?`, name).Scan(&holder, &until)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return time.Time{}, nil
	case err != nil || holder == t.holder:
		return time.Time{}, err
	}
	return time.UnixMicro(until), nil
}

// End gives a turn back, if it is this process's.
func (t *Turns) End(ctx context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mine, name)
	err := t.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		tx.Exec(`DELETE FROM turn WHERE name=? AND holder=?`, name, t.holder)
		return nil
	})
	if err != nil {
		return fmt.Errorf("replica: end the turn of %s: %w", name, err)
	}
	return nil
}
