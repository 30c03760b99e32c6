package catalog_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// links opens the catalog at a URL and counts the links of its chain of epochs.
func links(t *testing.T, url string) (n int64) {
	t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Options{URL: url, Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := catalog.Open(ctx, db, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Read().QueryRow(ctx, `SELECT COUNT(*) FROM epoch`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEpochs: a restart on SQLite begins a new epoch, for the file may be a
// copy; on PostgreSQL only what came out of a dump does.
func TestEpochs(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		url := sqldbtest.SQLite(t)
		if a, b := links(t, url), links(t, url); a != 1 || b != 2 {
			t.Errorf("%d links, then %d", a, b)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		url, other := sqldbtest.Postgres(t), sqldbtest.Postgres(t)
		if a, b := links(t, url), links(t, url); a != 1 || b != 1 {
			t.Errorf("%d links, then %d", a, b)
		}
		dump, err := exec.Command("pg_dump", url).Output()
		if err != nil {
			t.Fatal(err)
		}
		restore := exec.Command("psql", "-q", "-v", "ON_ERROR_STOP=1", other)
		restore.Stdin = strings.NewReader(string(dump))
		if out, err := restore.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if a, b := links(t, other), links(t, other); a != 2 || b != 2 {
			t.Errorf("restored: %d links, then %d", a, b)
		}
	})
}
