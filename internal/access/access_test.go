package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// fileRules are the rules of the tests' configuration.
var fileRules = []string{"user:root owner,admin registry", "group:dev writer namespace:acme", "anonymous pull prefix:public/", "user:tea admin,list namespace:tea"}

func configured(t testing.TB, lines ...string) []lading.AccessRule {
	var rules []lading.AccessRule
	for _, line := range lines {
		r, err := lading.ParseAccessRule(line)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	return Configured(rules)
}

// inConfig is the id of a rule of fileRules.
func inConfig(i int) string {
	r, _ := lading.ParseAccessRule(fileRules[i])
	return Configured([]lading.AccessRule{r})[0].ID
}

// world is a catalog with replicas over it.
type world struct {
	*catalogtest.World
	url string
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		fn(t, &world{catalogtest.Open(t, sqldb.Options{URL: url, Shards: 4, Relaxed: true}, catalog.Options{}), url})
	})
}

func (w *world) open(opt Options) *Store {
	w.T.Helper()
	opt.Rules = configured(w.T, fileRules...)
	s, err := Open(context.Background(), w.Cat, opt)
	w.Must(err)
	return s
}

func as(subject string, groups ...string) context.Context {
	return lading.WithIdentity(context.Background(), lading.Identity{Subject: subject, Groups: groups})
}

// admin is the context of somebody behind the guard, which knows where he may
// administer.
func admin(s *Store, subject string) context.Context {
	return lading.WithGrants(as(subject), func(ctx context.Context) (lading.Grants, error) { return s.Granted(ctx, lading.VerbAdmin) })
}

func (w *world) put(s *Store, by, id, line string) error {
	r, err := lading.ParseAccessRule(line)
	w.Must(err)
	_, err = s.PutRule(admin(s, by), id, fmt.Appendf(nil, `{"subject":%q,"scope":%q,"verbs":["%s"]}`, r.Subject, r.Scope, strings.Join(r.Verbs.Names(), `","`)))
	return err
}

// may is the verbs that a caller has in a repository.
func may(t testing.TB, s *Store, ctx context.Context, repo string) string {
	var vs lading.Verbs
	for _, v := range lading.AllVerbs() {
		g, err := s.Granted(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Explain(lading.IdentityFrom(ctx), v, repo)
		if g.Contains(repo) {
			vs |= lading.Verbs(v)
		}
		if d.Allowed != g.Contains(repo) {
			t.Errorf("%s in %s: allowed %v, explained as %v", v, repo, g.Contains(repo), d)
		}
	}
	return vs.String()
}

func TestRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.open(Options{})
		for _, tt := range []struct {
			ctx        context.Context
			repo, want string
		}{
			{as(""), "public/a", "pull"}, {as(""), "acme", ""}, {as("user:ada"), "public/a", "pull"},
			{as("user:ada", "dev"), "acme/web", "list,pull,push,retag"}, {as("user:ada", "ops"), "acme/web", ""},
			{as("user:ada", "ops", "dev"), "acme", "list,pull,push,retag"}, {as("user:ada", "dev"), "acmes", ""},
			{as("user:root"), "x", "list,pull,push,retag,delete,admin"}, {as("service:root"), "x", ""}, {as("group:dev"), "acme", ""},
		} {
			if got := may(t, s, tt.ctx, tt.repo); got != tt.want {
				t.Errorf("%v in %s: %q, want %q", lading.IdentityFrom(tt.ctx), tt.repo, got, tt.want)
			}
		}
		if g, err := s.Granted(as("user:root"), lading.VerbPull|lading.VerbList); err != nil || !g.Empty() {
			t.Error("two verbs are none:", g, err)
		}
		d := s.Explain(lading.Identity{Subject: "user:ada", Groups: []string{"dev"}}, lading.VerbPush, "acme/web")
		if len(d.Rules) != 1 || d.Rules[0].ID != inConfig(1) || d.Rules[0].Source != lading.SourceConfiguration {
			t.Errorf("%+v", d)
		}
	})
}

