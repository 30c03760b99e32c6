package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// outbox is the records that are still to be written to a file. A record comes
// into it in a transaction, and leaves it when its line is written: so none is
// missed, in whatever order transactions are committed, and after a crash some
// are written again.
type outbox struct{ db *sqldb.DB }

// post puts a record into the outbox.
func post(tx *sqldb.Tx, k key) {
	tx.Exec(`INSERT INTO audit_outbox(pos,source) VALUES(?,?)`, k.pos, k.source)
}

// oldest is when the first of the records was made; false where there is none.
func (o outbox) oldest(ctx context.Context) (at time.Time, ok bool, err error) {
	var n, pos int64
	err = o.db.Read().QueryRow(ctx, `SELECT COUNT(*),COALESCE(MIN(pos),0) FROM (SELECT pos FROM audit_outbox ORDER BY pos,source LIMIT 1) x`).Scan(&n, &pos)
	if err != nil {
		return at, false, fmt.Errorf("audit: outbox: %w", err)
	}
	return time.UnixMicro(pos), n > 0, nil
}

// first returns the first records, as lines, and their keys.
func (o outbox) first(ctx context.Context, n int) (lines []byte, keys []key, err error) {
	rows, err := o.db.Read().Query(ctx, `SELECT o.pos,o.source,COALESCE(a.body,'') FROM (SELECT pos,source FROM audit_outbox ORDER BY pos,source LIMIT ?) o `+
		`LEFT JOIN audit a ON a.pos=o.pos AND a.source=o.source ORDER BY o.pos,o.source`, n)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: outbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var body string
		if err := rows.Scan(&k.pos, &k.source, &body); err != nil {
			return nil, nil, fmt.Errorf("audit: outbox: %w", err)
		}
		if keys = append(keys, k); body == "" {
			continue // it is past its time
		}
		if lines, err = appendLine(lines, k, body); err != nil {
			return nil, nil, err
		}
	}
	return lines, keys, rows.Err()
}

// appendLine writes a record as the API shows it.
func appendLine(lines []byte, k key, body string) ([]byte, error) {
	var rec lading.AuditRecord
	if err := json.Unmarshal([]byte(body), &rec); err != nil {
		return nil, fmt.Errorf("audit: record %s: %w", k, err)
	}
	rec.ID = k.String()
	line, err := json.Marshal(rec)
	if err != nil {
		return nil, fmt.Errorf("audit: record %s: %w", k, err)
	}
	return append(append(lines, line...), '\n'), nil
}

// remove takes records out: these alone, as an earlier one may have come.
func (o outbox) remove(ctx context.Context, keys []key) error {
	err := o.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		for _, k := range keys {
			tx.Exec(`DELETE FROM audit_outbox WHERE pos=? AND source=?`, k.pos, k.source)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit: outbox: %w", err)
	}
	return nil
}
