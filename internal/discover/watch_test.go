package discover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// fast are streams that tell where they stand all the time.
func fast(f follow.Options) discover.Options {
	f.Poll, f.Gap = 5*time.Millisecond, time.Microsecond
	return discover.Options{Watch: discover.WatchOptions{Bookmark: 2 * time.Millisecond, Regrant: time.Millisecond, Follow: f}}
}

// copied is a copy that a stream keeps, with what a client can check.
type copied struct {
	t      *testing.T
	f      *fixture
	q      lading.WatchQuery
	stream lading.Stream
	held   map[string]lading.Item
	cursor string
	names  []string

	seen map[string]bool  // ids on this connection
	revs map[string]int64 // by incarnation, of changes
	// told is what happened since the last cursor: it is undone when the
	// connection ends there.
	safe map[string]lading.Item
}

// watching opens a stream, with the grants of now.
func (f *fixture) watching(t *testing.T, q lading.WatchQuery) *copied {
	t.Helper()
	c := &copied{t: t, f: f, q: q}
	c.connect()
	t.Cleanup(func() { c.stream.Close() })
	return c
}

func (c *copied) connect() {
	c.t.Helper()
	if c.stream != nil {
		c.stream.Close()
	}
	q := c.q
	if c.cursor != "" {
		q.Since = c.cursor
	}
	who := lading.WithIdentity(context.Background(), lading.Identity{Subject: c.f.who})
	ctx := lading.WithGrants(who, func(context.Context) (lading.Grants, error) {
		return c.f.granted(), nil
	})
	var err error
	if c.stream, err = c.f.engine.Watch(ctx, q); err != nil {
		c.t.Fatalf("%+v: %v", q, err)
	}
	c.held, c.seen, c.revs = apply(c.safe, nil), map[string]bool{}, map[string]int64{}
}

// next takes in what comes next and returns the control events in it.
func (c *copied) next() (controls string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	events, err := c.stream.Next(ctx)
	if err != nil {
		c.t.Fatal("next: ", err)
	}
	if len(events) == 0 {
		c.t.Fatal("no events")
	}
	for _, ev := range events {
		if ev.Control != "" {
			controls += string(ev.Control) + " "
		} else {
			c.take(ev.Change)
		}
		if ev.Err != nil {
			c.t.Fatal(ev.Err)
		}
		if ev.Cursor != "" {
			c.cursor, c.safe = ev.Cursor, apply(c.held, nil)
		}
	}
	return controls
}

func (c *copied) take(ch *lading.Change) {
	c.t.Helper()
	it := ch.Item
	c.names = append(c.names, ch.Name())
	if ch.Action != lading.ActionState {
		if c.seen[ch.ID] {
			c.t.Errorf("twice: %s %s %s", ch.ID, ch.Name(), it.Key)
		}
		c.seen[ch.ID] = true
		if last := c.revs[it.Incarnation]; it.Rev <= last {
			c.t.Errorf("%s: rev %d after %d", it.Key, it.Rev, last)
		}
		c.revs[it.Incarnation] = it.Rev
		if held := c.held[it.Key]; held.Incarnation == it.Incarnation && held.Rev >= it.Rev {
			c.t.Errorf("%s: rev %d where %d is held", it.Key, it.Rev, held.Rev)
		}
	}
	c.held = apply(c.held, []lading.Item{it.Item})
}

// until waits for the copy to hold just the keys; two looks, lest more comes.
func (c *copied) until(want []string) {
	c.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for same := 0; same < 3; {
		if strings.Join(keysOf(c.held), " ") == strings.Join(want, " ") {
			same++
		} else {
			same = 0
		}
		if time.Now().After(deadline) {
			held := keysOf(c.held)
			extra := slices.DeleteFunc(slices.Clone(held), func(k string) bool { return slices.Contains(want, k) })
			missing := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return slices.Contains(held, k) })
			c.t.Fatalf("%v %+v: of %d\ntoo many %v\nmissing %v\nlast %v", c.q.Kinds, c.q.Scope, len(want), extra, missing, c.names[max(0, len(c.names)-20):])
		}
		c.next()
	}
}