// The id of a rule of the configuration follows from the rule alone: it is the
// same after a restart and whatever else is configured, and tells nothing of
// that. A rule that is there twice is there once.
func TestConfiguredIDs(t *testing.T) {
	ids := func(lines ...string) (out []string) {
		for _, r := range configured(t, lines...) {
			if !lading.ValidRuleID(r.ID) || !strings.HasPrefix(r.ID, configurationPrefix) || r.Source != lading.SourceConfiguration {
				t.Errorf("%+v", r)
			}
			out = append(out, r.ID)
		}
		return out
	}
	all := ids(fileRules...)
	if all[0] != "config-791ac26d19c5" {
		t.Error("ids are others than before:", all)
	}
	for i, line := range fileRules {
		if alone := ids(line); len(alone) != 1 || alone[0] != all[i] {
			t.Errorf("%s is %v alone and %v among others", line, alone, all[i])
		}
	}
	if got := ids("group:dev list,push,pull,retag namespace:acme", "group:dev writer namespace:acme", "group:dev writer namespace:acme2"); len(got) != 2 || got[0] != all[1] || got[1] == got[0] {
		t.Error(got)
	}
}

// What one replica changes is in force there at once, and in the others when
// they look.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var told, toldOther atomic.Int64
		s := w.open(Options{Changed: func() { told.Add(1) }, Now: w.Clock.Now})
		other := w.open(Options{Changed: func() { toldOther.Add(1) }})
		ada := as("user:ada")
		if got := may(t, other, ada, "acme/web"); got != "" {
			t.Error(got)
		}
		w.Must(w.put(s, "user:root", "web", "user:ada push repository:acme/web"))
		w.Must(w.put(s, "user:root", "web", "user:ada push repository:acme/web")) // is there
		if got := may(t, s, ada, "acme/web"); got != "push" || told.Load() != 1 {
			t.Errorf("here: %q, told %d times", got, told.Load())
		}
		if got := may(t, other, ada, "acme/web"); got != "" || toldOther.Load() != 0 {
			t.Errorf("there, too early: %q", got)
		}
		w.Must(other.Refresh(ada))
		w.Must(other.Refresh(ada))
		if got := may(t, other, ada, "acme/web"); got != "push" || toldOther.Load() != 1 {
			t.Errorf("there: %q, told %d times", got, toldOther.Load())
		}
		// A replica that has not heard of a change does not undo it.
		w.Must(w.put(s, "user:root", "web", "user:ada reader repository:acme/web"))
		w.Must(w.put(other, "user:root", "more", "user:ada delete registry"))
		if got := may(t, other, ada, "acme/web"); got != "list,pull,delete" {
			t.Error(got)
		}
		w.Must(other.DeleteRule(admin(other, "user:root"), "web"))
		w.Must(s.Refresh(ada))
		if got := may(t, s, ada, "acme/web"); got != "delete" {
			t.Error(got)
		}
		if n := w.Count("access_change", "actor=?", "user:root"); n != 4 {
			t.Errorf("%d changes are recorded", n)
		}
		if n := w.Count("access_change", "before=? AND after=''", "user:ada list,pull repository:acme/web"); n != 1 {
			t.Error("the removal is not recorded")
		}
	})
}

