package account

import (
	"context"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// What a caller has shown is in its credential's id: the stamp of the password,
// or the id of the token. So a caller who was identified before can be known
// for one whose password was changed since, or as another of the same name.
const (
	passwordCredential = "password:"
	tokenCredential    = "token:"
)

// TokenID is the id of the API token whose credential has this id.
func TokenID(credential string) (id string, ok bool) {
	return strings.CutPrefix(credential, tokenCredential)
}

// ShowsPassword tells whether the caller has signed in with a password itself,
// and not with something that was given in exchange for it.
func (s *Store) ShowsPassword(id lading.Identity) bool {
	return id.Credential == nil || strings.HasPrefix(id.Credential.ID, passwordCredential) && !strings.HasSuffix(id.Credential.ID, auth.Refreshed)
}

// Password implements auth.Accounts.
func (s *Store) Password(name string) (id lading.Identity, h auth.Hash, known bool) {
	a := s.current.Load().accounts["user:"+name]
	if a == nil {
		return lading.Identity{}, auth.Hash{}, false
	}
	return lading.Identity{Subject: a.Subject, Groups: a.Groups, Credential: &lading.Credential{ID: passwordCredential + a.stamp}}, a.hash, !a.Disabled
}

// Decoy implements auth.Accounts.
func (s *Store) Decoy(n uint64) auth.Hash {
	st := s.current.Load()
	if len(st.hashes) == 0 {
		return s.nobody
	}
	return st.hashes[n%uint64(len(st.hashes))]
}

// Count implements auth.Accounts.
func (s *Store) Count() int { return len(s.current.Load().hashes) }

// IsToken implements auth.Accounts.
func (s *Store) IsToken(text string) bool { return strings.HasPrefix(text, tokenPrefix) }

// Token implements auth.Accounts.
func (s *Store) Token(text string) (id lading.Identity, known bool) {
	d, ok := parseToken(text)
	if !ok {
		return id, false
	}
	st := s.current.Load()
	t := st.tokens[d]
	if t == nil {
		return id, false
	}
	c := &lading.Credential{ID: tokenCredential + t.ID, Bound: t.bound, Expires: t.Expires}
	if c.Expired(s.opt.Now()) {
		return id, false
	}
	return s.Current(lading.Identity{Subject: t.Owner, Credential: c})
}

// Current implements auth.Accounts. A caller without credential is as good as
// its account.
func (s *Store) Current(id lading.Identity) (now lading.Identity, ok bool) {
	st := s.current.Load()
	a := st.accounts[id.Subject]
	if a == nil || a.Disabled || s.opt.Reserved(id.Subject) {
		return lading.Identity{}, false
	}
	now = lading.Identity{Subject: id.Subject, Groups: a.Groups, Credential: id.Credential}
	if id.Credential == nil {
		return now, true
	}
	if stamp, ok := strings.CutPrefix(id.Credential.ID, passwordCredential); ok {
		return now, stamp == a.stamp
	}
	if id, ok := TokenID(id.Credential.ID); ok {
		t := st.byID[id]
		return now, t != nil && t.Owner == a.Subject
	}
	return now, false
}

// coarse is how exactly it is known when a token was used.
const coarse = time.Hour

const (
	keepEvery   = time.Minute
	keepExpired = 30 * 24 * time.Hour // a token that has ended is shown
	keepAtOnce  = 500                 // rows in a transaction
)

// Used implements auth.Accounts: it writes to memory, and there seldom.
func (s *Store) Used(id lading.Identity) {
	if id.Credential == nil {
		return
	}
	tid, ok := TokenID(id.Credential.ID)
	if !ok {
		return
	}
	t := s.current.Load().byID[tid]
	if t == nil {
		return
	}
	if now := s.opt.Now().UnixMicro(); now-t.used.Load() >= coarse.Microseconds() {
		t.used.Store(now)
	}
}

// Keep writes down when tokens were used, for each at most once an hour, and
// removes those that have ended long ago.
func (s *Store) Keep(ctx context.Context) error {
	var due []*token
	for _, t := range s.current.Load().byID {
		if t.used.Load() > t.written.Load() && len(due) < keepAtOnce {
			due = append(due, t)
		}
	}
	if len(due) > 0 {
		if err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
			for _, t := range due {
				used := t.used.Load()
				tx.Exec(`UPDATE account_token SET used=? WHERE id=? AND used<?`, used, t.ID, used)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, t := range due {
			t.written.Store(t.used.Load())
		}
	}
	return s.dropExpired(ctx)
}

// dropExpired removes some tokens that have ended long ago. That is no change
// of who may do what.
func (s *Store) dropExpired(ctx context.Context) error {
	before := s.opt.Now().Add(-keepExpired)
	var due []string
	for id, t := range s.current.Load().byID {
		if !t.Expires.IsZero() && t.Expires.Before(before) && len(due) < keepAtOnce {
			due = append(due, id)
		}
	}
	if len(due) == 0 {
		return nil
	}
	err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		for _, id := range due {
			tx.Exec(`DELETE FROM account_token WHERE id=? AND expires>0 AND expires<?`, id, before.UnixMicro())
		}
		return bump(tx)
	})
	if err != nil {
		return err
	}
	_, err = s.load(ctx)
	return err
}
