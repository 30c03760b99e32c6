package catalog

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Match is a manifest that refers to a subject.
type Match struct {
	ID, Born, Mod int64
	Digest        digest.Digest
	Repository    string
}

// BySubject returns up to n manifests of living repositories with a subject,
// in no particular order.
func (c *Catalog) BySubject(ctx context.Context, q sqldb.Querier, subject digest.Digest, n int) ([]Match, error) {
	rows, err := q.Query(ctx, `SELECT m.id,m.born,m.mod,m.digest,r.name FROM manifest m JOIN repository r ON r.id=m.repo WHERE m.subject=? LIMIT ?`, EncodeDigest(subject), n)
	if err != nil {
		return nil, fmt.Errorf("catalog: by subject: %w", err)
	}
	defer rows.Close()
	var out []Match
	for rows.Next() {
		var m Match
		var d []byte
		if err := rows.Scan(&m.ID, &m.Born, &m.Mod, &d, &m.Repository); err != nil {
			return nil, fmt.Errorf("catalog: by subject: %w", err)
		}
		if m.Digest, err = DecodeDigest(d); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
