package discover_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// A database of every schema version that was released stays in
// testdata/databases for ever: vN.db is SQLite's file, vN.sql a dump of
// PostgreSQL, vN.ENGINE.json what they hold. They are made by
//
//	go test ./internal/discover -run TestOldDatabases -make N
//
// when version N is new, and never again once it was released.
var makeVersion = flag.Int("make", 0, "make the databases of this schema version")

const databases = "testdata/databases"

// oldContent is what a database held when it was made.
type oldContent struct {
	// Items are the items of each kind.
	Items map[lading.Kind][]lading.Item
	// Before are the manifests at Cursor, before the last changes.
	Before []lading.Item
	Cursor string
	// Access is nil in those of before version 14.
	Access *oldAccess
}

func TestOldDatabases(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		engine := filepath.Base(t.Name())
		if *makeVersion > 0 {
			makeOld(t, fresh(t), fmt.Sprintf("%s/v%d", databases, *makeVersion), engine)
		}
		found, err := filepath.Glob(databases + "/v*." + engine + ".json")
		if err != nil || len(found) == 0 {
			t.Fatalf("no old databases in %s: %v", databases, err)
		}
		for _, file := range found {
			base := strings.TrimSuffix(file, "."+engine+".json")
			t.Run(filepath.Base(base), func(t *testing.T) {
				url := fresh(t)
				restore(t, url, base)
				var want oldContent
				raw, err := os.ReadFile(file)
				if err == nil {
					err = json.Unmarshal(raw, &want)
				}
				if err != nil {
					t.Fatal(err)
				}
				f := newFixture(t, url, discover.Options{})
				f.Clock.Add(24 * time.Hour)
				readOldAccess(t, f, want.Access)
				readOld(t, f, want)
				if got, new := schema(t, f.DB), schema(t, newFixture(t, fresh(t), discover.Options{}).DB); got != new {
					t.Errorf("an old database becomes\n%s\na new one is\n%s\nDo not change a migration that was released: add one.", got, new)
				}
			})
		}
	})
}

// readOld checks that the content is there, and goes on writing.
func readOld(t *testing.T, f *fixture, want oldContent) {
	check := func(when string) {
		t.Helper()
		for _, problem := range catalogcheck.Check(f.ctx(), f.DB) {
			t.Errorf("%s: %s", when, problem)
		}
	}
	check("opened")
	for kind, items := range want.Items {
		got, _ := f.all(lading.Query{Kind: kind}, 3)
		nameTypes(kind, items)
		if a, b := text(t, got), text(t, items); a != b {
			t.Errorf("%s\n%swere\n%s", kind, a, b)
		}
	}
	nameTypes(lading.KindManifests, want.Before)
	follow := func(when string) {
		t.Helper()
		now, _ := f.all(lading.Query{Kind: lading.KindManifests}, 100)
		delta, _ := f.all(lading.Query{Kind: lading.KindManifests, Since: want.Cursor}, 2)
		if got := apply(apply(nil, want.Before), delta); !maps.EqualFunc(got, apply(nil, now), func(a, b lading.Item) bool {
			return text(t, []lading.Item{a}) == text(t, []lading.Item{b})
		}) {
			t.Errorf("%s: a copy of then holds %v, the listing %v", when, keysOf(got), keys(now))
		}
	}
	follow("opened")
	f.Put("acme/web", spec{Name: "new", Type: "n/n"}, "v1", "new")
	f.Untag("acme/web", "moved")
	f.Put("gone", spec{Name: "again"}, "v1")
	f.End("twice")
	f.Purge()
	check("written")
	follow("written")
}

// nameTypes gives the items of a database that knew no short names the one that
// they all have now.
func nameTypes(kind lading.Kind, items []lading.Item) {
	for i := range items {
		if kind != lading.KindRepositories && items[i].Type == "" {
			items[i].Type = lading.TypeUnknown
		}
	}
}

func text(t *testing.T, items []lading.Item) string {
	t.Helper()
	var b strings.Builder
	for _, it := range items {
		raw, err := json.Marshal(it)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", raw)
	}
	return b.String()
}