// Replicas find out by themselves, and soon.
func TestPolling(t *testing.T) {
	w := &world{World: catalogtest.Open(t, sqldb.Options{URL: sqldbtest.Postgres(t), Relaxed: true}, catalog.Options{})}
	changed := make(chan struct{}, 1)
	s, other := w.open(Options{}), w.open(Options{Changed: func() { changed <- struct{}{} }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { other.Run(ctx); close(done) }()
	w.Must(w.put(s, "user:root", "a", "user:ada push registry"))
	began := time.Now()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("it was not noticed")
	}
	t.Logf("noticed after %v", time.Since(began))
	if got := may(t, other, as("user:ada"), "x"); got != "push" {
		t.Error(got)
	}
	cancel()
	<-done
}

func TestRefusedRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.open(Options{})
		root := admin(s, "user:root")
		for body, why := range map[string]string{
			`{}`: "no subject", `[]`: "cannot unmarshal", ``: "EOF", `{"subject":"user:a","scope":"registry"}`: "no verb",
			`{"subject":"user:a","scope":"registry","verbs":[]}`:             "no verb",
			`{"subject":"user:a","scope":"registry","verbs":["all"]}`:        "no verb",
			`{"subject":"a","scope":"registry","verbs":["pull"]}`:            "no subject",
			`{"subject":"user:a","scope":"repo:x","verbs":["pull"]}`:         "no scope",
			`{"subject":"user:a","scope":"registry","verbs":["pull"],"x":1}`: "unknown field",
			`{"subject":"user:a","scope":"registry","verbs":["pull"]} {}`:    "more than one",
		} {
			_, err := s.PutRule(root, "a", []byte(body))
			if !errors.Is(err, lading.ErrRuleInvalid) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v, want %s", body, err, why)
			}
		}
		const good = `{"subject":"user:a","scope":"registry","verbs":["reader"]}`
		for id, want := range map[string]error{"A": lading.ErrRuleInvalid, "": lading.ErrRuleInvalid, inConfig(0): lading.ErrConflict, "config-9": lading.ErrConflict} {
			if _, err := s.PutRule(root, id, []byte(good)); !errors.Is(err, want) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if err := s.DeleteRule(root, inConfig(0)); !errors.Is(err, lading.ErrConflict) {
			t.Error(err)
		}
		if err := s.DeleteRule(root, "none"); !errors.Is(err, lading.ErrRuleUnknown) {
			t.Error(err)
		}
		if n := w.Count("access_change", "1=1"); n != 0 {
			t.Errorf("%d changes were made", n)
		}
	})
}

