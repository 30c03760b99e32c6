package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

// NewAudit puts access rules before the records of what was done.
func NewAudit(records lading.Auditor, access Access) lading.Auditor {
	return &guardedAudit{records: records, door: door{access}}
}

type guardedAudit struct {
	records lading.Auditor
	door
}

// Audit hands on where the caller may read records: those of anything else are
// not there.
//
// Errors: UNAUTHORIZED; DENIED to who may read none.
func (g *guardedAudit) Audit(ctx context.Context, q lading.AuditQuery) (lading.AuditPage, error) {
	grants, err := g.access.Granted(ctx, lading.VerbAudit)
	if err == nil && grants.Empty() {
		err = g.refusal(ctx, lading.VerbAudit, func(wider lading.Grants) bool { return !wider.Empty() }, lading.ErrDenied)
	}
	if err != nil {
		return lading.AuditPage{}, err
	}
	return g.records.Audit(g.with(ctx, lading.VerbAudit), q)
}
