// Package sqldbtest gives tests a fresh database of every engine, so that one
// suite runs on all of them.
package sqldbtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lading-dev/lading/internal/sqldb"
)

// ServerVariable names the environment variable with the postgres:// URL of a
// server on which tests may create databases. scripts/with-postgres sets it.
const ServerVariable = "LADING_TEST_POSTGRES"

// SQLite returns the URL of a database file that does not exist yet.
func SQLite(tb testing.TB) string {
	return "sqlite:" + filepath.Join(tb.TempDir(), "lading.db")
}

// Postgres creates an empty database, dropped when the test ends, and returns
// its URL. Without a server the test fails: it never skips.
func Postgres(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(ServerVariable)
	if server == "" {
		tb.Fatalf("%s is not set: run the tests with scripts/with-postgres", ServerVariable)
	}
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", ServerVariable, err)
	}
	random := make([]byte, 8)
	_, _ = rand.Read(random) // it never fails
	name := "lading_test_" + hex.EncodeToString(random)
	admin(tb, server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
	tb.Cleanup(func() { admin(tb, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

func admin(tb testing.TB, server, sql string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		tb.Fatalf("%s: %v", ServerVariable, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

// URLs returns for each engine's name a function that makes the URL of a
// fresh database.
func URLs() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{"sqlite": SQLite, "postgres": Postgres}
}

// Open opens a database and closes it when the test ends.
func Open(tb testing.TB, opt sqldb.Options) *sqldb.DB {
	tb.Helper()
	db, err := sqldb.Open(context.Background(), opt)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// Each runs fn as a subtest on every engine. open makes a fresh database each
// time it is called.
func Each(t *testing.T, fn func(t *testing.T, open func(testing.TB) *sqldb.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, func(tb testing.TB) *sqldb.DB { return Open(tb, sqldb.Options{URL: fresh(tb)}) })
	})
}

// EachURL runs fn as a subtest on every engine, for tests that open the
// database themselves, twice or with options of their own.
func EachURL(t *testing.T, fn func(t *testing.T, fresh func(testing.TB) string)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) { fn(t, URLs()[engine]) })
	}
}
