package modeltest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// errDiverged is a copy that is not what it should be.
var errDiverged = errors.New("diverged")

// client keeps a copy of what a query lists, by the rule of the protocol:
// apply items in order, ignore removes of what is not held, keep the cursor of
// the last page only, begin again when the cursor is refused.
type client struct {
	id     int
	query  lading.Query
	copy   copyOf
	cursor string
	pinned time.Time // not later than the cursor's position

	next   string // of the listing or delta that is going on
	delta  bool   // what is going on is a delta
	began  time.Time
	staged copyOf // the copy as it was at the cursor, while a delta goes on
	// last is the question asked last, to be asked again.
	last func() error
	// ever is all that could be read since the copy was begun.
	ever lading.Grants
}

func (r *run) newClient(rng *rand.Rand) *client {
	c := &client{id: len(r.clients), copy: copyOf{}}
	c.query.Kind = []lading.Kind{lading.KindTags, lading.KindManifests, lading.KindTags, lading.KindManifests, lading.KindRepositories}[rng.IntN(5)]
	s := &c.query.Scope
	switch x := rng.IntN(10); {
	case x < 2 && c.query.Kind != lading.KindRepositories:
		s.Repository = pick(rng, r.repos)
	case x < 4:
		s.Namespace = r.top + pick(rng, []string{"", "/a", "/b"})
	case x == 4:
		s.Prefix = []string{r.top + "/a"}
	case x == 5:
		s.Exclude = []string{r.top + pick(rng, []string{"/a", "/a*", "/a/*", ""})}
	}
	r.narrow(rng, c.query.Kind, s)
	return c
}

// narrow adds conditions on content.
func (r *run) narrow(rng *rand.Rand, kind lading.Kind, s *lading.Scope) {
	if s.Repository != "" && kind == lading.KindTags && rng.IntN(2) == 0 {
		s.Prefix, s.Exclude = pick(rng, [][]string{nil, {"1."}, {"1.", "l"}}), pick(rng, [][]string{nil, {"latest"}, {"1.1*"}})
	}
	if rng.IntN(8) == 0 {
		t := r.begun.Add(time.Duration(5+rng.IntN(60))*time.Second + time.Second/2)
		if rng.IntN(2) == 0 {
			s.CreatedAfter = t
		} else {
			s.CreatedBefore = t
		}
	}
	if kind == lading.KindRepositories {
		return
	}
	switch rng.IntN(6) {
	case 0, 1:
		s.Types = pick(rng, [][]string{{typeA}, {typeB}, {typeA, typeB}, {typeImage}, {"application/vnd.test.none"},
			{"test-a"}, {"test-b"}, {"test-any"}, {"test-a", typeB}, {lading.TypeUnknown}})
	case 2:
		s.Platforms = pick(rng, [][]string{{"linux/amd64"}, {"linux/arm64"}, {"linux/arm64/v8", "linux/amd64"}})
	}
	if kind == lading.KindManifests {
		switch rng.IntN(5) {
		case 0, 1:
			tagged := rng.IntN(2) == 0
			s.Tagged = &tagged
		case 2:
			s.Subject = pick(rng, subjects)
		}
	}
}

func (c *client) describe() string { return listURL(c.query) }

// ask lets a client go on.
func (r *run) ask(do action, rng *rand.Rand) error {
	c := pick(rng, r.clients)
	n := 1 + rng.IntN(5)
	switch {
	case do == askAgain && c.last != nil:
		// The answer was lost on the way, after or before it was applied.
		r.logf("client %d asks again", c.id)
		r.w.met["page again"]++
		return c.last()
	case do == abandon && c.next != "":
		r.logf("client %d gives up", c.id)
		if c.delta {
			r.w.met["delta given up"]++
		}
		c.giveUp()
		return nil
	}
	f := form{since: rng.IntN(2) == 0, delta: rng.IntN(3) > 0}
	if do == stream && !r.w.direct {
		return r.readStream(c, n, rng)
	}
	token := c.next
	question := func() error { return r.question(c, n, f, token) }
	c.last = nil
	if token != "" {
		held, rules := maps.Clone(c.copy), slices.Clone(r.rules)
		c.last = func() error { return r.replay(c, question, held, rules) }
	}
	return question()
}

// replay asks for the page before the current one again, if the client is
// still in the same listing. What it may read can have changed since: then a
// client must undo the first answer, which told it to forget what the second
// takes for held. Otherwise both may be applied.
func (r *run) replay(c *client, question func() error, held copyOf, rs rules) error {
	if c.next == "" {
		return nil
	}
	if !slices.Equal(rs, r.rules) {
		c.copy = maps.Clone(held)
	}
	return question()
}

// giveUp forgets what was read of an unfinished listing or delta. A delta is
// applied as a whole or not at all: the cursor held is that of the copy before.
func (c *client) giveUp() {
	if c.delta {
		c.copy = c.staged
	} else {
		c.copy, c.cursor = copyOf{}, ""
	}
	c.next, c.staged, c.last = "", nil, nil
}

// startOver forgets everything.
func (c *client) startOver() {
	c.copy, c.cursor, c.next, c.staged, c.last = copyOf{}, "", "", nil, nil
}

// question asks for the page of a token or, without one, for what is new.
func (r *run) question(c *client, n int, f form, token string) error {
	q := c.query
	q.N = n
	first := token == ""
	if first {
		c.began = r.w.clock.Now()
		q.Since = c.cursor
	} else {
		q.Page = token
	}
	p := r.reg.list(caller, q, f)
	r.logf("client %d asks n=%d first=%v since=%v: %s", c.id, n, first, q.Since != "", describePage(p))
	if err := r.leaks(c, q, p, r.rules); err != nil {
		return err
	}
	return r.take(c, p, first, r.rules)
}

