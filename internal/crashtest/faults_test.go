package crashtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/blobtest"
)

var errInjected = errors.New("injected")

// faults counts the steps that the stores take, each by its name, and makes
// one of them fail.
type faults struct {
	mu    sync.Mutex
	count map[string]int
	step  string // which fails, "" for none
	nth   int    // at which of its occurrences, from 1
	hit   bool
}

func (f *faults) at(step string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[step]++
	if step == f.step && f.count[step] == f.nth && !f.hit {
		f.hit = true
		return errInjected
	}
	return nil
}

// arm makes the nth occurrence of a step fail, counting from now; without a
// step it counts alone.
func (f *faults) arm(step string, nth int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.step, f.nth, f.hit = map[string]int{}, step, nth, false
}

// disarm returns how often each step was taken, and whether one failed.
func (f *faults) disarm() (map[string]int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step = ""
	return maps.Clone(f.count), f.hit
}

// faulty is a registry in this process whose stores fail on command.
type faulty struct {
	t     *testing.T
	srv   *server.Server
	api   *api
	f     *faults
	cases int
}

// newFaulty starts a registry whose steps pass f. The names of steps are
// "sql begin" and so on; "blob write before" is a call that was not made,
// "blob write after" one that did its work.
func newFaulty(t *testing.T, url string, f func(step string) error) *faulty {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Catalog.URL = t.TempDir(), url
	cfg.Durability, cfg.Catalog.Shards = config.Relaxed, 2 // nothing crashes here, and fewer shards are swept faster
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{
		NoSweep: true, NoTyping: true, // each would take steps of its own
		DB: func(o *sqldb.Options) { o.Fault = func(point string) error { return f("sql " + point) } },
		Blobs: func(s blob.Store) blob.Store {
			return &blobtest.Faulty{Store: s,
				Before: func(op blobtest.Op) error { return f("blob " + string(op) + " before") },
				After:  func(op blobtest.Op) error { return f("blob " + string(op) + " after") }}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		hs.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a := newAPI(strings.TrimPrefix(hs.URL, "http://"))
	t.Cleanup(a.close)
	return &faulty{t: t, srv: srv, api: a}
}

// scene is a repository that is ready for one operation.
type scene struct {
	*faulty
	repo                 string
	config, layer, extra []byte // extra is not there
	first, second, third []byte // manifests; third is not there
}

// set pushes what the operations need: a first image under "one" and
// "latest", and a second one under "two".
func (y *faulty) set(op operation) *scene {
	y.t.Helper()
	y.cases++
	s := &scene{faulty: y, repo: fmt.Sprintf("fault/case%d", y.cases)}
	s.config = fmt.Appendf(nil, `{"os":"linux","architecture":"arm64","n":%d}`, y.cases)
	length := 3000
	if op.large {
		length = catalog.MaxSmallBlob
	}
	s.layer, s.extra = fmt.Appendf(nil, "layer %d", y.cases), fmt.Appendf(nil, "extra %d %s", y.cases, strings.Repeat("x", length))
	for _, b := range [][]byte{s.config, s.layer} {
		y.ok(y.api.pushBlob(y.t.Context(), s.repo, b, 0))
	}
	s.first, s.second, s.third = s.image("first"), s.image("second"), s.image("third")
	s.ok(s.api.putManifest(y.t.Context(), s.repo, "one", s.first))
	s.ok(s.api.putManifest(y.t.Context(), s.repo, "latest", s.first))
	s.ok(s.api.putManifest(y.t.Context(), s.repo, "two", s.second))
	return s
}

// image is a manifest of a type that was never seen before.
func (s *scene) image(name string) []byte {
	return marshal(document{SchemaVersion: 2, MediaType: imageType, ArtifactType: fmt.Sprintf("application/vnd.example.%s%d", name, s.cases),
		Config: &descriptor{"application/vnd.oci.image.config.v1+json", digestOf(s.config), len(s.config)},
		Layers: []descriptor{{"application/octet-stream", digestOf(s.layer), len(s.layer)}}})
}

func (y *faulty) ok(r *answer, err error) {
	y.t.Helper()
	if outcomeOf(r, err) != acknowledged {
		y.t.Fatalf("%v, %v", r, err)
	}
}

func (s *scene) delete(path string) (*answer, error) {
	return s.api.do(s.t.Context(), "DELETE", "/v2/"+s.repo+path, nil)
}

// state is what all keys that an operation may change are to be before, or
// after it.
func (s *scene) before() map[string]string {
	return map[string]string{
		tagKey(s.repo, "one"):                     digestOf(s.first),
		tagKey(s.repo, "latest"):                  digestOf(s.first),
		tagKey(s.repo, "two"):                     digestOf(s.second),
		tagKey(s.repo, "three"):                   "",
		manifestKey(s.repo, digestOf(s.first)):    digestOf(s.first),
		manifestKey(s.repo, digestOf(s.second)):   digestOf(s.second),
		manifestKey(s.repo, digestOf(s.third)):    "",
		blobKey(s.repo, digestOf(s.config)):       digestOf(s.config),
		blobKey(s.repo, digestOf(s.layer)):        digestOf(s.layer),
		blobKey(s.repo, digestOf(s.extra)):        "",
		blobKey(s.repo+"/to", digestOf(s.config)): "",
	}
}

// operation is something a client does, and what it changes.
type operation struct {
	name    string
	prepare func(s *scene)
	act     func(s *scene) (*answer, error)
	// effects are the keys that change, with their new values.
	effects func(s *scene) map[string]string
	// before are keys that prepare has changed.
	before func(s *scene) map[string]string
	// large makes the extra blob one for the blob store.
	large bool
	// harmless, which may be nil, tells the steps that only tidy up.
	harmless func(step string) bool
}

func (op operation) states(s *scene) (before, after map[string]string) {
	before = s.before()
	if op.before != nil {
		maps.Copy(before, op.before(s))
	}
	after = maps.Clone(before)
	maps.Copy(after, op.effects(s))
	return before, after
}

func put(ref string, m func(*scene) []byte) func(*scene) (*answer, error) {
	return func(s *scene) (*answer, error) { return s.api.putManifest(s.t.Context(), s.repo, ref, m(s)) }
}

// pushed is a push of a blob. The upload of a small one is thrown away once the
// catalog has it.
func pushed(way int, large bool) operation {
	harmless := func(step string) bool { return !large && strings.HasPrefix(step, "blob cancel ") }
	return operation{name: fmt.Sprintf("push blob %d, large %v", way, large), large: large, harmless: harmless,
		act: func(s *scene) (*answer, error) { return s.api.pushBlob(s.t.Context(), s.repo, s.extra, way) },
		effects: func(s *scene) map[string]string {
			return map[string]string{blobKey(s.repo, digestOf(s.extra)): digestOf(s.extra)}
		}}
}

func operations() []operation {
	first, second, third := func(s *scene) []byte { return s.first }, func(s *scene) []byte { return s.second }, func(s *scene) []byte { return s.third }
	return []operation{pushed(0, false), pushed(1, false), pushed(3, false), pushed(0, true), pushed(1, true), pushed(3, true),
		{name: "mount blob",
			act: func(s *scene) (*answer, error) {
				r, err := s.api.do(s.t.Context(), "POST", "/v2/"+s.repo+"/to/blobs/uploads/?mount="+digestOf(s.config)+"&from="+s.repo, nil)
				if err == nil && r.status == http.StatusAccepted {
					r.status = http.StatusInternalServerError // not mounted
				}
				return r, err
			},
			effects: func(s *scene) map[string]string {
				return map[string]string{blobKey(s.repo+"/to", digestOf(s.config)): digestOf(s.config)}
			}},
		{name: "push manifest", act: put("three", third), effects: func(s *scene) map[string]string {
			return map[string]string{tagKey(s.repo, "three"): digestOf(s.third), manifestKey(s.repo, digestOf(s.third)): digestOf(s.third)}
		}},
		{name: "push manifest over a tag", act: put("latest", third), effects: func(s *scene) map[string]string {
			return map[string]string{tagKey(s.repo, "latest"): digestOf(s.third), manifestKey(s.repo, digestOf(s.third)): digestOf(s.third)}
		}},
		{name: "move tag", act: put("latest", second), effects: func(s *scene) map[string]string {
			return map[string]string{tagKey(s.repo, "latest"): digestOf(s.second)}
		}},
		{name: "delete tag", act: func(s *scene) (*answer, error) { return s.delete("/manifests/latest") },
			effects: func(s *scene) map[string]string { return map[string]string{tagKey(s.repo, "latest"): ""} }},
		{name: "delete manifest", act: func(s *scene) (*answer, error) { return s.delete("/manifests/" + digestOf(s.first)) },
			effects: func(s *scene) map[string]string {
				return map[string]string{tagKey(s.repo, "latest"): "", tagKey(s.repo, "one"): "", manifestKey(s.repo, digestOf(s.first)): ""}
			}},
		{name: "raise tag",
			prepare: func(s *scene) { s.ok(s.delete("/manifests/latest")) },
			before:  func(s *scene) map[string]string { return map[string]string{tagKey(s.repo, "latest"): ""} },
			act:     put("latest", first),
			effects: func(s *scene) map[string]string {
				return map[string]string{tagKey(s.repo, "latest"): digestOf(s.first)}
			}},
		{name: "delete blob",
			prepare: func(s *scene) { s.ok(s.api.pushBlob(s.t.Context(), s.repo, s.extra, 0)) },
			before: func(s *scene) map[string]string {
				return map[string]string{blobKey(s.repo, digestOf(s.extra)): digestOf(s.extra)}
			},
			act:     func(s *scene) (*answer, error) { return s.delete("/blobs/" + digestOf(s.extra)) },
			effects: func(s *scene) map[string]string { return map[string]string{blobKey(s.repo, digestOf(s.extra)): ""} }},
		{name: "delete repository", act: func(s *scene) (*answer, error) { return s.delete("/_lading/manage/repository") },
			effects: func(s *scene) map[string]string {
				gone := s.before()
				for k := range gone {
					gone[k] = ""
				}
				return gone
			}},
		{name: "purge",
			prepare: func(s *scene) {
				if err := s.srv.Sweeper().Sweep(s.t.Context()); err != nil {
					s.t.Fatal(err)
				}
				s.ok(s.delete("/_lading/manage/repository"))
			},
			before: func(s *scene) map[string]string {
				gone := s.before()
				for k := range gone {
					gone[k] = ""
				}
				return gone
			},
			act: func(s *scene) (*answer, error) {
				if err := s.srv.Sweeper().Sweep(s.t.Context()); err != nil {
					return &answer{status: 500, body: []byte(err.Error())}, nil
				}
				return &answer{status: 200}, nil
			},
			effects: func(*scene) map[string]string { return nil }},
	}
}

// TestEveryStepFailsOnce makes each step of each operation fail once, those
// with two forms in both: failed, and failed but persisted. The client is
// told, nothing is half done, and trying again succeeds.
func TestEveryStepFailsOnce(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		total := 0
		for _, op := range operations() {
			t.Run(op.name, func(t *testing.T) {
				f := &faults{count: map[string]int{}}
				y := newFaulty(t, fresh(t), f.at)
				y.f = f
				steps := y.count(op)
				if len(steps) == 0 {
					t.Fatal("no step can fail")
				}
				for _, step := range slices.Sorted(maps.Keys(steps)) {
					for nth := 1; nth <= steps[step]; nth++ {
						y.failOnce(op, step, nth)
						total++
					}
				}
			})
		}
		t.Logf("%d steps failed", total)
	})
}

