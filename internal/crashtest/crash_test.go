package crashtest

import (
	"context"
	bin "encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
)

// workers push at the same time.
const workers = 10

// quiet is longer than the time between two checkpoints.
const quiet = 350 * time.Millisecond

// lifeTime is how many rounds a data directory lives.
const lifeTime = 20

func rounds(short, inLongForm int) int {
	if long {
		return inLongForm
	}
	return short
}

// crash is a registry that is killed and started again on the same data.
type crash struct {
	t       *testing.T
	data    string
	catalog string // URL of PostgreSQL, or empty
	file    string
	r       *rand.Rand
	l       *ledger
	workers []*worker
	copies  []*localCopy
	seen    sync.Map // manifests whose content was verified
	// trouble, if there is one, disturbs a running round.
	trouble func(ctx context.Context)
	total   *totals
}

// totals are what a test's rounds came to.
type totals struct {
	rounds, acked, steps, logged, unlogged int
}

func newCrash(t *testing.T, catalogURL, durability string, seed uint64, total *totals) *crash {
	c := &crash{t: t, data: t.TempDir(), catalog: catalogURL, r: rand.New(rand.NewPCG(seed, 0)), l: newLedger(), total: total}
	c.file = configFile(t, c.data, catalogURL, "durability: "+durability+"\n")
	for i := range workers {
		c.workers = append(c.workers, newWorker(i, c.l, seed))
	}
	for _, kind := range []string{"tags", "manifests", "repositories"} {
		c.copies = append(c.copies, &localCopy{kind: kind})
	}
	return c
}

// round starts the registry, verifies it, lets the clients work and kills it.
func (c *crash) round(whole bool) {
	c.t.Helper()
	p := start(c.t, c.file)
	a := newAPI(p.addr)
	defer a.close()
	c.verify(a, whole)
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, w := range c.workers {
		all.Go(func() { c.work(ctx, a, w) })
	}
	for _, cp := range c.copies {
		all.Go(func() { c.follow(ctx, a, cp) })
	}
	life := time.Duration(40+c.r.IntN(400)) * time.Millisecond
	if c.trouble != nil {
		life += 800 * time.Millisecond
	}
	moment := time.NewTimer(life)
	defer moment.Stop()
	if c.trouble != nil {
		all.Go(func() { c.trouble(ctx) })
	}
	<-moment.C
	if c.r.IntN(4) == 0 {
		// The clients hang up; a moment later all that is in SQLite's log has
		// been written to the database file as well.
		cancel()
		all.Wait()
		time.Sleep(quiet)
	}
	p.kill()
	cancel()
	all.Wait()
	c.check()
	c.total.rounds++
}

// work keeps a client busy until the round ends.
func (c *crash) work(ctx context.Context, a *api, w *worker) {
	w.api = a
	for ctx.Err() == nil {
		if err := w.run(ctx); err != nil {
			c.t.Error(err)
			return
		}
		if c.trouble == nil {
			return // the registry is dead
		}
		pause(ctx)
	}
}

// pause lets a registry that lost its database catch its breath.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

// follow keeps a copy in step until a request fails.
func (c *crash) follow(ctx context.Context, a *api, cp *localCopy) {
	for ctx.Err() == nil {
		err := cp.step(ctx, a)
		var status *statusError
		if errors.As(err, &status) && status.r.status < 500 {
			c.t.Errorf("delta: %v", err)
			return
		}
		if err != nil && c.trouble == nil {
			return
		}
		pause(ctx)
	}
}

// check holds the catalog, as the crash left it, against its rules.
func (c *crash) check() {
	c.t.Helper()
	db, err := sqldb.Open(c.t.Context(), sqldb.Options{URL: c.leftBehind()})
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	if bad := catalogcheck.Check(c.t.Context(), db); len(bad) > 0 {
		c.t.Fatalf("the catalog after round %d:\n%s", c.total.rounds, strings.Join(bad, "\n"))
	}
	c.bytesThere(db)
}

