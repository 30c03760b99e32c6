package sqldb_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

var errFault = errors.New("injected")

// faults fails at one point, as often as armed says.
type faults struct {
	point string
	armed atomic.Int64
	hits  atomic.Int64
}

func (f *faults) call(point string) error {
	if point != f.point {
		return nil
	}
	f.hits.Add(1)
	if f.armed.Add(-1) >= 0 {
		return errFault
	}
	return nil
}

// What each point does to one update, and to a group of two: which of them
// fail, and what is in the table afterwards.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		point     string
		persisted bool
		groupOK   bool // the group is run again, one by one, and succeeds
	}{
		{point: "begin"},
		{point: "query", groupOK: true},
		{point: "exec", groupOK: true},
		{point: "commit", groupOK: true},
		{point: "committed", persisted: true},
	} {
		t.Run(c.point, func(t *testing.T) {
			sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
				f := &faults{point: c.point}
				db := openWith(t, fresh, sqldb.Options{Fault: f.call})
				after := 0
				put := func(k string) update {
					return fn(func(tx *sqldb.Tx) error {
						var n int64
						if err := tx.QueryRow(tx.Context(), "SELECT count(*) FROM kv").Scan(&n); err != nil {
							return fmt.Errorf("count: %w", err)
						}
						insert(tx, k, n)
						tx.AfterCommit(func() { after++ })
						return nil
					})
				}
				f.armed.Store(1)
				err := db.Update(t.Context(), 0, put("a").fn)
				wantErrors(t, []error{err}, errFault)
				var want []string
				if c.persisted {
					want = []string{"a"}
				}
				wantKeys(t, db, want...)
				if got := errors.Is(err, sqldb.ErrOutcomeUnknown); got != c.persisted {
					t.Errorf("outcome unknown: %v (%v)", got, err)
				}
				if after != 0 {
					t.Error("AfterCommit ran for a failed update")
				}

				errs := together(t, db, func() { f.armed.Store(1) }, put("b"), put("c"))
				if c.groupOK {
					wantErrors(t, errs, nil, nil)
				} else {
					wantErrors(t, errs, errFault, errFault)
				}
				if c.groupOK || c.persisted {
					want = append(want, "b", "c")
				}
				wantKeys(t, db, want...)
				if f.hits.Load() == 0 {
					t.Error("the point was never reached")
				}
			})
		})
	}
}

func TestFaultsOfDirectStatements(t *testing.T) {
	for point, persisted := range map[string]bool{"exec": false, "committed": true} {
		t.Run(point, func(t *testing.T) {
			sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
				f := &faults{point: point}
				db := openWith(t, fresh, sqldb.Options{Fault: f.call})
				f.armed.Store(1)
				_, err := db.ExecDirect(t.Context(), "INSERT INTO kv(k, v) VALUES(?, 1)", "a")
				wantErrors(t, []error{err}, errFault)
				if got := len(keys(t, db.Read())) == 1; got != persisted {
					t.Errorf("persisted: %v", got)
				}
				n, err := db.ExecDirect(t.Context(), "DELETE FROM kv WHERE k<>?", "none")
				if want := int64(len(map[bool][]int{true: {1}}[persisted])); err != nil || n != want {
					t.Errorf("%d rows affected, want %d (%v)", n, want, err)
				}
			})
		})
	}
}
