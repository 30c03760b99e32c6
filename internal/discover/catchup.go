package discover

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// paging tells a state, or a difference, kind by kind and page by page, all of
// them up to the same position.
type paging struct {
	from      *cursor // of a difference
	kind      int     // index of the kind in turn
	tok       *token  // of the page in turn
	pin       []int64 // the position, once the first page has set it
	to        cursor  // where the kinds that are done have led
	full, may lading.Grants
	// within bounds what a difference shows.
	within lading.Grants
}

// begin goes on with the state of everything.
func (s *watch) begin() {
	s.unfollow()
	s.paging = &paging{within: lading.AllGrants()}
}

// difference goes on with the difference to a cursor. It first tells a cursor
// that covers what the pages may show: whose connection breaks among them loses
// nothing, and keeps nothing for ever, if it goes on from there.
func (s *watch) difference(from cursor) error {
	full, may, err := s.sets(from)
	if err != nil {
		return err
	}
	may = may.Union(s.grants)
	if from.full, err = s.e.saveSet(s.ctx, full.Intersect(s.grants)); err != nil {
		return err
	}
	if from.may, err = s.e.saveSet(s.ctx, may); err != nil {
		return err
	}
	s.unfollow()
	s.cur, s.paging = from, &paging{from: &from, within: may}
	s.events = append(s.events, lading.Event{Control: lading.ControlCoalesced, Cursor: s.e.sealCursor(from)})
	s.whole = len(s.events)
	return nil
}

// sets are the grants that a cursor names.
func (s *watch) sets(c cursor) (full, may lading.Grants, err error) {
	err = s.e.cat.DB().View(s.ctx, func(q sqldb.Querier) (err error) {
		if full, err = s.e.loadSet(s.ctx, q, c.full); err != nil {
			return err
		}
		may, err = s.e.loadSet(s.ctx, q, c.may)
		return err
	})
	return full, may, err
}

// catchUp tells a page. Behind the last one the stream follows the journal,
// unless what the caller may see has changed in between: then it tells that
// difference first.
func (s *watch) catchUp() error {
	p := s.paging
	if err := s.readGrants(time.Now()); err != nil {
		return err
	}
	items, done, err := s.page(p)
	if err != nil {
		return err
	}
	for _, it := range items {
		if p.kind > 0 && it.Op != lading.OpPut && ofRepositories(it.Key) && !s.e.opt.faults.KeepResets {
			continue // the first kind has told it, and content since
		}
		c, err := s.withManifest(stateChange(s.kinds[p.kind], it))
		if err != nil {
			return err
		}
		s.events = append(s.events, lading.Event{Change: c})
	}
	if !done {
		return nil
	}
	if p.kind, p.tok = p.kind+1, nil; p.kind < len(s.kinds) {
		return nil
	}
	return s.arrive()
}

// ofRepositories reports whether an item is about repositories as a whole.
func ofRepositories(key string) bool {
	return strings.HasPrefix(key, "repository:") || strings.HasPrefix(key, "range:")
}

// arrive ends the paging.
func (s *watch) arrive() (err error) {
	p := s.paging
	s.cur = p.to
	s.cur.bind = s.bind
	if s.cur.full, err = s.e.saveSet(s.ctx, p.full); err != nil {
		return err
	}
	if s.cur.may, err = s.e.saveSet(s.ctx, p.may); err != nil {
		return err
	}
	if err := s.readGrants(time.Now()); err != nil {
		return err
	}
	if !p.full.Equal(p.may) || !p.full.Equal(s.grants) {
		return s.difference(s.cur)
	}
	if s.paged = nil; p.from != nil {
		heads, _, err := s.e.j.Heads(s.ctx, s.e.cat.DB().Read())
		if err != nil {
			return err
		}
		s.paged = positions(heads)
	}
	s.follow()
	// Everything up to here is in one position, from which a reader can go on.
	if !s.synced {
		s.synced = true
		s.control(lading.ControlSynced)
	} else {
		s.control(lading.ControlBookmark)
	}
	return nil
}

// page reads the next page of the kind in turn. done tells that it was the
// kind's last.
func (s *watch) page(p *paging) (items []lading.Item, done bool, err error) {
	kind := s.kinds[p.kind]
	n := s.e.opt.Watch.Batch
	if s.q.Data == lading.DataManifest {
		n = min(n, maxBytes/lading.MaxEventManifest)
	}
	r := &request{q: lading.Query{Kind: kind, Scope: s.scope(kind), N: n}, n: n,
		subject: s.subject, grants: s.grants.Intersect(p.within), names: s.names, exact: !s.e.opt.faults.Newer}
	if r.tok = p.tok; r.tok == nil {
		r.from, r.pin = p.from, p.pin
	}
	out, err := s.e.answer(s.ctx, r)
	if err != nil {
		return nil, false, err
	}
	lading.MeterFrom(s.ctx).Add(r.looked)
	if out.Next == "" {
		return out.Items, true, s.finish(p, out.Cursor)
	}
	p.tok, _ = s.e.openToken(out.Next)
	p.pin = p.tok.At
	return out.Items, false, nil
}

// finish takes in where a kind has led: the copy as a whole has what every
// kind has for certain, and may have what any has.
func (s *watch) finish(p *paging, text string) error {
	c, ok := s.e.openCursor(text)
	if !ok {
		return lading.ErrInternal
	}
	full, may, err := s.sets(c)
	if err != nil {
		return err
	}
	if p.kind == 0 {
		p.to, p.pin, p.full, p.may = c, c.at, full, may
		return nil
	}
	p.full, p.may = p.full.Intersect(full), p.may.Union(may)
	return nil
}

// stateChange is a state item as an event.
func stateChange(kind lading.Kind, it lading.Item) *lading.Change {
	c := &lading.Change{Kind: kind, Action: lading.ActionState, Item: lading.ChangedItem{Item: it}}
	if ofRepositories(it.Key) {
		c.Kind = lading.KindRepositories
	}
	if it.Op == lading.OpPut {
		c.ID = it.Incarnation + "-" + strconv.FormatInt(it.Rev, 10) + "-state"
		c.Time = *it.Modified
		return c
	}
	var id [12]byte
	rand.Read(id[:])
	c.ID = hex.EncodeToString(id[:]) + "-state"
	return c
}
