package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Whoever makes a rule chooses its id, and must not learn from that which ids
// are taken by rules that it may not see. So an id that only such rules have is
// as good as free: the rule is then kept under the id with a mark and some
// digits behind it, and its id is shown without them to whoever sees no other
// rule of that id.

// mark ends the part of a kept id that was chosen.
const mark = "~"

// chosen is the id under which somebody made a rule.
func chosen(id string) string {
	id, _, _ = strings.Cut(id, mark)
	return id
}

// seen returns the rules of which a caller administers the part, with the ids by
// which it knows them.
func seen(mine lading.Grants, rules []lading.AccessRule) []lading.AccessRule {
	out, taken := []lading.AccessRule{}, map[string]bool{}
	for _, r := range rules { // an id without a mark comes before those with one
		if !covers(mine, r) {
			continue
		}
		if id := chosen(r.ID); !taken[id] {
			r.ID = id
		}
		taken[r.ID] = true
		out = append(out, r)
	}
	return out
}

// keptRule finds, among the rules of the catalog, the one that a caller knows by
// an id, and the id under which it is kept: that of the rule, or if there is none
// one that is free.
func keptRule(ctx context.Context, tx *sqldb.Tx, mine lading.Grants, id string) (string, *lading.AccessRule, error) {
	base := chosen(id)
	rows, err := tx.Query(ctx, `SELECT id,subject,scope,verbs FROM access_rule WHERE id=? OR (id>=? AND id<?) ORDER BY id`, base, base+mark, base+mark+mark)
	if err != nil {
		return "", nil, fmt.Errorf("access: rule %s: %w", id, err)
	}
	defer rows.Close()
	var all []lading.AccessRule
	for rows.Next() {
		r, verbs := lading.AccessRule{Source: lading.SourceAPI}, ""
		if err := rows.Scan(&r.ID, &r.Subject, &r.Scope, &verbs); err != nil {
			return "", nil, fmt.Errorf("access: rule %s: %w", id, err)
		}
		r.Verbs = verbsOf(verbs)
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return "", nil, fmt.Errorf("access: rule %s: %w", id, err)
	}
	i := 0
	for _, r := range all {
		if !covers(mine, r) {
			continue
		}
		if shown := seen(mine, all)[i]; shown.ID == id {
			return r.ID, &r, nil
		}
		i++
	}
	if len(all) == 0 || all[0].ID != base {
		return base, nil, nil
	}
	var digits [8]byte
	_, _ = rand.Read(digits[:]) // it never fails
	return base + mark + hex.EncodeToString(digits[:]), nil, nil
}
