package catalog

import (
	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/sqldb"
)

// audit records what a change is, for those who watch over the registry: a
// record at the position of its last journal row. The journal itself tells
// those who follow the repository, and knows nothing of addresses and keys.
func (ch *change) audit(r lading.AuditRecord) {
	r.Repository = ch.repo.name
	audit.Append(ch.tx, ch.repo.mod, r)
}

// audit records a put; moved are the tags that point to the manifest now and did
// not before.
func (p *put) audit(ch *change, moved []string, previous lading.Digest) {
	ch.audit(lading.AuditRecord{Action: "manifest_put", Tags: moved, Digest: p.m.Digest, Previous: previous, Size: int64(len(p.m.Bytes))})
}

// previous is where the one tag that moves points now.
func (p *put) previous(moved []string) lading.Digest {
	if len(moved) != 1 || p.current[moved[0]] == nil {
		return ""
	}
	return named(p.current[moved[0]].to)
}

// named is the digest of a manifest that is there.
func named(m *manifestRow) lading.Digest {
	d, err := DecodeDigest(m.digest)
	if err != nil {
		return ""
	}
	return d
}

// auditRule records that a definition or a policy was put or, with a nil body,
// removed.
func (c *Catalog) auditRule(tx *sqldb.Tx, kind, name string, body []byte) {
	action := kind + "_put"
	if body == nil {
		action = kind + "_delete"
	}
	audit.AppendAt(tx, c.now(), lading.AuditRecord{Action: action, Scope: "registry", Detail: name})
}
