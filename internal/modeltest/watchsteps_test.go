package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
)

const followers = 2

// watching is how many followers there are: none where bookmarks take their
// usual time, as in tests that are about lists alone.
func (r *run) watching() int {
	if r.w.options.Watch.Bookmark == 0 {
		return 0
	}
	return followers
}

// watchStep lets a follower go on: it opens a stream, or reads of the one it has,
// or does nothing, which is to be slow.
func (r *run) watchStep(rng *rand.Rand) error {
	if len(r.followers) == 0 {
		return nil
	}
	w := pick(rng, r.followers)
	if w.conn == nil {
		return r.openWatch(w, rng.IntN(3) == 0)
	}
	return r.readWatch(w, 1+rng.IntN(12))
}

// loseStep has a follower lose its stream, wherever it is.
func (r *run) loseStep(rng *rand.Rand) {
	if len(r.followers) == 0 {
		return
	}
	w := pick(rng, r.followers)
	if w.conn != nil {
		r.logf("follower %d loses its stream", w.id)
		r.w.met["stream lost"]++
		w.lose()
	}
}

// loseAll leaves no stream behind.
func (r *run) loseAll() {
	for _, w := range r.followers {
		w.lose()
	}
}

func (w *follower) lose() {
	if w.conn != nil {
		w.conn.close()
		for range w.conn.events { // what is on the way is lost
		}
		w.ended()
	}
}

// ended goes back to what the last id stands for.
func (w *follower) ended() {
	w.conn = nil
	if w.staged != nil {
		w.copy, w.staged = w.staged, nil
	}
}

// openWatch opens a stream: behind the last id, or with everything, or, where
// one kind is watched, behind a listing.
func (r *run) openWatch(w *follower, list bool) error {
	q := w.query
	switch {
	case w.view():
		w.forget()
	case w.last != "":
		q.Since = w.last
		r.w.met["stream resumed"]++
	case list && len(q.Kinds) == 1:
		return r.openBehindList(w)
	default:
		w.forget()
		q.Initial = true
	}
	return r.connect(w, q)
}

func (r *run) connect(w *follower, q lading.WatchQuery) error {
	w.opened = r.w.clock.Now()
	w.on = onConnection{catching: q.Initial, revs: map[string]int64{}, ids: map[string]bool{}, whole: map[string]int64{}}
	w.live = cloneOf(w.chain)
	w.ever = w.ever.Union(r.rules.grants())
	conn, fail := r.w.watch(q, w.sse)
	r.logf("follower %d opens %s, initial %v, since %v: %s %s", w.id, w.describe(), q.Initial, q.Since != "", fail.failed, fail.text)
	if fail.failed != "" {
		if err := r.leaksText(lading.Query{Scope: q.Scope}, fail.text, r.rules); err != nil {
			return err
		}
		return r.streamFailed(w, fail)
	}
	w.conn = conn
	return nil
}

func cloneOf(m map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// openBehindList lists everything and watches from there.
func (r *run) openBehindList(w *follower) error {
	c := &client{id: 300 + w.id, query: lading.Query{Kind: w.query.Kinds[0], Scope: w.query.Scope}, copy: copyOf{}}
	for first := true; first || c.next != ""; first = false {
		if err := r.question(c, 1000, form{}, c.next); err != nil {
			return err
		}
	}
	if c.cursor == "" {
		return nil // there is no such repository
	}
	w.forget()
	w.copy, w.last, w.pinned, w.ever, w.seen = c.copy, c.cursor, c.pinned, c.ever, true
	if r.pointers(w) {
		for k, it := range w.copy {
			w.copy[k] = pointerOf(it)
		}
	}
	q := w.query
	q.Since = w.last
	r.w.met["stream behind a listing"]++
	return r.connect(w, q)
}

// pointers tells that a stream shows little of items: the wire leaves it out.
func (r *run) pointers(w *follower) bool { return w.query.Data == lading.DataPointer && !r.w.direct }

// pointerOf is what data=pointer shows of an item.
func pointerOf(it lading.Item) lading.Item {
	it.Tags, it.TagCount, it.Shown, it.Created, it.Modified = nil, nil, nil, nil, nil
	if d := it.Descriptor; d != nil {
		it.Descriptor = &lading.ItemDescriptor{Descriptor: lading.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}}
	}
	return it
}

// readWatch takes some events, if there are any.
func (r *run) readWatch(w *follower, n int) error {
	for n > 0 && w.conn != nil {
		t, ok, ended := w.conn.next(quiet)
		if ended {
			r.streamEnded(w)
			return nil
		}
		if !ok {
			return nil
		}
		if err := r.takeEvent(w, t); err != nil {
			return err
		}
		if t.name != string(lading.ControlBookmark) {
			n--
		}
	}
	return nil
}

func (r *run) streamEnded(w *follower) {
	r.logf("follower %d's stream has ended", w.id)
	w.ended()
}

// readToEnd reads until the server ends the stream, as it does when it stops.
func (r *run) readToEnd(w *follower) error {
	for w.conn != nil {
		t, ok, ended := w.conn.next(20 * time.Second)
		switch {
		case ended:
			r.streamEnded(w)
		case !ok:
			return fmt.Errorf("follower %d's stream does not end", w.id)
		default:
			if err := r.takeEvent(w, t); err != nil {
				return err
			}
			if t.goaway != "" && t.goaway != string(lading.GoawayDrain) && t.goaway != string(lading.GoawaySlow) {
				return fmt.Errorf("follower %d is sent away: %s", w.id, t.goaway)
			}
			if t.goaway != "" {
				r.w.met["goaway "+t.goaway]++
			}
		}
	}
	return nil
}

