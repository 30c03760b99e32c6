package token

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/sqldb"
)

// A session is named by the beginning of its token's hash: it needs no column
// of its own, and tells nothing of the token.
const idBytes = 10

// id names the session; empty for none.
func (r session) id() string { return hex.EncodeToString(r.hash[:min(idBytes, len(r.hash))]) }

// hashesOf is where the hashes begin and end that an id stands for; false for
// what is none.
func hashesOf(id string) (low, high []byte, ok bool) {
	low, err := hex.DecodeString(id)
	if err != nil || len(low) != idBytes {
		return nil, nil, false
	}
	return low, append(slices.Clone(low), bytes.Repeat([]byte{0xff}, len(hashOf(""))-idBytes)...), true
}

// Sessions returns up to n sessions by id, behind one: those of a caller, or all
// where owner is empty. A last that is no id stands before all.
func (s *Service) Sessions(ctx context.Context, owner, last string, n int) ([]lading.Session, error) {
	_, after, _ := hashesOf(last)
	sql, args := `SELECT `+columns+` FROM refresh_token WHERE hash>? AND expires>? ORDER BY hash LIMIT ?`, []any{append([]byte{}, after...), s.opt.Now().UnixMicro(), n}
	if owner != "" {
		sql, args = strings.Replace(sql, "WHERE ", "WHERE subject=? AND ", 1), append([]any{owner}, args...)
	}
	all, err := readSessions(ctx, s.db.Read(), sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]lading.Session, len(all))
	for i, r := range all {
		out[i] = s.shown(r)
	}
	lading.MeterFrom(ctx).Add(len(out))
	return out, nil
}

// Session returns one.
//
// Errors: SESSION_UNKNOWN.
func (s *Service) Session(ctx context.Context, id string) (lading.Session, error) {
	low, high, ok := hashesOf(id)
	if !ok {
		return lading.Session{}, lading.ErrSessionUnknown
	}
	all, err := readSessions(ctx, s.db.Read(), byID, low, high, s.opt.Now().UnixMicro())
	switch {
	case err != nil:
		return lading.Session{}, err
	case len(all) == 0:
		return lading.Session{}, lading.ErrSessionUnknown
	}
	return s.shown(all[0]), nil
}

const byID = `SELECT ` + columns + ` FROM refresh_token WHERE hash>=? AND hash<=? AND expires>?`

// EndSession ends one. Its access tokens are good for nothing from when it
// returns, and on other replicas within a second.
//
// Errors: SESSION_UNKNOWN.
func (s *Service) EndSession(ctx context.Context, id string) error {
	low, high, ok := hashesOf(id)
	if !ok {
		return lading.ErrSessionUnknown
	}
	n, err := s.end(ctx, byID, low, high, s.opt.Now().UnixMicro())
	if err == nil && n == 0 {
		return lading.ErrSessionUnknown
	}
	return err
}

// EndSessions ends all of a caller, who may have none.
func (s *Service) EndSessions(ctx context.Context, owner string) error {
	_, err := s.end(ctx, `SELECT `+columns+` FROM refresh_token WHERE subject=? ORDER BY hash`, owner)
	return err
}

// maxEnded bounds how many sessions of a caller are remembered to have been
// ended. Who makes and ends more has its access tokens expire.
const maxEnded = 10 * maxRefresh

// end ends the sessions that a query finds, and tells how many.
func (s *Service) end(ctx context.Context, sql string, args ...any) (n int, err error) {
	now := s.opt.Now()
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		all, err := readSessions(tx.Context(), tx, sql, args...)
		if err != nil {
			return err
		}
		n = len(all)
		for _, r := range all {
			audit.AppendAccess(tx, now, "registry", "session:"+r.id(), r.text(), "")
			tx.Exec(`DELETE FROM refresh_token WHERE hash=?`, r.hash)
			tx.Exec(`INSERT INTO ended_session(hash,subject,until) SELECT ?,?,? WHERE (SELECT count(*) FROM ended_session WHERE subject=?)<?`,
				r.hash, r.subject, now.Add(maxLifetime+2*leeway).UnixMicro(), r.subject, maxEnded)
		}
		return nil
	})
	switch {
	case sqldb.IsFull(err):
		return 0, lading.ErrStorageFull.Wrap(err)
	case err != nil:
		return 0, fmt.Errorf("token: end sessions: %w", err)
	case n == 0:
		return 0, nil
	}
	return n, s.RefreshEnded(context.WithoutCancel(ctx))
}

