package discover

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// A cursor names the grants under which a copy was made by their digest; the
// sets themselves are kept in the catalog, where every replica finds them.
// Few callers have sets of their own, and sets change rarely.

const maxSets = 1 << 12 // sets kept in memory

type grantSets struct {
	mu   sync.Mutex
	byID map[setID]lading.Grants
}

func (s *grantSets) get(id setID) (lading.Grants, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.byID[id]
	return g, ok
}

func (s *grantSets) keep(id setID, g lading.Grants) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil || len(s.byID) >= maxSets {
		s.byID = map[setID]lading.Grants{}
	}
	s.byID[id] = g
}

// saveSet returns the id of a set, storing it if it is new.
func (e *Engine) saveSet(ctx context.Context, g lading.Grants) (id setID, err error) {
	body, err := json.Marshal(g)
	if err != nil {
		return id, fmt.Errorf("discover: grants: %w", err)
	}
	sum := sha256.Sum256(body)
	copy(id[:], sum[:])
	if _, ok := e.sets.get(id); ok {
		return id, nil
	}
	if _, err := e.cat.DB().ExecDirect(ctx, `INSERT INTO grant_set(digest,body,at) VALUES(?,?,?) ON CONFLICT DO NOTHING`, id[:], string(body), time.Now().UnixMicro()); err != nil {
		if sqldb.IsFull(err) {
			return id, lading.ErrStorageFull.Wrap(err)
		}
		return id, fmt.Errorf("discover: grants: %w", err)
	}
	e.sets.keep(id, g)
	return id, nil
}

// loadSet returns the set with that id.
func (e *Engine) loadSet(ctx context.Context, q sqldb.Querier, id setID) (g lading.Grants, err error) {
	if g, ok := e.sets.get(id); ok {
		return g, nil
	}
	var body string
	err = q.QueryRow(ctx, `SELECT body FROM grant_set WHERE digest=?`, id[:]).Scan(&body)
	if errors.Is(err, sqldb.ErrNoRows) {
		return g, expired("epoch") // a cursor of a history in which the set was stored
	}
	if err != nil {
		return g, fmt.Errorf("discover: grants: %w", err)
	}
	if err := json.Unmarshal([]byte(body), &g); err != nil {
		return g, fmt.Errorf("discover: stored grants: %w", err)
	}
	e.sets.keep(id, g)
	return g, nil
}
