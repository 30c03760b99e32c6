package discover

import (
	"strings"

	"github.com/lading-dev/lading"
)

// namespaces is a page of the next path segments below a namespace. It is a
// view: it seeks from one segment to the next and never walks what is below.
func (p *page) namespaces() (out lading.Listing, err error) {
	t := p.r.tok
	if t == nil {
		t = &token{}
	}
	base := ""
	if ns := p.r.q.Scope.Namespace; ns != "" {
		base = ns + "/"
	}
	visible := p.r.grants.Intersect(p.r.names)
	if base != "" {
		visible = visible.Intersect(lading.NewGrants(lading.PrefixRange(base)))
	}
	rest, last := visible, t.Pos
	if last.Name != "" {
		rest = rest.After(last.Key).Subtract(segmentGrants(last.Name))
	}
	for {
		name, err := p.firstName(rest)
		if err != nil || name == "" {
			out.Items = []lading.Item{}
			return out, err
		}
		seg := base + firstSegment(name[len(base):])
		p.budget--
		item, err := p.namespaceItem(seg, name, visible)
		if err != nil {
			return out, err
		}
		// Names such as "a-b" sort between "a" and "a/b": the segment "a" was
		// told of when its own repository was met.
		told := name != seg && item.Repository
		if !told && p.f.repository(seg) {
			if len(out.Namespaces) == p.n {
				page, err := p.whole(t, &last, nil)
				out.Items, out.Next = page.Items, page.Next
				return out, err
			}
			out.Namespaces = append(out.Namespaces, item)
		}
		last = place{Name: seg, Key: name}
		rest = rest.After(name).Subtract(segmentGrants(seg))
	}
}

// segmentGrants are the repository of that name and all below it.
func segmentGrants(name string) lading.Grants {
	return lading.NewGrants(lading.NamespaceRanges(name)...)
}

func firstSegment(s string) string {
	s, _, _ = strings.Cut(s, "/")
	return s
}

// firstName is the first visible living repository, empty if there is none. It
// looks at one range, then at more of them at once: rules may name a thousand
// repositories that are not there.
func (p *page) firstName(visible lading.Grants) (string, error) {
	ranges, n := visible.Ranges(), 1
	for len(ranges) > 0 {
		rs, rest, err := p.in(ranges, n, false)
		if err != nil {
			return "", err
		}
		if len(rs) > 0 {
			return rs[0].Name, nil
		}
		ranges, n = rest, min(n*4, windowSize)
	}
	return "", nil
}

// namespaceItem is the segment of which first is the first name met: its own
// or one below it, which leaves the other to be looked up.
func (p *page) namespaceItem(name, first string, visible lading.Grants) (ns lading.Namespace, err error) {
	ns = lading.Namespace{Namespace: name, Repository: first == name, More: first != name}
	below := visible.Intersect(lading.NewGrants(lading.PrefixRange(name + "/")))
	other, found := below, &ns.More
	if first != name {
		other, found = visible.Intersect(lading.NewGrants(lading.RepositoryRange(name))), &ns.Repository
	}
	there, err := p.firstName(other)
	if err != nil {
		return ns, err
	}
	*found = there != ""
	if p.r.q.Stats {
		ns.Stats = &lading.Stats{}
		if ns.Stats.Repos, err = p.countNames(below, ns.Repository); err != nil {
			return ns, err
		}
	}
	return ns, nil
}

// maxCount is up to where counts are exact.
const maxCount = 1000

// countNames counts the visible repositories, "1000+" beyond maxCount.
func (p *page) countNames(below lading.Grants, own bool) (any, error) {
	n := 0
	if own {
		n = 1
	}
	for _, r := range below.Ranges() {
		rs, err := p.e.cat.RepositoriesIn(p.ctx, p.q, r, maxCount+1-n, false)
		if err != nil {
			return nil, err
		}
		p.budget -= len(rs)
		if n += len(rs); n > maxCount {
			return "1000+", nil
		}
	}
	return n, nil
}