// count runs an operation without a fault and returns the steps that it takes.
func (y *faulty) count(op operation) map[string]int {
	s := y.set(op)
	if op.prepare != nil {
		op.prepare(s)
	}
	y.f.arm("", 0)
	y.ok(op.act(s))
	steps, _ := y.f.disarm()
	_, after := op.states(s)
	y.expect("without a fault", after)
	return steps
}

func (y *faulty) failOnce(op operation, step string, nth int) {
	s := y.set(op)
	if op.prepare != nil {
		op.prepare(s)
	}
	what := fmt.Sprintf("%s, %s %d", op.name, step, nth)
	y.f.arm(step, nth)
	r, err := op.act(s)
	if _, hit := y.f.disarm(); !hit {
		y.t.Errorf("%s: the step was not taken", what)
		return
	}
	before, after := op.states(s)
	if op.harmless != nil && op.harmless(step) {
		y.ok(r, err)
		y.expect(what, after)
		y.sound(what)
		return
	}
	if err != nil || r.status < 500 {
		y.t.Errorf("%s: the client got %v, %v", what, r, err)
	}
	y.sound(what)
	done := y.settled(what, before, after, step)
	if r, err = op.act(s); outcomeOf(r, err) != acknowledged && !(done && outcomeOf(r, err) == refused && r.status == 404) {
		y.t.Errorf("%s, again: %v, %v", what, r, err)
	}
	y.expect(what+", again", after)
	y.sound(what + ", again")
}

