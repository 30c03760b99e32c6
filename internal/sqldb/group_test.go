package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func TestWaitingUpdatesShareATransaction(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		before := db.Stats()
		var seen int64
		errs := together(t, db, func() {
			if n := db.Stats().Queue; n != 3 {
				t.Errorf("%d wait, want 3", n)
			}
		},
			fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil }),
			fn(func(tx *sqldb.Tx) error {
				return tx.QueryRow(tx.Context(), "SELECT v FROM kv WHERE k='a'").Scan(&seen)
			}),
			fn(func(tx *sqldb.Tx) error { insert(tx, "b", 2); return nil }),
		)
		wantErrors(t, errs, nil, nil, nil)
		if seen != 1 {
			t.Errorf("the second function saw %d of the first", seen)
		}
		after := db.Stats()
		if g, u := after.Groups-before.Groups, after.Updates-before.Updates; g != 1 || u != 3 || after.Queue != 0 {
			t.Errorf("%d groups with %d updates, want 1 with 3; %d still wait", g, u, after.Queue)
		}
		wantKeys(t, db, "a", "b")
	})
}

func TestMaxGroup(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{MaxGroup: 2})
		var updates []update
		for i := range 5 {
			updates = append(updates, fn(func(tx *sqldb.Tx) error { insert(tx, fmt.Sprint(i), 0); return nil }))
		}
		wantErrors(t, together(t, db, nil, updates...), nil, nil, nil, nil, nil)
		if s := db.Stats(); s.Groups != 3 {
			t.Errorf("%d groups, want 3", s.Groups)
		}
	})
}

func TestRefusalBeforeAWriteLeavesTheOthersAlone(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		runs := 0
		errs := together(t, db, nil,
			fn(func(tx *sqldb.Tx) error { runs++; insert(tx, "a", 1); return nil }),
			fn(func(tx *sqldb.Tx) error {
				var v int64
				_ = tx.QueryRow(tx.Context(), "SELECT v FROM kv WHERE k='a'").Scan(&v)
				return errRefused
			}),
			fn(func(tx *sqldb.Tx) error { insert(tx, "b", 1); return nil }),
		)
		wantErrors(t, errs, nil, errRefused, nil)
		wantKeys(t, db, "a", "b")
		if s := db.Stats(); runs != 1 || s.Reruns != 0 {
			t.Errorf("the first function ran %d times, %d reruns", runs, s.Reruns)
		}
	})
}

// The culprit may return its error, ignore a failed statement, or write with a
// query; the others must not notice.
func TestFailureAfterAWriteHitsTheCulpritOnly(t *testing.T) {
	culprits := map[string]func(tx *sqldb.Tx) error{
		"error after Exec": func(tx *sqldb.Tx) error { insert(tx, "x", 1); return errRefused },
		"error after a writing query": func(tx *sqldb.Tx) error {
			var v int64
			if err := tx.QueryRow(tx.Context(), "INSERT INTO kv(k, v) VALUES('x', 1) RETURNING v").Scan(&v); err != nil {
				return err
			}
			return errRefused
		},
		"error after a writing WITH": func(tx *sqldb.Tx) error {
			var v int64
			sql := "WITH n(v) AS (SELECT 1) INSERT INTO kv(k, v) SELECT 'x', v FROM n RETURNING v"
			if err := tx.QueryRow(tx.Context(), sql).Scan(&v); err != nil {
				return err
			}
			return errRefused
		},
		"failing Exec":     func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil },
		"no such table":    func(tx *sqldb.Tx) error { tx.Exec("INSERT INTO missing(k) VALUES(1)"); return nil },
		"ignored query":    func(tx *sqldb.Tx) error { _, _ = tx.Query(tx.Context(), "SELECT 1 FROM missing"); return nil },
		"panic":            func(tx *sqldb.Tx) error { insert(tx, "x", 1); panic("ouch") },
		"unknown argument": func(tx *sqldb.Tx) error { tx.Exec("INSERT INTO kv(k, v) VALUES('x', ?)", struct{}{}); return nil },
	}
	for name, culprit := range culprits {
		t.Run(name, func(t *testing.T) {
			sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
				db := openWith(t, fresh, sqldb.Options{})
				errs := together(t, db, nil,
					fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil }),
					fn(culprit),
					fn(func(tx *sqldb.Tx) error { insert(tx, "b", 1); return nil }),
				)
				if errs[0] != nil || errs[1] == nil || errs[2] != nil {
					t.Fatalf("errors %v", errs)
				}
				if strings.HasPrefix(name, "error") && errs[1] != errRefused {
					t.Errorf("the function's error came back as %v", errs[1])
				}
				wantKeys(t, db, "a", "b")
			})
		})
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(testing.TB) *sqldb.DB) {
		db := open(t)
		err := db.Update(t.Context(), 0, func(*sqldb.Tx) error { panic("ouch") })
		if !errors.Is(err, sqldb.ErrPanic) || !strings.Contains(err.Error(), "ouch") {
			t.Fatalf("got %v", err)
		}
		err = db.Update(t.Context(), 0, func(*sqldb.Tx) error { runtime.Goexit(); return nil })
		if !errors.Is(err, sqldb.ErrPanic) {
			t.Fatalf("after Goexit: %v", err)
		}
		if err := db.Update(t.Context(), 0, func(*sqldb.Tx) error { return nil }); err != nil {
			t.Fatalf("the committer did not go on: %v", err)
		}
	})
}

