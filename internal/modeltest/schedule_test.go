package modeltest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// names are the repositories of a schedule, below its own top-level name.
var names = []string{"", "/a", "/a/b", "/a/c", "/a-b", "/a.b", "/ab", "/b", "/b/x"}

var tagNames = []string{"1.0", "1.1", "2", "latest"}

// action is what a step does.
type action int

const (
	push action = iota
	moveTag
	deleteTag
	deleteManifest
	deleteRepository
	recreate
	uploadOnly
	denied
	changeRules
	ask // a client's next request
	askAgain
	abandon
	stream
	purge
	age
	restart
	clockBack
	retype
	watch
	loseStream
	actions
)

var actionNames = [actions]string{"push", "move tag", "delete tag", "delete manifest", "delete repository", "recreate",
	"upload only", "denied", "change rules", "ask", "ask again", "abandon", "stream", "purge", "age", "restart", "clock back", "retype", "watch", "lose stream"}

// weights are how often each action is drawn, per mille; the rest asks.
var weights = map[action]int{push: 130, moveTag: 50, deleteTag: 50, deleteManifest: 40, deleteRepository: 25, recreate: 30,
	uploadOnly: 5, denied: 10, changeRules: 90, askAgain: 30, abandon: 15, stream: 25, purge: 10, age: 6, clockBack: 4, retype: 15, watch: 170, loseStream: 20}

// step is a decision of a schedule. What it is about is drawn from a source of
// its own, so that a schedule from which steps are taken away still does with
// the others what it did.
type step struct {
	do   action
	seed uint64
}

func (s step) rng() *rand.Rand { return rand.New(rand.NewPCG(s.seed, 1)) }

const (
	before  = 25 // changes before the first question
	mixed   = 135
	clients = 3
)

// plan draws the steps of a seed.
func plan(seed uint64, restarts bool) []step {
	rng := rand.New(rand.NewPCG(seed, 0))
	var steps []step
	for range before {
		steps = append(steps, step{[]action{push, push, push, moveTag, deleteTag}[rng.IntN(5)], rng.Uint64()})
	}
	for range mixed {
		steps = append(steps, step{draw(rng), rng.Uint64()})
	}
	if restarts && rng.IntN(10) == 0 {
		steps[before+rng.IntN(mixed)].do = restart
	}
	return steps
}

func draw(rng *rand.Rand) action {
	x := rng.IntN(1000)
	for a := range actions {
		if x -= weights[a]; x < 0 {
			return a
		}
	}
	return ask
}

// run is one schedule on a world.
type run struct {
	w         *world
	reg       registry
	seed      uint64
	top       string
	repos     []string
	truth     *truth
	rules     rules
	calm      bool // the rules change seldom, so that streams come to tell single changes
	begun     time.Time
	clients   []*client
	followers []*follower
	pushes    pushes
	named     *regexp.Regexp // names of this schedule's repositories
	// purged is the newest position whose tombstones may be gone.
	purged time.Time
	log    []string
}

// caller is the user that the clients belong to.
const caller = "caller"

// runSteps runs a schedule and returns what is wrong, nil if nothing is.
func runSteps(w *world, seed uint64, steps []step) (err error) {
	r := newRun(w, seed)
	defer func() {
		if err != nil {
			err = fmt.Errorf("seed %d: %w\n%s", seed, err, strings.Join(r.log, "\n"))
		}
	}()
	defer r.loseAll()
	for i, s := range steps {
		w.clock.advance(time.Second)
		if err := r.step(s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, actionNames[s.do], err)
		}
	}
	if err := r.settle(); err != nil {
		return err
	}
	if err := r.settleWatches(); err != nil {
		return err
	}
	return r.clean()
}