// makeOld writes a database with a little of everything.
func makeOld(t *testing.T, url, base, engine string) {
	f := newFixture(t, url, discover.Options{})
	blob := catalogtest.Blob("layer")
	child := spec{Name: "child", Type: "a/a", Platform: "linux/amd64", Blobs: []lading.Digest{blob}}
	index := spec{Name: "index", Children: []lading.Digest{child.Digest()}, Annotations: map[string]string{"k": "v"}}
	signature := spec{Name: "signature", Type: "s/s", Subject: index.Digest()}
	f.Link("acme/web", blob)
	f.Link("uploads/only", blob)
	for _, step := range []func(){
		func() { f.Put("acme/web", child) },
		func() { f.Put("acme/web", index, "v1", "latest", "moved") },
		func() { f.Put("acme/web", signature) },
		func() {
			f.Put("acme/web", spec{Name: "typed", Type: "t/t", Short: "typed", Shown: `{"k":"v"}`}, "typed")
		},
		func() { f.Put("acme/web", child, "moved") },
		func() { f.Put("acme/web", spec{Name: "dead"}, "dead") },
		func() { f.Delete("acme/web", spec{Name: "dead"}.Digest()) },
		func() { f.Put("acme/team/db", spec{Name: "db", Type: "a/a"}, "v1", "v2") },
		func() { f.Untag("acme/team/db", "v2") },
		func() { f.Put("gone", spec{Name: "x"}, "v1") },
		func() { f.Put("twice", spec{Name: "x"}, "v1", "v2") },
		func() { f.End("twice") },
	} {
		f.Clock.Add(time.Minute)
		step()
	}
	out := oldContent{Items: map[lading.Kind][]lading.Item{}}
	out.Before, out.Cursor = f.all(lading.Query{Kind: lading.KindManifests}, 100)
	f.Clock.Add(time.Minute)
	f.Put("twice", spec{Name: "y"}, "v2")
	f.Untag("acme/web", "latest")
	f.Put("acme/web", spec{Name: "late", Type: "a/a"}, "v1")
	f.Delete("acme/web", signature.Digest())
	f.End("gone") // its content is still to be purged
	for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests} {
		out.Items[kind], _ = f.all(lading.Query{Kind: kind}, 100)
	}
	s := storesOf(f)
	s.fill()
	held := s.read()
	out.Access = &held
	raw, err := json.MarshalIndent(out, "", " ")
	f.Must(err)
	f.Must(os.MkdirAll(filepath.Dir(base), 0o755))
	f.Must(os.WriteFile(base+"."+engine+".json", append(raw, '\n'), 0o644))
	f.Must(f.DB.Close())
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		copyFile(t, file, base+".db")
		return
	}
	dump, err := exec.Command("pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments", url).Output()
	f.Must(err)
	// What is for psql alone, and settings that other versions lack.
	lines := slices.DeleteFunc(strings.SplitAfter(string(dump), "\n"), func(l string) bool {
		return strings.HasPrefix(l, `\`) || strings.HasPrefix(l, "SET ") || strings.HasPrefix(l, "--") || strings.TrimSpace(l) == ""
	})
	f.Must(os.WriteFile(base+".sql", []byte(strings.Join(lines, "")), 0o644))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// restore fills a fresh database with an old one.
func restore(t *testing.T, url, base string) {
	t.Helper()
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		copyFile(t, base+".db", file)
		return
	}
	ctx := context.Background()
	dump, err := os.ReadFile(base + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, string(dump)).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// schema writes the tables and indexes of a database.
func schema(t *testing.T, db *sqldb.DB) string {
	t.Helper()
	text := `SELECT COALESCE(sql,name) FROM sqlite_master ORDER BY type,name`
	if db.Dialect() == sqldb.Postgres {
		text = `SELECT table_name||'.'||column_name||' '||data_type||' '||is_nullable||' '||COALESCE(collation_name,'') AS line
			FROM information_schema.columns WHERE table_schema='public' UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname='public' ORDER BY 1`
	}
	rows, err := db.Read().Query(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		b.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
