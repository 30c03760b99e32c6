package discover

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/journal"
)

// watch is a running stream: state and differences in pages, as a listing and
// a delta would tell them, then the journal's changes. It is one position and
// the events of one step; nothing is kept for a reader who does not come.
type watch struct {
	e       *Engine
	ctx     context.Context // who asks
	q       lading.WatchQuery
	kinds   []lading.Kind
	f       filter // without types' words: those are compared by name
	names   lading.Grants
	subject string
	bind    [16]byte
	view    bool

	grants lading.Grants // what the caller may see
	asked  time.Time     // when that was asked
	now    time.Time     // when the step in turn began: a thousand streams ask for it at once
	cur    cursor        // where the stream stands
	// current is when it had nothing more to tell.
	current time.Time
	paging  *paging        // nil while it follows the journal
	paged   []int64        // where the journal was when a difference had been paged; nil after none
	reader  *follow.Reader // nil while it does not
	rows    []*follow.Row  // were read, and have not been told
	more    bool           // there may be more behind them

	bytes  int // of manifests in events
	events []lading.Event
	whole  int  // events before it belong to transactions that are whole
	given  bool // they were returned

	synced         bool
	ended          bool
	bookmark, ends time.Time

	wake    chan struct{} // sent to when there may be something to do
	timer   *time.Timer
	alarm   time.Time       // when the timer comes
	waits   <-chan struct{} // the end of who waits, which is told to wake as well
	release func() bool     // ends that
	left    atomic.Bool     // it has come
}

// Next implements lading.Stream.
func (s *watch) Next(ctx context.Context) ([]lading.Event, error) {
	if s.given {
		s.events, s.whole, s.bytes = nil, 0, 0
	}
	for len(s.events) == 0 {
		if s.ended {
			return nil, io.EOF
		}
		idle, err := s.step()
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			s.fail(err)
		}
		if idle && len(s.events) == 0 {
			if err := s.wait(ctx); err != nil {
				return nil, err
			}
		}
	}
	s.given = true
	return s.events, nil
}

// Close implements lading.Stream.
func (s *watch) Close() {
	s.unfollow()
	s.ended = true
	s.release()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// step does one bounded piece of work; idle tells that there was none.
func (s *watch) step() (idle bool, err error) {
	s.now = time.Now()
	switch {
	case s.e.drained():
		s.goaway(lading.GoawayDrain, 5*time.Second)
		return false, nil
	case !s.now.Before(s.ends):
		s.goaway(lading.GoawayMaxAge, time.Second)
		return false, nil
	}
	if s.paging != nil {
		return false, apart(s.catchUp)
	}
	if changed, err := s.regrant(); changed || err != nil {
		return false, err
	}
	return s.tail()
}

// apart runs fn on a stack of its own. A database's is deep, and a stream that
// has called it once would keep that much for as long as it runs.
func apart(fn func() error) error {
	type outcome struct {
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		out := outcome{panicked: true}
		defer func() {
			if out.panicked != nil {
				out.panicked = recover()
			}
			done <- out
		}()
		out.err = fn()
		out.panicked = nil
	}()
	out := <-done
	if out.panicked != nil {
		panic(out.panicked)
	}
	return out.err
}

// tail tells what the journal has.
func (s *watch) tail() (idle bool, err error) {
	if len(s.rows) == 0 {
		s.rows, s.more, err = s.reader.Read(s.ctx)
	}
	if errors.Is(err, follow.ErrTrimmed) {
		return false, s.coalesce()
	}
	if errors.Is(err, journal.ErrAhead) {
		return false, expired("epoch")
	}
	if err != nil {
		return false, err
	}
	idle = len(s.rows) == 0
	for len(s.rows) > 0 && s.bytes < maxBytes {
		if err := s.row(s.rows[0]); err != nil {
			return false, err
		}
		s.rows = s.rows[1:]
	}
	if len(s.rows) > 0 {
		return false, nil
	}
	if s.more {
		if s.late() {
			return false, s.coalesce()
		}
		return false, nil
	}
	s.current = s.e.opt.Now()
	s.reader.Position(s.cur.at)
	if !s.synced {
		s.synced = true
		s.control(lading.ControlSynced)
	}
	if !s.now.Before(s.bookmark) {
		s.bookmark = s.now.Add(s.e.opt.Watch.Bookmark)
		s.control(lading.ControlBookmark)
	}
	return idle, nil
}

// maxBytes of manifests are in one step's events, and one manifest more: they
// are held until the reader has taken them.
const maxBytes = 1 << 20

// row tells a change, if it is one for this stream. The last event of a
// transaction carries the cursor.
func (s *watch) row(r *follow.Row) error {
	c, err := s.tell(r)
	if err != nil {
		return err
	}
	if s.hidBirth(r) {
		s.events = append(s.events, lading.Event{Change: stateChange(lading.KindRepositories, removeRepository(r.Repo.Name))})
	}
	if c != nil {
		s.events = append(s.events, lading.Event{Change: c})
	}
	if !r.Last && !s.e.opt.faults.EveryCursor {
		return nil
	}
	s.cur.at[r.Shard] = r.Pos
	if n := len(s.events); n > s.whole {
		s.events[n-1].Cursor = s.here()
	}
	s.whole = len(s.events)
	return nil
}

// here is the cursor of where the stream stands.
func (s *watch) here() string {
	if s.view {
		return ""
	}
	c := s.cur
	c.issued = s.e.opt.Now().UnixMicro()
	return s.e.sealCursor(c)
}

func (s *watch) control(name lading.Control) {
	s.events = append(s.events, lading.Event{Control: name, Cursor: s.here()})
	s.whole = len(s.events)
}

// goaway ends the stream; the reader comes again within a time of its own.
func (s *watch) goaway(reason lading.GoawayReason, within time.Duration) {
	s.ended = true
	s.unfollow()
	s.events = append(s.events, lading.Event{Control: lading.ControlGoaway,
		Goaway: &lading.Goaway{Reason: reason, RetryMS: rand.N(within).Milliseconds()}})
}

// fail ends the stream with an error. What belongs to a transaction that was
// not told to its end stays: it comes again, as no cursor is behind it.
func (s *watch) fail(err error) {
	if errors.Is(err, lading.ErrUnauthorized) {
		s.goaway(lading.GoawayAuth, time.Second)
		return
	}
	s.ended = true
	s.unfollow()
	s.events = append(s.events, lading.Event{Control: lading.ControlError, Err: lading.AsError(err)})
}

// wait waits for something to do. All that there can be comes through one
// channel, which costs less than to choose among several: there may be a
// thousand streams that wait for the same change.
func (s *watch) wait(ctx context.Context) error {
	s.wakeBy(s.now, s.due())
	if done := ctx.Done(); done != s.waits {
		s.release()
		s.left.Store(false)
		s.waits, s.release = done, context.AfterFunc(ctx, func() { s.left.Store(true); s.rouse() })
	}
	<-s.wake
	if s.left.Load() { // costs less than to ask the context, which takes a lock
		return ctx.Err()
	}
	return nil
}

// due is when there is something to do although nothing happens.
func (s *watch) due() time.Time {
	until := s.bookmark
	if s.ends.Before(until) {
		until = s.ends
	}
	if ask := s.asked.Add(s.e.opt.Watch.Regrant); ask.Before(until) {
		until = ask
	}
	return until
}

// wakeBy has the stream woken not later than at a time. It may be woken before:
// the timer is left alone where it comes first anyway.
func (s *watch) wakeBy(now, t time.Time) {
	switch {
	case s.timer == nil:
		s.timer = time.AfterFunc(t.Sub(now), s.rouse)
	case s.alarm.After(now) && !s.alarm.After(t):
		return
	default:
		s.timer.Reset(t.Sub(now))
	}
	s.alarm = t
}

func (s *watch) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *watch) readGrants(now time.Time) (err error) {
	s.asked = now
	s.grants, err = lading.GrantsFrom(s.ctx)
	return err
}

