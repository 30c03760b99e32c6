package sqldb_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

var errRefused = errors.New("refused")

// openWith opens a fresh database with a table kv(k, v).
func openWith(tb testing.TB, fresh func(testing.TB) string, opt sqldb.Options) *sqldb.DB {
	tb.Helper()
	opt.URL = fresh(tb)
	db := sqldbtest.Open(tb, opt)
	createKV(tb, db)
	return db
}

func createKV(tb testing.TB, db *sqldb.DB) {
	tb.Helper()
	ddl := db.Dialect().DDL("CREATE TABLE kv(k TEXTC NOT NULL PRIMARY KEY, v BIGINT NOT NULL) WITHOUT ROWID")
	if _, err := db.ExecDirect(context.Background(), ddl); err != nil {
		tb.Fatal(err)
	}
}

func insert(tx *sqldb.Tx, k string, v int64) { tx.Exec("INSERT INTO kv(k, v) VALUES(?, ?)", k, v) }

// keys returns the keys in the table, sorted.
func keys(tb testing.TB, q sqldb.Querier) []string {
	tb.Helper()
	rows, err := q.Query(context.Background(), "SELECT k FROM kv ORDER BY k")
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			tb.Fatal(err)
		}
		list = append(list, k)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return list
}

func wantKeys(tb testing.TB, db *sqldb.DB, want ...string) {
	tb.Helper()
	if got := keys(tb, db.Read()); !slices.Equal(got, want) {
		tb.Fatalf("keys %q, want %q", got, want)
	}
}

// update is one function of a group and the context it is called with.
type update struct {
	ctx context.Context
	fn  func(tx *sqldb.Tx) error
}

func fn(f func(tx *sqldb.Tx) error) update { return update{context.Background(), f} }

// together has the updates wait for one another, so that they form one group,
// in this order, and returns their errors. while, if not nil, is called when
// they all wait.
func together(tb testing.TB, db *sqldb.DB, while func(), updates ...update) []error {
	tb.Helper()
	holding, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		entered := false
		first <- db.Update(context.Background(), 0, func(*sqldb.Tx) error {
			if !entered {
				entered = true
				close(holding)
				<-release
			}
			return errRefused
		})
	}()
	<-holding
	results := make([]chan error, len(updates))
	for i, u := range updates {
		results[i] = make(chan error, 1)
		go func() { results[i] <- db.Update(u.ctx, 0, u.fn) }()
		for db.Waiting(0) != i+1 {
			runtime.Gosched()
		}
	}
	if while != nil {
		while()
	}
	close(release)
	errs := make([]error, len(updates))
	for i := range updates {
		errs[i] = <-results[i]
	}
	if err := <-first; !errors.Is(err, errRefused) {
		tb.Errorf("the update that held the queue: %v", err)
	}
	return errs
}
