package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Bounds of what is read whenever one account or token changes.
const (
	maxAccounts    = 20_000
	maxTokens      = 100_000
	maxTokensOf    = 1_000 // one account
	maxGroups      = 100
	maxPassword    = 1024 // bytes
	maxDescription = 255
	maxScopes      = 100
)

// Accounts returns up to n accounts by subject, behind one.
func (s *Store) Accounts(_ context.Context, last string, n int) ([]lading.Account, error) {
	st := s.current.Load()
	out := []lading.Account{}
	for _, name := range after(st.names, last, n, func(string) bool { return true }) {
		out = append(out, st.accounts[name].Account)
	}
	return out, nil
}

// Account returns one.
//
// Errors: ACCOUNT_UNKNOWN.
func (s *Store) Account(_ context.Context, subject string) (lading.Account, error) {
	a := s.current.Load().accounts[subject]
	if a == nil {
		return lading.Account{}, lading.ErrAccountUnknown
	}
	return a.Account, nil
}

// PutAccount makes an account or changes it, and tells whether there was none.
// Whoever signs in with an older password has to again from when it returns,
// and whoever did before it was disabled, also when it is enabled again.
//
// Errors: ACCOUNT_INVALID; PRECONDITION_FAILED where it has to be new and is
// not; CONFLICT for a name that somebody else has, or when there are too many;
// TOOMANYREQUESTS.
func (s *Store) PutAccount(ctx context.Context, subject string, c lading.AccountChange, mustBeNew bool) (created bool, err error) {
	hash, err := s.prepare(subject, &c)
	if err != nil {
		return false, err
	}
	err = s.change(ctx, func(tx *sqldb.Tx) (did bool, err error) {
		old, err := readAccount(tx, subject)
		if err != nil {
			return false, err
		}
		if created = old == nil; !created && mustBeNew {
			return false, lading.ErrPreconditionFailed.With("there is %s already", subject)
		}
		return s.put(tx, subject, old, c, hash)
	})
	if err == nil && !hash.Zero() {
		s.forgetInitial(subject)
	}
	return created && err == nil, err
}

// prepare checks a change and makes the hash of its password.
func (s *Store) prepare(subject string, c *lading.AccountChange) (hash auth.Hash, err error) {
	if err := lading.CheckAccount(subject); err != nil {
		return hash, lading.ErrAccountInvalid.With("%s", err)
	}
	if s.opt.Reserved(subject) {
		return hash, lading.ErrConflict.With("%s is in the file of users of the registry's configuration: change it there", subject)
	}
	service := strings.HasPrefix(subject, "service:")
	switch {
	case service && (c.Password != nil || c.PasswordHash != nil):
		return hash, lading.ErrAccountInvalid.With("a service has no password: make a token for it")
	case c.Password != nil && c.PasswordHash != nil:
		return hash, lading.ErrAccountInvalid.With("give password or password_hash, not both")
	}
	if c.Groups != nil {
		if err := checkGroups(c.Groups); err != nil {
			return hash, err
		}
	}
	switch {
	case c.Password != nil:
		if err := s.checkPassword(*c.Password); err != nil {
			return hash, err
		}
		return s.opt.Hash(*c.Password)
	case c.PasswordHash != nil:
		if hash, err = auth.ParseHash(*c.PasswordHash); err != nil {
			return hash, lading.ErrAccountInvalid.With("the password's hash cannot be used: %s", err)
		}
	}
	return hash, nil
}

