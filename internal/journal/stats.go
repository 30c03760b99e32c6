package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// Stats is how long the journal is.
type Stats struct {
	// Written is the number of rows ever written, Kept that of those that
	// have not been trimmed.
	Written, Kept int64
	// Newest and Oldest are the times of the last row and of the first one
	// that is kept; zero where there is none.
	Newest, Oldest time.Time
}

// Stats returns how long the journal is, in two short statements a shard.
func (j *Journal) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := j.db.View(ctx, func(q sqldb.Querier) error {
		s = Stats{}
		heads, _, err := j.Heads(ctx, q)
		if err != nil {
			return err
		}
		for shard, h := range heads {
			if h.Seq == 0 {
				continue
			}
			s.Written += h.Seq
			s.Newest = later(s.Newest, Time(h.Pos))
			var pos, seq int64
			err := q.QueryRow(ctx, `SELECT pos,seq FROM journal WHERE shard=? ORDER BY pos LIMIT 1`, shard).Scan(&pos, &seq)
			if errors.Is(err, sqldb.ErrNoRows) {
				continue
			}
			if err != nil {
				return fmt.Errorf("journal: oldest row: %w", err)
			}
			s.Kept += h.Seq - seq + 1
			if at := Time(pos); s.Oldest.IsZero() || at.Before(s.Oldest) {
				s.Oldest = at
			}
		}
		return nil
	})
	return s, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