// truth are the keys that a copy should hold.
func (md *model) truth(q lading.WatchQuery, grants lading.Grants) []string {
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = []lading.Kind{lading.KindManifests, lading.KindTags, lading.KindRepositories}
	}
	held := map[string]lading.Item{}
	for _, k := range kinds {
		sc := q.Scope
		if k == lading.KindRepositories && sc.Repository != "" {
			sc.Prefix, sc.Exclude = nil, nil
		}
		if k != lading.KindManifests {
			sc.Tagged, sc.Subject = nil, ""
		}
		for _, th := range md.expect(lading.Query{Kind: k, Scope: sc}, grants) {
			held[th.key()] = lading.Item{}
		}
	}
	return keysOf(held)
}

// TestWatchEvents: what a stream tells of changes, from now on.
func TestWatchEvents(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		f := newFixture(t, fresh(t), fast(follow.Options{}))
		f.Put("a/b", spec{Name: "old"}, "old")
		c := f.watching(t, lading.WatchQuery{})
		for !strings.Contains(c.next(), "synced") {
		}
		f.Put("a/b", spec{Name: "m"}, "1", "2")
		f.Put("a/b", spec{Name: "n"}, "1")
		f.Untag("a/b", "2")
		f.Delete("a/b", spec{Name: "n"}.Digest())
		f.Put("c", spec{Name: "m"})
		f.End("c")
		want := "manifest.created tag.created tag.created " +
			"manifest.created manifest.updated tag.updated " +
			"manifest.updated tag.deleted " +
			"tag.deleted manifest.deleted " +
			"repository.created manifest.created repository.deleted"
		for len(c.names) < len(strings.Fields(want)) {
			c.next()
		}
		if got := strings.Join(c.names, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestWatchPrevious: revs chain, and a tag that moves tells from where.
func TestWatchPrevious(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("a", spec{Name: "m"}, "1")
		s, err := f.engine.Watch(f.ctx(), lading.WatchQuery{Scope: lading.Scope{Repository: "a"}})
		f.Must(err)
		defer s.Close()
		f.Put("a", spec{Name: "n"}, "1")
		var changes []lading.Event
		for len(changes) < 3 {
			events, err := s.Next(t.Context())
			f.Must(err)
			for _, ev := range events {
				if ev.Change != nil {
					changes = append(changes, ev)
				}
			}
		}
		for i, ev := range changes {
			it := ev.Change.Item
			if it.PrevRev != it.Rev-1 || i > 0 && it.PrevRev != changes[i-1].Change.Item.Rev {
				t.Errorf("%s: rev %d after %d", it.Key, it.Rev, it.PrevRev)
			}
			if (ev.Cursor != "") != (i == 2) {
				t.Errorf("event %d has the cursor %q", i, ev.Cursor)
			}
		}
		tag := changes[2].Change.Item
		if tag.Previous == nil || tag.Previous.Digest != (spec{Name: "m"}).Digest() || tag.Descriptor.Digest != (spec{Name: "n"}).Digest() {
			t.Errorf("the tag: %+v", tag)
		}
	})
}

// watchQueries are the questions that random streams ask.
func watchQuery(rng *rand.Rand) lading.WatchQuery {
	q := lading.WatchQuery{Initial: true}
	switch rng.IntN(4) {
	case 0:
		q.Kinds = []lading.Kind{lading.KindTags}
	case 1:
		q.Kinds = []lading.Kind{lading.KindManifests, lading.KindRepositories}
	case 2:
		q.Kinds = []lading.Kind{lading.KindRepositories, lading.KindTags}
	}
	switch rng.IntN(8) {
	case 0:
		q.Scope.Namespace = "a"
	case 1:
		q.Scope.Prefix = []string{"a", "z"}
	case 2:
		q.Scope.Exclude = []string{"acme/web", "a-*"}
	case 3:
		q.Scope.Types = []string{"a/a", "b/b"}
	case 4:
		q.Scope.Platforms = []string{"linux/amd64"}
	case 5:
		yes := rng.IntN(2) == 0
		q.Scope.Tagged = &yes
	case 6:
		q.Scope.Subject = worldSubjects[2]
	}
	return q
}

