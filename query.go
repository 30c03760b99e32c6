package lading

import (
	"time"
)

// Kind is a kind of thing that can be listed.
type Kind string

// The kinds of a listing.
const (
	KindRepositories Kind = "repositories"
	KindTags         Kind = "tags"
	KindManifests    Kind = "manifests"
	KindNamespaces   Kind = "namespaces"
)

// Scope says which part of the registry is meant, by name and by content. It
// is the one type behind list filters, watch filters, webhook subscriptions
// and retention rules. The zero value is everything.
type Scope struct {
	// Repository narrows to exactly this repository ("repository scope").
	Repository string `json:"repository,omitempty"`
	// Namespace narrows to the repository of that very name and all below
	// it, whole path segments. Only without Repository.
	Namespace string `json:"namespace,omitempty"`
	// Prefix keeps names that start with any of these: the repository's name
	// at registry scope, the tag's at repository scope.
	Prefix []string `json:"prefix,omitempty"`
	// Exclude drops names that equal one of these or, for an entry that ends
	// in "*", that start with what precedes it.
	Exclude []string `json:"exclude,omitempty"`
	// Types keeps items of any of these: short names of types, and, with a
	// "/" in them, artifact types (media types).
	Types []string `json:"type,omitempty"`
	// Platforms keeps items of any of these, "os/arch[/variant]".
	Platforms []string `json:"platform,omitempty"`
	// Tagged keeps manifests with, or without, a tag.
	Tagged *bool `json:"tagged,omitempty"`
	// Subject keeps manifests that refer to this digest.
	Subject Digest `json:"subject,omitempty"`
	// CreatedAfter (inclusive) and CreatedBefore (exclusive) compare with
	// the time an item was first pushed here.
	CreatedAfter  time.Time `json:"created_after,omitzero"`
	CreatedBefore time.Time `json:"created_before,omitzero"`
	// ModifiedAfter (inclusive) and ModifiedBefore (exclusive) compare with
	// the last change; they make a listing a view.
	ModifiedAfter  time.Time `json:"modified_after,omitzero"`
	ModifiedBefore time.Time `json:"modified_before,omitzero"`
}

// Order is the order of a listing.
type Order string

// The orders of a listing; OrderName (repository, then tag or digest,
// bytewise) is the default and the only one of a synchronising listing.
const (
	OrderName     Order = "name"
	OrderCreated  Order = "created"
	OrderModified Order = "modified"
)

// Query asks for a page of a listing or of a delta.
type Query struct {
	Kind  Kind
	Scope Scope
	Order Order // empty means OrderName
	Desc  bool
	// N is the page length, 1 to MaxPage; 0 means DefaultPage.
	N int
	// Page continues a listing or delta: a token out of Listing.Next. The
	// token carries the whole query; of the rest only N counts.
	Page string
	// Since is a cursor: list only what changed after it. "none" lists
	// everything, "now" nothing, with the cursor of now.
	Since string
	// Wait holds a delta until there is something to tell, at most so long.
	Wait time.Duration
	// Stats asks for the view fields of repositories and namespaces.
	Stats bool
}

// Limits of a query.
const (
	DefaultPage = 100
	MaxPage     = 1000
	MaxWait     = 60 * time.Second
)

// View reports whether the query is a view: the same items in keyset pages,
// but without a cursor at the end.
func (q Query) View() bool {
	return (q.Order != "" && q.Order != OrderName) || q.Desc || q.Stats || q.Kind == KindNamespaces ||
		!q.Scope.ModifiedAfter.IsZero() || !q.Scope.ModifiedBefore.IsZero()
}

// Listing is a page.
type Listing struct {
	// Delta tells whether the items are changes since a cursor.
	Delta bool
	Items []Item
	// Namespaces holds the items of a namespaces view, which have no others.
	Namespaces []Namespace
	// Next is the token of the next page; empty on the last one.
	Next string
	// Cursor is where the listing, or delta, leaves off: on the last page of
	// a synchronising one only.
	Cursor string
}

// Op is what a client does with an item.
type Op string

// The item operations. Applying them in order, ignoring removes of what is
// not held, keeps a copy in step.
const (
	OpPut    Op = "put"    // upsert the item at its key
	OpRemove Op = "remove" // delete the key; of a repository, all below it; of a range, all in it
	OpReset  Op = "reset"  // forget the repository; its content follows
)

// Item is one operation of a listing or delta. A put carries the item's whole
// state; a remove or reset only Op, Key and, for a single repository's, the
// repository.
type Item struct {
	Op          Op              `json:"op"`
	Key         string          `json:"key"`
	Repository  string          `json:"repository,omitempty"`
	Incarnation string          `json:"incarnation,omitempty"`
	Rev         int64           `json:"rev,omitempty"`
	Tag         string          `json:"tag,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
	TagCount    *int64          `json:"tagCount,omitempty"`
	Descriptor  *ItemDescriptor `json:"descriptor,omitempty"`
	// Type is the short name of the artifact's type, TypeUnknown for none.
	Type string `json:"type,omitempty"`
	// Shown are fields of the artifact's config, by the names that the type's
	// definition gives them.
	Shown map[string]string `json:"shown,omitempty"`
	// Remote is how many of a manifest's references are remote: layers or
	// children that need not be in this registry.
	Remote   int64      `json:"remote,omitempty"`
	Subject  Digest     `json:"subject,omitempty"`
	State    string     `json:"state,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
	Stats    *Stats     `json:"stats,omitempty"`
}

// Namespace is an item of the namespaces view: one path segment below
// another.
type Namespace struct {
	Namespace string `json:"namespace"`
	// Repository tells whether a repository of that very name is visible.
	Repository bool `json:"repository"`
	// More tells whether repositories below it are.
	More  bool   `json:"more"`
	Stats *Stats `json:"stats,omitempty"`
}

// ItemDescriptor is a descriptor as listings show it: annotations up to
// MaxAnnotations bytes of JSON.
type ItemDescriptor struct {
	Descriptor
	AnnotationsTruncated bool `json:"annotationsTruncated,omitempty"`
}

// TypeUnknown is the short name of the type of what no definition matches.
const TypeUnknown = "unknown"

// Bounds of an item.
const (
	MaxShown       = 4 << 10 // bytes of shown fields
	MaxItemTags    = 100     // a manifest's tags shown
	MaxAnnotations = 4 << 10 // bytes of annotations shown
)

// Stats are fields that change with every push and therefore belong to views.
type Stats struct {
	Tags      any        `json:"tags,omitempty"`
	Manifests any        `json:"manifests,omitempty"`
	Repos     any        `json:"repositories,omitempty"`
	Size      int64      `json:"size,omitempty"`
	LastPush  *time.Time `json:"lastPush,omitempty"`
}

// Keys of items.

// RepositoryKey is the key of a repository.
func RepositoryKey(name string) string { return "repository:" + name }

// ManifestKey is the key of a manifest.
func ManifestKey(repo string, d Digest) string { return "manifest:" + repo + "@" + string(d) }

// TagKey is the key of a tag.
func TagKey(repo, tag string) string { return "tag:" + repo + ":" + tag }

// RangeKey is the key of every repository with from <= name < to; an empty to
// is the end.
func RangeKey(from, to string) string { return "range:" + from + ".." + to }
