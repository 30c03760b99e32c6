package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// turnOfACME is the turn of asking for certificates.
const turnOfACME = "acme"

// ACME keeps what ACME brings in the database, for all replicas: it is a
// certs.Store. The keys are there as they are, as those that sign tokens are:
// who can read the database needs neither to act as the registry.
type ACME struct {
	db    *sqldb.DB
	turns *Turns
	now   func() time.Time
}

// NewACME returns what is kept of ACME in a database whose schema has it.
func NewACME(db *sqldb.DB, turns *Turns) *ACME { return &ACME{db: db, turns: turns, now: turns.now} }

// Get returns what was put under a name; nil where nothing is.
func (a *ACME) Get(ctx context.Context, name string) ([]byte, error) {
	var content []byte
	err := a.db.Read().QueryRow(ctx, `SELECT content FROM acme WHERE name=?`, name).Scan(&content)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("replica: acme: get %s: %w", name, err)
	}
	return bytes.Clone(content), nil
}

// Put keeps something under a name, in the place of what was there.
func (a *ACME) Put(ctx context.Context, name string, content []byte) error {
	return a.update(ctx, "put", name, `INSERT INTO acme(name,content,changed) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET content=excluded.content,changed=excluded.changed`,
		name, content, a.now().UnixMicro())
}

// Delete removes what is under a name, if anything is.
func (a *ACME) Delete(ctx context.Context, name string) error {
	return a.update(ctx, "delete", name, `DELETE FROM acme WHERE name=?`, name)
}

func (a *ACME) update(ctx context.Context, what, name, sql string, args ...any) error {
	err := a.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		tx.Exec(sql, args...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("replica: acme: %s %s: %w", what, name, err)
	}
	return nil
}

// Turn takes the turn of asking for certificates, for so long from now; false
// tells that it is another replica's.
func (a *ACME) Turn(ctx context.Context, d time.Duration) (bool, error) {
	return a.turns.Take(ctx, turnOfACME, d)
}

// EndTurn gives it back.
func (a *ACME) EndTurn(ctx context.Context) error { return a.turns.End(ctx, turnOfACME) }