func newRun(w *world, seed uint64) *run {
	rng := rand.New(rand.NewPCG(seed, 2))
	w.clock.catchUp()
	r := &run{w: w, reg: w.registry(), seed: seed, top: fmt.Sprintf("s%d", seed), truth: &truth{map[string]*repoTruth{}, w.shortOf}, begun: w.clock.Now(), pushes: pushes{}}
	r.named = regexp.MustCompile(r.top + `[a-z0-9/._-]*`)
	for _, i := range rng.Perm(len(names))[:3+rng.IntN(len(names)-2)] {
		r.repos = append(r.repos, r.top+names[i])
	}
	slices.Sort(r.repos)
	if r.rules = r.drawRules(rng); seed%2 == 0 {
		r.calm, r.rules = true, append(r.rules, rule{"ns", r.top})
	}
	w.access.set(caller, r.rules)
	for range clients {
		r.clients = append(r.clients, r.newClient(rng))
	}
	for range r.watching() {
		r.followers = append(r.followers, r.newFollower(rng))
	}
	for i, w := range r.followers {
		r.logf("follower %d: %s", i, w.describe())
	}
	for i, c := range r.clients {
		r.logf("client %d: %s", i, c.describe())
	}
	r.logf("repositories %v, rules %v", r.repos, r.rules)
	return r
}