// checkPassword goes by length alone, as NIST SP 800-63B, 3.1.1.2 has it.
func (s *Store) checkPassword(password string) error {
	switch {
	case len(password) < s.opt.MinPassword || len(password) > maxPassword:
		return lading.ErrAccountInvalid.With("a password is of %d to %d bytes", s.opt.MinPassword, maxPassword)
	case strings.ContainsFunc(password, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return lading.ErrAccountInvalid.With("a password has no control characters, such as the end of a line")
	case s.IsToken(password):
		return lading.ErrAccountInvalid.With("a password does not begin as a token does")
	}
	return nil
}

// checkGroups sorts the groups.
func checkGroups(groups *[]string) error {
	g := slices.Compact(slices.Sorted(slices.Values(*groups)))
	*groups = g
	if len(g) > maxGroups {
		return lading.ErrAccountInvalid.With("at most %d groups", maxGroups)
	}
	for _, name := range g {
		if err := lading.CheckSubject("group:" + name); err != nil {
			return lading.ErrAccountInvalid.With("%.80q is not the name of a group", name)
		}
	}
	return nil
}

// put writes an account; did is false where that changes nothing.
func (s *Store) put(tx *sqldb.Tx, subject string, old *account, c lading.AccountChange, hash auth.Hash) (did bool, err error) {
	a := account{}
	if old != nil {
		a = *old
	} else {
		if len(s.current.Load().accounts) >= maxAccounts {
			return false, lading.ErrConflict.With("there are %d accounts already: remove one first", maxAccounts)
		}
		a.Account = lading.Account{Subject: subject, Groups: []string{}, Created: s.opt.Now(), CreatedBy: actor(tx)}
		a.incarnation, a.stamp = newID(), newID()
	}
	if c.Groups != nil {
		a.Groups = *c.Groups
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
	how := ""
	if !hash.Zero() {
		a.hash, a.Password, a.stamp = hash, true, newID()
		how = " password changed"
		if old != nil {
			endSessions(tx, subject, passwordCredential+old.stamp)
		}
	}
	if a.Disabled && old != nil && !old.Disabled { // nobody is signed in when it is enabled again
		a.stamp = newID()
		endSessions(tx, subject, "")
	}
	if old != nil && how == "" && slices.Equal(old.Groups, a.Groups) && old.Disabled == a.Disabled {
		return false, nil
	}
	if err := record(tx, s.opt.Now(), subject, textOf(old), textOf(&a)+how); err != nil {
		return false, err
	}
	tx.Exec(`DELETE FROM account WHERE subject=?`, subject)
	tx.Exec(`INSERT INTO account(subject,incarnation,stamp,password,member_of,disabled,created,created_by) VALUES(?,?,?,?,?,?,?,?)`,
		subject, a.incarnation, a.stamp, a.hash.Text(), strings.Join(a.Groups, "\n"), boolOf(a.Disabled), microOf(a.Created), a.CreatedBy)
	return true, nil
}

// DeleteAccount removes an account with its tokens and sessions, and the rules of the
// catalog that are about it: another one of the name, later, has none of them.
//
// Errors: ACCOUNT_UNKNOWN.
func (s *Store) DeleteAccount(ctx context.Context, subject string) error {
	err := s.change(ctx, func(tx *sqldb.Tx) (bool, error) {
		old, err := readAccount(tx, subject)
		if err != nil {
			return false, err
		}
		if old == nil {
			return false, lading.ErrAccountUnknown
		}
		tokens, err := texts(tx, `SELECT id FROM account_token WHERE owner=? ORDER BY id`, subject)
		if err != nil {
			return false, err
		}
		rules, err := texts(tx, `SELECT id FROM access_rule WHERE subject=? ORDER BY id`, subject)
		if err != nil {
			return false, err
		}
		before := make([]string, len(rules))
		for i, id := range rules {
			var verbs, scope string
			if err := tx.QueryRow(tx.Context(), `SELECT verbs,scope FROM access_rule WHERE id=?`, id).Scan(&verbs, &scope); err != nil {
				return false, fmt.Errorf("accounts: rule %s: %w", id, err)
			}
			before[i] = subject + " " + verbs + " " + scope
		}
		changes := [][2]string{{subject, textOf(old)}}
		for _, id := range tokens {
			changes = append(changes, [2]string{tokenCredential + id, subject})
		}
		for i, id := range rules {
			changes = append(changes, [2]string{id, before[i]})
		}
		for _, c := range changes {
			if err := record(tx, s.opt.Now(), c[0], c[1], ""); err != nil {
				return false, err
			}
		}
		tx.Exec(`DELETE FROM access_rule WHERE subject=?`, subject)
		tx.Exec(`DELETE FROM account_token WHERE owner=?`, subject)
		tx.Exec(`DELETE FROM account WHERE subject=?`, subject)
		endSessions(tx, subject, "")
		return true, nil
	})
	if err == nil {
		s.forgetInitial(subject)
	}
	return err
}

// endSessions ends the sessions of an account, those that were got with one
// credential or where that is empty all. What was got with the credential is
// good for nothing any more by itself: this removes what would be shown.
func endSessions(tx *sqldb.Tx, subject, credential string) {
	if credential == "" {
		tx.Exec(`DELETE FROM refresh_token WHERE subject=?`, subject)
		return
	}
	tx.Exec(`DELETE FROM refresh_token WHERE subject=? AND credential=?`, subject, credential)
}

// change runs a change in a transaction and puts it in force here.
func (s *Store) change(ctx context.Context, fn func(*sqldb.Tx) (did bool, err error)) error {
	did := false
	err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) (err error) {
		if did, err = fn(tx); did && err == nil {
			err = bump(tx)
		}
		return err
	})
	if sqldb.IsFull(err) {
		return lading.ErrStorageFull.Wrap(err)
	}
	if err != nil || !did {
		return err
	}
	changed, err := s.load(context.WithoutCancel(ctx))
	if changed {
		s.opt.Changed()
	}
	return err
}

// record makes a generation of access, and notes what was changed in it.
func record(tx *sqldb.Tx, at time.Time, id, before, after string) error {
	var generation int64
	if err := tx.QueryRow(tx.Context(), `SELECT generation FROM access_generation WHERE id=0`).Scan(&generation); err != nil {
		return fmt.Errorf("accounts: generation: %w", err)
	}
	tx.Exec(`UPDATE access_generation SET generation=? WHERE id=0`, generation+1)
	tx.Exec(`INSERT INTO access_change(generation,at,actor,id,before,after) VALUES(?,?,?,?,?,?)`, generation+1, at.UnixMicro(), actor(tx), id, before, after)
	audit.AppendAccess(tx, at, "registry", id, before, after)
	return nil
}

// bump has replicas read the accounts again.
func bump(tx *sqldb.Tx) error {
	tx.Exec(`UPDATE account_generation SET generation=generation+1 WHERE id=0`)
	return nil
}

func actor(tx *sqldb.Tx) string { return lading.IdentityFrom(tx.Context()).Subject }

func boolOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// textOf is an account in the record of changes, without its password.
func textOf(a *account) string {
	if a == nil {
		return ""
	}
	text := a.Subject + " groups=" + strings.Join(a.Groups, ",")
	if a.Disabled {
		text += " disabled"
	}
	return text
}

func readAccount(tx *sqldb.Tx, subject string) (*account, error) {
	a, err := scanAccount(tx.QueryRow(tx.Context(), `SELECT subject,incarnation,stamp,password,member_of,disabled,created,created_by FROM account WHERE subject=?`, subject))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("accounts: %s: %w", subject, err)
	}
	return a, nil
}

// texts reads a column.
func texts(tx *sqldb.Tx, sql string, args ...any) (out []string, _ error) {
	rows, err := tx.Query(tx.Context(), sql, args...)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("accounts: %w", err)
		}
		out = append(out, text)
	}
	return out, rows.Err()
}