// bytesThere checks that no row names bytes that are not in the store: bytes
// first, name last.
func (c *crash) bytesThere(db *sqldb.DB) {
	c.t.Helper()
	store, err := blob.OpenDirectory(c.data, blob.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer store.Close()
	rows, err := db.Read().Query(c.t.Context(), `SELECT DISTINCT b.digest,b.size FROM blob b JOIN repository_blob l ON l.blob=b.id WHERE NOT EXISTS (SELECT 1 FROM blob_content c WHERE c.blob=b.id)`)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var enc []byte
		var want int64
		if err := rows.Scan(&enc, &want); err != nil {
			c.t.Fatal(err)
		}
		d, err := catalog.DecodeDigest(enc)
		if err != nil {
			c.t.Fatal(err)
		}
		if size, err := store.Stat(c.t.Context(), d); err != nil || size != want {
			c.t.Errorf("after round %d: blob %s is linked with %d bytes; its store has %d, %v", c.total.rounds, d, want, size, err)
		}
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
}

// leftBehind returns the URL of the catalog, of a copy of it on SQLite: what
// the next start of the registry finds must be what the crash left.
func (c *crash) leftBehind() string {
	if c.catalog != "" {
		awaitAlone(c.t, c.catalog)
		return c.catalog
	}
	dir := c.t.TempDir()
	for _, name := range []string{"catalog.db", "catalog.db-wal"} {
		b, err := os.ReadFile(filepath.Join(c.data, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	c.countLog()
	return "sqlite:" + filepath.Join(dir, "catalog.db")
}

// countLog notes whether the write-ahead log held pages that the database
// file did not (www.sqlite.org/walformat.html, "WAL-Index Header": mxFrame at
// 16, nBackfill at 96).
func (c *crash) countLog() {
	b, err := os.ReadFile(filepath.Join(c.data, "catalog.db-shm"))
	if err != nil || len(b) < 100 {
		return
	}
	if bin.NativeEndian.Uint32(b[16:]) != bin.NativeEndian.Uint32(b[96:]) {
		c.total.logged++
	} else {
		c.total.unlogged++
	}
}

// verify compares what the registry has with what it acknowledged.
func (c *crash) verify(a *api, whole bool) {
	c.t.Helper()
	ctx := c.t.Context()
	keys := c.l.unsettled()
	if whole {
		keys = c.l.all()
	}
	if err := verifyKeys(ctx, a, c.l, keys); err != nil {
		c.t.Fatal(err)
	}
	full := map[string]*localCopy{}
	for _, cp := range c.copies {
		fresh := &localCopy{kind: cp.kind}
		if err := fresh.list(ctx, a); err != nil {
			c.t.Fatal(err)
		}
		full[cp.kind] = fresh
		c.catchUp(ctx, a, cp, fresh)
	}
	if whole {
		c.seen.Clear()
	}
	if err := dangling(ctx, a, full["tags"], full["manifests"], &c.seen); err != nil {
		c.t.Fatal(err)
	}
}

// catchUp brings a copy up to date with deltas alone.
func (c *crash) catchUp(ctx context.Context, a *api, cp, full *localCopy) {
	c.t.Helper()
	if cp.cursor == "" {
		cp.items, cp.cursor = full.items, full.cursor
		return
	}
	if err := cp.step(ctx, a); err != nil {
		c.t.Fatalf("delta across the crash: %v", err)
	}
	if bad := cp.differs(full); len(bad) > 0 {
		c.t.Fatalf("%s kept by deltas, after round %d:\n%s", cp.kind, c.total.rounds, strings.Join(bad, "\n"))
	}
}

// end verifies everything that was ever acknowledged.
func (c *crash) end() {
	c.t.Helper()
	p := start(c.t, c.file)
	a := newAPI(p.addr)
	defer a.close()
	c.verify(a, true)
	p.kill()
	c.total.acked += c.l.acked
	for _, cp := range c.copies {
		c.total.steps += cp.steps
	}
}

// lives runs n rounds, on new data every lifeTime rounds.
func lives(t *testing.T, n int, newLife func(t *testing.T, life int, total *totals) *crash) *totals {
	total := &totals{}
	for life := 0; total.rounds < n && !t.Failed(); life++ {
		t.Run(fmt.Sprintf("life%d", life), func(t *testing.T) {
			c := newLife(t, life, total)
			for i := 0; i < lifeTime && total.rounds < n && !t.Failed(); i++ {
				c.round(i%10 == 9)
			}
			if !t.Failed() {
				c.end()
			}
		})
	}
	t.Logf("%d crashes, %d acknowledged operations, %d deltas", total.rounds, total.acked, total.steps)
	if total.logged+total.unlogged > 0 {
		t.Logf("SQLite's log held pages that its file had not %d times, none %d times", total.logged, total.unlogged)
	}
	return total
}

func seed(life int) uint64 {
	s := rand.Uint64()
	return s + uint64(life)
}

// TestKill kills the registry at a random moment, again and again, and starts
// it on what is left.
func TestKill(t *testing.T) {
	for _, durability := range []string{"full", "relaxed"} {
		t.Run(durability, func(t *testing.T) {
			total := lives(t, rounds(5, 100), func(t *testing.T, life int, total *totals) *crash {
				return newCrash(t, "", durability, seed(life), total)
			})
			if total.acked < 10*total.rounds && !t.Failed() {
				t.Errorf("only %d operations were acknowledged in %d rounds", total.acked, total.rounds)
			}
		})
	}
}
