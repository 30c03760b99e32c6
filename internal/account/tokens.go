package account

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// defaultTokenAge is how long a token is good for where nobody says.
const defaultTokenAge = 90 * 24 * time.Hour

// Tokens returns up to n tokens by id, behind one: those of an account, or all
// where owner is empty.
func (s *Store) Tokens(_ context.Context, owner, last string, n int) ([]lading.APIToken, error) {
	st := s.current.Load()
	out := []lading.APIToken{}
	for _, id := range after(st.ids, last, n, func(id string) bool { return owner == "" || st.byID[id].Owner == owner }) {
		out = append(out, st.byID[id].shown())
	}
	return out, nil
}

// APIToken returns one.
//
// Errors: TOKEN_UNKNOWN.
func (s *Store) APIToken(_ context.Context, id string) (lading.APIToken, error) {
	t := s.current.Load().byID[id]
	if t == nil {
		return lading.APIToken{}, lading.ErrTokenUnknown
	}
	return t.shown(), nil
}

// CreateToken makes a token for its owner and returns its text, which is kept
// nowhere. Where by is not nil, the new token can do no more than that one, and
// no longer.
//
// Errors: TOKEN_INVALID; ACCOUNT_UNKNOWN; CONFLICT when there are too many;
// DENIED for more than by can do.
func (s *Store) CreateToken(ctx context.Context, in lading.NewAPIToken, by *lading.Credential) (text string, t lading.APIToken, err error) {
	if t, err = s.newToken(in, by); err != nil {
		return "", t, err
	}
	text = newToken()
	sum, _ := parseToken(text)
	err = s.change(ctx, func(tx *sqldb.Tx) (bool, error) {
		a, err := readAccount(tx, t.Owner)
		if err != nil {
			return false, err
		}
		if a == nil {
			return false, lading.ErrAccountUnknown
		}
		if err := roomForToken(tx, t.Owner); err != nil {
			return false, err
		}
		t.CreatedBy = actor(tx)
		if err := record(tx, s.opt.Now(), tokenCredential+t.ID, "", tokenText(t)); err != nil {
			return false, err
		}
		tx.Exec(`INSERT INTO account_token(id,digest,owner,description,scopes,created,created_by,expires,used) VALUES(?,?,?,?,?,?,?,?,0)`,
			t.ID, sum[:], t.Owner, t.Description, strings.Join(t.Scopes, "\n"), microOf(t.Created), t.CreatedBy, microOf(t.Expires))
		return true, nil
	})
	if err != nil {
		return "", lading.APIToken{}, err
	}
	return text, t, nil
}

// newToken checks what is asked for.
func (s *Store) newToken(in lading.NewAPIToken, by *lading.Credential) (t lading.APIToken, err error) {
	if s.opt.Reserved(in.Owner) {
		return t, lading.ErrConflict.With("%s is in the file of users of the registry's configuration: only accounts of the registry have tokens", in.Owner)
	}
	t = lading.APIToken{ID: newID(), Owner: in.Owner, Description: in.Description, Created: s.opt.Now().UTC().Truncate(time.Microsecond)}
	if len(in.Description) > maxDescription || strings.ContainsFunc(in.Description, unicode.IsControl) {
		return t, lading.ErrTokenInvalid.With("a description is a line of at most %d bytes", maxDescription)
	}
	if len(in.Scopes) > maxScopes {
		return t, lading.ErrTokenInvalid.With("at most %d scopes", maxScopes)
	}
	bound, err := lading.ParseBound(in.Scopes)
	if err != nil {
		return t, lading.ErrTokenInvalid.With("a scope cannot be used: %s", err)
	}
	for _, scope := range in.Scopes {
		t.Scopes = append(t.Scopes, strings.Join(strings.Fields(scope), " "))
	}
	if t.Expires, err = s.expires(in.Expires, by); err != nil {
		return t, err
	}
	if by == nil {
		return t, nil
	}
	if !bound.Within(by.Bound) {
		return t, lading.ErrDenied.With("a token can make none that may do more than it may itself: say less, or sign in with the password")
	}
	if !by.Expires.IsZero() && (t.Expires.IsZero() || t.Expires.After(by.Expires)) {
		return t, lading.ErrDenied.With("a token can make none that lasts longer than it does itself, which is until %s", by.Expires.Format(time.RFC3339))
	}
	return t, nil
}

// expires is the end of a token, of which by default as much is taken as may be.
func (s *Store) expires(text string, by *lading.Credential) (time.Time, error) {
	now, longest := s.opt.Now().UTC().Truncate(time.Microsecond), s.opt.MaxTokenAge
	switch text {
	case "":
		end := now.Add(defaultTokenAge)
		if longest > 0 && longest < defaultTokenAge {
			end = now.Add(longest)
		}
		if by != nil && !by.Expires.IsZero() && by.Expires.Before(end) {
			end = by.Expires
		}
		return end, nil
	case "never":
		if longest > 0 {
			return time.Time{}, tooLong(longest)
		}
		return time.Time{}, nil
	}
	end, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return end, lading.ErrTokenInvalid.With("expires: want a time as 2027-01-31T00:00:00Z, or never")
	case !end.After(now):
		return end, lading.ErrTokenInvalid.With("expires: that is in the past")
	case longest > 0 && end.After(now.Add(longest)):
		return end, tooLong(longest)
	}
	return end.UTC().Truncate(time.Microsecond), nil
}

func tooLong(longest time.Duration) error {
	return lading.ErrTokenInvalid.With("expires: a token of this registry is good for %d days at most", int(longest.Hours()/24))
}

// roomForToken counts up to the bounds.
func roomForToken(tx *sqldb.Tx, owner string) error {
	var mine, all int64
	const sql = `SELECT (SELECT count(*) FROM account_token WHERE owner=?), (SELECT count(*) FROM account_token)`
	if err := tx.QueryRow(tx.Context(), sql, owner).Scan(&mine, &all); err != nil {
		return fmt.Errorf("accounts: tokens: %w", err)
	}
	if mine >= maxTokensOf || all >= maxTokens {
		return lading.ErrConflict.With("there are too many tokens, %d at most and %d of one account: remove one first", maxTokens, maxTokensOf)
	}
	return nil
}

// tokenText is a token in the record of changes.
func tokenText(t lading.APIToken) string {
	text := t.Owner
	if t.Expires.IsZero() {
		text += " expires=never"
	} else {
		text += " expires=" + t.Expires.Format(time.RFC3339)
	}
	if len(t.Scopes) > 0 {
		text += " scopes=" + strings.Join(t.Scopes, "; ")
	}
	return text
}

// DeleteToken revokes a token.
//
// Errors: TOKEN_UNKNOWN.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.change(ctx, func(tx *sqldb.Tx) (bool, error) {
		found, err := texts(tx, `SELECT owner FROM account_token WHERE id=?`, id)
		if err != nil {
			return false, err
		}
		if len(found) == 0 {
			return false, lading.ErrTokenUnknown
		}
		if err := record(tx, s.opt.Now(), tokenCredential+id, found[0], ""); err != nil {
			return false, err
		}
		tx.Exec(`DELETE FROM account_token WHERE id=?`, id)
		endSessions(tx, found[0], tokenCredential+id)
		return true, nil
	})
}
