package account

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// state is the accounts and tokens of one moment.
type state struct {
	generation int64
	accounts   map[string]*account // by subject
	names      []string            // of them, sorted
	hashes     []auth.Hash         // of their passwords, in the order of the names
	tokens     map[digest]*token
	byID       map[string]*token
	ids        []string // of tokens, sorted
}

// account is a row.
type account struct {
	lading.Account
	incarnation, stamp string
	hash               auth.Hash
}

// token is a row. used is when it was last used, in Unix microseconds, and
// written what of that the catalog has.
type token struct {
	lading.APIToken
	digest  digest
	bound   *lading.Bound
	used    atomic.Int64
	written atomic.Int64
}

func newState() *state {
	return &state{accounts: map[string]*account{}, tokens: map[digest]*token{}, byID: map[string]*token{}}
}

func (st *state) readAccounts(ctx context.Context, q sqldb.Querier) error {
	rows, err := q.Query(ctx, `SELECT subject,incarnation,stamp,password,member_of,disabled,created,created_by FROM account ORDER BY subject`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAccount(rows)
		if err != nil {
			return err
		}
		st.accounts[a.Subject] = a
		st.names = append(st.names, a.Subject)
		if a.Password {
			st.hashes = append(st.hashes, a.hash)
		}
	}
	return rows.Err()
}

// scanAccount reads a row. A hash that cannot be read, which another version
// wrote, is none: nobody gets in by it.
func scanAccount(row sqldb.Row) (*account, error) {
	a := &account{}
	var hash, groups string
	var disabled, created int64
	if err := row.Scan(&a.Subject, &a.incarnation, &a.stamp, &hash, &groups, &disabled, &created, &a.CreatedBy); err != nil {
		return nil, err
	}
	a.Groups, a.Disabled, a.Created = lines(groups), disabled != 0, timeOf(created)
	if h, err := auth.ParseHash(hash); err == nil {
		a.hash, a.Password = h, true
	}
	return a, nil
}

func (st *state) readTokens(ctx context.Context, q sqldb.Querier) error {
	rows, err := q.Query(ctx, `SELECT id,digest,owner,description,scopes,created,created_by,expires,used FROM account_token ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return err
		}
		st.tokens[t.digest], st.byID[t.ID] = t, t
		st.ids = append(st.ids, t.ID)
	}
	return rows.Err()
}

// scanToken reads a row. A limit that cannot be read, which another version
// wrote, lets nothing through.
func scanToken(row sqldb.Row) (*token, error) {
	t := &token{}
	var sum []byte
	var scopes string
	var created, expires, used int64
	if err := row.Scan(&t.ID, &sum, &t.Owner, &t.Description, &scopes, &created, &t.CreatedBy, &expires, &used); err != nil {
		return nil, err
	}
	copy(t.digest[:], sum)
	t.Scopes, t.Created, t.Expires = lines(scopes), timeOf(created), timeOf(expires)
	var err error
	if t.bound, err = lading.ParseBound(t.Scopes); err != nil {
		t.bound = &lading.Bound{}
	}
	t.used.Store(used)
	t.written.Store(used)
	return t, nil
}

// keepUses takes over what an older state knows of the uses of tokens.
func (st *state) keepUses(old *state) {
	if old == nil {
		return
	}
	for id, t := range st.byID {
		if o := old.byID[id]; o != nil {
			t.used.Store(max(t.used.Load(), o.used.Load()))
		}
	}
}

// shown is the token with when it was last used.
func (t *token) shown() lading.APIToken {
	out := t.APIToken
	out.Used = timeOf(t.used.Load())
	return out
}

// lines are the parts of a text that newlines separate; never nil.
func lines(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, "\n")
}

// timeOf is a time in Unix microseconds; 0 is none.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func microOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// after are up to n of sorted names behind one, that are wanted.
func after(names []string, last string, n int, want func(string) bool) (out []string) {
	i, found := slices.BinarySearch(names, last)
	if found {
		i++
	}
	for ; i < len(names) && len(out) < n; i++ {
		if want(names[i]) {
			out = append(out, names[i])
		}
	}
	return out
}
