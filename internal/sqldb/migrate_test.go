package sqldb_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{"README.md": {Data: []byte("not a migration")}}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

const (
	first = `-- The first table.
CREATE TABLE a (
	id BIGINT IDENTITY PRIMARY KEY,
	name TEXTC NOT NULL UNIQUE,
	bytes BYTES
) STRICT;
INSERT INTO a (name) VALUES ('one; two');
`
	second = "ALTER TABLE a ADD COLUMN more BIGINT NOT NULL DEFAULT 7;\nCREATE INDEX a_more ON a (more);\n"
)

func TestMigrate(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		db := sqldbtest.Open(t, sqldb.Options{URL: url})
		for range 2 {
			wantErrors(t, []error{sqldb.Migrate(t.Context(), db, files("0001_first.sql", first))}, nil)
		}
		both := files("0001_first.sql", first, "0002_second.sql", second)
		wantErrors(t, []error{sqldb.Migrate(t.Context(), db, both)}, nil)
		var name string
		var more, versions, at int64
		row := db.Read().QueryRow(t.Context(), "SELECT name, more, (SELECT count(*) FROM schema_version), (SELECT max(applied_at) FROM schema_version) FROM a")
		wantErrors(t, []error{row.Scan(&name, &more, &versions, &at)}, nil)
		if name != "one; two" || more != 7 || versions != 2 || at < 1_700_000_000_000 {
			t.Error(name, more, versions, at)
		}
		err := sqldb.Migrate(t.Context(), db, files("0001_first.sql", first))
		wantErrors(t, []error{err}, sqldb.ErrNewer)
		if !strings.Contains(err.Error(), "schema version 2") {
			t.Errorf("the error does not name the version: %v", err)
		}
	})
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(testing.TB) *sqldb.DB) {
		db := open(t)
		err := sqldb.Migrate(t.Context(), db, files("0001_first.sql", first, "0002_second.sql", second+"SELECT * FROM missing;"))
		if err == nil || !strings.Contains(err.Error(), "0002_second") {
			t.Fatalf("got %v", err)
		}
		var more int64
		if err := db.Read().QueryRow(t.Context(), "SELECT more FROM a").Scan(&more); err == nil {
			t.Error("a part of the failed migration is there")
		}
		wantErrors(t, []error{sqldb.Migrate(t.Context(), db, files("0001_first.sql", first, "0002_second.sql", second))}, nil)
		wantErrors(t, []error{db.Read().QueryRow(t.Context(), "SELECT more FROM a").Scan(&more)}, nil)
		// The connection is as good as before.
		wantErrors(t, []error{db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { tx.Exec("UPDATE a SET more=8"); return nil })}, nil)
	})
}

func TestBadMigrationFiles(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Options{URL: sqldbtest.SQLite(t)})
	for name, fsys := range map[string]fstest.MapFS{
		"none":       files(),
		"no version": files("first.sql", first),
		"twice":      files("0001_first.sql", first, "0001_other.sql", second),
	} {
		if err := sqldb.Migrate(t.Context(), db, fsys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Replicas that start at the same time apply each file once.
func TestReplicasMigrateTogether(t *testing.T) {
	url := sqldbtest.Postgres(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		db := sqldbtest.Open(t, sqldb.Options{URL: url})
		wg.Go(func() {
			errs[i] = sqldb.Migrate(t.Context(), db, files("0001_first.sql", first, "0002_second.sql", second))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}
