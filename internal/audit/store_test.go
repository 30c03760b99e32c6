package audit_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestTrim: what is past its time goes, in steps, with its rows in the lists.
func TestTrim(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		old := d.Clock.Now()
		err := d.DB.Update(t.Context(), 0, func(tx *sqldb.Tx) error {
			for i := range 1100 {
				audit.AppendAt(tx, old, lading.AuditRecord{Action: "x", Repository: fmt.Sprintf("a/b%d/c", i%50)})
			}
			return nil
		})
		d.Must(err)
		d.Clock.Add(time.Hour)
		d.Put("a/b1/c", catalogtest.Spec{Name: "m"}, "v1")
		for more := true; more; {
			var err error
			more, err = d.store.Index(t.Context())
			d.Must(err)
		}
		steps := 1
		for ; ; steps++ {
			more, err := d.store.Trim(t.Context(), old.Add(time.Minute))
			d.Must(err)
			if !more {
				break
			}
		}
		if got := d.all(); len(got) != 1 || got[0].Action != "manifest_put" || steps != 3 {
			t.Errorf("%d records after %d steps", len(got), steps)
		}
		var places int64
		d.Must(d.DB.Read().QueryRow(t.Context(), `SELECT COUNT(*) FROM audit_place`).Scan(&places))
		if places != 3 {
			t.Errorf("%d rows in lists, want those of a/, a/b1/ and a/b1/c", places)
		}
	})
}

// TestDurable: a change that fails leaves no record, and the record of one that
// is made is in its transaction.
func TestDurable(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.Put("a", catalogtest.Spec{Name: "m"}, "v1")
		if err := d.Cat.DeleteTagIf(t.Context(), "a", "v1", "ada", lading.Precondition{Absent: true}); !errors.Is(err, lading.ErrPreconditionFailed) {
			t.Fatal(err)
		}
		if err := d.Cat.DeleteTag(t.Context(), "a", "none", "ada"); err == nil {
			t.Fatal("it was deleted")
		}
		d.Put("a", catalogtest.Spec{Name: "m"}, "v1") // changes nothing
		if got := d.all(); len(got) != 1 {
			t.Errorf("%+v", got)
		}
		ctx := lading.WithOrigin(lading.WithIdentity(t.Context(), lading.Identity{Subject: "user:bob", Credential: &lading.Credential{ID: "token:1"}}),
			lading.Origin{RequestID: "r1", Address: "10.0.0.1", Agent: "curl"})
		d.Must(d.Cat.DeleteTag(ctx, "a", "v1", "user:bob"))
		if got := d.all()[0]; got.Actor != "user:bob" || got.Credential != "token:1" || got.RequestID != "r1" || got.Address != "10.0.0.1" || got.Agent != "curl" {
			t.Errorf("%+v", got)
		}
	})
}

// trace keeps the statements that read records.
type trace struct {
	mu   sync.Mutex
	seen map[string][]any
}

func (s *trace) note(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen != nil && strings.Contains(sql, "audit") {
		s.seen[sql] = args
	}
}

// wholeTable is what a plan says that reads a table from end to end, or sorts
// more than the rows of a page.
var wholeTable = regexp.MustCompile(`(?m)Seq Scan on audit|^ *SCAN (a|audit|audit_place)( USING COVERING INDEX \w+)?$|USE TEMP B-TREE FOR (RIGHT PART OF )?ORDER BY`)

