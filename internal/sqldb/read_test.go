package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func TestViewSeesOneState(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		put := func(k string) {
			if err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { insert(tx, k, 1); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		err := db.View(t.Context(), func(q sqldb.Querier) error {
			before := keys(t, q)
			put("b")
			if after := keys(t, q); !slices.Equal(before, after) {
				t.Errorf("first %q, then %q", before, after)
			}
			wantKeys(t, db, "a", "b")
			return errRefused
		})
		wantErrors(t, []error{err}, errRefused)
		err = db.View(t.Context(), func(q sqldb.Querier) error {
			if got := keys(t, q); len(got) != 2 {
				t.Errorf("a new view sees %q", got)
			}
			return nil
		})
		wantErrors(t, []error{err}, nil)
	})
}

func TestReadsDoNotWaitForWrites(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			insert(tx, "a", 1)
			if err := tx.Batch(sqldb.Q{SQL: "SELECT 1", Scan: func(sqldb.Rows) error { return nil }}); err != nil {
				return err
			}
			wantKeys(t, db) // beside the open transaction, and without its rows
			return nil
		})
		wantErrors(t, []error{err}, nil)
	})
}

func TestReadsCannotWrite(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		_ = db.View(t.Context(), func(q sqldb.Querier) error {
			var k string
			if err := q.QueryRow(t.Context(), "INSERT INTO kv(k, v) VALUES('x', 1) RETURNING k").Scan(&k); err == nil {
				t.Error("a view has written")
			}
			return nil
		})
		wantKeys(t, db)
	})
}

func TestNoRows(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		const none = "SELECT v FROM kv WHERE k=?"
		var v int64
		check := func(q sqldb.Querier) error {
			wantErrors(t, []error{q.QueryRow(t.Context(), none, "x").Scan(&v)}, sqldb.ErrNoRows)
			return nil
		}
		_ = check(db.Read())
		wantErrors(t, []error{db.View(t.Context(), check)}, nil)
		wantErrors(t, []error{db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { return check(tx) })}, nil)
	})
}

// A result that is still open blocks the connection on PostgreSQL, so it must
// be refused on both engines.
func TestOpenRowsRefuseTheNextQuery(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		two := func(q sqldb.Querier) error {
			rows, err := q.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2")
			if err != nil {
				return err
			}
			if !rows.Next() {
				t.Error("no row")
			}
			_, err = q.Query(t.Context(), "SELECT 1") // rows are left open on purpose
			return err
		}
		if err := db.View(t.Context(), two); err == nil {
			t.Error("view: no error")
		}
		if err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error { return two(tx) }); err == nil {
			t.Error("update: no error")
		}
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			rows, err := tx.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2")
			if err == nil {
				rows.Next()
				insert(tx, "a", 1)
			}
			return err
		})
		if err == nil {
			t.Error("exec: no error")
		}
		wantKeys(t, db)
		err = db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			rows, err := tx.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2")
			if err == nil {
				rows.Next() // and left open at the end of the function
			}
			return err
		})
		wantErrors(t, []error{err}, nil)
	})
}

func TestReaderIsGivenBack(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{Readers: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var v int64
		for range 3 {
			wantKeys(t, db)
			if err := db.Read().QueryRow(ctx, "SELECT v FROM missing").Scan(&v); err == nil {
				t.Error("no error for a missing table")
			}
			if err := db.Read().QueryRow(ctx, "SELECT 'text'").Scan(&v); err == nil {
				t.Error("text was scanned into an integer")
			}
		}
		rows, err := db.Read().Query(ctx, "SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- db.Read().QueryRow(ctx, "SELECT 1").Scan(&v) }()
		cancel()
		wantErrors(t, []error{<-waiting}, context.Canceled)
		wantErrors(t, []error{db.View(ctx, func(sqldb.Querier) error { return nil })}, context.Canceled)
		_ = rows.Close()
		_ = rows.Close()
		wantKeys(t, db)
	})
}

type (
	word   string
	number int32
	octets []byte
)

