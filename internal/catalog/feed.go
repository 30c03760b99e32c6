package catalog

import (
	"github.com/lading-dev/lading/internal/sqldb"
)

// The feed holds every item once for each list that it is in, in the order of
// a position. It is what serves "newest first", "what changed since" and their
// forms for a namespace or a type with an index seek, at any depth and skew.
// A repository's own items are not in a list of their own: their tables have
// indexes by repository and position.

// Lists. An id above 0 is a namespace's.
const (
	RegistryList int64 = 0
	// UntaggedList has the manifests without a tag.
	UntaggedList int64 = -1
)

// TypeList is the list of the items with an artifact type, given by its word.
func TypeList(word int64) int64 { return -2 - word }

// FeedKind says what a row of the feed is and which of its positions orders it.
type FeedKind int64

// The kinds. The rows of gone items are in the registry's and the namespaces'
// lists only.
const (
	ManifestModified FeedKind = 1
	ManifestCreated  FeedKind = 2
	TagModified      FeedKind = 3
	TagCreated       FeedKind = 4
	ManifestGone     FeedKind = 5
	TagGone          FeedKind = 6
	RepositoryLive   FeedKind = 7
	RepositoryGone   FeedKind = 8
)

type feedRow struct {
	list, pos, item, typ int64
	kind                 FeedKind
}

// feedWriter gathers what a change does to the feed. Inserts are kept back to
// the end, in one statement.
type feedWriter struct {
	tx    *sqldb.Tx
	lists []int64 // of the repository: the registry's and its namespaces'
	rows  []feedRow
}

// insert adds an item to lists.
func (f *feedWriter) insert(kind FeedKind, pos, item, typ int64, lists ...int64) {
	for _, l := range lists {
		f.rows = append(f.rows, feedRow{list: l, kind: kind, pos: pos, item: item, typ: typ})
	}
}

// remove takes an item out of lists.
func (f *feedWriter) remove(kind FeedKind, pos int64, lists ...int64) {
	args := append(make([]any, 0, 3+len(lists)), int64(kind), f.tx.Shard(), pos)
	f.tx.Exec(`DELETE FROM feed WHERE kind=? AND shard=? AND pos=? AND list IN `+sqldb.In(len(lists)), appendInts(args, lists)...)
}

// move changes the position of an item in lists.
func (f *feedWriter) move(kind FeedKind, from, to, typ int64, lists ...int64) {
	args := append(make([]any, 0, 5+len(lists)), to, typ, int64(kind), f.tx.Shard(), from)
	f.tx.Exec(`UPDATE feed SET pos=?,type=? WHERE kind=? AND shard=? AND pos=? AND list IN `+sqldb.In(len(lists)), appendInts(args, lists)...)
}

// change changes the position and the type of an item in lists, and moves it
// from one of them to another.
func (f *feedWriter) change(kind FeedKind, from, to, typ, leave, enter int64, lists []int64) {
	args := append(make([]any, 0, 7+len(lists)), leave, enter, to, typ, int64(kind), f.tx.Shard(), from)
	f.tx.Exec(`UPDATE feed SET list=CASE WHEN list=? THEN ? ELSE list END,pos=?,type=? WHERE kind=? AND shard=? AND pos=? AND list IN `+sqldb.In(len(lists)), appendInts(args, lists)...)
}

// flush writes what insert gathered.
func (f *feedWriter) flush() {
	const step = 64
	for rows := f.rows; len(rows) > 0; {
		n := min(step, len(rows))
		args := make([]any, 0, n*6)
		for _, r := range rows[:n] {
			args = append(args, r.list, int64(r.kind), f.tx.Shard(), r.pos, r.item, r.typ)
		}
		f.tx.Exec(`INSERT INTO feed(list,kind,shard,pos,item,type) VALUES`+sqldb.Values(n, 6), args...)
		rows = rows[n:]
	}
	f.rows = nil
}

// with returns the repository's lists and more.
func (f *feedWriter) with(more ...int64) []int64 {
	return append(append(make([]int64, 0, len(f.lists)+len(more)), f.lists...), more...)
}

func appendInts(args []any, v []int64) []any {
	for _, n := range v {
		args = append(args, n)
	}
	return args
}