func TestCancelledUpdatesAreSkipped(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		errs := together(t, db, cancel,
			fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil }),
			update{ctx, func(tx *sqldb.Tx) error { insert(tx, "cancelled", 1); return nil }},
		)
		wantErrors(t, errs, nil, context.Canceled)
		wantKeys(t, db, "a")
		err := db.Update(ctx, 0, func(tx *sqldb.Tx) error { insert(tx, "cancelled", 1); return nil })
		wantErrors(t, []error{err}, context.Canceled)
		wantKeys(t, db, "a")
	})
}

func TestRunningUpdatesAreNotInterrupted(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
		err := db.Update(ctx, 0, func(tx *sqldb.Tx) error {
			cancel()
			if tx.Context().Value(key{}) != "v" || tx.Context().Err() != nil {
				t.Error("Context is not the caller's without its cancellation")
			}
			var n int64
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM kv").Scan(&n); err != nil {
				return err
			}
			insert(tx, "a", n)
			return nil
		})
		wantErrors(t, []error{err}, nil)
		wantKeys(t, db, "a")
	})
}

func TestHooks(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		var steps []string
		step := func(s string) { steps = append(steps, s) }
		db.SetGroup(sqldb.Group{
			Begin:     func(tx *sqldb.Tx) error { step("begin"); tx.SetState(new(int)); return nil },
			End:       func(tx *sqldb.Tx) error { step(fmt.Sprint("end ", *tx.State().(*int))); return nil },
			Committed: func(shard int) { step(fmt.Sprint("committed ", shard)) },
		})
		count := func(name string, err error) update {
			return fn(func(tx *sqldb.Tx) error {
				step(name)
				*tx.State().(*int)++
				tx.AfterCommit(func() { step("after " + name) })
				insert(tx, name, int64(tx.Shard()))
				return err
			})
		}
		wantErrors(t, together(t, db, nil, count("a", nil), count("b", nil)), nil, nil)
		want := []string{"begin", "begin", "a", "b", "end 2", "after a", "after b", "committed 0"}
		if !slices.Equal(steps, want) {
			t.Errorf("steps %q,\nwant  %q", steps, want)
		}
		steps = nil
		wantErrors(t, together(t, db, nil, count("c", nil), count("d", errRefused)), nil, errRefused)
		want = []string{"begin", "begin", "c", "d", "begin", "c", "end 1", "after c", "committed 0", "begin", "d"}
		if !slices.Equal(steps, want) {
			t.Errorf("steps %q,\nwant  %q", steps, want)
		}
		wantKeys(t, db, "a", "b", "c")
	})
}

func TestHookErrorsFailTheUpdates(t *testing.T) {
	for _, where := range []string{"begin", "end"} {
		t.Run(where, func(t *testing.T) {
			sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
				db := openWith(t, fresh, sqldb.Options{})
				var armed atomic.Bool // not for the update that holds the queue
				hook := func(tx *sqldb.Tx) error {
					if !armed.Load() {
						return nil
					}
					insert(tx, "hook", 1)
					return errRefused
				}
				g := sqldb.Group{Begin: hook}
				if where == "end" {
					g = sqldb.Group{End: hook}
				}
				db.SetGroup(g)
				put := fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil })
				wantErrors(t, together(t, db, func() { armed.Store(true) }, put, put), errRefused, errRefused)
				wantKeys(t, db)
			})
		})
	}
}

