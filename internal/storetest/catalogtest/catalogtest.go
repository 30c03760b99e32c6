// Package catalogtest gives tests a catalog on a real database, content to put
// into it, and a plain-text form of what it journalled.
package catalogtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// Clock is a clock that a test turns by hand.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// Now returns the time that was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Add turns the clock, back where d is negative.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// World is a catalog with what a test knows of it. Its methods end the test
// on an error.
type World struct {
	T     testing.TB
	DB    *sqldb.DB
	Cat   *catalog.Catalog
	Clock *Clock
	// Actor is who puts and deletes.
	Actor string
	mu    sync.Mutex
	named map[digest.Digest]string
}

// Each runs fn as a subtest on every engine, each time with an empty world.
func Each(t *testing.T, fn func(t *testing.T, w *World)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		fn(t, Open(t, sqldb.Options{URL: fresh(t), Relaxed: true}, catalog.Options{}))
	})
}

// Open opens a catalog, closed when the test ends. Its clock begins at noon
// of 2026-01-01, unless opt has one.
func Open(tb testing.TB, db sqldb.Options, opt catalog.Options) *World {
	tb.Helper()
	w := &World{T: tb, Clock: &Clock{t: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}, Actor: "ada", named: map[digest.Digest]string{}}
	if opt.Now == nil {
		opt.Now = w.Clock.Now
	}
	w.DB = sqldbtest.Open(tb, db)
	var err error
	if w.Cat, err = catalog.Open(context.Background(), w.DB, opt); err != nil {
		tb.Fatal(err)
	}
	return w
}

// Spec describes a manifest. Name makes its digest its own and is what
// [World.Rows] calls it.
type Spec struct {
	Name, Type, Platform string
	Short, Shown         string // as catalog.Manifest's Type and Shown
	Blobs, Children      []digest.Digest
	Subject              digest.Digest
	Annotations          map[string]string
}

// Manifest returns the manifest as the catalog takes it.
func (s Spec) Manifest() *catalog.Manifest {
	doc := ocispec.Index{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: s.Type, Annotations: map[string]string{"name": s.Name}}
	doc.SchemaVersion = 2
	for _, d := range s.Children {
		doc.Manifests = append(doc.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: d, Size: 2})
	}
	if s.Subject != "" {
		doc.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: s.Subject, Size: 2}
	}
	var layers []ocispec.Descriptor
	for _, d := range s.Blobs {
		layers = append(layers, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: 1})
	}
	raw, err := json.Marshal(struct {
		ocispec.Index
		Layers []ocispec.Descriptor `json:"layers,omitempty"`
	}{doc, layers})
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	m := &catalog.Manifest{Digest: digest.FromBytes(raw), MediaType: doc.MediaType, ArtifactType: s.Type, Type: s.Short, Shown: s.Shown, Bytes: raw,
		Subject: s.Subject, Platform: s.Platform, Blobs: s.Blobs, Children: s.Children}
	if len(s.Annotations) > 0 {
		text, _ := json.Marshal(s.Annotations)
		m.Annotations = string(text)
	}
	return m
}

// Digest returns the manifest's digest.
func (s Spec) Digest() digest.Digest { return s.Manifest().Digest }

// Blob is the digest of a blob with that content, one byte long as far as the
// catalog knows.
func Blob(content string) digest.Digest { return digest.FromString(content) }

// Put puts a manifest.
func (w *World) Put(repo string, s Spec, tags ...string) digest.Digest {
	w.T.Helper()
	m := s.Manifest()
	w.mu.Lock()
	w.named[m.Digest] = s.Name
	w.mu.Unlock()
	if err := w.Cat.PutManifest(context.Background(), repo, m, tags, w.Actor); err != nil {
		w.T.Fatalf("put %s in %s: %v", s.Name, repo, err)
	}
	return m.Digest
}

// Link links blobs of one byte.
func (w *World) Link(repo string, blobs ...digest.Digest) {
	w.T.Helper()
	for _, b := range blobs {
		w.Must(w.Cat.LinkBlob(context.Background(), repo, catalog.Blob{Digest: b, Size: 1}))
	}
}

// Untag deletes a tag.
func (w *World) Untag(repo, tag string) {
	w.T.Helper()
	w.Must(w.Cat.DeleteTag(context.Background(), repo, tag, w.Actor))
}

// Delete deletes a manifest.
func (w *World) Delete(repo string, d digest.Digest) {
	w.T.Helper()
	w.Must(w.Cat.DeleteManifest(context.Background(), repo, d, w.Actor))
}

// End deletes a repository.
func (w *World) End(repo string) {
	w.T.Helper()
	w.Must(w.Cat.DeleteRepository(context.Background(), repo, w.Actor))
}

// Purge purges what is gone and returns in how many steps.
func (w *World) Purge() (steps int) {
	w.T.Helper()
	for {
		more, err := w.Cat.PurgeGone(context.Background())
		w.Must(err)
		if !more {
			return steps
		}
		steps++
	}
}

// Must ends the test on an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Count counts the rows of a table that meet a condition.
func (w *World) Count(table, where string, args ...any) (n int64) {
	w.T.Helper()
	w.Must(w.DB.Read().QueryRow(context.Background(), `SELECT COUNT(*) FROM `+table+` WHERE `+where, args...).Scan(&n))
	return n
}

// Journal returns all rows of a repository's shard.
func (w *World) Journal(repo string) (rows []journal.Row) {
	w.T.Helper()
	for pos := int64(0); ; {
		page, err := w.Cat.Journal().Read(context.Background(), w.Cat.Shard(repo), pos, 1000)
		w.Must(err)
		if len(page) == 0 {
			return rows
		}
		rows, pos = append(rows, page...), page[len(page)-1].Pos
	}
}

// Rows writes journal rows as text, one a line:
//
//	<rev> <kind> <action> <name> [digest] [<- previous] [type [<- previous]] <flags>
//
// Digests are shown as the names of their manifests; the flags are e
// (existed), w (was tagged), i (is tagged) and . (the last of its
// transaction).
func (w *World) Rows(rows []journal.Row) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%d %s %s", r.Rev, [...]string{"", "repository", "manifest", "tag"}[r.Kind], [...]string{"", "created", "updated", "deleted"}[r.Action])
		for _, s := range []struct{ sep, text string }{
			{" ", r.Name}, {" @", w.Name(r.Digest)}, {" <-@", w.Name(r.Previous)}, {" ", w.Word(r.Type)}, {" <-", w.Word(r.PreviousType)},
		} {
			if s.text != "" {
				b.WriteString(s.sep + s.text)
			}
		}
		b.WriteString(" " + flags(r.Flags) + "\n")
	}
	return b.String()
}

func flags(f journal.Flags) string {
	var b strings.Builder
	for i, letter := range "ewi." {
		if f&(1<<i) != 0 {
			b.WriteRune(letter)
		}
	}
	return "[" + b.String() + "]"
}

// Name is what the manifest with that encoded digest was called.
func (w *World) Name(enc []byte) string {
	d, err := catalog.DecodeDigest(enc)
	w.Must(err)
	if s, ok := w.named[d]; ok {
		return s
	}
	return string(d)
}

// Word is a word of the dictionary.
func (w *World) Word(id int64) string {
	s, err := w.Cat.Word(context.Background(), w.DB.Read(), id)
	w.Must(err)
	return s
}
