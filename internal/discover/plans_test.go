package discover_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// statements gathers the statements that are read with, each once.
type statements struct {
	mu  sync.Mutex
	all map[string][]any
}

var placeholders = regexp.MustCompile(`\(\?(,\?)*\)`)

func (s *statements) trace(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil && !strings.HasPrefix(sql, "EXPLAIN") {
		s.all[sql] = slices.Clone(args)
	}
}

// TestPlans explains every statement that listings, deltas and reads run, on
// tables of a size at which a bad plan shows. A page must cost a page: no
// reading of a whole table, no sorting of more than a page needs.
func TestPlans(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		var st statements
		url := fresh(t)
		if strings.HasPrefix(url, "postgres") {
			url += "&random_page_cost=1.1" // as on solid-state disks; the tables are small for what is asked
		}
		w := catalogtest.Open(t, sqldb.Options{URL: url, Shards: 4, Relaxed: true, Trace: st.trace}, catalog.Options{})
		f := &fixture{World: w, grants: lading.AllGrants()}
		f.engine = f.with(discover.Options{Scan: 300})
		before := f.cursors()
		fill(f)
		st.all = map[string][]any{}
		f.readEverything(before)
		seen := st.all
		st.all = nil
		t.Logf("%d statements", len(seen))
		if len(seen) < 40 {
			t.Errorf("only %d statements were run", len(seen))
		}
		shown := map[string]bool{}
		for sql, args := range seen {
			plan := explain(t, f.DB, sql, args)
			if problem := badPlan(f.DB.Dialect(), sql, plan); problem != "" && !shown[placeholders.ReplaceAllString(sql, "(?)")] {
				shown[placeholders.ReplaceAllString(sql, "(?)")] = true
				t.Errorf("%s\n%s\n%s", problem, sql, plan)
			}
		}
	})
}

// small tables may be read as a whole.
var small = []string{"head", "epoch", "setting", "grant_set", "schema_version", "purge", "retyping", "typing", "definition", "policy"}

// sorted are the statements that may sort, and why: what they sort is bounded
// by what they ask for.
var sorted = []struct{ prefix, part, why string }{
	{"SELECT t.id,t.name,t.rev", "WHERE t.repo IN (", "the tags of an IN list of repositories, which the caller knows to be few"},
	{"SELECT m.id,m.tagged,m.remote,m.rev", "WHERE m.repo IN (", "the same of manifests"},
	{"SELECT t.id,t.name,t.rev", "LIMIT ?) w", "a chunk of a walk that was cut before it is filtered"},
	{"SELECT m.id,m.tagged,m.remote,m.rev", "LIMIT ?) w", "the same of manifests"},
	{"SELECT t.id,t.name,t.rev", "WHERE t.id IN (", "an IN list of ids, for a merge join"},
	{"SELECT m.id,m.tagged,m.remote,m.rev", "WHERE m.id IN (", "the same of manifests"},
	{"SELECT x.id,r.name,x.name", "WHERE x.id IN (", "the same of tombstones"},
	{"SELECT born,id,0 FROM repository", "WHERE id=?", "one row"},
	{"SELECT ended,id,0 FROM repository_past", "WHERE id=?", "one row"},
	{"SELECT 0,x.* FROM", " UNION ALL ", "heads of streams, each with a LIMIT: one row of an id"},
	{"SELECT manifest,name FROM tag", "WHERE manifest IN", "at most a hundred tags of each of an IN list of manifests"},
	{"SELECT m.id,m.repo,r.name", "WHERE m.id IN (", "an IN list of ids, for a merge join"},
	{"SELECT name,body,at FROM definition", "", "all definitions, of which there are few"},
	{"SELECT id,body FROM policy", "", "all policies, likewise"},
	{"SELECT name,MAX(id) FROM repository_past", "WHERE name IN", "an IN list of names"},
}

var (
	sqliteScan   = regexp.MustCompile(`(?m)^SCAN (\w+)(.*)$`)
	postgresScan = regexp.MustCompile(`Seq Scan on (\w+)`)
)

