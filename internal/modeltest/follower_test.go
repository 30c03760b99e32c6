package modeltest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// follower keeps a copy by what streams tell: it opens one, reads as it likes,
// loses it, and goes on with the last id.
type follower struct {
	id    int
	query lading.WatchQuery
	sse   bool
	copy  copyOf
	// staged is the copy as it was when the stream began to tell a difference or
	// a transaction, until there is an id: whoever loses the stream in between
	// goes back to it, as the last id knows nothing of what was shown since.
	staged copyOf
	seen   bool   // the copy is of something: there was a synced, a bookmark or an id
	last   string // the last id
	// pinned is not later than the last id's position.
	pinned time.Time
	ever   lading.Grants // all that could be read since the copy was begun

	conn   *connection
	opened time.Time
	on     onConnection
	chain  map[string]int64 // the rev that prev_rev must name, by incarnation, at the last id
	live   map[string]int64 // the same, at the last event
}

// onConnection is what is remembered of one connection.
type onConnection struct {
	catching bool             // state may be told
	synced   bool             // it was told that it is
	revs     map[string]int64 // the newest rev, by incarnation
	ids      map[string]bool  // of changes told
	whole    map[string]int64 // the last rev of the transaction whose end had an id, by incarnation
}

// errRule is a stream that breaks a rule on the way, whatever comes of it.
var errRule = errors.New("a rule of streams")

func (w *follower) view() bool { return w.query.View() }

// chained tells that the stream has every change of a repository, and so that
// prev_rev names the change before.
func (w *follower) chained() bool {
	s := w.query.Scope
	return s.Repository != "" && len(w.query.Kinds) == 0 && !w.view() && len(s.Types)+len(s.Platforms) == 0 &&
		s.Tagged == nil && s.Subject == "" && s.CreatedAfter.IsZero() && s.CreatedBefore.IsZero()
}

func (w *follower) describe() string {
	form := map[bool]string{true: "SSE", false: "NDJSON"}[w.sse]
	return watchURL(w.query) + " " + form
}

// newFollower draws what is watched.
func (r *run) newFollower(rng *rand.Rand) *follower {
	w := &follower{id: len(r.followers), copy: copyOf{}, sse: rng.IntN(2) == 0, chain: map[string]int64{}, live: map[string]int64{}}
	q := &w.query
	q.Data = pick(rng, []lading.Data{"", "", lading.DataDescriptor, lading.DataPointer, lading.DataManifest})
	if rng.IntN(10) == 0 {
		q.Actions = pick(rng, [][]lading.Action{{lading.ActionCreated}, {lading.ActionUpdated, lading.ActionDeleted}})
	}
	if rng.IntN(4) == 0 { // the whole of a repository, whose chain can be followed
		q.Scope.Repository = pick(rng, r.repos)
		return w
	}
	if rng.IntN(3) > 0 { // of one kind, as listings are
		c := r.newClient(rng)
		q.Kinds, q.Scope = []lading.Kind{c.query.Kind}, c.query.Scope
		return w
	}
	q.Kinds = pick(rng, [][]lading.Kind{nil, nil, {lading.KindTags, lading.KindManifests}, {lading.KindRepositories, lading.KindTags}, {lading.KindRepositories, lading.KindManifests}})
	switch rng.IntN(4) {
	case 0:
		q.Scope.Namespace = r.top + pick(rng, []string{"", "/a", "/b"})
	case 1:
		q.Scope.Repository = pick(rng, r.repos)
	case 2:
		q.Scope.Exclude = []string{r.top + pick(rng, []string{"/a", "/a*", "/a/*"})}
	}
	if len(q.Kinds) == 0 || slices.Contains(q.Kinds, lading.KindManifests) {
		r.narrow(rng, lading.KindManifests, &q.Scope)
	}
	return w
}

// want is what the copy must hold.
func (r *run) wantOf(w *follower) map[string]state {
	kinds := w.query.Kinds
	if len(kinds) == 0 {
		kinds = []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests}
	}
	want := map[string]state{}
	for _, k := range kinds {
		maps.Copy(want, r.truth.want(lading.Query{Kind: k, Scope: w.query.Scope}, r.rules))
	}
	if r.pointers(w) {
		for k, s := range want {
			want[k] = state{Repository: s.Repository, Tag: s.Tag, Digest: s.Digest, MediaType: s.MediaType, Size: s.Size, Short: s.Short, Subject: s.Subject}
		}
	}
	return want
}

// forget begins anew.
func (w *follower) forget() {
	w.copy, w.staged, w.seen, w.last, w.ever = copyOf{}, nil, false, "", lading.Grants{}
	w.chain, w.live = map[string]int64{}, map[string]int64{}
}

