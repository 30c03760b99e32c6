package sqldb_test

import (
	"context"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func backend(t *testing.T, q sqldb.Querier) int64 {
	t.Helper()
	var pid int64
	if err := q.QueryRow(context.Background(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Error(err)
	}
	return pid
}

func terminate(t *testing.T, db *sqldb.DB, pid int64) {
	t.Helper()
	var ok bool
	// With a timeout: it returns when the process is gone.
	if err := db.Read().QueryRow(t.Context(), "SELECT pg_terminate_backend(CAST(? AS INTEGER), 10000)", pid).Scan(&ok); err != nil || !ok {
		t.Errorf("terminate %d: %v %v", pid, ok, err)
	}
}

// A connection that is lost before the commit costs a second attempt and
// nothing else.
func TestLostConnectionIsTriedAgain(t *testing.T) {
	db := openWith(t, sqldbtest.Postgres, sqldb.Options{})
	lost := 0
	errs := together(t, db, nil,
		fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil }),
		fn(func(tx *sqldb.Tx) error {
			pid := backend(t, tx)
			if lost == 0 {
				lost++
				terminate(t, db, pid)
			}
			var n int64
			if err := tx.QueryRow(tx.Context(), "SELECT count(*) FROM kv").Scan(&n); err != nil {
				return err
			}
			insert(tx, "b", n)
			return nil
		}))
	wantErrors(t, errs, nil, nil)
	wantKeys(t, db, "a", "b")
	if s := db.Stats(); s.Retries != 1 || s.Reruns != 0 {
		t.Errorf("%d retries, %d reruns", s.Retries, s.Reruns)
	}
}

// atCommit has the server run a function when a transaction that changed kv
// commits.
func atCommit(t *testing.T, db *sqldb.DB, body string) {
	t.Helper()
	for _, sql := range []string{
		"CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body + "; RETURN NULL; END $$",
		"CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON kv DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()",
	} {
		if _, err := db.ExecDirect(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConnectionLostDuringCommit(t *testing.T) {
	db := openWith(t, sqldbtest.Postgres, sqldb.Options{})
	atCommit(t, db, "PERFORM pg_sleep(20)")
	pid := make(chan int64, 2)
	done := make(chan error, 1)
	after := false
	go func() {
		done <- db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			pid <- backend(t, tx)
			insert(tx, "a", 1)
			tx.AfterCommit(func() { after = true })
			return nil
		})
	}()
	p := <-pid
	waitFor(t, func() bool {
		var n int64
		err := db.Read().QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid=? AND wait_event='PgSleep'", p).Scan(&n)
		return err == nil && n == 1
	})
	terminate(t, db, p)
	wantErrors(t, []error{<-done}, sqldb.ErrOutcomeUnknown)
	if after {
		t.Error("AfterCommit ran")
	}
	if len(pid) > 0 {
		t.Error("the update was run again, though it may have been committed")
	}
}

// A commit that the server refuses is a certain failure: the others of the
// group are run again.
func TestRefusedCommit(t *testing.T) {
	db := openWith(t, sqldbtest.Postgres, sqldb.Options{})
	atCommit(t, db, "IF NEW.v > 5 THEN RAISE EXCEPTION 'too much'; END IF")
	put := func(k string, v int64) update {
		return fn(func(tx *sqldb.Tx) error { insert(tx, k, v); return nil })
	}
	errs := together(t, db, nil, put("a", 1), put("b", 9), put("c", 2))
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Fatalf("errors %v", errs)
	}
	wantKeys(t, db, "a", "c")
}

// Ending a transaction must not cost the connection.
func TestConnectionsAreReused(t *testing.T) {
	db := openWith(t, sqldbtest.Postgres, sqldb.Options{})
	var pids []int64
	for range 3 {
		_ = db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			pids = append(pids, backend(t, tx))
			insert(tx, "a", 1)
			return errRefused
		})
	}
	var views []int64
	for range 3 {
		_ = db.View(t.Context(), func(q sqldb.Querier) error {
			views = append(views, backend(t, q))
			return nil
		})
	}
	for _, list := range [][]int64{pids, views} {
		if list[0] != list[1] || list[1] != list[2] {
			t.Errorf("server processes %v", list)
		}
	}
}