func TestValues(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(testing.TB) *sqldb.DB) {
		db := open(t)
		ddl := db.Dialect().DDL("CREATE TABLE x(i BIGINT, t TEXT, b BYTES)")
		if _, err := db.ExecDirect(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
		store := func(i, s, b any) {
			t.Helper()
			err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
				tx.Exec("DELETE FROM x")
				tx.Exec("INSERT INTO x(i, t, b) VALUES(?, ?, ?)", i, s, b)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		load := func(dest ...any) {
			t.Helper()
			if err := db.Read().QueryRow(t.Context(), "SELECT i, t, b FROM x").Scan(dest...); err != nil {
				t.Fatal(err)
			}
		}
		var (
			i  int64
			s  string
			b  []byte
			ii int
			n  number
			w  word
			o  octets
			f  bool
			ni sql.NullInt64
			ns sql.NullString
			pi *int64
			ps *string
			sb []byte
		)
		store(int64(math.MinInt64), "gruß", []byte{0, 1, 255})
		if load(&i, &s, &b); i != math.MinInt64 || s != "gruß" || !slices.Equal(b, []byte{0, 1, 255}) {
			t.Error(i, s, b)
		}
		store(number(7), word("w"), octets("o"))
		if load(&n, &w, &o); n != 7 || w != "w" || string(o) != "o" {
			t.Error(n, w, o)
		}
		if load(&ni, &ns, &b); ni.Int64 != 7 || ns.String != "w" || string(b) != "o" {
			t.Error(ni, ns, b)
		}
		if load(&pi, &ps, &b); *pi != 7 || *ps != "w" {
			t.Error(*pi, *ps)
		}
		if load(&ii, &sb, &b); ii != 7 || string(sb) != "w" {
			t.Error(ii, sb)
		}
		store(true, &s, []byte{})
		if load(&i, &s, &b); i != 1 || s != "gruß" || b == nil || len(b) != 0 {
			t.Error(i, s, b)
		}
		store(nil, (*string)(nil), []byte(nil))
		if load(&ni, &ns, &b); ni.Valid || ns.Valid || b != nil {
			t.Error(ni, ns, b)
		}
		if load(&pi, &ps, &b); pi != nil || ps != nil {
			t.Error(pi, ps)
		}
		if err := db.Read().QueryRow(t.Context(), "SELECT i FROM x").Scan(&i); err == nil {
			t.Error("NULL was scanned into an integer")
		}
		if err := db.Read().QueryRow(t.Context(), "SELECT EXISTS(SELECT 1 FROM x WHERE i IS NULL)").Scan(&f); err != nil || !f {
			t.Error(f, err)
		}
		store(sql.NullInt64{Int64: 5, Valid: true}, sql.NullString{}, "bytes")
		if load(&i, &ns, &b); i != 5 || ns.Valid || string(b) != "bytes" {
			t.Error(i, ns, b)
		}
	})
}

func TestTextSortsBytewise(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		want := []string{"A", "B", "Z", "_", "a", "a-b", "a/b", "a0", "aa", "b", "é", "日"}
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			for _, k := range want {
				insert(tx, k, 0)
			}
			return nil
		})
		wantErrors(t, []error{err}, nil)
		wantKeys(t, db, want...)
	})
}

func TestBatch(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		db := openWith(t, fresh, sqldb.Options{})
		var got []int64
		all := func(rows sqldb.Rows) error {
			for rows.Next() {
				var v int64
				if err := rows.Scan(&v); err != nil {
					return err
				}
				got = append(got, v)
			}
			return rows.Err()
		}
		err := db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			got = nil
			insert(tx, "a", 1)
			insert(tx, "b", 2)
			insert(tx, "c", 3)
			return tx.Batch(
				sqldb.Q{SQL: "SELECT v FROM kv WHERE k>=? ORDER BY k", Args: []any{"b"}, Scan: all},
				sqldb.Q{SQL: "SELECT v FROM kv WHERE k='none'", Scan: all},
				sqldb.Q{SQL: "SELECT v FROM kv ORDER BY k", Scan: func(r sqldb.Rows) error { r.Next(); return nil }},
				sqldb.Q{SQL: "UPDATE kv SET v=9 WHERE k=? RETURNING v", Args: []any{"a"}, Scan: all},
			)
		})
		wantErrors(t, []error{err}, nil)
		if !slices.Equal(got, []int64{2, 3, 9}) {
			t.Errorf("got %v", got)
		}
		one := sqldb.Q{SQL: "SELECT 1", Scan: func(sqldb.Rows) error { return nil }}
		refuse := sqldb.Q{SQL: "SELECT 1", Scan: func(sqldb.Rows) error { return errRefused }}
		// A refusing Scan is the caller's error and does not break the transaction.
		err = db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			if err := tx.Batch(refuse, one); !errors.Is(err, errRefused) {
				t.Errorf("batch: %v", err)
			}
			insert(tx, "d", 4)
			return nil
		})
		wantErrors(t, []error{err}, nil)
		// A failing statement does.
		err = db.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			insert(tx, "e", 5)
			_ = tx.Batch(one, sqldb.Q{SQL: "SELECT 1 FROM missing", Scan: one.Scan})
			return nil
		})
		if err == nil {
			t.Error("a failed batch was committed")
		}
		wantKeys(t, db, "a", "b", "c", "d")
	})
}
