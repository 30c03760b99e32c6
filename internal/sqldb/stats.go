package sqldb

import (
	"sync/atomic"
	"time"
)

// Stats counts since Open.
type Stats struct {
	// Groups is the number of transactions committed, Updates the number of
	// updates in them; Updates/Groups is the mean size of a group.
	Groups, Updates int64
	// Reruns counts updates that ran again alone because their group failed,
	// Retries the groups tried again after a deadlock or a lost connection.
	Reruns, Retries int64
	// WorstCommit is the longest commit of a group, WorstCheckpoint the
	// longest time that the writer stood still for a checkpoint (SQLite). The
	// worst stall of an update is at most about their sum.
	WorstCommit, WorstCheckpoint time.Duration
	// WALPages is the length of SQLite's write-ahead log at the last
	// checkpoint, WALPeak the longest seen, in pages.
	WALPages, WALPeak int64
	// Checkpoints counts SQLite's checkpoints, Restarts those among them
	// that were meant to start the log from its beginning.
	Checkpoints, Restarts int64
}

// Stats returns what the database did since Open.
func (db *DB) Stats() Stats {
	s := Stats{
		Groups:      db.counts.groups.Load(),
		Updates:     db.counts.updates.Load(),
		Reruns:      db.counts.reruns.Load(),
		Retries:     db.counts.retries.Load(),
		WorstCommit: time.Duration(db.counts.worstCommit.Load()),
	}
	db.eng.stats(&s)
	return s
}

type counters struct {
	groups, updates, reruns, retries atomic.Int64
	worstCommit                      atomic.Int64 // nanoseconds
}

// raise sets v to x if that is more.
func raise(v *atomic.Int64, x int64) {
	for {
		old := v.Load()
		if x <= old || v.CompareAndSwap(old, x) {
			return
		}
	}
}