// regrant asks what the caller may see, and begins to tell the difference if
// that has changed.
func (s *watch) regrant() (changed bool, err error) {
	if s.e.opt.faults.StaleGrants {
		return false, nil
	}
	before := s.grants
	if err := s.readGrants(s.now); err != nil || s.grants.Equal(before) {
		return false, err
	}
	if s.view {
		s.unfollow()
		s.follow()
		return true, nil
	}
	return true, s.difference(s.since())
}

// coalesce gives up telling single changes.
func (s *watch) coalesce() error {
	if s.view {
		s.goaway(lading.GoawaySlow, 5*time.Second)
		return nil
	}
	return s.difference(s.since())
}

// since is where the stream stands as a cursor to begin a difference from.
func (s *watch) since() cursor {
	from := s.cur
	from.issued = s.current.UnixMicro()
	return from
}

// follow begins to read the journal behind where the stream stands.
func (s *watch) follow() {
	s.paging = nil
	s.current = s.e.opt.Now()
	s.cur.at = slices.Clone(s.cur.at)
	s.reader = s.e.follower.Join(s.cur.at, s.interest(), s.wake)
}

func (s *watch) unfollow() {
	if s.reader != nil {
		s.reader.Close()
		s.reader, s.rows = nil, nil
	}
}

// maxInterest is how many names and namespaces a reader is told of one by one.
const maxInterest = 64

// interest is what the stream wants to be woken for.
func (s *watch) interest() follow.Interest {
	in := follow.Interest{Shard: -1}
	if name := s.q.Scope.Repository; name != "" {
		in.Shard = s.e.cat.Shard(name)
	}
	for _, r := range s.grants.Intersect(s.names).Ranges() {
		ns, below := namespaceOf(r)
		switch {
		case r.To == r.From+"\x00":
			in.Names = append(in.Names, r.From)
		case below:
			in.Namespaces = append(in.Namespaces, ns)
		default:
			return follow.Interest{All: true, Shard: in.Shard}
		}
		if len(in.Names)+len(in.Namespaces) > maxInterest {
			return follow.Interest{All: true, Shard: in.Shard}
		}
	}
	return in
}
