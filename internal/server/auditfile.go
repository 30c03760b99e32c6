package server

import (
	"context"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Of replicas one writes the file of records, for so long at a time.
const (
	turnOfRecords = "audit_file"
	timeOfRecords = 15 * time.Second
)

// openRecordsFile has records written to a file. A process that serves nobody
// leaves its own to those who do.
func (s *Server) openRecordsFile(a *auditor, path string, opt Options) (err error) {
	a.store.Export()
	a.refusals.Export()
	if a.pulls != nil {
		a.pulls.Export()
	}
	if opt.Alone {
		return nil
	}
	o := audit.FileOptions{Path: path, Now: opt.Now, Logger: s.log}
	if s.db.Dialect() == sqldb.Postgres { // of a SQLite catalog there is one process
		o.Turn = func(ctx context.Context) (bool, error) { return s.turns.Take(ctx, turnOfRecords, timeOfRecords) }
		o.EndTurn = func(ctx context.Context) error { return s.turns.End(ctx, turnOfRecords) }
	}
	if path == "-" {
		o.Path, o.Out = "", os.Stdout
	}
	if a.file, err = audit.OpenFile(s.db, o); err != nil {
		return err
	}
	s.background(a.file.Run)
	return nil
}

// countFile registers figures of the file of records.
func (a *auditor) countFile(w *watch) {
	each := func(name, help string, value func(audit.FileStats) int64) {
		w.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			if a.file == nil {
				return 0
			}
			return float64(value(a.file.Stats()))
		}))
	}
	each("lading_audit_file_records_total", "Records written to the file of records.", func(s audit.FileStats) int64 { return s.Written })
	each("lading_audit_file_failed_total", "Times that records could not be written to the file of records; they are written later.", func(s audit.FileStats) int64 { return s.Failed })
	if a.file != nil {
		w.followers.Follow("audit_file", func() time.Duration { return a.file.Stats().Lag })
	}
}
