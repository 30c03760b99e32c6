// Package access knows the rules that say who may do what: those of the
// configuration, which are always there, and those that came through the API
// and are in the catalog, where every replica finds them. It answers from
// memory, and notices when the rules change. Who is calling was found out
// before; who asks it is internal/guard.
package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Options say where rules come from and whom changes are told to. The zero
// value has no rules but those of the catalog.
type Options struct {
	// Rules are those of the configuration, with their ids.
	Rules []lading.AccessRule
	// Known tells whether there is such a caller still, and its credential is
	// not revoked; nil means always. Running streams of one who has gone see
	// nothing any more. It is not asked about who is anonymous.
	Known func(lading.Identity) bool
	// Current returns a caller as it is now, with the groups of now, and says of
	// one who has gone that it is not; nil takes callers as they come. It is as
	// Known is, and says more.
	Current func(lading.Identity) (now lading.Identity, ok bool)
	// Changed is called after the rules have, whichever replica changed them;
	// it must not block.
	Changed func()
	// Poll is how often the catalog is asked whether another replica changed
	// rules; 0 means 250 ms.
	Poll time.Duration
	// Now is the clock of the record of changes, and of credentials; nil means
	// time.Now.
	Now func() time.Time
	// Logger is told when the rules cannot be read again; nil is nobody.
	Logger *slog.Logger
}

// Store holds the rules in force. Its methods may be called from any number of
// goroutines.
type Store struct {
	db      *sqldb.DB
	opt     Options
	mu      sync.Mutex // held while rules are read
	current atomic.Pointer[state]
}

// Open reads the rules.
func Open(ctx context.Context, cat *catalog.Catalog, opt Options) (*Store, error) {
	if opt.Poll == 0 {
		opt.Poll = 250 * time.Millisecond
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Changed == nil {
		opt.Changed = func() {}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{db: cat.DB(), opt: opt}
	_, err := s.load(ctx)
	return s, err
}

// Granted tells where the caller that the context names may do what the verb
// says, now. It implements guard.Access.
//
// Errors: UNAUTHORIZED for a credential that has expired. A caller with it has
// lost nothing and needs a new one; with no grants instead, a copy that follows
// the registry would be told to remove all it has.
func (s *Store) Granted(ctx context.Context, verb lading.Verb) (lading.Grants, error) {
	id := lading.IdentityFrom(ctx)
	if s.opt.Known != nil && !id.Anonymous() && !s.opt.Known(id) {
		return lading.Grants{}, nil
	}
	if s.opt.Current != nil && !id.Anonymous() {
		now, ok := s.opt.Current(id)
		if !ok {
			return lading.Grants{}, nil
		}
		id.Groups = now.Groups
	}
	i := verb.Index()
	if i < 0 {
		return lading.Grants{}, nil
	}
	granted := s.current.Load().permissions(id)[i]
	if id.Credential == nil {
		return granted, nil
	}
	now := s.opt.Now()
	if id.Credential.Expired(now) {
		return lading.Grants{}, lading.ErrUnauthorized.With("the credential has expired: sign in again")
	}
	return id.Credential.Limit(verb, granted, now), nil
}

// Explain tells whether a caller may do something, and by which rules. A
// credential that is not good for it leaves none.
func (s *Store) Explain(id lading.Identity, verb lading.Verb, repo string) lading.AccessDecision {
	d := lading.AccessDecision{Subject: id.Subject, Verb: verb.String(), Repository: repo, Rules: []lading.AccessRule{}}
	if id.Anonymous() {
		d.Subject = lading.SubjectAnonymous
	}
	if !id.Credential.Limit(verb, lading.AllGrants(), s.opt.Now()).Contains(repo) {
		return d
	}
	if len(id.Groups) == 0 && s.opt.Current != nil {
		if now, ok := s.opt.Current(id); ok {
			id.Groups = now.Groups // those of an account that is asked about
		}
	}
	st := s.current.Load()
	for _, subject := range id.Subjects() {
		for _, r := range st.bySubject[subject] {
			if r.rule.Verbs.Has(verb) && r.grants.Contains(repo) {
				rule := r.rule
				rule.ID = chosen(rule.ID) // the rest may tell of rules that are hidden
				d.Rules = append(d.Rules, rule)
			}
		}
	}
	d.Allowed = len(d.Rules) > 0
	return d
}

// Run notices what other replicas change, until ctx ends. A SQLite catalog has
// no other replicas.
func (s *Store) Run(ctx context.Context) {
	if s.db.Dialect() == sqldb.SQLite {
		return
	}
	sqldb.Poll(ctx, s.opt.Poll, func(err error) {
		s.opt.Logger.Error("the access rules could not be read again: those of before are in force, and it is tried again", "error", err)
	}, s.Refresh)
}

// Refresh reads the rules if another replica has changed them.
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

// load puts the catalog's rules in force, unless newer ones are already.
func (s *Store) load(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := slices.Clone(s.opt.Rules)
	var generation int64
	err = s.db.View(ctx, func(q sqldb.Querier) error {
		if generation, err = generationOf(ctx, q); err != nil {
			return err
		}
		stored, err := readRules(ctx, q)
		rules = append(rules, stored...)
		return err
	})
	if err != nil {
		return false, err
	}
	if old := s.current.Load(); old != nil && old.generation >= generation {
		return false, nil
	}
	st, err := compile(generation, rules)
	if err != nil {
		return false, err
	}
	s.current.Store(st)
	return true, nil
}

func generationOf(ctx context.Context, q sqldb.Querier) (generation int64, err error) {
	if err := q.QueryRow(ctx, `SELECT generation FROM access_generation WHERE id=0`).Scan(&generation); err != nil {
		return 0, fmt.Errorf("access: generation: %w", err)
	}
	return generation, nil
}

// readRules are the rules of the catalog, by id. One that cannot be read, which
// another version wrote, gives nothing: rules only give.
func readRules(ctx context.Context, q sqldb.Querier) (out []lading.AccessRule, _ error) {
	rows, err := q.Query(ctx, `SELECT id,subject,scope,verbs FROM access_rule ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("access: rules: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r := lading.AccessRule{Source: lading.SourceAPI}
		var verbs string
		if err := rows.Scan(&r.ID, &r.Subject, &r.Scope, &verbs); err != nil {
			return nil, fmt.Errorf("access: rules: %w", err)
		}
		r.Verbs = verbsOf(verbs)
		out = append(out, r)
	}
	return out, rows.Err()
}

// verbsOf are the stored verbs that this version knows.
func verbsOf(stored string) (vs lading.Verbs) {
	for _, name := range strings.Split(stored, ",") {
		if v, err := lading.ParseVerb(name); err == nil {
			vs |= lading.Verbs(v)
		}
	}
	return vs
}
