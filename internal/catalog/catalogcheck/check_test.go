package catalogcheck_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// writer makes changes and stops the test at the first that fails.
type writer struct {
	t   *testing.T
	cat *catalog.Catalog
}

func (w writer) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w writer) blob(repo, content string) digest.Digest {
	w.t.Helper()
	d := digest.FromString(content)
	w.ok(w.cat.LinkBlob(w.t.Context(), repo, catalog.Blob{Digest: d, Size: int64(len(content)), Bytes: []byte(content)}))
	return d
}

func (w writer) put(repo string, m catalog.Manifest, tags ...string) digest.Digest {
	w.t.Helper()
	m.Digest = digest.FromBytes(m.Bytes)
	w.ok(w.cat.PutManifest(w.t.Context(), repo, &m, tags, "alice"))
	return m.Digest
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// image puts a manifest over one blob.
func (w writer) image(repo, content string, subject digest.Digest, tags ...string) digest.Digest {
	w.t.Helper()
	b := w.blob(repo, content)
	sub := ""
	if subject != "" {
		sub = fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1}`, imageType, subject)
	}
	raw := fmt.Sprintf(`{"mediaType":%q,"config":{"mediaType":"application/x-%s","digest":%q,"size":1}%s}`, imageType, content, b, sub)
	return w.put(repo, catalog.Manifest{MediaType: imageType, ArtifactType: "application/x-" + content, Bytes: []byte(raw),
		Blobs: []digest.Digest{b}, Subject: subject}, tags...)
}

func (w writer) index(repo string, child digest.Digest, tags ...string) digest.Digest {
	w.t.Helper()
	raw := fmt.Sprintf(`{"manifests":[{"digest":%q}]}`, child)
	return w.put(repo, catalog.Manifest{MediaType: "application/vnd.oci.image.index.v1+json", Bytes: []byte(raw), Children: []digest.Digest{child}}, tags...)
}

// sparse puts a manifest over a blob that may be there or not.
func (w writer) sparse(repo, content string, tags ...string) digest.Digest {
	w.t.Helper()
	b := digest.FromString(content)
	raw := fmt.Sprintf(`{"mediaType":%q,"config":{"mediaType":"application/x-sparse","digest":%q,"size":1}}`, imageType, b)
	return w.put(repo, catalog.Manifest{MediaType: imageType, ArtifactType: "application/x-sparse", Bytes: []byte(raw), MaybeBlobs: []digest.Digest{b}}, tags...)
}

// story leaves something in every table.
func story(t *testing.T, cat *catalog.Catalog) {
	w, ctx := writer{t, cat}, t.Context()
	for _, repo := range []string{"app", "acme/web", "acme/team/api"} {
		a := w.image(repo, "a", "", "one", "latest")
		b := w.image(repo, "b", a, "latest")
		w.index(repo, b, "all")
		w.image(repo, "c", "")
		d := w.image(repo, "d", "", "gone", "going")
		w.ok(cat.DeleteTag(ctx, repo, "gone", "bob"))
		w.ok(cat.DeleteManifest(ctx, repo, d, "bob"))
		w.image(repo, "a", "", "gone")
		w.sparse(repo, "missing for ever", "sparse")
		w.sparse(repo, "missing for a while")
		w.ok(cat.DeleteManifest(ctx, repo, w.sparse(repo, "missing till the end"), "bob"))
		w.blob(repo, "missing for a while")
		i := w.index(repo, w.image(repo, "child", ""), "bundle")
		w.image(repo, "signature", i)
		w.ok(cat.DeleteManifest(ctx, repo, i, "bob"))
	}
	w.ok(cat.DeleteRepository(ctx, "acme/web", "bob"))
	w.image("acme/web", "e", "", "one")
	w.image("acme/old", "e", "", "one")
	w.ok(cat.DeleteRepository(ctx, "acme/old", "bob"))
	w.blob("acme/unborn", "f")
}

func open(t *testing.T, newDB func(testing.TB) *sqldb.DB) (*sqldb.DB, *catalog.Catalog) {
	db := newDB(t)
	cat, err := catalog.Open(t.Context(), db, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db, cat
}

func sound(t *testing.T, db *sqldb.DB, when string) {
	t.Helper()
	if bad := catalogcheck.Check(t.Context(), db); len(bad) > 0 {
		t.Fatalf("%s:\n%s", when, strings.Join(bad, "\n"))
	}
}

func TestSound(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, newDB func(testing.TB) *sqldb.DB) {
		db, cat := open(t, newDB)
		sound(t, db, "empty")
		story(t, cat)
		sound(t, db, "after the story")
		for more := true; more; {
			var err error
			if more, err = cat.PurgeGone(t.Context()); err != nil {
				t.Fatal(err)
			}
			sound(t, db, "during the purge")
		}
		for s := range db.Shards() {
			if _, err := cat.PurgeTombstones(t.Context(), s, 1<<62); err != nil {
				t.Fatal(err)
			}
			sound(t, db, "without tombstones")
			if _, err := cat.TrimJournal(t.Context(), s, 1<<62); err != nil {
				t.Fatal(err)
			}
		}
		sound(t, db, "without a journal")
	})
}

// TestFinds breaks each rule in its turn.
func TestFinds(t *testing.T) {
	some := func(table, id, where string) string {
		return ` WHERE ` + id + ` IN (SELECT ` + id + ` FROM ` + table + ` WHERE ` + where + ` LIMIT 1)`
	}
	for _, c := range []struct{ name, sql, want string }{
		{"no journal row", `DELETE FROM journal WHERE seq=3`, "the seq after 2 is 4"},
		{"no last journal row", `DELETE FROM journal WHERE seq=(SELECT MAX(seq) FROM journal)`, "the journal's last seq"},
		{"a transaction without its end", `UPDATE journal SET flags=flags-8 WHERE flags>=8`, "of one transaction and of two"},
		{"a transaction cut in two", `UPDATE journal SET flags=flags+8 WHERE flags<8 AND kind=2`, "tags after its transaction"},
		{"a change without a record", `DELETE FROM audit WHERE pos=(SELECT MAX(pos) FROM audit WHERE source=0)`, "is not on record"},
		{"a record without a change", `UPDATE audit SET pos=pos+1 WHERE pos=(SELECT MAX(pos) FROM audit WHERE source=0)`, "is not in the journal"},
		{"a record that is in no list", `DELETE FROM audit_fresh`, "the lists of records"},
		{"a wrong rev", `UPDATE journal SET rev=rev+1 WHERE seq=5`, "the rev of repository"},
		{"another digest", `UPDATE journal SET digest=(SELECT digest FROM manifest LIMIT 1) WHERE kind=3 AND digest<>(SELECT digest FROM manifest LIMIT 1)`, "replay"},
		{"a tag that moved alone", `UPDATE tag SET manifest=(SELECT MAX(id) FROM manifest m WHERE m.repo=tag.repo) WHERE name='one'`, "points where the journal says"},
		{"a tag without history", `DELETE FROM tag_past WHERE name='latest'`, "closed interval"},
		{"a counter", `UPDATE repository SET tags=tags+1` + some("repository", "id", "born>0"), ": tags is"},
		{"another counter", `UPDATE repository SET manifests=manifests-1` + some("repository", "id", "born>0"), ": manifests is"},
		{"the size", `UPDATE repository SET size=size-1` + some("repository", "id", "born>0"), ": size is"},
		{"a manifest's tags", `UPDATE manifest SET tagged=tagged+1` + some("manifest", "id", "tagged>0"), "tagged is"},
		{"a manifest's mod", `UPDATE manifest SET mod=mod+1` + some("manifest", "id", "tagged>0"), "the feed lacks"},
		{"no feed row", `DELETE FROM feed WHERE list=-1`, "the feed lacks"},
		{"a feed row left", `INSERT INTO feed(list,kind,shard,pos,item,type) VALUES(0,1,0,5,64,0)`, "belongs to nothing"},
		{"a wrong type in the feed", `UPDATE feed SET type=type+1 WHERE kind=4`, "belongs to nothing"},
		{"no content", `DELETE FROM content` + some("content", "manifest", "1=1"), "has no content"},
		{"other content", `UPDATE content SET bytes=(SELECT MIN(bytes) FROM content)`, "the digest of the bytes"},
		{"an orphan manifest", `DELETE FROM purge`, "neither there nor being purged"},
		{"an orphan content", `INSERT INTO content(manifest,bytes) SELECT 999999, bytes FROM content LIMIT 1`, "the manifest is not"},
		{"no link", `DELETE FROM repository_blob`, "does not link"},
		{"no use", `DELETE FROM manifest_blob`, "not recorded"},
		{"no missing blob", `DELETE FROM manifest_missing`, "not recorded"},
		{"a missing blob that is here", `INSERT INTO manifest_missing(repo,digest,manifest) SELECT u.repo,b.digest,u.manifest FROM manifest_blob u JOIN repository r ON r.id=u.repo JOIN blob b ON b.id=u.blob LIMIT 1`, "as missing, and linked"},
		{"a missing blob of nobody", `INSERT INTO manifest_missing(repo,digest,manifest) SELECT m.repo,m.digest,999999 FROM manifest_missing m JOIN repository r ON r.id=m.repo LIMIT 1`, "misses a blob but is not"},
		{"no child", `DELETE FROM manifest_child`, "not recorded"},
		{"no blob", `DELETE FROM blob`, "not there"},
		{"a small blob's content", `UPDATE blob_content SET bytes=(SELECT MIN(bytes) FROM blob_content)`, "does not have its digest"},
		{"a small blob's length", `UPDATE blob SET size=size+1` + some("blob", "id", "1=1"), "the length of the content of blob"},
		{"an orphan small blob", `INSERT INTO blob_content(blob,bytes) SELECT 999999, bytes FROM blob_content LIMIT 1`, "the blob is not"},
		{"no tombstone", `DELETE FROM tombstone WHERE kind=6`, "the tombstone"},
		{"a subject", `UPDATE manifest SET subject=NULL WHERE subject IS NOT NULL`, "the subject"},
		{"a head set back", `UPDATE head SET pos=1,next_id=1`, "its head"},
		{"a repository set back", `UPDATE repository SET previous=0`, "previous is 0"},
		{"an orphan that is not there", `UPDATE orphan SET digest=(SELECT MIN(digest) FROM blob) WHERE kind=1`, "is not there"},
		{"an orphan of another shard", `UPDATE orphan SET shard=shard+1`, "the shard of an orphan"},
		{"an orphan of the future", `UPDATE orphan SET at=at+1000000000`, "became one at"},
		{"an orphan of no kind", `UPDATE orphan SET kind=kind+2`, "is of kind"},
		{"an orphan of nobody", `UPDATE orphan SET repo=999999+repo`, "neither there nor being purged"},
		{"a tag that does not keep", `UPDATE manifest SET kept=0 WHERE tagged>0`, "is not kept"},
		{"what is kept from the future", `UPDATE manifest SET kept=mod+1000000000`, "which is to come"},
		{"a namespace lost", `DELETE FROM namespace`, "namespace acme"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, cat := open(t, func(tb testing.TB) *sqldb.DB { return sqldbtest.Open(tb, sqldb.Options{URL: sqldbtest.SQLite(tb)}) })
			story(t, cat)
			n, err := db.ExecDirect(t.Context(), c.sql)
			if err != nil || n == 0 {
				t.Fatalf("%d rows, %v", n, err)
			}
			bad := strings.Join(catalogcheck.Check(t.Context(), db), "\n")
			if !strings.Contains(bad, c.want) {
				t.Errorf("found only:\n%s", bad)
			}
		})
	}
}