// restart restarts a server. Streams that are open on it are told to go, and
// some do not wait for it.
func (r *run) restart(rng *rand.Rand) error {
	i := rng.IntN(r.w.replicas)
	r.logf("restart of %d", i)
	r.w.met["restart"]++
	for _, w := range r.followers {
		if w.conn != nil && w.conn.server == i && rng.IntN(3) == 0 {
			w.lose()
		}
	}
	r.w.drain(i)
	for _, w := range r.followers {
		if w.conn != nil && w.conn.server == i {
			if err := r.readToEnd(w); err != nil {
				return err
			}
		}
	}
	return r.w.restart(i)
}

// settleWatches waits until every follower's copy is what it should be, and then
// whether it stays so.
func (r *run) settleWatches() error {
	for _, w := range r.followers {
		if w.view() {
			w.lose()
			continue
		}
		if err := r.settleWatch(w); err != nil {
			return err
		}
		w.lose()
	}
	return nil
}

// settled is how many bookmarks, behind one another, say that nothing comes.
const settled = 2

func (r *run) settleWatch(w *follower) error {
	want := r.wantOf(w)
	gone := w.query.Scope.Repository != "" && (r.truth.repos[w.query.Scope.Repository] == nil || !r.rules.allow(w.query.Scope.Repository))
	diff, err := "nothing was told", error(nil)
	for bookmarks, deadline := 0, time.Now().Add(20*time.Second); time.Now().Before(deadline); {
		if w.conn == nil {
			if gone && w.last == "" { // it cannot be watched
				w.copy = copyOf{}
				return nil
			}
			if err := r.openWatch(w, false); err != nil {
				return err
			}
			bookmarks = 0
			continue
		}
		t, ok, ended := w.conn.next(time.Second)
		switch {
		case ended:
			r.streamEnded(w)
			continue
		case !ok:
			continue
		}
		if err := r.takeEvent(w, t); err != nil {
			return err
		}
		if t.name != string(lading.ControlBookmark) && t.name != string(lading.ControlSynced) {
			bookmarks = 0
		}
		if diff = w.copy.compare(want); diff != "" || w.on.catching {
			bookmarks = 0
			continue
		}
		if bookmarks++; bookmarks <= settled {
			continue
		}
		// Bookmarks too can have been on the way for long: what the model takes
		// for the same may still come, such as another life of a repository.
		if diff, err = r.compareListed(w); diff == "" || err != nil {
			return err
		}
		bookmarks = 0
	}
	return fmt.Errorf("%w: follower %d (%s):\n%s", errDiverged, w.id, w.describe(), diff)
}

// compareListed returns how the copy differs from new listings, item by item;
// empty for not at all.
func (r *run) compareListed(w *follower) (diff string, err error) {
	kinds := w.query.Kinds
	if len(kinds) == 0 {
		kinds = []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests}
	}
	listed := copyOf{}
	for _, k := range kinds {
		s := w.query.Scope
		if k == lading.KindRepositories && s.Repository != "" {
			return "", nil // is not listed there
		}
		if k != lading.KindManifests {
			s.Tagged, s.Subject = nil, ""
		}
		if k == lading.KindRepositories {
			s.Types, s.Platforms = nil, nil
		}
		c := &client{id: 400 + w.id, query: lading.Query{Kind: k, Scope: s}, copy: copyOf{}}
		for first := true; first || c.next != ""; first = false {
			if err := r.question(c, 1000, form{}, c.next); err != nil {
				return "", err
			}
		}
		for key, it := range c.copy {
			if listed[key] = it; r.pointers(w) {
				listed[key] = pointerOf(it)
			}
		}
	}
	if diff = w.copy.same(listed); diff != "" {
		diff = "from a new listing:\n" + diff
	}
	return diff, nil
}

// pushes are the revs that each push took, first and last, by incarnation.
type pushes map[string][][2]int64

// endOf is the last rev of the push that a rev belongs to, and of none itself.
func (p pushes) endOf(incarnation string, rev int64) int64 {
	for _, span := range p[incarnation] {
		if span[0] <= rev && rev <= span[1] {
			return span[1]
		}
	}
	return rev
}

// pushed remembers a push, with what the repository was before.
func (r *run) pushed(repo, incarnation string, rev int64) error {
	now, to, err := r.w.revOf(repo)
	if err != nil {
		return err
	}
	if now != incarnation {
		rev = 0
	}
	if to > rev {
		r.pushes[now] = append(r.pushes[now], [2]int64{rev + 1, to})
	}
	return nil
}

// revOf is where a repository stands; nothing where there is none.
func (w *world) revOf(repo string) (incarnation string, rev int64, err error) {
	var raw []byte
	err = w.servers[0].Catalog().DB().Read().QueryRow(context.Background(), `SELECT incarnation, rev FROM repository WHERE name = ? AND born > 0`, repo).Scan(&raw, &rev)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", 0, nil
	}
	return catalog.IncarnationText(raw), rev, err
}