var watchGrants = []lading.Grants{
	lading.AllGrants(), lading.AllGrants(), {},
	lading.NewGrants(lading.NamespaceRanges("acme")...),
	lading.NewGrants(lading.RepositoryRange("acme/web"), lading.RepositoryRange("a"), lading.RepositoryRange("b")),
	lading.NewGrants(lading.PrefixRange("a")),
	lading.NewGrants(lading.Range{From: "a/y", To: "acme/x"}),
}

// TestWatchConverges: streams of random questions end with the truth, through
// changes, other grants, connections that break, and rings that are too small.
func TestWatchConverges(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		seeds := uint64(6)
		if os.Getenv("LADING_LONG") != "" {
			seeds = 60
		}
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) { converge(t, fresh(t), seed) })
		}
	})
}

func converge(t *testing.T, url string, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	opt := fast(follow.Options{Rows: 1 + rng.IntN(64), Chunk: 1 + rng.IntN(16)})
	opt.Watch.Batch = 1 + rng.IntN(9)
	opt.Scan = 1 + rng.IntN(40)
	if rng.IntN(3) == 0 {
		opt.Watch.Replay = time.Millisecond // everything that waits is coalesced
	}
	f := newFixture(t, url, opt)
	md := &model{f: f, things: map[string]*thing{}}
	md.grow(rng, 40)
	var cs []*copied
	for range 6 {
		cs = append(cs, f.watching(t, watchQuery(rng)))
	}
	for range 12 {
		md.grow(rng, 1+rng.IntN(30))
		if rng.IntN(3) == 0 {
			f.setGrants(watchGrants[rng.IntN(len(watchGrants))])
		}
		for _, c := range cs {
			for range rng.IntN(4) {
				c.next()
			}
			if rng.IntN(5) == 0 {
				c.connect()
			}
			if rng.IntN(4) == 0 {
				c.until(md.truth(c.q, f.granted()))
			}
		}
	}
	for _, c := range cs {
		c.until(md.truth(c.q, f.granted()))
	}
}

// TestWatchEnds: a stream says goodbye, and why, and then nothing.
func TestWatchEnds(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		for _, reason := range []lading.GoawayReason{lading.GoawayDrain, lading.GoawayMaxAge, lading.GoawayAuth} {
			t.Run(string(reason), func(t *testing.T) {
				opt := fast(follow.Options{})
				opt.Watch.Bookmark = time.Hour
				if reason == lading.GoawayMaxAge {
					opt.Watch.MaxAge = 20 * time.Millisecond
				}
				f := newFixture(t, fresh(t), opt)
				asked := 0
				ctx := lading.WithGrants(t.Context(), func(context.Context) (lading.Grants, error) {
					if asked++; asked > 3 && reason == lading.GoawayAuth {
						return lading.Grants{}, lading.ErrUnauthorized
					}
					return lading.AllGrants(), nil
				})
				s, err := f.engine.Watch(ctx, lading.WatchQuery{})
				f.Must(err)
				defer s.Close()
				events, err := s.Next(ctx)
				f.Must(err)
				if reason == lading.GoawayDrain {
					time.AfterFunc(10*time.Millisecond, f.engine.Drain)
				}
				if last := events[len(events)-1]; last.Goaway == nil { // which a slow machine tells at once
					if events, err = s.Next(ctx); err != nil || len(events) != 1 {
						t.Fatalf("%+v, %v", events, err)
					}
				}
				if last := events[len(events)-1]; last.Goaway == nil || last.Goaway.Reason != reason {
					t.Fatalf("%+v", events)
				}
				if _, err := s.Next(ctx); !errors.Is(err, io.EOF) {
					t.Error("then: ", err)
				}
			})
		}
	})
}