func TestNoLostUpdates(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{Shards: 4})
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { insert(tx, "n", 0); return nil })
		wantErrors(t, []error{err}, nil)
		const writers, each = 32, 15
		var acknowledged atomic.Int64
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := db.Update(t.Context(), w%db.Shards(), func(tx *sqldb.Tx) error { return increment(tx, (w+i)%7 == 0) })
					if err == nil {
						acknowledged.Add(1)
					} else if !errors.Is(err, errRefused) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int64
		if err := db.Read().QueryRow(t.Context(), "SELECT v FROM kv WHERE k='n'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != acknowledged.Load() || n == 0 {
			t.Errorf("counted %d, acknowledged %d", n, acknowledged.Load())
		}
	})
}

// increment reads and writes back, as only a lock makes safe between shards.
func increment(tx *sqldb.Tx, refuse bool) error {
	lock := ""
	if tx.Dialect() == sqldb.Postgres {
		lock = " FOR UPDATE"
	}
	var n int64
	if err := tx.QueryRow(tx.Context(), "SELECT v FROM kv WHERE k='n'"+lock).Scan(&n); err != nil {
		return err
	}
	tx.Exec("UPDATE kv SET v=? WHERE k='n'", n+1)
	if refuse {
		return errRefused
	}
	return nil
}

func TestDeadlocksAreTriedAgain(t *testing.T) {
	url := sqldbtest.Postgres
	db := openWith(t, url, sqldb.Options{Shards: 2})
	err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { insert(tx, "a", 0); insert(tx, "b", 0); return nil })
	wantErrors(t, []error{err}, nil)
	var both sync.WaitGroup // each holds its first row before it wants its second
	both.Add(2)
	var wg sync.WaitGroup
	for shard, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			first := true
			err := db.Update(t.Context(), shard, func(tx *sqldb.Tx) error {
				for i, k := range order {
					var v int64
					if err := tx.QueryRow(tx.Context(), "UPDATE kv SET v=v+1 WHERE k=? RETURNING v", k).Scan(&v); err != nil {
						return err
					}
					if first && i == 0 {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var sum int64
	if err := db.Read().QueryRow(t.Context(), "SELECT sum(v) FROM kv").Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum %d, want 4 (%v)", sum, err)
	}
	if db.Stats().Retries == 0 {
		t.Error("there was no deadlock")
	}
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		db := openWith(t, func(testing.TB) string { return url }, sqldb.Options{})
		closed := make(chan error, 1)
		errs := together(t, db, func() { go func() { closed <- db.Close() }() },
			fn(func(tx *sqldb.Tx) error { insert(tx, "a", 1); return nil }))
		wantErrors(t, errs, nil)
		wantErrors(t, []error{<-closed, db.Close()}, nil, nil)
		err := db.Update(t.Context(), 0, func(*sqldb.Tx) error { return nil })
		_, direct := db.ExecDirect(t.Context(), "DELETE FROM kv")
		view := db.View(t.Context(), func(sqldb.Querier) error { return nil })
		wantErrors(t, []error{err, direct, view}, sqldb.ErrClosed, sqldb.ErrClosed, sqldb.ErrClosed)
		if _, err := db.Read().Query(t.Context(), "SELECT 1"); err == nil {
			t.Error("a read after Close")
		}
		wantKeys(t, sqldbtest.Open(t, sqldb.Options{URL: url}), "a")
	})
}

func TestUnknownShard(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(testing.TB) *sqldb.DB) {
		db := open(t)
		for _, shard := range []int{-1, db.Shards()} {
			if err := db.Update(t.Context(), shard, func(*sqldb.Tx) error { return nil }); err == nil {
				t.Errorf("shard %d was accepted", shard)
			}
		}
	})
}

func wantErrors(t *testing.T, got []error, want ...error) {
	t.Helper()
	for i := range want {
		if !errors.Is(got[i], want[i]) || (want[i] == nil && got[i] != nil) {
			t.Fatalf("error %d: %v, want %v", i, got[i], want[i])
		}
	}
}
