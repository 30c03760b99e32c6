package informer

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// Store keeps a copy and the cursor that belongs to it. An informer writes to
// it from one goroutine; whoever reads it at the same time is the store's
// concern.
type Store interface {
	// Cursor returns the cursor of the copy; empty for none.
	Cursor(ctx context.Context) (string, error)
	// Get returns the item of a key, if there is one.
	Get(ctx context.Context, key string) (lading.Item, bool, error)
	// Range goes through the items of the repositories in a range of names,
	// in any order. It need not show what is applied meanwhile.
	Range(ctx context.Context, r lading.Range) iter.Seq2[lading.Item, error]
	// Apply carries out operations and saves the cursor: all of it or, with
	// an error or a crash, nothing. There are two operations: put sets the
	// item of a key, remove deletes it. No key occurs twice. An empty cursor
	// is saved as well: the copy is on its way to a new one.
	Apply(ctx context.Context, ops []lading.Item, cursor string) error
}

// Selection says which items of a copy are wanted. The zero value is all.
type Selection struct {
	// Repository is the one repository.
	Repository string
	// Namespace is the repository of that very name and all below it. Only
	// without Repository.
	Namespace string
	// Prefix is what the repository's name starts with; with Repository, the
	// tag's.
	Prefix string
	// Types are short names of types, any of which the item has.
	Types []string
}

// Select goes through the items of a store that are wanted.
func Select(ctx context.Context, s Store, sel Selection) iter.Seq2[lading.Item, error] {
	return func(yield func(lading.Item, error) bool) {
		for _, r := range sel.ranges() {
			for it, err := range s.Range(ctx, r) {
				if err == nil && !sel.matches(it) {
					continue
				}
				if !yield(it, err) || err != nil {
					return
				}
			}
		}
	}
}

// ranges are the names of the repositories that come into question.
func (s Selection) ranges() []lading.Range {
	switch {
	case s.Repository != "":
		return []lading.Range{lading.RepositoryRange(s.Repository)}
	case s.Namespace != "":
		return lading.NamespaceRanges(s.Namespace)
	}
	return []lading.Range{lading.PrefixRange(s.Prefix)}
}

func (s Selection) matches(it lading.Item) bool {
	name := it.Repository
	if s.Repository != "" {
		name = it.Tag
	}
	return strings.HasPrefix(name, s.Prefix) && (len(s.Types) == 0 || slices.Contains(s.Types, it.Type))
}
