package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

const (
	orderWriters = 32
	orderEach    = 20 // changes of each writer
)

// dawdle is a transaction that takes its time between what it writes and its
// commit.
func dawdle() { time.Sleep(time.Duration(rand.IntN(6)) * time.Millisecond) }

// TestFollowerMissesNothing has 32 writers append to the journal with random
// delays before their commits, from two processes' worth of connections on
// PostgreSQL, while followers read on from their saved positions: they see
// exactly what was written, in order.
func TestFollowerMissesNothing(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		replicas := []*catalog.Catalog{openCatalog(t, url)}
		if replicas[0].DB().Dialect() == sqldb.Postgres {
			replicas = append(replicas, openCatalog(t, url))
		}
		shards := replicas[0].DB().Shards()
		var written atomic.Bool
		var following, writing errgroup.Group
		seen := make([][]journal.Row, shards)
		for s := range shards {
			following.Go(func() (err error) {
				seen[s], err = follow(t.Context(), replicas[0].Journal(), s, &written)
				return err
			})
		}
		acked := make([][]string, shards)
		var mu sync.Mutex
		for w := range orderWriters {
			db := replicas[w%len(replicas)].DB()
			writing.Go(func() error {
				for k := range orderEach {
					s, name := rand.IntN(shards), fmt.Sprintf("%d-%d", w, k)
					if err := db.Update(t.Context(), s, appendRow(name)); err != nil {
						return err
					}
					mu.Lock()
					acked[s] = append(acked[s], name)
					mu.Unlock()
				}
				return nil
			})
		}
		if err := writing.Wait(); err != nil {
			t.Error(err)
		}
		written.Store(true)
		if err := following.Wait(); err != nil {
			t.Fatal(err)
		}
		for s := range shards {
			compareOrder(t, seen[s], acked[s])
		}
	})
}

func openCatalog(t *testing.T, url string) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Open(t.Context(), sqldbtest.Open(t, sqldb.Options{URL: url}), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func appendRow(name string) func(*sqldb.Tx) error {
	return func(tx *sqldb.Tx) error {
		dawdle()
		w := journal.From(tx)
		w.Append(tx, []journal.Row{{Pos: w.NewPos(), Kind: journal.Tag, Action: journal.Created, Name: name}})
		dawdle()
		return nil
	}
}

// follow reads on from the position of the last row it has seen, until
// nothing is left after the writers have ended.
func follow(ctx context.Context, j *journal.Journal, shard int, written *atomic.Bool) (seen []journal.Row, err error) {
	pos := int64(0)
	for {
		ended := written.Load() // before the read: it then sees everything
		rows, err := j.Read(ctx, shard, pos, 7)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			if ended {
				return seen, nil
			}
			time.Sleep(time.Millisecond) // a poll: the other replica's commits do not wake
			continue
		}
		seen = append(seen, rows...)
		pos = rows[len(rows)-1].Pos
	}
}

// compareOrder checks that a follower saw what was written, once, without a
// gap, in the order of positions.
func compareOrder(t *testing.T, seen []journal.Row, acked []string) {
	t.Helper()
	var names []string
	for i, r := range seen {
		names = append(names, r.Name)
		if r.Seq != int64(i+1) {
			t.Errorf("row %d has seq %d", i+1, r.Seq)
		}
		if i > 0 && r.Pos <= seen[i-1].Pos {
			t.Errorf("position %d follows %d", r.Pos, seen[i-1].Pos)
		}
	}
	slices.Sort(names)
	slices.Sort(acked)
	if !slices.Equal(names, acked) {
		t.Errorf("the follower saw %d rows, %d were written:\n%q\n%q", len(names), len(acked), names, acked)
	}
}

// TestSequenceLosesRows is why there is a head row at all: in the same
// setting, a follower that asks a numbered table for seq > last loses rows,
// because numbers are given in another order than commits happen. Should this
// test fail, the one above proves nothing.
func TestSequenceLosesRows(t *testing.T) {
	ctx := t.Context()
	cfg, err := pgxpool.ParseConfig(sqldbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = orderWriters + 1
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(ctx, `CREATE TABLE numbered(seq bigserial PRIMARY KEY, name text)`); err != nil {
		t.Fatal(err)
	}
	var written atomic.Bool
	var following, writing errgroup.Group
	var seen []string
	following.Go(func() (err error) {
		seen, err = followNumbers(ctx, pool, &written)
		return err
	})
	for w := range orderWriters {
		writing.Go(func() error {
			for k := range orderEach {
				if err := insertNumbered(ctx, pool, fmt.Sprintf("%d-%d", w, k)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := writing.Wait(); err != nil {
		t.Error(err)
	}
	written.Store(true)
	if err := following.Wait(); err != nil {
		t.Fatal(err)
	}
	lost := orderWriters*orderEach - len(seen)
	t.Logf("the follower of a numbered table lost %d of %d rows", lost, orderWriters*orderEach)
	if lost == 0 {
		t.Error("it lost nothing: this setting cannot tell a journal that loses rows")
	}
}

func insertNumbered(ctx context.Context, pool *pgxpool.Pool, name string) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	dawdle()
	if _, err := tx.Exec(ctx, `INSERT INTO numbered(name) VALUES($1)`, name); err != nil {
		return err
	}
	dawdle()
	return tx.Commit(ctx)
}

func followNumbers(ctx context.Context, pool *pgxpool.Pool, written *atomic.Bool) (seen []string, err error) {
	last := int64(0)
	for {
		ended := written.Load()
		rows, err := pool.Query(ctx, `SELECT seq,name FROM numbered WHERE seq>$1 ORDER BY seq LIMIT 7`, last)
		if err != nil {
			return nil, err
		}
		n := 0
		for ; rows.Next(); n++ {
			var name string
			if err := rows.Scan(&last, &name); err != nil {
				return nil, err
			}
			seen = append(seen, name)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		if n == 0 && ended {
			return seen, nil
		}
		if n == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}