// Who administers a part sees and changes the rules of that part alone, and
// cannot tell another's rule from none, not by taking its id either.
func TestScopedAdministration(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.open(Options{})
		w.Must(w.put(s, "user:root", "hidden", "user:ada push namespace:acme"))
		w.Must(w.put(s, "user:root", "wide", "user:ada push registry"))
		w.Must(w.put(s, "user:tea", "mine", "user:cup owner,admin namespace:tea/cups"))
		w.Must(w.put(s, "user:cup", "deeper", "user:pot owner repository:tea/cups/small"))
		ids := func(subject string) (out string) {
			rules, err := s.Rules(admin(s, subject))
			w.Must(err)
			for _, r := range rules {
				out += r.ID + " "
			}
			return out
		}
		for subject, want := range map[string]string{
			"user:root": inConfig(0) + " " + inConfig(1) + " " + inConfig(2) + " " + inConfig(3) + " deeper hidden mine wide ", "user:tea": inConfig(3) + " deeper mine ", "user:cup": "deeper mine ", "user:pot": "", "": "",
		} {
			if got := ids(subject); got != want {
				t.Errorf("%s sees %q, want %q", subject, got, want)
			}
		}
		for what, err := range map[string]error{
			"a wider scope":           w.put(s, "user:tea", "x", "user:tea owner registry"),
			"another scope":           w.put(s, "user:tea", "x", "user:tea owner namespace:acme"),
			"a prefix beyond it":      w.put(s, "user:tea", "x", "user:tea owner prefix:te"),
			"no administration":       w.put(s, "user:pot", "x", "user:pot owner repository:tea/cups/small"),
			"a lower part's superior": w.put(s, "user:cup", "x", "user:cup owner namespace:tea"),
		} {
			if !errors.Is(err, lading.ErrDenied) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, hidden := s.Rule(admin(s, "user:tea"), "hidden")
		_, none := s.Rule(admin(s, "user:tea"), "none")
		deleted, absent := s.DeleteRule(admin(s, "user:tea"), "hidden"), s.DeleteRule(admin(s, "user:tea"), "none")
		config := s.DeleteRule(admin(s, "user:tea"), inConfig(0))
		for _, err := range []error{hidden, none, deleted, absent, config} {
			if !errors.Is(err, lading.ErrRuleUnknown) || err.Error() != none.Error() {
				t.Errorf("%v", err)
			}
		}
		w.Must(w.put(s, "user:tea", "hidden", "user:pot pull namespace:tea"))
		w.Must(w.put(s, "user:tea", "hidden", "user:pot owner namespace:tea"))
		if got := ids("user:tea"); got != inConfig(3)+" deeper hidden mine " {
			t.Errorf("with an id that a hidden rule has, tea sees %q", got)
		}
		if r, err := s.Rule(admin(s, "user:tea"), "hidden"); err != nil || r.Scope != "namespace:tea" {
			t.Errorf("tea's rule is %v, %v", r, err)
		}
		if d := s.Explain(lading.Identity{Subject: "user:pot"}, lading.VerbPush, "tea/x"); len(d.Rules) != 1 || d.Rules[0].ID != "hidden" {
			t.Errorf("it is explained as %v", d.Rules)
		}
		both := regexp.MustCompile(`hidden (hidden~[0-9a-f]{16}) mine`).FindStringSubmatch(ids("user:root"))
		if both == nil {
			t.Fatalf("root sees %q", ids("user:root"))
		}
		if r, err := s.Rule(admin(s, "user:root"), "hidden"); err != nil || r.Scope != "namespace:acme" {
			t.Errorf("root's rule is %v, %v", r, err)
		}
		if err := w.put(s, "user:root", "none~0123456789abcdef", "user:pot pull namespace:tea"); !errors.Is(err, lading.ErrRuleUnknown) {
			t.Errorf("an id with a mark was made: %v", err)
		}
		w.Must(w.put(s, "user:root", both[1], "user:pot pull namespace:tea/pots"))
		w.Must(s.DeleteRule(admin(s, "user:tea"), "hidden"))
		if got := ids("user:root"); strings.Contains(got, "~") || !strings.Contains(got, "hidden ") {
			t.Errorf("of two rules of one id root has %q left", got)
		}
		if err := s.DeleteRule(admin(s, "user:tea"), "hidden"); !errors.Is(err, lading.ErrRuleUnknown) {
			t.Errorf("tea deletes a hidden rule: %v", err)
		}
		if _, err := s.Rules(as("user:root")); err != nil || len(must(s.Rules(as("user:root")))) != 0 {
			t.Error("a context without grants shows rules")
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A caller who has gone may do nothing, whatever the rules say.
func TestUnknownCaller(t *testing.T) {
	w := &world{World: catalogtest.Open(t, sqldb.Options{URL: sqldbtest.SQLite(t), Relaxed: true}, catalog.Options{})}
	gone := false
	s := w.open(Options{Known: func(lading.Identity) bool { return !gone }})
	if g, _ := s.Granted(as("user:root"), lading.VerbList); !g.All() {
		t.Error(g)
	}
	gone = true
	if g, _ := s.Granted(as("user:root"), lading.VerbList); !g.Empty() {
		t.Error(g)
	}
}

// Callers beyond those that are kept are answered just as well.
func TestManyCallers(t *testing.T) {
	st, err := compile(1, configured(t, fileRules...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxCallers + 10 {
		p := st.permissions(lading.Identity{Subject: fmt.Sprint("user:", i)})
		if !p[lading.VerbPull.Index()].Contains("public/a") || len(st.callers) > maxCallers {
			t.Fatal(i, len(st.callers))
		}
	}
	// No allocation, and no look at the rules, for one that is kept.
	id := lading.Identity{Subject: "user:kept"}
	st.permissions(id)
	if n := testing.AllocsPerRun(100, func() { st.permissions(id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGranted is a question that is asked on every request, among 10,000
// rules.
func BenchmarkGranted(b *testing.B) {
	lines := fileRules
	for i := range 10_000 {
		lines = append(lines, fmt.Sprintf("user:u%d owner namespace:n%d", i, i))
	}
	st, err := compile(1, configured(b, lines...))
	if err != nil {
		b.Fatal(err)
	}
	s := &Store{}
	s.current.Store(st)
	ctx := as("user:u77")
	for b.Loop() {
		if g, err := s.Granted(ctx, lading.VerbPull); err != nil || !g.Contains("n77/x") {
			b.Fatal(g, err)
		}
	}
}
