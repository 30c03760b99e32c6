package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// scrapeTime bounds what one reading of the journal's length may take.
const scrapeTime = 2 * time.Second

// stores reads figures of the database and of the journal when it is asked.
type stores struct {
	db  *sqldb.DB
	j   *journal.Journal
	log *slog.Logger
}

// Stores registers the metrics of the catalog's database and its journal.
func Stores(reg prometheus.Registerer, db *sqldb.DB, j *journal.Journal, log *slog.Logger) {
	reg.MustRegister(&stores{db, j, log})
}

func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

var (
	catalogUp      = desc("lading_catalog_up", "Whether the catalog could be read for these figures.")
	commits        = desc("lading_catalog_commits_total", "Transactions committed; each is a group of updates.")
	updates        = desc("lading_catalog_updates_total", "Updates committed.")
	reruns         = desc("lading_catalog_update_reruns_total", "Updates that ran again alone because their group failed.")
	retries        = desc("lading_catalog_commit_retries_total", "Groups tried again after a deadlock or a lost connection.")
	commitSeconds  = desc("lading_catalog_commit_duration_seconds", "Time of a group's commit, its sync included.")
	commitWorst    = desc("lading_catalog_commit_worst_seconds", "The longest commit since the start.")
	queue          = desc("lading_catalog_queue_length", "Updates that wait for their group.")
	readers        = desc("lading_catalog_readers_in_use", "Connections that read.")
	maxReaders     = desc("lading_catalog_readers_max", "Connections that may read at once.")
	checkpoints    = desc("lading_sqlite_checkpoints_total", "Checkpoints of the write-ahead log.")
	restarts       = desc("lading_sqlite_checkpoint_restarts_total", "Checkpoints that started the log from its beginning.")
	checkpointTime = desc("lading_sqlite_checkpoint_seconds_total", "Time that the writer stood still for checkpoints.")
	walPages       = desc("lading_sqlite_wal_pages", "Length of the write-ahead log at the last checkpoint, in pages.")
	walPeak        = desc("lading_sqlite_wal_peak_pages", "The longest write-ahead log since the start, in pages.")
	journalWritten = desc("lading_journal_rows_written_total", "Journal rows ever written.")
	journalRows    = desc("lading_journal_rows", "Journal rows that are kept.")
	journalNewest  = desc("lading_journal_newest_timestamp_seconds", "Time of the last change.")
	journalOldest  = desc("lading_journal_oldest_timestamp_seconds", "Time of the oldest change that is kept.")
)

// Describe implements prometheus.Collector. Nothing is described, so that
// SQLite's figures need not be there on PostgreSQL.
func (s *stores) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *stores) Collect(to chan<- prometheus.Metric) {
	st := s.db.Stats()
	total := func(d *prometheus.Desc, v float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	now := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	total(commits, float64(st.Groups))
	total(updates, float64(st.Updates))
	total(reruns, float64(st.Reruns))
	total(retries, float64(st.Retries))
	to <- histogram(commitSeconds, st.Commits)
	now(commitWorst, st.WorstCommit.Seconds())
	now(queue, float64(st.Queue))
	now(readers, float64(st.Readers))
	now(maxReaders, float64(st.MaxReaders))
	if s.db.Dialect() == sqldb.SQLite {
		total(checkpoints, float64(st.Checkpoints))
		total(restarts, float64(st.Restarts))
		total(checkpointTime, st.CheckpointTime.Seconds())
		now(walPages, float64(st.WALPages))
		now(walPeak, float64(st.WALPeak))
	}
	s.collectJournal(total, now)
}

func (s *stores) collectJournal(total, now func(*prometheus.Desc, float64)) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	st, err := s.j.Stats(ctx)
	if err != nil {
		s.log.Warn("metrics: the journal cannot be read", "error", err)
		now(catalogUp, 0)
		return
	}
	now(catalogUp, 1)
	total(journalWritten, float64(st.Written))
	now(journalRows, float64(st.Kept))
	now(journalNewest, unix(st.Newest))
	now(journalOldest, unix(st.Oldest))
}

// unix is a time in seconds; 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func histogram(d *prometheus.Desc, from sqldb.Durations) prometheus.Metric {
	buckets := make(map[float64]uint64, len(from.Buckets))
	for i, n := range from.Buckets {
		buckets[sqldb.DurationBounds[i].Seconds()] = uint64(n)
	}
	return prometheus.MustNewConstHistogram(d, uint64(from.Count), from.Sum.Seconds(), buckets)
}