// text is a session in the record of changes.
func (r session) text() string {
	text := r.subject + " made=" + r.made.Format(time.RFC3339)
	if r.client != "" {
		text += " client=" + r.client
	}
	return text
}

// Ended reports whether a session was ended of which there may be access tokens.
func (s *Service) Ended(id string) bool { return (*s.ended.Load())[id] }

// RefreshEnded reads again which sessions were ended.
func (s *Service) RefreshEnded(ctx context.Context) error {
	more, err := s.readEnded(ctx)
	if more {
		s.opt.Ended()
	}
	return err
}

// readEnded tells whether there are more.
func (s *Service) readEnded(ctx context.Context) (more bool, err error) {
	s.endedMu.Lock()
	defer s.endedMu.Unlock()
	rows, err := s.db.Read().Query(ctx, `SELECT hash FROM ended_session`)
	if err != nil {
		return false, fmt.Errorf("token: ended sessions: %w", err)
	}
	defer rows.Close()
	old, now := *s.ended.Load(), map[string]bool{}
	for rows.Next() {
		var r session
		if err := rows.Scan(&r.hash); err != nil {
			return false, fmt.Errorf("token: ended sessions: %w", err)
		}
		now[r.id()] = true
		more = more || !old[r.id()]
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("token: ended sessions: %w", err)
	}
	if !maps.Equal(old, now) {
		s.ended.Store(&now)
	}
	return more, nil
}

// shown is a session as its owner is told of it.
func (s *Service) shown(r session) lading.Session {
	_, current := s.opt.Current(r.identity())
	used := r.used
	if at := s.uses.of(r.hash); at.After(used) {
		used = at
	}
	return lading.Session{ID: r.id(), Owner: r.subject, Client: r.client, Address: r.address, Made: r.made, Used: used, Expires: r.expires, Over: !current}
}

func readSessions(ctx context.Context, q sqldb.Querier, sql string, args ...any) (out []session, _ error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("token: sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanSession(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// uses are when sessions were last used, as far as it is not written yet.
type uses struct {
	mu sync.Mutex
	at map[string]time.Time // by hash
}

// coarse is how exactly that is known.
const coarse = time.Minute

// note notes a use, unless another one was noted or written just before.
func (u *uses) note(r session, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.at[string(r.hash)]; now.Sub(r.used) < coarse || ok && now.Sub(last) < coarse {
		return
	}
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[string(r.hash)] = now.UTC().Truncate(time.Microsecond)
}

func (u *uses) of(hash []byte) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.at[string(hash)]
}

// take are those that were noted, which are forgotten.
func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

// keepAtOnce is how many uses one transaction writes.
const keepAtOnce = 500

// Keep writes down when sessions were used, removes those that have expired, and
// reads again which were ended, which nothing else does where there is one
// process. What could not be written is forgotten: a use is about to come again.
func (s *Service) Keep(ctx context.Context) error {
	at := s.uses.take()
	for hashes := range slices.Chunk(slices.Sorted(maps.Keys(at)), keepAtOnce) {
		err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
			for _, h := range hashes {
				us := at[h].UnixMicro()
				tx.Exec(`UPDATE refresh_token SET used=? WHERE hash=? AND used<?`, us, []byte(h), us)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("token: uses of sessions: %w", err)
		}
	}
	if err := s.sweep(ctx); err != nil {
		return err
	}
	return s.RefreshEnded(ctx)
}

// sweep removes what has expired, where there is something.
func (s *Service) sweep(ctx context.Context) error {
	now := s.opt.Now().UnixMicro()
	var due int64
	err := s.db.Read().QueryRow(ctx, `SELECT (SELECT count(*) FROM (SELECT 1 FROM refresh_token WHERE expires<=? LIMIT 1) AS r)+(SELECT count(*) FROM (SELECT 1 FROM ended_session WHERE until<=? LIMIT 1) AS e)`, now, now).Scan(&due)
	if err != nil || due == 0 {
		return err
	}
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		tx.Exec(`DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires<=? ORDER BY expires LIMIT 1000)`, now)
		tx.Exec(`DELETE FROM ended_session WHERE until<=?`, now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("token: remove sessions that have expired: %w", err)
	}
	return nil
}
