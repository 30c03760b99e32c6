package audit

import (
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// ActionAccess is the action of changes of rules, accounts and tokens.
const ActionAccess = "access_change"

// AppendAccess records, in its own transaction, that a rule, an account or a
// token was changed: its id, and what it was before and after, empty where
// there was none. scope is the part of the registry that it is about.
func AppendAccess(tx *sqldb.Tx, now time.Time, scope, id, before, after string) {
	text := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return s
	}
	AppendAt(tx, now, lading.AuditRecord{Action: ActionAccess, Scope: scope, Detail: id + ": " + text(before) + " -> " + text(after)})
}