// TestPlans: every question is answered by an index, on both engines.
func TestPlans(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		var seen trace
		url := fresh(t)
		if strings.HasPrefix(url, "postgres") {
			url += "&random_page_cost=1.1"
		}
		w := catalogtest.Open(t, sqldb.Options{URL: url, Relaxed: true, Trace: seen.note}, catalog.Options{})
		fillRecords(w)
		store := audit.NewStore(w.DB, w.Clock.Now)
		part := lading.WithGrants(t.Context(), func(context.Context) (lading.Grants, error) {
			return lading.NewGrants(append(lading.NamespaceRanges("n3"), lading.RepositoryRange("n5/r1"))...), nil
		})
		seen.seen = map[string][]any{}
		for _, ctx := range []context.Context{everything(t.Context()), part} {
			for _, q := range []lading.AuditQuery{{}, {Oldest: true}, {Actor: "user:7"}, {Actor: "user:7", Oldest: true}, {Outcome: lading.AuditRefused},
				{Repository: "n3/r1"}, {Namespace: "n3", Oldest: true}, {Since: w.Clock.Now().Add(-time.Minute), Until: w.Clock.Now()}} {
				q.N = 10
				_, err := store.Audit(ctx, q)
				w.Must(err)
			}
		}
		_, err := store.Trim(t.Context(), w.Clock.Now().Add(-time.Hour))
		w.Must(err)
		statements := seen.seen
		seen.seen = nil
		if len(statements) < 9 {
			t.Errorf("only %d statements", len(statements))
		}
		for sql, args := range statements {
			if strings.Contains(sql, "refused=1") && !strings.Contains(explain(t, w.DB, sql, args), "audit_refused") {
				t.Errorf("refusals are looked for among all: %s", sql)
			}
			if plan := explain(t, w.DB, sql, args); wholeTable.MatchString(plan) && !(strings.Contains(sql, " k JOIN ") && !strings.Contains(plan, "SCAN audit")) {
				t.Errorf("%s\n%s", sql, plan)
			}
		}
	})
}

// fillRecords writes records of many repositories and callers.
func fillRecords(w *catalogtest.World) {
	for range 20 {
		w.Must(w.DB.Update(w.T.Context(), 0, func(tx *sqldb.Tx) error {
			for i := range 500 {
				w.Clock.Add(time.Millisecond)
				audit.AppendAt(tx, w.Clock.Now(), lading.AuditRecord{Action: "manifest_put", Actor: fmt.Sprint("user:", i%100), Repository: fmt.Sprintf("n%d/r%d", i%20, i%40)})
			}
			return nil
		}))
	}
	if w.DB.Dialect() == sqldb.Postgres {
		_, err := w.DB.ExecDirect(w.T.Context(), `ANALYZE`)
		w.Must(err)
	}
}

// explain is the plan of a statement.
func explain(t *testing.T, db *sqldb.DB, sql string, args []any) string {
	t.Helper()
	words, columns := "EXPLAIN QUERY PLAN ", 4
	if db.Dialect() == sqldb.Postgres {
		words, columns = "EXPLAIN ", 1
	}
	rows, err := db.Read().Query(t.Context(), words+sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var line string
		var a, b, c int64
		into := []any{&a, &b, &c, &line}
		if err := rows.Scan(into[4-columns:]...); err != nil {
			t.Fatal(err)
		}
		out.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestFresh: a change is found before it is in its lists, and after, once.
func TestFresh(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		part := lading.WithGrants(t.Context(), func(context.Context) (lading.Grants, error) {
			return lading.NewGrants(lading.NamespaceRanges("acme")...), nil
		})
		ids := func(ctx context.Context, q lading.AuditQuery) (out []string) {
			for more := true; more; {
				page, err := d.store.Audit(ctx, q)
				d.Must(err)
				for _, r := range page.Records {
					out = append(out, r.ID)
				}
				q.After, more = page.Next, page.More
			}
			return out
		}
		for i := range 150 {
			d.Clock.Add(time.Second)
			d.Put([]string{"acme/a", "other"}[i%2], catalogtest.Spec{Name: fmt.Sprint(i)}, "t")
		}
		for step := range 3 {
			for _, q := range []lading.AuditQuery{{N: 7}, {N: 75}, {Repository: "acme/a"}, {Namespace: "acme", Actor: "nobody"}} {
				want := 75
				if q.Actor != "" {
					want = 0
				}
				if got := ids(part, q); len(got) != want {
					t.Errorf("after %d steps, %+v: %d records, want %d", step, q, len(got), want)
				}
			}
			more, err := d.store.Index(t.Context())
			d.Must(err)
			if more != (step == 0) {
				t.Errorf("step %d: more is %v", step, more)
			}
		}
		var left int64
		d.Must(d.DB.Read().QueryRow(t.Context(), `SELECT COUNT(*) FROM audit_fresh`).Scan(&left))
		if left != 0 {
			t.Errorf("%d are in no list", left)
		}
	})
}
