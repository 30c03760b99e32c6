package discover

import (
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

// Callers may see some thousand repositories, each by its name. A statement for
// each would be most of what a page costs, so names are looked up many at a
// time.

// single reports whether a range holds one name alone.
func single(r lading.Range) bool { return r.To == r.From+"\x00" }

// in returns up to n living repositories of ranges, which are in the order of
// the walk, and the ranges that are left. Without repositories there may be
// ranges left; without ranges there is nothing more.
func (p *page) in(ranges []lading.Range, n int, desc bool) ([]catalog.RepositoryItem, []lading.Range, error) {
	k := 0
	for k < min(len(ranges), n) && single(ranges[k]) {
		k++
	}
	if k > 1 {
		repos, err := p.named(ranges[:k], desc)
		return repos, ranges[k:], err
	}
	repos, err := p.e.cat.RepositoriesIn(p.ctx, p.q, ranges[0], n, desc)
	if err != nil || len(repos) < n {
		return repos, ranges[1:], err
	}
	rest := slices.Clone(ranges)
	if last := repos[len(repos)-1].Name; desc {
		rest[0].To = last
	} else {
		rest[0].From = last + "\x00"
	}
	if rest[0].To != "" && rest[0].From >= rest[0].To {
		rest = rest[1:]
	}
	return repos, rest, nil
}

// named are the living repositories of ranges that hold a name each.
func (p *page) named(ranges []lading.Range, desc bool) ([]catalog.RepositoryItem, error) {
	names := make([]string, len(ranges))
	for i, r := range ranges {
		names[i] = r.From
	}
	repos, err := p.e.cat.Living(p.ctx, p.q, names)
	slices.SortFunc(repos, func(a, b catalog.RepositoryItem) int {
		if desc {
			a, b = b, a
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return repos, err
}