// TestWatchWakes: a stream that waits is woken by each thing that can happen,
// not by its timers alone.
func TestWatchWakes(t *testing.T) {
	for what, happens := range map[string]func(f *fixture, cancel func()){
		"the end of the request": func(_ *fixture, cancel func()) { cancel() },
		"the end of the server":  func(f *fixture, _ func()) { f.engine.Drain() },
		"other rules":            func(f *fixture, _ func()) { f.setGrants(lading.Grants{}); f.engine.Regranted() },
		"a change":               func(f *fixture, _ func()) { f.Put("acme/web", catalogtest.Spec{Name: "m"}, "1") },
	} {
		t.Run(what, func(t *testing.T) {
			opt := fast(follow.Options{})
			opt.Watch.Bookmark, opt.Watch.Regrant = time.Hour, time.Hour
			f := newFixture(t, sqldbtest.SQLite(t), opt)
			ctx, cancel := context.WithCancel(lading.WithGrants(context.Background(), func(context.Context) (lading.Grants, error) { return f.granted(), nil }))
			defer cancel()
			s, err := f.engine.Watch(ctx, lading.WatchQuery{})
			f.Must(err)
			defer s.Close()
			_, err = s.Next(ctx) // synced
			f.Must(err)
			woken := make(chan struct{})
			go func() { _, _ = s.Next(ctx); close(woken) }()
			time.Sleep(50 * time.Millisecond) // until it waits
			happens(f, cancel)
			select {
			case <-woken:
			case <-time.After(10 * time.Second):
				t.Fatal("nothing is told")
			}
		})
	}
}

// TestWatchManifests: events hold few bytes of manifests at a time, of state as
// of changes, and miss none.
func TestWatchManifests(t *testing.T) {
	opt := fast(follow.Options{})
	opt.Watch.Bookmark = time.Hour
	f := newFixture(t, sqldbtest.SQLite(t), opt)
	push := func(n int) {
		for i := range 60 {
			f.Put("acme/web", catalogtest.Spec{Name: fmt.Sprint(n+i) + strings.Repeat("x", 50_000)})
		}
	}
	push(0)
	s, err := f.engine.Watch(f.ctx(), lading.WatchQuery{Kinds: []lading.Kind{lading.KindManifests}, Initial: true, Data: lading.DataManifest})
	f.Must(err)
	defer s.Close()
	for n, pushed := 0, 60; n < 120; {
		events, err := s.Next(t.Context())
		f.Must(err)
		bytes := 0
		for _, e := range events {
			if e.Change != nil {
				n++
				bytes += len(e.Change.Item.Manifest)
			}
		}
		if bytes > 1<<20+lading.MaxEventManifest {
			t.Errorf("%d bytes at once", bytes)
		}
		if n == pushed && n < 120 && events[len(events)-1].Control == lading.ControlSynced {
			push(pushed)
			pushed += 60
		}
	}
}

// TestWatchRefuses what cannot be watched.
func TestWatchRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("a", spec{Name: "m"}, "1")
		_, tags := f.all(lading.Query{Kind: lading.KindTags}, 10)
		for _, c := range []struct {
			q    lading.WatchQuery
			want error
		}{
			{lading.WatchQuery{Scope: lading.Scope{Repository: "none"}}, lading.ErrNameUnknown},
			{lading.WatchQuery{Since: "forged"}, lading.ErrCursorInvalid},
			{lading.WatchQuery{Since: tags}, lading.ErrCursorInvalid},
			{lading.WatchQuery{Since: tags, Kinds: []lading.Kind{lading.KindTags}}, nil},
			{lading.WatchQuery{Scope: lading.Scope{Types: []string{"never-heard-of"}}}, lading.ErrParameterInvalid},
			{lading.WatchQuery{Actions: []lading.Action{lading.ActionCreated}, Initial: true}, lading.ErrParameterInvalid},
			{lading.WatchQuery{Kinds: []lading.Kind{lading.KindNamespaces}}, lading.ErrParameterInvalid},
		} {
			s, err := f.engine.Watch(f.ctx(), c.q)
			if !errors.Is(err, c.want) {
				t.Errorf("%+v: %v", c.q, err)
			}
			if err == nil {
				s.Close()
			}
		}
	})
}