func (r *run) logf(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

func (r *run) drawRule(rng *rand.Rand) rule {
	switch rng.IntN(10) {
	case 0:
		return rule{kind: "all"}
	case 1, 2:
		return rule{"ns", r.top + pick(rng, []string{"", "/a", "/b"})}
	case 3, 4:
		return rule{"prefix", r.top + pick(rng, []string{"", "/", "/a", "/a.", "/a-", "/b"})}
	}
	return rule{"repo", pick(rng, r.repos)}
}

func (r *run) drawRules(rng *rand.Rand) (rs rules) {
	for range rng.IntN(5) {
		rs = append(rs, r.drawRule(rng))
	}
	return rs
}

// changeRules changes a little, or everything.
func (r *run) changeRules(rng *rand.Rand) {
	rs := slices.Clone(r.rules)
	if r.calm && rng.IntN(4) > 0 {
		return
	}
	switch x := rng.IntN(10); {
	case x < 4:
		rs = append(rs, r.drawRule(rng))
	case x < 8 && len(rs) > 0:
		i := rng.IntN(len(rs))
		rs = slices.Delete(rs, i, i+1)
	default:
		rs = r.drawRules(rng)
	}
	r.rules = rs
	r.w.access.set(caller, rs)
	r.logf("rules %v", rs)
}

func (r *run) step(s step) error {
	rng := s.rng()
	repo := pick(rng, r.repos)
	switch s.do {
	case push:
		return r.push(rng, repo)
	case moveTag:
		return r.moveTag(rng, repo)
	case deleteTag:
		return r.deleteTag(repo, pick(rng, tagNames))
	case deleteManifest:
		return r.deleteManifest(rng, repo)
	case deleteRepository:
		return r.deleteRepository(repo)
	case recreate:
		if err := r.deleteRepository(repo); err != nil {
			return err
		}
		for range 1 + rng.IntN(3) {
			if err := r.push(rng, repo); err != nil {
				return err
			}
		}
	case uploadOnly:
		return r.expect(r.reg.upload(root, repo, []byte("unused")), "", "upload to %s", repo)
	case denied:
		return r.denied(rng, repo)
	case changeRules:
		r.changeRules(rng)
	case ask, askAgain, abandon, stream:
		return r.ask(s.do, rng)
	case purge:
		if err := r.leaveOrphans(rng, repo); err != nil {
			return err
		}
		return r.purge()
	case age:
		r.w.clock.advance(tombstones * time.Duration(1+rng.IntN(3)) / 2)
		return r.purge()
	case restart:
		return r.restart(rng)
	case watch:
		return r.watchStep(rng)
	case loseStream:
		r.loseStep(rng)
	case retype:
		return r.retype(pick(rng, slices.Sorted(maps.Keys(definitions))))
	case clockBack:
		// The model knows the clock's time only: a filter by time would tell
		// its items from the engine's, which are later until the clock is back.
		if slices.ContainsFunc(r.clients, func(c *client) bool {
			return !c.query.Scope.CreatedAfter.IsZero() || !c.query.Scope.CreatedBefore.IsZero()
		}) {
			return nil
		}
		r.logf("clock back")
		r.w.clock.advance(-time.Duration(rng.IntN(10)) * time.Second)
	}
	return nil
}

// expect checks the answer to a change.
func (r *run) expect(a answer, want lading.Code, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	r.logf("%s: %s", what, want)
	if a.code != want {
		return fmt.Errorf("%s: answered %q, want %q: %s", what, a.code, want, a.text)
	}
	return nil
}

func (r *run) push(rng *rand.Rand, repo string) error {
	doc := makeDocument(repo, rng.IntN(documents))
	var tags []string
	for range rng.IntN(3) {
		if t := pick(rng, tagNames); !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return r.put(doc, tags)
}

// moveTag points a tag to another manifest of any type, which may be there.
func (r *run) moveTag(rng *rand.Rand, repo string) error {
	return r.put(makeDocument(repo, rng.IntN(6)), []string{pick(rng, tagNames[:2])})
}

func (r *run) put(doc *document, tags []string) error {
	incarnation, rev, err := r.w.revOf(doc.repo)
	if err != nil {
		return err
	}
	want := lading.Code("")
	if !r.truth.put(doc, tags, r.w.clock.Now()) {
		want = lading.CodeManifestBlobUnknown
	}
	if err := r.expect(r.reg.push(root, doc, tags), want, "push %s@%.15s %s %v", doc.repo, doc.digest, doc.typ, tags); err != nil || want != "" {
		return err
	}
	return r.pushed(doc.repo, incarnation, rev)
}

func (r *run) deleteTag(repo, tag string) error {
	return r.expect(r.reg.deleteTag(root, repo, tag), r.truth.deleteTag(repo, tag), "delete %s:%s", repo, tag)
}

func (r *run) deleteManifest(rng *rand.Rand, repo string) error {
	d := makeDocument(repo, rng.IntN(documents)).digest
	return r.expect(r.reg.deleteManifest(root, repo, d), r.truth.deleteManifest(repo, d), "delete %s@%.15s", repo, d)
}

func (r *run) deleteRepository(repo string) error {
	return r.expect(r.reg.deleteRepository(root, repo), r.truth.deleteRepository(repo), "delete %s", repo)
}

// denied asks for a change that the caller may not make.
func (r *run) denied(rng *rand.Rand, repo string) error {
	doc := makeDocument(repo, rng.IntN(4))
	a := []func() answer{
		func() answer { return r.reg.push(caller, doc, tagNames[:1]) },
		func() answer { return r.reg.deleteTag(caller, repo, tagNames[0]) },
		func() answer { return r.reg.deleteManifest(caller, repo, doc.digest) },
		func() answer { return r.reg.deleteRepository(caller, repo) },
	}[rng.IntN(4)]()
	r.w.met["refused change"]++
	return r.expect(a, lading.CodeDenied, "denied change of %s", repo)
}

// leaveOrphans deletes an index after its children were pushed, with whatever
// tags there are; some of them are then pushed again.
func (r *run) leaveOrphans(rng *rand.Rand, repo string) error {
	for _, i := range []int{0, 4, 6} {
		if err := r.put(makeDocument(repo, i), nil); err != nil {
			return err
		}
	}
	d := makeDocument(repo, 6).digest
	if err := r.expect(r.reg.deleteManifest(root, repo, d), r.truth.deleteManifest(repo, d), "delete %s@%.15s", repo, d); err != nil {
		return err
	}
	for _, i := range []int{0, 4, 6} {
		if rng.IntN(4) > 0 {
			continue
		}
		if err := r.put(makeDocument(repo, i), []string{pick(rng, tagNames)}[:rng.IntN(2)]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) purge() error {
	r.logf("sweep")
	if t := r.w.clock.Now().Add(-tombstones); t.After(r.purged) {
		r.purged = t
	}
	r.w.met["orphan removed"] += r.truth.sweep()
	return r.w.sweep()
}

// clean leaves the registry as it was, for the next schedule.
func (r *run) clean() error {
	for repo := range r.truth.repos {
		if err := r.deleteRepository(repo); err != nil {
			return err
		}
	}
	r.w.clock.advance(time.Minute)
	if r.seed%16 == 0 {
		r.w.clock.advance(2 * tombstones)
		return r.w.sweep()
	}
	return nil
}
