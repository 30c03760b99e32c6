package core

import (
	"context"
	"slices"

	"github.com/lading-dev/lading"
)

// maxScan is how many names a search looks at for a text in their middle.
const maxScan = 10_000

// Search implements lading.Lister: the names that begin with the text, read as
// a range, then those of the first maxScan names that contain it. Names that
// the caller may not see are in neither.
func (r *Registry) Search(ctx context.Context, q lading.SearchQuery) (lading.Names, error) {
	if q.N < 1 || q.N > lading.MaxSearch || q.Page < 1 {
		return lading.Names{}, lading.InvalidParameter("n", "want pages from 1 of 1 to %d names", lading.MaxSearch)
	}
	grants, err := lading.GrantsFrom(ctx)
	if err != nil || q.Page > lading.MaxSearch {
		return lading.Names{}, err
	}
	// One more than the page tells whether there is another.
	from, to := (q.Page-1)*q.N, min(q.Page*q.N, lading.MaxSearch)
	found, err := r.search(ctx, grants, q.Text, min(to+1, lading.MaxSearch))
	if err != nil || from >= len(found) {
		return lading.Names{}, err
	}
	return lading.Names{Names: found[from:min(to, len(found))], More: len(found) > to}, nil
}

// search returns up to n names: those that begin with the text, and then
// others that contain it.
func (r *Registry) search(ctx context.Context, grants lading.Grants, text string, n int) ([]string, error) {
	prefix := lading.NewGrants(lading.PrefixRange(text))
	page, err := r.names(ctx, grants.Intersect(prefix), n)
	found := page.Names
	if err != nil || text == "" {
		return found, err
	}
	budget := maxScan
	for _, rg := range grants.Subtract(prefix).Ranges() {
		if len(found) >= n || budget <= 0 {
			break
		}
		more, looked, err := r.cat.NamesContaining(ctx, rg, text, budget, n-len(found))
		if err != nil {
			return nil, err
		}
		found, budget = append(found, more...), budget-looked
	}
	return slices.Clip(found), nil
}

// names returns up to n names of the repositories in the grants.
func (r *Registry) names(ctx context.Context, grants lading.Grants, n int) (lading.Names, error) {
	var out lading.Names
	for _, rg := range grants.Ranges() {
		page, err := r.cat.RepositoryNames(ctx, rg, n-len(out.Names))
		if err != nil {
			return out, err
		}
		out.Names = append(out.Names, page.Names...)
		if page.More {
			out.More = true
			return out, nil
		}
	}
	return out, nil
}
