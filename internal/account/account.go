// Package account keeps users, services and their API tokens in the catalog,
// where every replica finds them, and answers who they are from memory. It
// knows nothing of what they may do, but that a token may be limited; who may
// change them is decided before it is asked, by internal/guard.
//
// Passwords are kept as hashes and tokens as digests; neither leaves this
// package, and no error, log line or record of a change has one in it.
package account

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Options tune a Store. The zero value works.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told when accounts cannot be read again; nil is nobody.
	Logger *slog.Logger
	// Poll is how often the catalog is asked whether another replica changed
	// accounts; 0 means 250 ms.
	Poll time.Duration
	// Changed is called after accounts have, whichever replica changed them.
	Changed func()
	// Reserved tells of a subject that somebody else has already, such as a
	// user of the users' file: no account is made of that name.
	Reserved func(subject string) bool
	// Hash makes the hash of a password, not too many at once.
	//
	// Errors: TOOMANYREQUESTS.
	Hash func(password string) (auth.Hash, error)
	// MinPassword is the length of the shortest password, in bytes; 0 means 12.
	MinPassword int
	// MaxTokenAge is the longest that a token may be good for; 0 means for
	// ever.
	MaxTokenAge time.Duration
	// Dir is the directory for the file with the first password; empty makes
	// no first account.
	Dir string
}

// Store holds the accounts and tokens in force. Its methods may be called from
// any number of goroutines. It implements auth.Accounts.
type Store struct {
	db      *sqldb.DB
	opt     Options
	nobody  auth.Hash  // what is computed where nobody has a password
	mu      sync.Mutex // held while accounts are read
	current atomic.Pointer[state]
}

// Open reads the accounts.
func Open(ctx context.Context, cat *catalog.Catalog, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Poll == 0 {
		opt.Poll = 250 * time.Millisecond
	}
	if opt.Changed == nil {
		opt.Changed = func() {}
	}
	if opt.Reserved == nil {
		opt.Reserved = func(string) bool { return false }
	}
	if opt.Hash == nil {
		opt.Hash = func(password string) (auth.Hash, error) { return auth.NewHash(password), nil }
	}
	if opt.MinPassword == 0 {
		opt.MinPassword = 12
	}
	s := &Store{db: cat.DB(), opt: opt, nobody: auth.NewHash("")}
	_, err := s.load(ctx)
	return s, err
}

// Run notices what other replicas change, writes down when tokens were used
// and removes those that ended long ago, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	told := func(err error) {
		s.opt.Logger.Error("accounts could not be read again, or written: those of before are in force, and it is tried again", "error", err)
	}
	var both sync.WaitGroup
	both.Go(func() { sqldb.Poll(ctx, keepEvery, told, s.Keep) })
	if s.db.Dialect() != sqldb.SQLite { // it has no other replicas
		both.Go(func() { sqldb.Poll(ctx, s.opt.Poll, told, s.Refresh) })
	}
	both.Wait()
}

// Refresh reads the accounts if another replica has changed them.
func (s *Store) Refresh(ctx context.Context) error {
	generation, err := generationOf(ctx, s.db.Read())
	if err != nil || generation == s.current.Load().generation {
		return err
	}
	changed, err := s.load(ctx)
	if changed {
		s.opt.Changed()
	}
	return err
}

// load puts the catalog's accounts in force, unless newer ones are already.
func (s *Store) load(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := newState()
	err = s.db.View(ctx, func(q sqldb.Querier) error {
		if st.generation, err = generationOf(ctx, q); err != nil {
			return err
		}
		if err := st.readAccounts(ctx, q); err != nil {
			return fmt.Errorf("accounts: %w", err)
		}
		if err := st.readTokens(ctx, q); err != nil {
			return fmt.Errorf("accounts: tokens: %w", err)
		}
		return nil
	})
	old := s.current.Load()
	if err != nil || old != nil && old.generation >= st.generation {
		return false, err
	}
	st.keepUses(old)
	s.current.Store(st)
	return true, nil
}

func generationOf(ctx context.Context, q sqldb.Querier) (generation int64, err error) {
	if err := q.QueryRow(ctx, `SELECT generation FROM account_generation WHERE id=0`).Scan(&generation); err != nil {
		return 0, fmt.Errorf("accounts: generation: %w", err)
	}
	return generation, nil
}
