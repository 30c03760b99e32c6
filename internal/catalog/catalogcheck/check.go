// Package catalogcheck holds a whole catalog against the rules that it was
// written by, as fsck does with a file system. It is for tests: it reads all
// tables into memory, in one snapshot, while the registry may be running.
//
// It knows the schema and the rules but shares no code with the catalog that
// writes them, so that a mistake there is not repeated here.
package catalogcheck

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/lading-dev/lading/internal/sqldb"
)

// maxProblems bounds the answer: one lost row can break a thousand rules.
const maxProblems = 40

// Check returns a sentence for each rule that the catalog in db breaks, none
// if it is sound:
//
//   - a shard's journal has no gap, its positions grow, a repository's revs
//     count from 1, and the rows of a transaction are about one repository;
//   - replaying the journal gives the repositories, manifests, tags, closed
//     tag intervals and tombstones that the tables have (shards whose journal
//     was trimmed are not replayed);
//   - each item is in exactly the feed lists where it belongs, at its
//     positions and under its type;
//   - a manifest has the bytes of its digest, what it refers to is there (or,
//     of blobs, recorded as missing), and all counters are right;
//   - only of manifests that are there it is kept how far their tags were told
//     of a change of type;
//   - of manifests that are there, or were, it is kept what their deletion
//     leaves behind, and what has a tag is kept from going with it;
//   - the word of each manifest's type is found by its short name and media
//     type;
//   - no row is left of a repository that is neither there nor being purged.
func Check(ctx context.Context, db *sqldb.DB) []string { return check(ctx, db, false) }

// CheckSparse is Check for a registry that takes sparse manifests: children
// need not be there.
func CheckSparse(ctx context.Context, db *sqldb.DB) []string { return check(ctx, db, true) }

func check(ctx context.Context, db *sqldb.DB, sparse bool) []string {
	c := &checker{shards: db.Shards(), sparse: sparse}
	err := db.View(ctx, func(q sqldb.Querier) error { return c.t.load(ctx, q) })
	if err != nil {
		return []string{fmt.Sprintf("the catalog cannot be read: %v", err)}
	}
	c.index()
	c.repositories()
	c.manifests()
	c.tagsAndTombstones()
	c.links()
	c.artifactTypes()
	c.missing()
	c.orphans()
	c.heads()
	c.journals()
	c.audits()
	c.feed()
	if n := len(c.problems) - maxProblems; n > 0 {
		c.problems = append(c.problems[:maxProblems], fmt.Sprintf("and %d more", n))
	}
	return c.problems
}

type checker struct {
	t        tables
	shards   int
	sparse   bool // children may be missing
	problems []string

	repos     map[int64]*repository // living and unborn
	purging   map[int64]string      // id to name
	manifest  map[int64]*manifest
	tags      map[int64][]*tag       // by manifest
	blobs     map[int64]*blob        // by id
	linked    map[[2]int64]bool      // repository, blob
	namespace map[string]int64       // id by name
	words     map[int64]bool         // ids
	types     map[int64]bool         // words of artifact_type
	retyping  map[int64]*retyping    // by manifest
	lastPast  map[string]*past       // the newest by name
	live      map[string]*repository // born, by name
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// expect reports a value that is not what it must be.
func expect[T comparable](c *checker, got, want T, format string, args ...any) {
	if got != want {
		c.report("%s is %v, want %v", fmt.Sprintf(format, args...), got, want)
	}
}

func (c *checker) index() {
	c.repos, c.purging, c.manifest = map[int64]*repository{}, map[int64]string{}, map[int64]*manifest{}
	c.tags, c.blobs, c.linked = map[int64][]*tag{}, map[int64]*blob{}, map[[2]int64]bool{}
	c.types = map[int64]bool{0: true}
	c.namespace, c.words = map[string]int64{}, map[int64]bool{0: true}
	c.lastPast, c.live = map[string]*past{}, map[string]*repository{}
	for _, r := range c.t.repositories {
		c.repos[r.id] = r
		if r.born > 0 {
			c.live[r.name] = r
		}
	}
	for _, p := range c.t.purges {
		c.purging[p.repo] = p.name
	}
	for _, p := range c.t.pasts {
		if l := c.lastPast[p.name]; l == nil || p.ended > l.ended {
			c.lastPast[p.name] = p
		}
	}
	for _, m := range c.t.manifests {
		c.manifest[m.id] = m
	}
	for _, t := range c.t.tags {
		c.tags[t.manifest] = append(c.tags[t.manifest], t)
	}
	for _, b := range c.t.blobs {
		c.blobs[b.id] = b
	}
	for _, l := range c.t.links {
		c.linked[[2]int64{l.repo, l.blob}] = true
	}
	for _, n := range c.t.namespaces {
		c.namespace[n.name] = n.id
	}
	for _, w := range c.t.words {
		c.words[w.id] = true
	}
	c.retyping = map[int64]*retyping{}
	for _, r := range c.t.retypings {
		c.retyping[r.manifest] = r
	}
	for _, a := range c.t.types {
		c.types[a.word] = true
	}
}

// owner returns the name of the repository that a row belongs to, and reports
// a row that belongs to none.
func (c *checker) owner(repo int64, what string, args ...any) (string, bool) {
	if r := c.repos[repo]; r != nil {
		return r.name, true
	}
	name, ok := c.purging[repo]
	if !ok {
		c.report("%s belongs to repository %d, which is neither there nor being purged", fmt.Sprintf(what, args...), repo)
	}
	return name, ok
}

// shardOf is the shard of a repository's name; idShard that of an id.
func (c *checker) shardOf(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() % uint32(c.shards))
}

func idShard(id int64) int { return int(id % 64) }
