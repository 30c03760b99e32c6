package sqldb_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func benchDB(b *testing.B, url string) *sqldb.DB {
	b.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	for _, ddl := range []string{
		`CREATE TABLE manifest(id BIGINT NOT NULL PRIMARY KEY, repo BIGINT NOT NULL, digest BYTES NOT NULL, content BIGINT NOT NULL)`,
		`CREATE TABLE content(id BIGINT NOT NULL PRIMARY KEY, bytes BYTES NOT NULL)`,
		`CREATE TABLE tag(repo BIGINT NOT NULL, name TEXTC NOT NULL, manifest BIGINT NOT NULL, PRIMARY KEY(repo, name)) WITHOUT ROWID`,
		`CREATE TABLE feed(scope BIGINT NOT NULL, seq BIGINT NOT NULL, item BIGINT NOT NULL, PRIMARY KEY(scope, seq, item)) WITHOUT ROWID`,
	} {
		if _, err := db.ExecDirect(ctx, db.Dialect().DDL(ddl)); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

// put is about what a manifest put writes: 15 small statements.
func put(tx *sqldb.Tx, id int64) error {
	ctx := tx.Context()
	var n int64
	for range 4 {
		err := tx.QueryRow(ctx, "SELECT count(*) FROM tag WHERE repo=? AND name=?", id%100, fmt.Sprint("v", id)).Scan(&n)
		if err != nil {
			return err
		}
	}
	tx.Exec("INSERT INTO content(id, bytes) VALUES(?,?)", id, payload)
	tx.Exec("INSERT INTO manifest(id, repo, digest, content) VALUES(?,?,?,?)", id, id%100, payload[:32], id)
	tx.Exec("INSERT INTO tag(repo, name, manifest) VALUES(?,?,?)", id%100, fmt.Sprint("v", id), id)
	for i := range int64(8) {
		tx.Exec("INSERT INTO feed(scope, seq, item) VALUES(?,?,?)", i, id, id)
	}
	return nil
}

var payload = make([]byte, 1024)

func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		for name, url := range sqldbtest.URLs() {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				db := benchDB(b, url(b))
				var next atomic.Int64
				b.SetParallelism(max(1, callers/2)) // times GOMAXPROCS, 2 here
				b.ResetTimer()
				work := func(pb *testing.PB) {
					for pb.Next() {
						id := next.Add(1)
						err := db.Update(context.Background(), int(id)%db.Shards(), func(tx *sqldb.Tx) error { return put(tx, id) })
						if err != nil {
							b.Error(err)
							return
						}
					}
				}
				if callers == 1 {
					for range b.N {
						id := next.Add(1)
						if err := db.Update(context.Background(), int(id)%db.Shards(), func(tx *sqldb.Tx) error { return put(tx, id) }); err != nil {
							b.Fatal(err)
						}
					}
				} else {
					b.RunParallel(work)
				}
				s := db.Stats()
				b.ReportMetric(float64(s.Updates)/float64(s.Groups), "updates/group")
				b.ReportMetric(float64(s.WorstCommit.Milliseconds()), "worst-commit-ms")
				b.ReportMetric(float64(s.WorstCheckpoint.Milliseconds()), "worst-checkpoint-ms")
			})
		}
	}
}

// BenchmarkStatements is the cost of the statements without the sync.
func BenchmarkStatements(b *testing.B) {
	for name, url := range sqldbtest.URLs() {
		b.Run(name, func(b *testing.B) {
			db := benchDB(b, url(b))
			var id int64
			b.ResetTimer()
			for b.Loop() {
				err := db.Update(context.Background(), 0, func(tx *sqldb.Tx) error {
					for range 50 {
						id++
						if err := put(tx, id); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*50), "µs/put")
		})
	}
}

func BenchmarkPointRead(b *testing.B) {
	for name, url := range sqldbtest.URLs() {
		b.Run(name, func(b *testing.B) {
			db := benchDB(b, url(b))
			const n = 10_000
			for id := int64(0); id < n; id += 100 {
				err := db.Update(context.Background(), 0, func(tx *sqldb.Tx) error {
					for i := range int64(100) {
						if err := put(tx, id+i); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			read := func(id int64) {
				var digest, bytes []byte
				err := db.Read().QueryRow(ctx, `SELECT m.digest, c.bytes FROM tag t JOIN manifest m ON m.id=t.manifest
					JOIN content c ON c.id=m.content WHERE t.repo=? AND t.name=?`, id%100, fmt.Sprint("v", id)).Scan(&digest, &bytes)
				if err != nil {
					b.Error(err)
				}
			}
			b.Run("goroutines=1", func(b *testing.B) {
				id := int64(0)
				b.ReportAllocs()
				for b.Loop() {
					id = (id + 7919) % n
					read(id)
				}
			})
			b.Run("goroutines=8", func(b *testing.B) {
				b.SetParallelism(4)
				b.RunParallel(func(pb *testing.PB) {
					id := int64(0)
					for pb.Next() {
						id = (id + 7919) % n
						read(id)
					}
				})
			})
		})
	}
}