func describePage(p page) string {
	s := fmt.Sprintf("code=%s reason=%s delta=%v 304=%v more=%v", p.code, p.reason, p.delta, p.notModified, p.next != "")
	for _, it := range p.items {
		s += fmt.Sprintf("\n\t%s %.90s", it.Op, it.Key)
	}
	return s
}

// take does with a page what a client does.
func (r *run) take(c *client, p page, first bool, rs rules) error {
	r.meet(c, p, first)
	switch {
	case p.code == lading.CodeCursorExpired:
		if err := r.mayExpire(c, p, first); err != nil {
			return err
		}
		c.startOver()
		return nil
	case p.code == lading.CodeNameUnknown && c.query.Scope.Repository != "":
		if first && c.cursor != "" && p.delta {
			return errors.New("a delta of a repository that is gone answers NAME_UNKNOWN")
		}
		c.startOver()
		return nil
	case p.code != "":
		return fmt.Errorf("client %d: %s %s", c.id, p.code, p.text)
	case p.notModified:
		if p.cursor == "" {
			return errors.New("304 without a cursor")
		}
		c.cursor, c.pinned = p.cursor, c.began
		return nil
	}
	if first {
		c.begin(p.delta, rs)
	} else if p.delta != c.delta {
		return errors.New("a page is of another kind than the one before")
	}
	return c.page(p)
}

// meet counts what happens.
func (r *run) meet(c *client, p page, first bool) {
	met := r.w.met
	switch {
	case p.code == lading.CodeCursorExpired:
		met["410"]++
	case p.code == lading.CodeNameUnknown:
		met["404"]++
	case p.notModified:
		met["HTTP 304"]++
	case !first && p.delta:
		met["page of a delta"]++
	case !first:
		met["page of a listing"]++
	case p.im:
		met["HTTP 226"]++
	case c.cursor != "" && !p.delta:
		met["HTTP full listing instead of a delta"]++
	}
	for _, it := range p.items {
		what := string(it.Op)
		if kind, _, _ := strings.Cut(it.Key, ":"); it.Op == lading.OpRemove {
			what += " " + kind
		}
		met[what]++
	}
}

// begin starts a new copy, or a delta to the one there is.
func (c *client) begin(delta bool, rs rules) {
	c.delta = delta
	if delta {
		c.staged = maps.Clone(c.copy)
		return
	}
	c.copy, c.cursor, c.staged = copyOf{}, "", nil
	c.ever = rs.grants()
}

func (c *client) page(p page) error {
	if !c.delta && slices.ContainsFunc(p.items, func(it lading.Item) bool { return it.Op != lading.OpPut }) {
		return errors.New("a listing has an operation that is no put")
	}
	if err := c.copy.apply(p.items); err != nil {
		return err
	}
	c.next = p.next
	if p.cursor != "" {
		c.cursor, c.pinned, c.staged, c.last = p.cursor, c.began, nil, nil
	}
	return nil
}

// mayExpire checks that a cursor is refused only because deletions after it
// may have been forgotten.
func (r *run) mayExpire(c *client, p page, first bool) error {
	from := c.pinned
	if !first && !c.delta {
		from = c.began
	}
	if p.reason != "retention" {
		return fmt.Errorf("client %d: 410 %s after a clean restart, or none", c.id, p.reason)
	}
	// The clock may have been set back a little, positions never are.
	horizon := r.w.clock.Now().Add(-tombstones)
	if r.purged.After(horizon) {
		horizon = r.purged
	}
	if horizon.Before(from.Add(-2 * time.Minute)) {
		return fmt.Errorf("client %d: the cursor of %v expired, tombstones may be gone up to %v", c.id, from, horizon)
	}
	return nil
}

// settle lets every client come to rest and compares.
func (r *run) settle() error {
	r.logf("settle")
	for _, c := range r.clients {
		if err := r.comeToRest(c); err != nil {
			return err
		}
		want := r.truth.want(c.query, r.rules)
		if diff := c.copy.compare(want); diff != "" {
			return fmt.Errorf("%w: client %d (%s):\n%s", errDiverged, c.id, c.describe(), diff)
		}
		if err := r.compareFresh(c); err != nil {
			return err
		}
	}
	return nil
}

// comeToRest ends what is going on, and follows it by deltas.
func (r *run) comeToRest(c *client) error {
	rest := 2
	for range 500 {
		if c.next == "" {
			if rest == 0 {
				return nil
			}
			rest--
		}
		f := form{since: rest%2 == 0, delta: true}
		if err := r.question(c, max(c.query.N, 5), f, c.next); err != nil {
			return err
		}
		if c.next == "" && c.cursor == "" && c.query.Scope.Repository == "" {
			rest = 2 // begun again
		}
	}
	return fmt.Errorf("client %d: no end after 500 pages", c.id)
}

// compareFresh compares the copy, item by item, with a new listing.
func (r *run) compareFresh(c *client) error {
	fresh := &client{id: 100 + c.id, query: c.query, copy: copyOf{}}
	for range 100 {
		if err := r.question(fresh, 1000, form{}, fresh.next); err != nil {
			return err
		}
		if fresh.next == "" {
			break
		}
	}
	if diff := c.copy.same(fresh.copy); diff != "" {
		return fmt.Errorf("%w from a new listing: client %d (%s):\n%s", errDiverged, c.id, c.describe(), diff)
	}
	return nil
}
