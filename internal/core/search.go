package core

import (
	"context"
	"slices"
	"strings"

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
	for ranges := grants.Subtract(prefix).Ranges(); len(ranges) > 0 && len(found) < n && budget > 0; {
		k := singles(ranges)
		if k > 1 {
			more, looked, err := r.containing(ctx, ranges[:k], text, budget, n-len(found))
			if err != nil {
				return nil, err
			}
			found, budget, ranges = append(found, more...), budget-looked, ranges[k:]
			continue
		}
		more, looked, err := r.cat.NamesContaining(ctx, ranges[0], text, budget, n-len(found))
		if err != nil {
			return nil, err
		}
		found, budget, ranges = append(found, more...), budget-looked, ranges[1:]
	}
	return slices.Clip(found), nil
}

// containing is catalog.NamesContaining for ranges that hold a name each.
func (r *Registry) containing(ctx context.Context, ranges []lading.Range, text string, scan, n int) (found []string, looked int, err error) {
	living, err := r.cat.LivingNames(ctx, ranges)
	if err != nil {
		return nil, 0, err
	}
	living = living[:min(len(living), scan)]
	for _, name := range living {
		if len(found) < n && strings.Contains(name, text) {
			found = append(found, name)
		}
	}
	return found, len(living), nil
}

// singles is how many ranges, of the first of them, hold one name each: callers
// may see many repositories by their names, which are looked up together.
func singles(ranges []lading.Range) int {
	const most = 256
	for i, r := range ranges {
		if r.To != r.From+"\x00" || i == most {
			return i
		}
	}
	return len(ranges)
}

// names returns up to n names of the repositories in the grants.
func (r *Registry) names(ctx context.Context, grants lading.Grants, n int) (lading.Names, error) {
	var out lading.Names
	for ranges := grants.Ranges(); len(ranges) > 0; {
		page, k := lading.Names{}, singles(ranges)
		var err error
		if k > 1 {
			page.Names, err = r.cat.LivingNames(ctx, ranges[:k])
			if most := n - len(out.Names); len(page.Names) > most {
				page = lading.Names{Names: page.Names[:most], More: true}
			}
		} else {
			k = 1
			page, err = r.cat.RepositoryNames(ctx, ranges[0], n-len(out.Names))
		}
		if err != nil {
			return out, err
		}
		out.Names, ranges = append(out.Names, page.Names...), ranges[k:]
		if page.More {
			out.More = true
			return out, nil
		}
	}
	return out, nil
}
