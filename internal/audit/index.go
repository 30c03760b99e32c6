package audit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// indexStep bounds the records that one transaction puts into their lists:
// pushes wait for it.
const indexStep = 100

// Run puts changes into their lists, once a second, until the context ends.
// Until then readers find them all the same.
func (s *Store) Run(ctx context.Context, log *slog.Logger) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = s.Index(ctx); err != nil && ctx.Err() == nil {
				log.Warn("records of changes cannot be put into their lists; it will be tried again", "err", err)
			}
		}
	}
}

// Index puts some changes into their lists, and tells whether there are more.
func (s *Store) Index(ctx context.Context) (more bool, err error) {
	var one int64
	if err := s.db.Read().QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM audit_fresh LIMIT 1) x`).Scan(&one); err != nil || one == 0 {
		return false, err
	}
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		found, err := fresh(tx)
		for _, r := range found {
			enlist(tx, r.key, listsOf(r.actor, r.place))
			tx.Exec(`DELETE FROM audit_fresh WHERE pos=? AND source=?`, r.pos, r.source)
			if s.export {
				post(tx, r.key)
			}
		}
		more = len(found) == indexStep
		return err
	})
	if err != nil {
		return false, fmt.Errorf("audit: index: %w", err)
	}
	return more, nil
}

// fresh are the first records that are in no list yet.
func fresh(tx *sqldb.Tx) (out []row, err error) {
	rows, err := tx.Query(tx.Context(), `SELECT a.pos,a.source,a.actor,a.place FROM (SELECT pos,source FROM audit_fresh ORDER BY pos,source LIMIT ?) f JOIN audit a ON a.pos=f.pos AND a.source=f.source`, indexStep)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.pos, &r.source, &r.actor, &r.place); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
