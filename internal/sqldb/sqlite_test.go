package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func TestSecondOpenIsRefused(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db := sqldbtest.Open(t, sqldb.Options{URL: url})
	_, err := sqldb.Open(t.Context(), sqldb.Options{URL: url})
	wantErrors(t, []error{err}, sqldb.ErrInUse)
	if !strings.Contains(err.Error(), "in use by another process") {
		t.Error(err)
	}
	wantErrors(t, []error{db.Close()}, nil)
	again, err := sqldb.Open(t.Context(), sqldb.Options{URL: url})
	wantErrors(t, []error{err}, nil)
	wantErrors(t, []error{again.Close()}, nil)
}

func TestURLs(t *testing.T) {
	for _, url := range []string{"", "mysql://x", "sqlite:", "sqlite::memory:", "sqlite:/dev/null/x", "postgres://u:secret@[", "postgres://u:secret@127.0.0.1:1/x"} {
		_, err := sqldb.Open(t.Context(), sqldb.Options{URL: url})
		if err == nil {
			t.Errorf("%q was opened", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"new/dir/db", "a b?mode=memory", "100%25#x", "ü.db"} {
		path := filepath.Join(dir, name)
		db := sqldbtest.Open(t, sqldb.Options{URL: "sqlite:" + path})
		createKV(t, db)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db := openWith(t, func(testing.TB) string { return url }, sqldb.Options{})
	wantKeys(t, db)
	wantErrors(t, []error{db.Close()}, nil)
	path := strings.TrimPrefix(url, "sqlite:")
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != filepath.Base(path) && name != filepath.Base(path)+".lock" {
			t.Errorf("%s was left", name)
		}
	}
}

func TestDurabilitySettings(t *testing.T) {
	for relaxed, want := range map[bool]string{false: "on", true: "off"} {
		db := sqldbtest.Open(t, sqldb.Options{URL: sqldbtest.Postgres(t), Relaxed: relaxed})
		var got string
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			return tx.QueryRow(tx.Context(), "SELECT current_setting('synchronous_commit')").Scan(&got)
		})
		if err != nil || got != want {
			t.Errorf("postgres, relaxed %v: %q (%v)", relaxed, got, err)
		}
	}
	for relaxed, want := range map[bool]int64{false: 2, true: 1} {
		db := sqldbtest.Open(t, sqldb.Options{URL: sqldbtest.SQLite(t), Relaxed: relaxed})
		var sync, page int64
		var journal string
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			return errors.Join(
				tx.QueryRow(tx.Context(), "PRAGMA synchronous").Scan(&sync),
				tx.QueryRow(tx.Context(), "PRAGMA page_size").Scan(&page),
				tx.QueryRow(tx.Context(), "PRAGMA journal_mode").Scan(&journal))
		})
		if err != nil || sync != want || page != 4096 || journal != "wal" {
			t.Errorf("sqlite, relaxed %v: synchronous %d, page_size %d, journal %s (%v)", relaxed, sync, page, journal, err)
		}
	}
}

// Under a load that never pauses, with readers all the time, the log is started
// from the beginning again and again.
func TestWALStaysBounded(t *testing.T) {
	const limit = 200
	url := sqldbtest.SQLite(t)
	db := openWith(t, func(testing.TB) string { return url }, sqldb.Options{CheckpointPages: limit, Relaxed: true})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for w := range 2 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := db.Update(ctx, 0, func(tx *sqldb.Tx) error {
					insert(tx, fmt.Sprintf("%d-%d-%s", i, w, strings.Repeat("x", 4000)), 1)
					return nil
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = db.View(ctx, func(q sqldb.Querier) error {
					var n int64
					return q.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 FROM kv LIMIT 100) t").Scan(&n)
				})
			}
		})
	}
	// A log that is never started anew only grows.
	last, drops := int64(0), 0
	waitFor(t, func() bool {
		pages := db.Stats().WALPages
		if pages < last {
			drops++
		}
		last = pages
		return drops >= 3
	})
	cancel()
	wg.Wait()
	t.Logf("%+v", db.Stats())
}

// A reader that stays keeps the log; when it goes, the log is reused.
func TestLongReadDelaysReuseOnly(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db := openWith(t, func(testing.TB) string { return url }, sqldb.Options{CheckpointPages: 20, Relaxed: true})
	fill := func(from int) {
		for i := range 300 {
			err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
				insert(tx, fmt.Sprint(from+i, strings.Repeat("x", 4000)), 1)
				return nil
			})
			wantErrors(t, []error{err}, nil)
		}
	}
	err := db.View(t.Context(), func(q sqldb.Querier) error {
		before := len(keys(t, q))
		fill(0)
		waitFor(t, func() bool { return db.Stats().WALPages > 80 })
		fill(1000)
		if after := len(keys(t, q)); after != before {
			t.Errorf("the view changed from %d to %d keys", before, after)
		}
		return nil
	})
	wantErrors(t, []error{err}, nil)
	waitFor(t, func() bool {
		fill(int(time.Now().UnixNano()))
		return db.Stats().WALPages < 80
	})
}

func TestFull(t *testing.T) {
	db := openWith(t, sqldbtest.SQLite, sqldb.Options{})
	err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
		var max int64
		if err := tx.QueryRow(tx.Context(), "PRAGMA max_page_count=10").Scan(&max); err != nil {
			return err
		}
		insert(tx, strings.Repeat("x", 10*8192), 1)
		return nil
	})
	if !sqldb.IsFull(err) {
		t.Errorf("got %v", err)
	}
	_, err = db.ExecDirect(t.Context(), "INSERT INTO missing VALUES(1)")
	if err == nil || sqldb.IsFull(err) {
		t.Errorf("got %v", err)
	}
}

// Cancelling ends a read that would take for ever, and leaves the connection
// without a transaction.
func TestCancelledReadEnds(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{Readers: 1})
		const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000000000)"
		for _, sql := range []string{endless + " SELECT count(*) FROM n", endless + " SELECT i FROM n"} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := db.View(ctx, func(q sqldb.Querier) error {
				rows, err := q.Query(ctx, sql)
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
				}
				return rows.Err()
			})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			wantKeys(t, db)
			wantErrors(t, []error{db.View(t.Context(), func(q sqldb.Querier) error { keys(t, q); return nil })}, nil)
		}
	})
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
