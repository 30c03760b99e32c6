package discover

import (
	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
)

// sources are where the visible items are read in the order of positions:
// lists of the feed, and repositories of their own. They are disjoint.
type sources struct {
	lists []int64
	live  []catalog.Life
	past  []int64 // repositories that are gone, by id
	// filtered tells that the lists hold more than is visible.
	filtered bool
}

// sources finds what to read for the visible names: the cost follows what may
// be seen, not what there is beside it.
func (p *page) sources(visible lading.Grants) (*sources, error) {
	s := &sources{}
	if visible.All() {
		s.lists = p.registryLists()
		return s, nil
	}
	var names []string
	for _, r := range visible.Ranges() {
		ns, isNamespace := namespaceOf(r)
		switch {
		case single(r):
			names = append(names, r.From)
		case isNamespace:
			id, err := p.e.cat.Namespace(p.ctx, p.q, ns)
			if err != nil {
				return nil, err
			}
			if id != 0 {
				s.lists = append(s.lists, id)
			}
		default:
			if ok, err := p.enumerate(s, r); err != nil || !ok {
				return &sources{lists: []int64{catalog.RegistryList}, filtered: true}, err
			}
		}
		if p.tooMany(len(s.lists), len(names)+len(s.live)+len(s.past)) {
			return &sources{lists: []int64{catalog.RegistryList}, filtered: true}, nil
		}
	}
	live, past, err := p.e.cat.Named(p.ctx, p.q, names)
	s.live, s.past = append(s.live, live...), append(s.past, past...)
	return s, err
}

// fewLists is how many namespaces a caller may see who is supposed to see little
// of all that there is.
const fewLists = 64

// tooMany tells that reading everything costs less than merging: repositories
// are opened when their turn comes, but lists at once, and who sees many of them
// sees much of the whole.
func (p *page) tooMany(lists, repositories int) bool {
	o := p.e.opt
	return lists > o.Sources || repositories > o.Repositories || lists > fewLists && lists+repositories > o.Sources
}

// registryLists are the lists to read when everything is visible: in a view
// those of the types asked for, or of the untagged, instead of all.
func (p *page) registryLists() []int64 {
	if !p.r.view || p.r.q.Kind == lading.KindRepositories {
		return []int64{catalog.RegistryList}
	}
	if len(p.f.Types) > 0 && !p.f.types.many {
		lists := make([]int64, 0, len(p.f.types.words))
		for _, w := range p.f.types.words {
			lists = append(lists, catalog.TypeList(w))
		}
		return lists
	}
	if p.f.Tagged != nil && !*p.f.Tagged {
		return []int64{catalog.UntaggedList}
	}
	return []int64{catalog.RegistryList}
}

// namespaceOf returns the namespace of which the range is all that is below.
func namespaceOf(r lading.Range) (string, bool) {
	n := len(r.From) - 1
	if n > 0 && r.From[n] == '/' && r.To == r.From[:n]+"0" {
		return r.From[:n], true
	}
	return "", false
}

// enumerate adds the repositories of a range if they are few.
func (p *page) enumerate(s *sources, r lading.Range) (ok bool, err error) {
	live, err := p.e.cat.RepositoriesIn(p.ctx, p.q, r, p.e.opt.Enumerate+1, false)
	if err != nil || len(live) > p.e.opt.Enumerate {
		return false, err
	}
	past, err := p.e.cat.PastIn(p.ctx, p.q, r, p.e.opt.Enumerate+1)
	if err != nil || len(past) > p.e.opt.Enumerate {
		return false, err
	}
	for _, r := range live {
		s.live = append(s.live, catalog.Life{ID: r.ID, Born: r.Born, Mod: r.Mod})
	}
	s.past = append(s.past, past...)
	return true, nil
}

// stream is a stream with the span to read of it. No entry lies beyond bound,
// seen from where reading begins; 0 means that nothing is known.
type stream struct {
	catalog.Stream
	span  catalog.Span
	bound int64
}

// streams are the sources' streams of these kinds with their spans, which span
// makes for a shard. Of repositories only those that changed after the span's
// beginning are read.
func (s *sources) streams(kinds []catalog.FeedKind, shards []int, span func(shard int) catalog.Span) (out []stream) {
	for _, shard := range shards {
		sp := span(shard)
		for _, k := range kinds {
			for _, l := range s.lists {
				out = append(out, stream{Stream: catalog.Stream{Kind: k, List: l, Shard: shard}, span: sp})
			}
		}
		for _, r := range s.live {
			if journal.ShardOf(r.ID) != shard || r.Mod <= sp.After {
				continue
			}
			bound := max(r.Born, sp.After+1)
			if sp.Desc {
				bound = min(r.Mod, sp.Until)
			}
			for _, k := range kinds {
				if k != catalog.RepositoryGone {
					out = append(out, stream{Stream: catalog.Stream{Kind: k, Repo: r.ID, Shard: shard}, span: sp, bound: bound})
				}
			}
		}
		for _, id := range s.past {
			if journal.ShardOf(id) == shard && kinds[len(kinds)-1] == catalog.RepositoryGone {
				out = append(out, stream{Stream: catalog.Stream{Kind: catalog.RepositoryGone, Repo: id, Shard: shard}, span: sp})
			}
		}
	}
	return out
}
