package discover

import (
	"github.com/lading-dev/lading"
)

// list is a page of a first, synchronising listing.
func (p *page) list() (out lading.Listing, err error) {
	if err := p.live(); err != nil {
		return out, err
	}
	heads, newest, err := p.e.j.Heads(p.ctx, p.q)
	if err != nil {
		return out, err
	}
	t, full, err := p.beginList(p.until(heads), newest)
	if err != nil {
		return out, err
	}
	if p.r.tok != nil {
		if err := p.check(t.Epoch, t.At, int64(t.Issued), heads, newest); err != nil {
			return out, err
		}
	}
	if p.r.q.Scope.Subject != "" {
		return p.listSubject(t, full)
	}
	w := &walk{p: p, visible: full.Intersect(p.r.names), last: t.Pos, bornBy: t.At, exact: p.r.exact}
	if p.r.q.Scope.Repository != "" && p.r.q.Kind != lading.KindRepositories {
		// Only its own shard's position is kept: the others bound nothing.
		w.last.Name, w.last.Inside = p.r.q.Scope.Repository, true
	}
	if p.e.opt.faults.ShowNew {
		w.visible, w.bornBy = p.r.grants.Intersect(p.r.names), nil
	}
	done, err := w.run()
	if err != nil {
		return out, err
	}
	if !done {
		return p.whole(t, &w.last, nil)
	}
	if p.e.opt.faults.EndCursor {
		t.At = p.own(positions(heads))
	}
	return p.whole(t, nil, p.cursorOf(t))
}

// listSubject is list for the manifests that refer to a subject.
func (p *page) listSubject(t *token, full lading.Grants) (out lading.Listing, err error) {
	next, err := p.bySubject(full.Intersect(p.r.names), t.Pos, t.At)
	if err != nil {
		return out, err
	}
	return p.whole(t, next, p.cursorOf(t))
}

func (p *page) cursorOf(t *token) *cursor {
	return &cursor{epoch: t.Epoch, at: t.At, issued: int64(t.Issued), full: t.Full, may: t.May, bind: p.r.bind}
}

// beginList is the state that the pages of a listing hand on: where it began,
// and what the caller could see at every page so far.
func (p *page) beginList(at []int64, newest int64) (t *token, full lading.Grants, err error) {
	if p.r.tok == nil {
		t, full = &token{At: p.own(at), Issued: p.e.moment()}, p.r.grants
		if t.Epoch, err = p.e.j.Epoch(p.ctx, p.q, newest); err != nil {
			return nil, full, err
		}
		t.May, err = p.e.saveSet(p.ctx, full)
		t.Full = t.May
		return t, full, err
	}
	t = p.r.tok
	before, err := p.e.loadSet(p.ctx, p.q, t.Full)
	if err != nil {
		return nil, full, err
	}
	full = p.narrow(before)
	t.Full, err = p.e.saveSet(p.ctx, full)
	return t, full, err
}

// narrow is what could be seen at every page so far and can be seen now.
func (p *page) narrow(before lading.Grants) lading.Grants {
	if p.e.opt.faults.NoIntersection {
		return before
	}
	return before.Intersect(p.r.grants)
}