// badPlan says what is wrong with a plan, empty if nothing.
func badPlan(d sqldb.Dialect, sql, plan string) string {
	maySort := slices.ContainsFunc(sorted, func(s struct{ prefix, part, why string }) bool {
		return strings.HasPrefix(sql, s.prefix) && strings.Contains(sql, s.part)
	})
	if d == sqldb.SQLite {
		for _, m := range sqliteScan.FindAllStringSubmatch(plan, -1) {
			if !slices.Contains(small, m[1]) && m[1] != "x" && m[1] != "w" && m[1] != "CONSTANT" { // x and w: subqueries with a LIMIT
				return "reads the table " + m[1]
			}
		}
		if strings.Contains(plan, "USE TEMP B-TREE") && !maySort {
			return "sorts"
		}
		return ""
	}
	for _, m := range postgresScan.FindAllStringSubmatch(plan, -1) {
		if !slices.Contains(small, m[1]) {
			return "reads the table " + m[1]
		}
	}
	if strings.Contains(plan, "Sort Key") && !maySort && !strings.Contains(sql, "FROM head") && !strings.Contains(sql, "FROM epoch") {
		return "sorts"
	}
	return ""
}

func explain(t *testing.T, db *sqldb.DB, sql string, args []any) string {
	t.Helper()
	prefix := "EXPLAIN QUERY PLAN "
	if db.Dialect() == sqldb.Postgres {
		prefix = "EXPLAIN "
	}
	rows, err := db.Read().Query(context.Background(), prefix+sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		if db.Dialect() == sqldb.Postgres {
			err = rows.Scan(&line)
		} else {
			var a, b, c int64
			err = rows.Scan(&a, &b, &c, &line)
		}
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// planScopes are one of each sort.
var planScopes = []lading.Scope{{}, {Namespace: "ns1"}, {Repository: "ns1/r1"}, {Repository: "big"}}

// cursors are the cursors of now, by kind and scope.
func (f *fixture) cursors() map[string]string {
	out := map[string]string{}
	f.Put("big", spec{Name: "first"}, "first")
	f.Put("ns1/r1", spec{Name: "first"}, "first")
	for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests} {
		for i, s := range planScopes {
			l, err := f.engine.List(f.ctx(), lading.Query{Kind: kind, Scope: s, Since: "now"})
			f.Must(err)
			out[fmt.Sprint(kind, i)] = l.Cursor
		}
	}
	return out
}

// readEverything runs all forms of listings, deltas and point reads.
func (f *fixture) readEverything(since map[string]string) {
	ctx, md := f.ctx(), &model{f: f, step: 100}
	run := func(q lading.Query) {
		for range 2 {
			l, err := f.engine.List(f.ctx(), q)
			if err != nil {
				f.T.Errorf("%+v: %v", q, err)
			}
			if l.Next == "" {
				return
			}
			q = lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, Page: l.Next}
		}
	}
	for _, f.grants = range []lading.Grants{
		lading.AllGrants(),
		lading.NewGrants(append(lading.NamespaceRanges("ns1"), lading.PrefixRange("ns2/r1"), lading.RepositoryRange("big"), lading.RepositoryRange("ns1"))...),
		lading.NewGrants(lading.PrefixRange("ns"), lading.RepositoryRange("big")),
	} {
		for _, kind := range []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests} {
			for i, scope := range planScopes {
				run(lading.Query{Kind: kind, Scope: scope, Since: since[fmt.Sprint(kind, i)]})
				all := filters(kind, scope, md)
				if !f.grants.All() {
					all = all[:1] // what is granted changes the sources, not the filters
				}
				if kind != lading.KindRepositories && f.grants.All() {
					for _, types := range [][]string{{"s1"}, {lading.TypeUnknown}, {"s1", "a/a"}} {
						s := scope
						s.Types = types
						all = append(all, s)
					}
				}
				for _, s := range all {
					for _, order := range []lading.Order{lading.OrderName, lading.OrderCreated, lading.OrderModified} {
						run(lading.Query{Kind: kind, Scope: s, Order: order})
						run(lading.Query{Kind: kind, Scope: s, Order: order, Desc: true})
					}
				}
			}
		}
		run(lading.Query{Kind: lading.KindNamespaces, Stats: true})
		run(lading.Query{Kind: lading.KindNamespaces, Scope: lading.Scope{Namespace: "ns1"}})
	}
	for _, ref := range []lading.Reference{{Tag: "first"}, {Tag: "none"}, {Digest: spec{Name: "first"}.Digest()}} {
		_, _ = f.Cat.GetManifest(ctx, "big", ref) // what it answers is not the question
		_, _ = f.Cat.StatManifest(ctx, "big", ref)
	}
	_, _ = f.Cat.BlobSize(ctx, "big", catalogtest.Blob("b"))
	_, _ = f.Cat.TagNames(ctx, "big", "a", 10)
	_, _ = f.Cat.RepositoryNames(ctx, lading.Range{}, 10)
	_, _ = f.Cat.RepositoryNames(ctx, lading.PrefixRange("ns"), 10)
	for _, typ := range []string{"", "a/a"} {
		_, _ = f.Cat.Referrers(ctx, "big", lading.ReferrersQuery{Subject: catalogtest.Blob("one"), ArtifactType: typ, N: 10})
	}
	_, err := f.Cat.Journal().Read(ctx, 0, 0, 1) // seq has gaps here
	f.Must(err)
	f.readTypes()
}

