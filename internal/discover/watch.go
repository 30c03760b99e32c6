package discover

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// WatchOptions bound what streams do.
type WatchOptions struct {
	// Bookmark is how often a stream tells where it stands; 0 means 15 s.
	Bookmark time.Duration
	// MaxAge is how long a stream lives at least; it ends after up to twice
	// that. 0 means 30 min.
	MaxAge time.Duration
	// Replay is up to how far back the journal is told change by change; who
	// is further behind is told the difference. It goes by time alone: what
	// happened meanwhile may be hidden. 0 means 2 min.
	Replay time.Duration
	// Regrant is how often a stream asks at least what its caller may see;
	// 0 means 15 s.
	Regrant time.Duration
	// Batch is how many items of a state are read at once; 0 means 256.
	Batch int
	// Follow bounds the reading of the journal.
	Follow follow.Options
}

func (o *WatchOptions) setDefaults() {
	setDefault(&o.Bookmark, 15*time.Second)
	setDefault(&o.MaxAge, 30*time.Minute)
	setDefault(&o.Replay, 2*time.Minute)
	setDefault(&o.Regrant, 15*time.Second)
	setDefault(&o.Batch, 256)
}

// Watch opens a stream of changes for the caller that the context names, cut
// by the grants that the context holds.
//
// Errors: PARAMETER_INVALID, NAME_UNKNOWN, CURSOR_INVALID, CURSOR_EXPIRED,
// UNAVAILABLE when the server is about to stop.
func (e *Engine) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	if e.drained() {
		return nil, lading.ErrUnavailable
	}
	s, err := e.newStream(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := apart(s.open); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Regranted wakes all streams to ask again what their callers may see.
func (e *Engine) Regranted() { e.follower.WakeAll() }

// streamKinds is the order in which state is told, kind by kind. The first
// kind's delta tells of repositories as a whole.
var streamKinds = []lading.Kind{lading.KindManifests, lading.KindTags, lading.KindRepositories}

func (e *Engine) newStream(ctx context.Context, q lading.WatchQuery) (*watch, error) {
	s := &watch{e: e, ctx: ctx, q: q, view: q.View(), subject: lading.IdentityFrom(ctx).Subject, names: nameScope(q.Scope),
		wake: make(chan struct{}, 1), release: func() bool { return true }}
	for _, k := range streamKinds {
		if len(q.Kinds) == 0 || slices.Contains(q.Kinds, k) {
			s.kinds = append(s.kinds, k)
		}
	}
	for _, k := range q.Kinds {
		if !slices.Contains(streamKinds, k) {
			return nil, lading.InvalidParameter("kinds", "%q cannot be watched", k)
		}
	}
	switch {
	case s.view && q.Initial:
		return nil, lading.InvalidParameter("initial", "not with a filter by action or modification: a copy cannot be kept with it")
	case s.view && q.Since != "" && q.Since != "now":
		return nil, lading.InvalidParameter("since", "a stream with a filter by action or modification has no cursor")
	case q.Since == "none":
		return nil, lading.InvalidParameter("since", "none is for listings: use initial=true")
	}
	s.f = scopeFilter(q.Scope)
	s.bind = bindOf(s.subject, lading.Query{Kind: s.boundKind(), Scope: q.Scope})
	now := time.Now()
	s.ends = now.Add(e.opt.Watch.MaxAge + rand.N(e.opt.Watch.MaxAge))
	if c := lading.IdentityFrom(ctx).Credential; c != nil && !c.Expires.IsZero() && c.Expires.Before(s.ends) {
		s.ends = c.Expires // and the client comes back with a new one
	}
	s.bookmark = now.Add(e.opt.Watch.Bookmark)
	return s, nil
}

// boundKind is what a cursor of the stream is bound to: of one kind the same
// as a listing's.
func (s *watch) boundKind() lading.Kind {
	words := make([]string, len(s.kinds))
	for i, k := range s.kinds {
		words[i] = string(k)
	}
	return lading.Kind(strings.Join(words, "+"))
}

// scope is the part of the scope that is about a kind.
func (s *watch) scope(kind lading.Kind) lading.Scope {
	sc := s.q.Scope
	if kind != lading.KindManifests {
		sc.Tagged, sc.Subject = nil, ""
	}
	if kind == lading.KindRepositories {
		sc.Types, sc.Platforms = nil, nil
	}
	if kind != lading.KindTags && sc.Repository != "" {
		sc.Prefix, sc.Exclude = nil, nil
	}
	return sc
}

// open finds out where the stream begins.
func (s *watch) open() error {
	if err := s.readGrants(time.Now()); err != nil {
		return err
	}
	var from *cursor
	if since := s.q.Since; since != "" && since != "now" {
		c, ok := s.e.openCursor(since)
		if !ok || c.bind != s.bind {
			return lading.ErrCursorInvalid
		}
		from = &c
	}
	behind, err := s.position(from)
	if err != nil {
		return err
	}
	if from == nil && s.q.Initial {
		s.begin()
		return s.catchUp()
	}
	if behind {
		if err := s.difference(s.cur); err != nil {
			return err
		}
		return s.catchUp()
	}
	s.follow()
	return nil
}

// position makes a cursor, or now, where the stream stands. It reports whether
// there is more in between than the journal's changes: time, or other grants.
func (s *watch) position(from *cursor) (behind bool, err error) {
	for ahead := time.Now().Add(s.e.opt.Ahead); ; {
		changed := s.e.j.Changed()
		err = s.look(from)
		if !errors.Is(err, journal.ErrAhead) {
			break
		}
		if !time.Now().Before(ahead) {
			return false, expired("epoch")
		}
		if err := s.e.pause(s.ctx, changed, min(100*time.Millisecond, s.e.opt.Poll)); err != nil {
			return false, err
		}
	}
	if err != nil || from == nil {
		return false, err
	}
	s.current = time.UnixMicro(from.issued)
	same, err := s.e.saveSet(s.ctx, s.grants)
	return s.late() || from.full != same || from.may != same, err
}

// look checks the query, and the cursor, on one snapshot.
func (s *watch) look(from *cursor) error {
	return s.e.cat.DB().View(s.ctx, func(q sqldb.Querier) error {
		r := &request{q: lading.Query{Kind: s.kinds[0], Scope: s.q.Scope}, grants: s.grants, from: from}
		p := &page{e: s.e, r: r, ctx: s.ctx, q: q}
		if err := p.resolveFilter(); err != nil {
			return err
		}
		heads, newest, err := s.e.j.Heads(s.ctx, q)
		if err != nil {
			return err
		}
		if from != nil {
			if err := p.check(from.epoch, from.at, from.issued, heads, newest); err != nil {
				return err
			}
			s.cur = *from
			// The cursor may be of a delta that was told page by page.
			s.paged = positions(heads)
			// What follows is of the history as it is now.
			s.cur.epoch, err = s.e.j.Epoch(s.ctx, q, newest)
			return err
		}
		if err := p.live(); err != nil {
			return err
		}
		s.current = s.e.opt.Now()
		s.cur = cursor{at: p.own(positions(heads)), issued: s.current.UnixMicro(), bind: s.bind}
		if s.cur.epoch, err = s.e.j.Epoch(s.ctx, q, newest); err != nil {
			return err
		}
		s.cur.full, err = s.e.saveSet(s.ctx, s.grants)
		s.cur.may = s.cur.full
		return err
	})
}

// late reports whether the stream is too far behind for single changes.
func (s *watch) late() bool { return s.e.opt.Now().Sub(s.current) > s.e.opt.Watch.Replay }
