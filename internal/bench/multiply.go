package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// multiply makes factor registries of one, in place, on SQLite: each
// repository comes again under another name in the same namespaces, later, with
// all that it holds. It is how ten million manifests are had in minutes; the
// rows are those that pushes would have written, but for digests, which repeat.
func (r *running) multiply(ctx context.Context, factor int) error {
	db := r.Catalog().DB()
	if db.Dialect() != sqldb.SQLite {
		return fmt.Errorf("-multiply works on SQLite only")
	}
	var ids, pos, seq int64
	if err := db.Read().QueryRow(ctx, `SELECT next_id*64, pos, seq FROM head WHERE shard=0`).Scan(&ids, &pos, &seq); err != nil {
		return err
	}
	var first int64
	if err := db.Read().QueryRow(ctx, `SELECT MIN(pos) FROM journal`).Scan(&first); err != nil {
		return err
	}
	span := pos - first + 1
	began := time.Now()
	for k := int64(1); k < int64(factor); k++ {
		id, at, n := k*ids, k*span, k*seq
		for _, c := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO repository SELECT id+?,name||'.x'||?,randomblob(12),rev,born+?,mod+?,previous,tags,manifests,size FROM repository WHERE id<=?`, []any{id, k, at, at, ids}},
			{`INSERT INTO repository_blob SELECT repo+?,blob FROM repository_blob WHERE repo<=?`, []any{id, ids}},
			{`INSERT INTO manifest SELECT id+?,repo+?,digest,media_type,type,size,platform,subject,annotations,tagged,rev,born+?,mod+?,previous,shown,kept,remote FROM manifest WHERE id<=?`, []any{id, id, at, at, ids}},
			{`INSERT INTO content SELECT manifest+?,bytes FROM content WHERE manifest<=?`, []any{id, ids}},
			{`INSERT INTO manifest_blob SELECT repo+?,blob,manifest+? FROM manifest_blob WHERE repo<=?`, []any{id, id, ids}},
			{`INSERT INTO tag SELECT id+?,repo+?,name,manifest+?,opened+?,actor,rev,born+?,mod+?,previous FROM tag WHERE id<=?`, []any{id, id, id, at, at, at, ids}},
			{`INSERT INTO feed SELECT list,kind,shard,pos+?,item+?,type FROM feed WHERE pos<=?`, []any{at, id, pos}},
			{`INSERT INTO journal SELECT shard,pos+?,seq+?,repo+?,rev,action,kind,CASE kind WHEN 1 THEN name||'.x'||? ELSE name END,digest,previous,type,previous_type,flags,actor FROM journal WHERE pos<=?`, []any{at, n, id, k, pos}},
			// Who did it is not on record of what nobody has done.
			{`DELETE FROM audit`, nil}, {`DELETE FROM audit_fresh`, nil}, {`DELETE FROM audit_place`, nil},
			{`UPDATE head SET next_id=next_id+?,pos=pos+?,seq=seq+?`, []any{ids / 64, span, seq}},
		} {
			if _, err := db.ExecDirect(ctx, c.sql, c.args...); err != nil {
				return fmt.Errorf("multiply: %w", err)
			}
		}
		fmt.Printf("registry %d of %d after %v\n", k+1, factor, time.Since(began).Round(time.Second))
	}
	return nil
}