// persists tells the steps that come after the change is durable.
func persists(step string) bool {
	return step == "sql committed" || strings.HasSuffix(step, " after")
}

// settled checks that all of an operation has happened or nothing, and
// nothing where the step failed before it could, and returns which.
func (y *faulty) settled(what string, before, after map[string]string, step string) bool {
	y.t.Helper()
	was, is := y.differ(before), y.differ(after)
	switch {
	case len(was) == 0:
		return len(is) == 0
	case len(is) == 0:
		if !persists(step) {
			y.t.Errorf("%s: it failed and yet it happened", what)
		}
		return true
	}
	y.t.Errorf("%s: half done: it is not as before: %q, and not done: %q", what, was, is)
	return false
}

func (y *faulty) expect(what string, want map[string]string) {
	y.t.Helper()
	if bad := y.differ(want); len(bad) > 0 {
		y.t.Errorf("%s: %q", what, bad)
	}
}

// differ returns the keys that do not have their values.
func (y *faulty) differ(want map[string]string) (bad []string) {
	for k, v := range want {
		got, err := observe(y.t.Context(), y.api, k)
		if err != nil {
			y.t.Fatal(err)
		}
		if got != v {
			bad = append(bad, fmt.Sprintf("%s is %q, want %q", k, got, v))
		}
	}
	return bad
}

func (y *faulty) sound(what string) {
	y.t.Helper()
	if bad := catalogcheck.Check(y.t.Context(), y.srv.Catalog().DB()); len(bad) > 0 {
		y.t.Fatalf("%s:\n%s", what, strings.Join(bad, "\n"))
	}
}