// takeEvent does with an event what a follower does, and holds it against the rules.
func (r *run) takeEvent(w *follower, t told) error {
	if t.name != string(lading.ControlBookmark) {
		r.logf("follower %d is told %s %s%s", w.id, t.name, describeChange(t.change), map[bool]string{true: " id"}[t.id != ""])
	}
	r.w.met["event "+t.name]++
	if w.view() && t.id != "" {
		return fmt.Errorf("%w: a view has an id: %s", errRule, t.name)
	}
	if t.failed == lading.CodeInternal {
		return fmt.Errorf("follower %d: %s", w.id, t.text)
	}
	if err := r.leaksEvent(w, t); err != nil {
		return err
	}
	if t.change != nil {
		if err := r.changeTold(w, t); err != nil {
			return fmt.Errorf("%w: follower %d (%s), %s %s %s: %w", errRule, w.id, w.describe(), t.name, t.change.ID, t.change.Item.Key, err)
		}
	}
	if t.id != "" {
		w.last, w.seen = t.id, true
		if t.name != string(lading.ControlCoalesced) { // that one is as old as what the stream began with
			w.pinned = w.opened
		}
		w.chain, w.staged = maps.Clone(w.live), nil
	}
	switch lading.Control(t.name) {
	case lading.ControlSynced:
		if w.on.synced {
			return fmt.Errorf("%w: synced twice", errRule)
		}
		w.on.synced, w.on.catching = true, false
	case lading.ControlBookmark:
		if w.on.catching && !w.on.synced {
			return fmt.Errorf("%w: a bookmark before it was synced", errRule)
		}
		w.on.catching = false
	case lading.ControlCoalesced:
		w.on.catching = true
		w.stage("")
		clear(w.live) // prev_rev does not chain across
	case lading.ControlError:
		return r.streamFailed(w, t)
	}
	return nil
}

func describeChange(c *lading.Change) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %.80s rev %d", c.Item.Op, c.Item.Key, c.Item.Rev)
}

// changeTold applies a change.
func (r *run) changeTold(w *follower, t told) error {
	it := t.change.Item
	if t.change.Action == lading.ActionState {
		if !w.on.catching && it.Op != lading.OpRemove { // what ended behind the reader's back may be told late
			return errors.New("state, and nothing has said that it comes")
		}
		if t.id != "" && it.Op != lading.OpRemove {
			return errors.New("state with an id")
		}
	} else if err := r.journalTold(w, t); err != nil {
		return err
	}
	if it.Rev > 0 {
		w.on.revs[it.Incarnation] = max(w.on.revs[it.Incarnation], it.Rev)
	}
	if err := manifestTold(w, t.change); err != nil {
		return err
	}
	w.stage(t.id)
	if len(w.query.Actions) > 0 {
		if !slices.Contains(w.query.Actions, t.change.Action) {
			return fmt.Errorf("an action that was not asked for")
		}
		return nil
	}
	return w.copy.apply([]lading.Item{it.Item})
}

// stage keeps the copy as it is before what comes without an id.
func (w *follower) stage(id string) {
	if id == "" && w.staged == nil {
		w.staged = maps.Clone(w.copy)
	}
}

// journalTold checks a change as it happened: in order, once, and the rows of a
// transaction without an id but at its end.
func (r *run) journalTold(w *follower, t told) error {
	it, c := t.change.Item, t.change
	if w.on.ids[c.ID] {
		return errors.New("told twice on a connection")
	}
	w.on.ids[c.ID] = true
	if it.Rev <= w.on.revs[it.Incarnation] {
		return fmt.Errorf("rev %d after %d", it.Rev, w.on.revs[it.Incarnation])
	}
	if before, ok := w.live[it.Incarnation]; ok && w.chained() && it.PrevRev != before {
		return fmt.Errorf("prev_rev %d, and the change before was %d", it.PrevRev, before)
	}
	w.live[it.Incarnation] = it.Rev
	if it.Rev <= w.on.whole[it.Incarnation] {
		return fmt.Errorf("there was an id before the end of its transaction, which is rev %d", w.on.whole[it.Incarnation])
	}
	if t.id != "" {
		w.on.whole[it.Incarnation] = r.pushes.endOf(it.Incarnation, it.Rev)
	}
	return nil
}

// manifestTold checks the bytes that come with data=manifest.
func manifestTold(w *follower, c *lading.Change) error {
	it := c.Item
	if len(it.Manifest) == 0 {
		return nil
	}
	if w.query.Data != lading.DataManifest {
		return errors.New("bytes of a manifest that nobody asked for")
	}
	if it.Descriptor == nil || digest.FromBytes(it.Manifest) != it.Descriptor.Digest {
		return errors.New("bytes of another manifest")
	}
	return nil
}

// leaksEvent checks that an event names nothing that its reader could not read
// when it was told.
func (r *run) leaksEvent(w *follower, t told) error {
	for _, rs := range t.rules {
		w.ever = w.ever.Union(rs.grants())
	}
	if t.change == nil {
		return nil
	}
	it := t.change.Item
	fails := func(err error) error {
		return fmt.Errorf("%w: follower %d, %s %s: %w", errLeak, w.id, it.Op, it.Key, err)
	}
	for _, name := range r.named.FindAllString(t.text, -1) {
		if !w.ever.Contains(name) && !strings.HasPrefix(it.Key, "range:") {
			return fails(fmt.Errorf("%s is named in %s", name, t.text))
		}
	}
	var first error
	for _, rs := range t.rules {
		err := leaksItem(&client{ever: w.ever}, it.Item, rs)
		if err == nil {
			return nil
		}
		first = err
	}
	if first != nil {
		return fails(first)
	}
	return nil
}

// streamFailed is an error event, or an answer that is one.
func (r *run) streamFailed(w *follower, t told) error {
	r.w.met["stream "+string(t.failed)]++
	switch {
	case t.failed == lading.CodeCursorExpired:
		if err := r.mayExpire(&client{id: 200 + w.id, pinned: w.pinned, delta: true}, page{reason: t.reason}, true); err != nil {
			return err
		}
		w.forget()
		return nil
	case t.failed == lading.CodeNameUnknown && w.query.Scope.Repository != "" && w.last == "":
		return nil
	}
	return fmt.Errorf("follower %d (%s): %s %s", w.id, w.describe(), t.failed, t.text)
}
