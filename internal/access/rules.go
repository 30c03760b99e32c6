package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Whoever may administer a part of the registry sees and changes the rules of
// that part, and no others. Which part that is stands in the context
// (lading.WithGrants), as everywhere behind the guard.

// maxRules bounds what is read whenever one of them changes.
const maxRules = 50_000

// configurationPrefix begins the ids of the configuration's rules.
const configurationPrefix = "config-"

// Configured gives rules of the configuration ids and their source, and leaves
// out one that is there already. An id follows from its rule alone: it stays
// when others come and go, and tells nothing of them.
func Configured(rules []lading.AccessRule) []lading.AccessRule {
	out, there := []lading.AccessRule{}, map[string]bool{}
	for _, r := range rules {
		sum := sha256.Sum256([]byte(r.String()))
		r.ID, r.Source = configurationPrefix+hex.EncodeToString(sum[:6]), lading.SourceConfiguration
		if !there[r.ID] {
			out = append(out, r)
		}
		there[r.ID] = true
	}
	return out
}

// covers reports whether a rule is about nothing outside of the grants.
func covers(g lading.Grants, r lading.AccessRule) bool {
	scope, err := lading.ScopeGrants(r.Scope)
	if err != nil {
		return g.All()
	}
	return scope.Subtract(g).Empty()
}

// Rules returns the rules of the part that the caller administers: those of the
// configuration, then the others by id.
func (s *Store) Rules(ctx context.Context) ([]lading.AccessRule, error) {
	mine, err := lading.GrantsFrom(ctx)
	if err != nil {
		return nil, err
	}
	return seen(mine, s.current.Load().rules), nil
}

// Rule returns one rule of the part that the caller administers.
//
// Errors: RULE_UNKNOWN.
func (s *Store) Rule(ctx context.Context, id string) (lading.AccessRule, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return lading.AccessRule{}, err
	}
	for _, r := range rules {
		if r.ID == id {
			return r, nil
		}
	}
	return lading.AccessRule{}, lading.ErrRuleUnknown
}

// PutRule takes a rule and tells whether there was none of that id. It is in
// force when it returns.
//
// Errors: RULE_INVALID; DENIED where the rule is about more than the caller
// administers; CONFLICT for an id of the configuration, or when there are too
// many; RULE_UNKNOWN for an id with a mark that no rule has.
func (s *Store) PutRule(ctx context.Context, id string, body []byte) (created bool, err error) {
	r, err := decodeRule(id, body)
	if err != nil {
		return false, err
	}
	if strings.HasPrefix(id, configurationPrefix) {
		return false, lading.ErrConflict.With("ids that begin with %q are those of the configuration: take another", configurationPrefix)
	}
	mine, err := lading.GrantsFrom(ctx)
	if err != nil {
		return false, err
	}
	if !covers(mine, r) {
		return false, lading.ErrDenied
	}
	if len(s.current.Load().rules) >= maxRules {
		return false, lading.ErrConflict.With("there are %d rules already: remove one first", maxRules)
	}
	err = s.change(ctx, id, &r, func(old *lading.AccessRule) error {
		if created = old == nil; created && chosen(id) != id {
			return lading.ErrRuleUnknown
		}
		return nil
	})
	return created && err == nil, err
}

// DeleteRule removes a rule that came through the API.
//
// Errors: RULE_UNKNOWN; CONFLICT for a rule of the configuration.
func (s *Store) DeleteRule(ctx context.Context, id string) error {
	r, err := s.Rule(ctx, id)
	if err == nil && r.Source == lading.SourceConfiguration {
		return lading.ErrConflict.With("the rule is in the configuration: remove it there")
	}
	if err != nil && !errors.Is(err, lading.ErrRuleUnknown) {
		return err
	}
	return s.change(ctx, id, nil, func(old *lading.AccessRule) error {
		if old == nil {
			return lading.ErrRuleUnknown
		}
		return nil
	})
}

// change puts a rule, or removes it, unless check, which sees the one that the
// caller knows by that id, refuses. Both are one transaction, with the record of the change.
func (s *Store) change(ctx context.Context, id string, to *lading.AccessRule, check func(old *lading.AccessRule) error) error {
	err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		generation, err := generationOf(tx.Context(), tx)
		if err != nil {
			return err
		}
		mine, err := lading.GrantsFrom(ctx)
		if err != nil {
			return err
		}
		id, old, err := keptRule(tx.Context(), tx, mine, id)
		if err != nil {
			return err
		}
		if err := check(old); err != nil {
			return err
		}
		if to != nil {
			to.ID = id
		}
		if old != nil && to != nil && *old == *to {
			return nil
		}
		generation++
		tx.Exec(`UPDATE access_generation SET generation=? WHERE id=0`, generation)
		tx.Exec(`DELETE FROM access_rule WHERE id=?`, id)
		if to != nil {
			tx.Exec(`INSERT INTO access_rule(id,subject,scope,verbs) VALUES(?,?,?,?)`, id, to.Subject, to.Scope, to.Verbs.String())
		}
		tx.Exec(`INSERT INTO access_change(generation,at,actor,id,before,after) VALUES(?,?,?,?,?,?)`,
			generation, s.opt.Now().UnixMicro(), lading.IdentityFrom(tx.Context()).Subject, id, textOf(old), textOf(to))
		// The rest of the id may tell of rules that are hidden.
		audit.AppendAccess(tx, s.opt.Now(), scopeOf(old, to), chosen(id), textOf(old), textOf(to))
		return nil
	})
	if err != nil {
		return changeError(err)
	}
	changed, err := s.load(context.WithoutCancel(ctx))
	if changed {
		s.opt.Changed()
	}
	return err
}

// changeError tells a client of a catalog without space.
func changeError(err error) error {
	if sqldb.IsFull(err) {
		return lading.ErrStorageFull.Wrap(err)
	}
	return err
}

// scopeOf is the part of the registry that a change is about: who watches over
// a part learns nothing of others.
func scopeOf(old, to *lading.AccessRule) string {
	switch {
	case old == nil:
		return to.Scope
	case to == nil || to.Scope == old.Scope:
		return old.Scope
	}
	return "registry"
}

func textOf(r *lading.AccessRule) string {
	if r == nil {
		return ""
	}
	return r.String()
}

// decodeRule reads a rule out of a request's body, strictly: a misspelt field
// must not make a rule that says something else.
func decodeRule(id string, body []byte) (lading.AccessRule, error) {
	var in struct {
		Subject string       `json:"subject"`
		Scope   string       `json:"scope"`
		Verbs   lading.Verbs `json:"verbs"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("there is more than one JSON object")
		}
	}
	r := lading.AccessRule{ID: id, Subject: in.Subject, Scope: in.Scope, Verbs: in.Verbs, Source: lading.SourceAPI}
	switch {
	case err != nil:
	case !lading.KnownRuleID(id):
		err = errors.New("the id is of lower-case letters and digits, in parts joined by single dashes, and at most 64 long")
	default:
		err = r.Check()
	}
	if err != nil {
		return r, lading.ErrRuleInvalid.With("the rule cannot be used: %s", err)
	}
	return r, nil
}