// readTypes runs what finds types, and what types again what is stored.
func (f *fixture) readTypes() {
	ctx := f.ctx()
	_, _, _, err := f.Cat.Rules(ctx)
	f.Must(err)
	_, err = f.Cat.Unfinished(ctx)
	f.Must(err)
	f.Must(f.DB.View(ctx, func(q sqldb.Querier) error {
		for _, find := range []func(context.Context, sqldb.Querier, string, int) ([]int64, error){f.Cat.TypesNamed, f.Cat.TypesOf} {
			for _, name := range []string{"s1", "made/up1", lading.TypeUnknown} {
				if _, err := find(ctx, q, name, 257); err != nil {
					return err
				}
			}
		}
		_, err := f.Cat.MediaTypesUnknown(ctx, q, 5, 100)
		return err
	}))
	stored, _, err := f.Cat.Walked(ctx, catalog.Walk{Shard: f.Cat.Shard("large"), Ends: 1 << 62}, 200)
	f.Must(err)
	if len(stored) < 100 {
		f.T.Errorf("a walk came to %d manifests", len(stored))
	}
	_, err = f.Cat.Retype(ctx, 0, stored[0].Repository, []catalog.Retyped{{ID: stored[0].ID, Short: "brand-new"}})
	f.Must(err)
}

