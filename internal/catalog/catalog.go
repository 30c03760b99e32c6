// Package catalog knows what exists: repositories, manifests, tags, the blobs
// they use, and in which order all of it changed. Every change writes its
// journal rows in the same transaction. It says nothing of who may see what:
// readers hand it the name ranges and lists that may be read.
package catalog

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Catalog is the catalog over a database. Its methods may be called from any
// number of goroutines.
type Catalog struct {
	db    *sqldb.DB
	j     *journal.Journal
	now   func() time.Time
	words words
	names idCache    // of namespaces
	repos idCache    // of repositories that were alive when somebody asked
	types idCache    // words of types that artifact_type has, by text
	links *linkCache // nil where other processes may write
	rules []Rule

	retypeStep int // as the constant, but in tests
}

// Options are the parts of a Catalog that can be replaced.
type Options struct {
	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
	Rules  []Rule           // asked inside the transaction of each change
}

// Change is what a Rule is asked about.
type Change struct {
	Repository string
	Manifest   *Manifest // put, or nil
	Tags       []string  // moved or removed
	Delete     bool
}

// Rule may refuse a change. It runs inside the change's transaction, so what
// it reads through tx cannot change before the change is committed.
type Rule func(tx *sqldb.Tx, c Change) error

// Open brings the schema up to date and returns the catalog.
func Open(ctx context.Context, db *sqldb.DB, opt Options) (*Catalog, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := sqldb.Migrate(ctx, db, sub); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c := &Catalog{db: db, now: opt.Now, rules: opt.Rules, retypeStep: retypeStep}
	if c.now == nil {
		c.now = time.Now
	}
	if db.Dialect() == sqldb.SQLite { // its file is locked
		c.links = newLinkCache(linkBudget)
	}
	if err := c.checkShards(ctx); err != nil {
		return nil, err
	}
	if c.j, err = journal.Open(ctx, db, journal.Options{Now: c.now, Logger: opt.Logger}); err != nil {
		return nil, err
	}
	return c, nil
}

// checkShards refuses a database that was made with another number of shards:
// a repository's shard follows from its name and that number.
func (c *Catalog) checkShards(ctx context.Context) error {
	want := strconv.Itoa(c.db.Shards())
	got, err := c.Setting(ctx, "shards", func() []byte { return []byte(want) })
	if err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("catalog: this database has %s shards, the configuration says %s: set catalog.shards: %s", got, want, got)
	}
	return nil
}

// Setting returns a value that is made once and kept for ever, whichever
// replica makes it first.
func (c *Catalog) Setting(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	for range 2 {
		var v []byte
		err := c.db.Read().QueryRow(ctx, `SELECT value FROM setting WHERE name=?`, name).Scan(&v)
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, sqldb.ErrNoRows) {
			return nil, fmt.Errorf("catalog: setting %s: %w", name, err)
		}
		if _, err := c.db.ExecDirect(ctx, `INSERT INTO setting(name,value) VALUES(?,?) ON CONFLICT DO NOTHING`, name, make()); err != nil {
			return nil, fmt.Errorf("catalog: setting %s: %w", name, err)
		}
	}
	return nil, fmt.Errorf("catalog: setting %s was not kept", name)
}

// RandomKey makes n random bytes, for Setting.
func RandomKey(n int) func() []byte {
	return func() []byte {
		b := make([]byte, n)
		rand.Read(b)
		return b
	}
}

// DB returns the database, for View.
func (c *Catalog) DB() *sqldb.DB { return c.db }

// Journal returns the journal.
func (c *Catalog) Journal() *journal.Journal { return c.j }

// Shard returns the shard of a repository's name.
func (c *Catalog) Shard(name string) int {
	if c.db.Shards() == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() % uint32(c.db.Shards()))
}
