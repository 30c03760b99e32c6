package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNewer tells that the database was changed by a newer program than this.
var ErrNewer = errors.New("the database is newer than this program")

// schemaConn is one connection that may change the schema.
type schemaConn interface {
	Querier
	exec(ctx context.Context, sql string, args []any) (int64, error)
}

// migration is one file of the schema.
type migration struct {
	version int64
	name    string
	sql     string
}

const versionTable = `CREATE TABLE IF NOT EXISTS schema_version (
	version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`

// Migrate brings the schema up to the files NNNN_name.sql at the root of fsys,
// each in a transaction of its own, and keeps what it did in the table
// schema_version (applied_at in Unix milliseconds). A file holds statements
// that end with a semicolon at the end of a line, in the words of Dialect.DDL.
// Processes may migrate at the same time: one does it, the others find it done.
//
// A database with a version that fsys lacks is refused with ErrNewer.
func Migrate(ctx context.Context, db *DB, fsys fs.FS) error {
	files, err := readMigrations(fsys)
	if err != nil {
		return fmt.Errorf("sqldb: migrate: %w", err)
	}
	err = db.direct(ctx, func(ctx context.Context) error {
		return db.eng.migrate(ctx, func(c schemaConn) error {
			return migrateConn(ctx, db.dialect, c, files)
		})
	})
	if err != nil {
		return fmt.Errorf("sqldb: migrate: %w", err)
	}
	return nil
}

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_-]+)\.sql$`)

func readMigrations(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var files []migration
	for _, name := range names {
		m := migrationName.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("%s is not named NNNN_name.sql", name)
		}
		version, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 && files[len(files)-1].version == version {
			return nil, fmt.Errorf("%s: version %d exists twice", name, version)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		files = append(files, migration{version, m[2], string(text)})
	}
	if len(files) == 0 {
		return nil, errors.New("no migration files")
	}
	return files, nil
}

func migrateConn(ctx context.Context, d Dialect, c schemaConn, files []migration) error {
	if _, err := c.exec(ctx, d.DDL(versionTable), nil); err != nil {
		return err
	}
	applied, err := appliedVersions(ctx, c)
	if err != nil {
		return err
	}
	for version := range applied {
		if !slices.ContainsFunc(files, func(m migration) bool { return m.version == version }) {
			return fmt.Errorf("%w: it has schema version %d, this program knows %d", ErrNewer, version, files[len(files)-1].version)
		}
	}
	for _, m := range files {
		if applied[m.version] {
			continue
		}
		if err := applyMigration(ctx, d, c, m); err != nil {
			return fmt.Errorf("%04d_%s: %w", m.version, m.name, err)
		}
	}
	return nil
}

func appliedVersions(ctx context.Context, c schemaConn) (map[int64]bool, error) {
	rows, err := c.Query(ctx, "SELECT version FROM schema_version")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := map[int64]bool{}
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		applied[v] = true
	}
	return applied, rows.Err()
}

func applyMigration(ctx context.Context, d Dialect, c schemaConn, m migration) (err error) {
	if _, err := c.exec(ctx, "BEGIN", nil); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, undo := c.exec(ctx, "ROLLBACK", nil)
			err = errors.Join(err, undo)
		}
	}()
	for _, stmt := range statements(m.sql) {
		if _, err := c.exec(ctx, d.DDL(stmt), nil); err != nil {
			return err
		}
	}
	_, err = c.exec(ctx, "INSERT INTO schema_version (version, name, applied_at) VALUES (?, ?, ?)",
		[]any{m.version, m.name, time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "COMMIT", nil)
	return err
}

// statements splits a file at semicolons that end a line, and drops lines that
// are comments.
func statements(text string) []string {
	var list []string
	var stmt strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		stmt.WriteString(strings.TrimRight(line, " \t\r\n"))
		if strings.HasSuffix(trimmed, ";") {
			list = append(list, strings.TrimSuffix(stmt.String(), ";"))
			stmt.Reset()
			continue
		}
		stmt.WriteByte('\n')
	}
	if rest := strings.TrimSpace(stmt.String()); rest != "" {
		list = append(list, rest)
	}
	return list
}