// fill writes 1,000 repositories with 30 manifests each and one with 10,000,
// half of them tagged, straight into the tables.
func fill(f *fixture) {
	ctx := context.Background()
	f.Put("types/x", spec{Name: "a", Type: "a/a"})
	f.Put("types/x", spec{Name: "b", Type: "b/b"})
	for n := range 10 {
		f.Put(fmt.Sprintf("ns%d/gone", n), spec{Name: "a", Type: "a/a"}, "v1")
		f.End(fmt.Sprintf("ns%d/gone", n))
	}
	typ, err := f.Cat.LookupWord(ctx, f.DB.Read(), "a/a")
	f.Must(err)
	lists := map[string]int64{}
	for n := range 10 {
		name := fmt.Sprintf("ns%d", n)
		lists[name], err = f.Cat.Namespace(ctx, f.DB.Read(), name)
		f.Must(err)
	}
	_, err = f.DB.ExecDirect(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)
		INSERT INTO artifact_type(word,short,media) SELECT 1000000+i,'s'||(i%100),'made/up'||i FROM n`)
	f.Must(err)
	next := int64(100_000)
	pos := time.Now().UnixMicro()
	one := func(name string, manifests int) {
		shard := f.Cat.Shard(name)
		list := []int64{catalog.RegistryList}
		if ns, _, ok := strings.Cut(name, "/"); ok {
			list = append(list, lists[ns])
		}
		id := func() int64 { next++; return next<<6 | int64(shard) }
		f.Must(f.DB.Update(ctx, shard, func(tx *sqldb.Tx) error {
			rows := map[string][]any{}
			feed := func(kind catalog.FeedKind, pos, item, typ int64, lists ...int64) {
				for _, l := range lists {
					rows["feed(list,kind,shard,pos,item,type)"] = append(rows["feed(list,kind,shard,pos,item,type)"], l, int64(kind), shard, pos, item, typ)
				}
			}
			repo := id()
			pos++
			tx.Exec(`INSERT INTO repository(id,name,incarnation,rev,born,mod,previous,tags,manifests,size) VALUES(?,?,?,1,?,?,0,?,?,0)`,
				repo, name, []byte("incarnation!"), pos, pos+int64(2*manifests), manifests/2, manifests)
			feed(catalog.RepositoryLive, pos, repo, 0, list...)
			for i := range manifests {
				pos++
				m, word := id(), typ*int64(i%2)
				d := catalog.EncodeDigest(digest.FromBytes(binary.AppendVarint([]byte(name), int64(i))))
				var subject []byte
				if i%100 == 0 {
					subject = catalog.EncodeDigest(catalogtest.Blob("one"))
				}
				rows["manifest(id,repo,digest,media_type,type,size,platform,subject,tagged,rev,born,mod,previous)"] = append(
					rows["manifest(id,repo,digest,media_type,type,size,platform,subject,tagged,rev,born,mod,previous)"],
					m, repo, d, typ, word, 100, 0, subject, (i+1)%2, 2, pos, pos, 0)
				rows["content(manifest,bytes)"] = append(rows["content(manifest,bytes)"], m, []byte(`{}`))
				all := append(slices.Clone(list), catalog.TypeList(word))
				if i%2 == 1 {
					all = append(all, catalog.UntaggedList)
				}
				feed(catalog.ManifestModified, pos, m, word, all...)
				feed(catalog.ManifestCreated, pos, m, word, all...)
				if i%2 == 0 {
					pos++
					tag := id()
					rows["tag(id,repo,name,manifest,opened,actor,rev,born,mod,previous)"] = append(rows["tag(id,repo,name,manifest,opened,actor,rev,born,mod,previous)"],
						tag, repo, fmt.Sprintf("v%05d", i), m, pos, 0, 3, pos, pos, 0)
					all := append(slices.Clone(list), catalog.TypeList(word))
					feed(catalog.TagModified, pos, tag, word, all...)
					feed(catalog.TagCreated, pos, tag, word, all...)
				}
				if i%10 == 0 {
					pos++
					grave := id()
					rows["tombstone(id,repo,kind,name,mod)"] = append(rows["tombstone(id,repo,kind,name,mod)"], grave, repo, int64(catalog.TagGone), fmt.Sprint("gone", i), pos)
					feed(catalog.TagGone, pos, grave, 0, list...)
				}
			}
			for table, values := range rows {
				columns := 1 + strings.Count(table, ",")
				for chunk := range slices.Chunk(values, columns*250) {
					tx.Exec(`INSERT INTO `+table+` VALUES`+sqldb.Values(len(chunk)/columns, columns), chunk...)
				}
			}
			tx.Exec(`UPDATE head SET pos=? WHERE shard=?`, pos, shard)
			return nil
		}))
	}
	for n := range 1000 {
		one(fmt.Sprintf("ns%d/r%d-%d", n%10, n/10, n), 30)
	}
	one("large", 10_000)
	for n := range 20 { // very many that are nearly empty
		var repos, words, feed, past, blobs, links, rows []any
		shard := n % f.DB.Shards()
		for i := range 1000 {
			next, pos = next+1, pos+1
			repos = append(repos, next<<6|int64(shard), fmt.Sprintf("small/s%d-%d", n, i), []byte("incarnation!"), 1, pos, pos, 0, 0, 0, 0)
			feed = append(feed, 0, int64(catalog.RepositoryLive), shard, pos, next<<6|int64(shard), 0)
			words = append(words, fmt.Sprintf("word/%d-%d", n, i))
			past = append(past, next<<6|int64(shard)|32, fmt.Sprintf("past/s%d-%d", n, i), []byte("incarnation!"), 1, pos-1, pos)
			blobs = append(blobs, next<<6|int64(shard), catalog.EncodeDigest(catalogtest.Blob(fmt.Sprint(n, i))), shard, 1)
			links = append(links, next<<6|int64(shard), next<<6|int64(shard))
			rows = append(rows, shard, pos, next, next, 1, 1, 1, "", 0, 0, 0, 0)
		}
		f.Must(f.DB.Update(ctx, shard, func(tx *sqldb.Tx) error {
			tx.Exec(`INSERT INTO repository(id,name,incarnation,rev,born,mod,previous,tags,manifests,size) VALUES`+sqldb.Values(1000, 10), repos...)
			tx.Exec(`INSERT INTO feed(list,kind,shard,pos,item,type) VALUES`+sqldb.Values(1000, 6), feed...)
			tx.Exec(`INSERT INTO repository_past(id,name,incarnation,rev,born,ended) VALUES`+sqldb.Values(1000, 6), past...)
			tx.Exec(`INSERT INTO blob(id,digest,shard,size) VALUES`+sqldb.Values(1000, 4), blobs...)
			tx.Exec(`INSERT INTO repository_blob(repo,blob) VALUES`+sqldb.Values(1000, 2), links...)
			tx.Exec(`INSERT INTO journal(shard,pos,seq,repo,rev,action,kind,name,type,previous_type,flags,actor) VALUES`+sqldb.Values(1000, 12), rows...)
			tx.Exec(`INSERT INTO word(text) VALUES`+sqldb.Values(1000, 1), words...)
			return nil
		}))
	}
	for s := range f.DB.Shards() {
		_, err := f.DB.ExecDirect(ctx, `UPDATE head SET pos=? WHERE shard=?`, pos, s)
		f.Must(err)
	}
	if f.DB.Dialect() == sqldb.Postgres {
		_, err := f.DB.ExecDirect(ctx, `ANALYZE`)
		f.Must(err)
	}
}
