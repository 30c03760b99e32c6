package client

import (
	"context"
	"iter"

	"github.com/lading-dev/lading"
)

// Pages goes through the pages of a listing or a delta: the last one carries
// the cursor. It ends behind the first error.
func Pages(ctx context.Context, from lading.Lister, q lading.Query) iter.Seq2[lading.Listing, error] {
	return func(yield func(lading.Listing, error) bool) {
		for {
			page, err := from.List(ctx, q)
			if !yield(page, err) || err != nil || page.Next == "" {
				return
			}
			q = lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, N: q.N, Page: page.Next}
		}
	}
}

// All goes through the items of a listing or a delta, page by page. It ends
// behind the first error. Who wants the cursor takes [Pages] or
// [Client.Stream].
func (c *Client) All(ctx context.Context, q lading.Query) iter.Seq2[lading.Item, error] {
	return func(yield func(lading.Item, error) bool) {
		if q.N == 0 {
			q.N = lading.MaxPage
		}
		for page, err := range Pages(ctx, c, q) {
			if err != nil {
				yield(lading.Item{}, err)
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// AllNames goes through names page by page: of a registry's repositories, with
// c.Repositories, or of a repository's tags.
//
//	tags := func(ctx context.Context, last string, n int) (lading.Names, error) { return c.Tags(ctx, "acme/web", last, n) }
//	for name, err := range client.AllNames(ctx, tags) {
func AllNames(ctx context.Context, from func(ctx context.Context, last string, n int) (lading.Names, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		last := ""
		for {
			page, err := from(ctx, last, lading.MaxPage)
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range page.Names {
				if !yield(name, nil) {
					return
				}
			}
			n := len(page.Names)
			if !page.More || n == 0 {
				return
			}
			if page.Names[n-1] == last {
				yield("", lading.ErrInternal.With("the registry's answer is not valid: the names behind %q are those before it", clip(last, maxName)))
				return
			}
			last = page.Names[n-1]
		}
	}
}
