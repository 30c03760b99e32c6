package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

var watchCases = []Case{
	{"WTCH-1", Must, "changes are told as they happen, in lines and as server-sent events alike", watchForms},
	{"WTCH-2", Must, "a stream is text/event-stream unless lines are asked for, and is not stored", watchHeaders},
	{"WTCH-3", Must, "what a change does to each item is told by name, in order", watchNames},
	{"WTCH-4", Must, "an id stands on the last event of a transaction alone", watchIDs},
	{"WTCH-5", Must, "a stream resumed at any id tells the rest, once; Last-Event-ID wins over since", watchResume},
	{"WTCH-6", Must, "initial=true tells what there is, then synced, then what changes", watchInitial},
	{"WTCH-7", Must, "the cursor of a listing is where a stream of that kind begins", watchSince},
	{"WTCH-8", Must, "kinds= keeps kinds, and the end of a repository", watchKindsOnly},
	{"WTCH-9", Must, "actions= keeps actions; such a stream has no ids", watchActionsOnly},
	{"WTCH-10", Must, "data= says how much is told of an item", watchData},
	{"WTCH-11", Must, "prev_rev chains all changes of a repository", watchChain},
	{"WTCH-12", Should, "a bookmark with an id is told every 15 seconds", watchBookmark},
	{"WTCH-13", Must, "what leaves the filter is a remove; what never matched is not told", watchFilter},
	{"WTCH-14", Must, "a repository deleted and recreated is a remove, or a reset, and its content", watchRecreated},
	{"WTCH-15", Must, "a parameter that is wrong, or has no place here, is 400", watchParameters},
	{"WTCH-16", Must, "a forged cursor is 400, a repository that is not there 404", watchRefused},
	{"WTCH-17", Must, "a copy kept by a stream is what a listing shows", watchRandom},
	{"WTCH-18", Must, "what happens where a caller may not read is not told", watchHidden},
	{"WTCH-19", Must, "a cursor that is too old is 410 CURSOR_EXPIRED and tells where to begin", watchExpired},
}

// lined asks for a stream in lines.
var lined = map[string]string{"Accept": typeStream}

func watchForms(t *T) {
	t.needWatch()
	repo := t.repo("app")
	a, b := t.following(t.watchPath()), t.watch(request{path: t.watchPath(), header: lined})
	key := tagKey(repo, "v1")
	var one, two []event
	for _, last := range []string{"tag.created", "tag.updated"} {
		// Both have read it before more happens: what is read late tells of
		// its item as it is by then.
		t.push(repo, thing{}, "v1")
		one, two = append(one, a.upTo(last, key)...), append(two, b.upTo(last, key)...)
	}
	if x, y := eventNames(one), eventNames(two); !slices.Equal(x, y) {
		t.errorf("as events %q, in lines %q", x, y)
	}
	for i := range min(len(one), len(two)) {
		if !bytes.Equal(one[i].data, two[i].data) {
			t.errorf("the same change is told as\n%s\nand as\n%s", one[i].data, two[i].data)
		}
	}
}

func watchHeaders(t *T) {
	t.needWatch()
	for accept, want := range map[string]string{"": typeEvents, "*/*": typeEvents, typeEvents: typeEvents, typeStream: typeStream, "application/json, text/event-stream": typeEvents} {
		s := t.watch(request{path: t.watchPath(), header: map[string]string{"Accept": accept}})
		if got := mediaType(s.header); got != want || s.header.Get("Cache-Control") != "no-store" {
			t.errorf("Accept %q: Content-Type %q, want %s; Cache-Control %q, want no-store", accept, got, want, s.header.Get("Cache-Control"))
		}
		s.cancel()
	}
	if a := t.do(request{path: t.watchPath(), header: map[string]string{"Accept": "text/html"}}); a.status != http.StatusNotAcceptable {
		t.errorf("Accept text/html: status %d, want 406", a.status)
	}
}

func watchNames(t *T) {
	t.needWatch()
	repo := t.repo("app")
	s := t.following(t.watchPath())
	one := t.push(repo, thing{}, "v1")
	t.wantEvents("a first push", s.upTo("tag.created", tagKey(repo, "v1")),
		"repository.created put "+lading.RepositoryKey(repo), "manifest.created put "+manifestKey(repo, one), "tag.created put "+tagKey(repo, "v1"))
	two := t.push(repo, thing{}, "v1")
	moved := s.upTo("tag.updated", tagKey(repo, "v1"))
	t.wantEvents("a moved tag", moved, "manifest.created put "+manifestKey(repo, two), "manifest.updated put "+manifestKey(repo, one), "tag.updated put "+tagKey(repo, "v1"))
	if p := moved[len(moved)-1].cloud.Data.Previous; p == nil || p.Digest != one.Digest {
		t.errorf("a moved tag tells %v as what it pointed to, want %s", p, one.Digest)
	}
	t.remove(repo, "v1")
	t.wantEvents("a deleted tag", s.drain(tagKey(repo, "v1"), manifestKey(repo, two)), "manifest.updated put "+manifestKey(repo, two), "tag.deleted remove "+tagKey(repo, "v1"))
	t.remove(repo, string(two.Digest))
	t.wantEvents("a deleted manifest", s.upTo("manifest.deleted", manifestKey(repo, two)), "manifest.deleted remove "+manifestKey(repo, two))
	t.removeRepository(repo)
	t.wantEvents("a deleted repository", s.upTo("repository.deleted", lading.RepositoryKey(repo)), "repository.deleted remove "+lading.RepositoryKey(repo))
}

// drain gathers changes until each of the keys was told.
func (s *stream) drain(keys ...string) []event {
	left := map[string]bool{}
	for _, k := range keys {
		left[k] = true
	}
	return s.until(strings.Join(keys, ", "), func(e event) bool {
		delete(left, e.cloud.Subject)
		return len(left) == 0
	})
}

// wantEvents checks names with operations and keys, in any order.
func (t *T) wantEvents(what string, events []event, want ...string) {
	got := []string{}
	for _, e := range events {
		got = append(got, e.name+" "+string(e.cloud.Data.Op)+" "+e.cloud.Subject)
	}
	if !same(got, want) {
		t.errorf("%s: %s", what, difference(got, want))
	}
}

func watchIDs(t *T) {
	t.needWatch()
	repo := t.repo("app")
	s := t.following(t.watchPath())
	for i := range 3 {
		t.push(repo, thing{}, "v1")
		events := s.drainTag(repo, "v1", i == 0)
		for j, e := range events {
			if last := j == len(events)-1; (e.id != "") != last {
				t.errorf("push %d: event %d of %d, %s, has an id: %v", i, j+1, len(events), e.name, e.id != "")
			}
		}
	}
}

// drainTag gathers the events of one push to a tag: the tag's is the last.
func (s *stream) drainTag(repo, tag string, first bool) []event {
	name := "tag.updated"
	if first {
		name = "tag.created"
	}
	return s.upTo(name, tagKey(repo, tag))
}

func watchResume(t *T) {
	t.needWatch()
	repo := t.repo("app")
	s := t.following(t.watchPath())
	for range 4 {
		t.push(repo, thing{}, "v1")
	}
	t.remove(repo, "v1")
	t.push(repo, thing{}, "end")
	all := s.upTo("tag.created", tagKey(repo, "end"))
	begin := ""
	for i, e := range all {
		if e.id == "" {
			continue
		}
		if begin == "" {
			begin = e.id
		}
		for _, q := range []request{
			{path: t.watchPath("since", e.id)}, {path: t.watchPath("since", begin), header: map[string]string{"Last-Event-ID": e.id}},
		} {
			if i == len(all)-1 {
				break
			}
			again := t.watch(q)
			got := again.upTo("tag.created", tagKey(repo, "end"))
			if want := eventNames(all[i+1:]); !slices.Equal(eventNames(got), want) {
				t.errorf("resumed behind event %d: %s", i+1, difference(eventNames(got), want))
			}
			again.cancel()
		}
	}
	s = t.following(t.watchPath("since", all[len(all)-1].id))
	s.wantNothing("behind the last event", time.Second)
}

func watchInitial(t *T) {
	t.needWatch()
	want := stock(t)
	s := t.following(t.watchPath("initial", "true"))
	c := copyOf{}
	for _, e := range s.synced() {
		if !strings.HasSuffix(e.name, ".state") || e.cloud.Data.Op == lading.OpPut && !strings.HasSuffix(e.cloud.ID, "-state") {
			t.errorf("%s with the id %q: state is told as <kind>.state, with ids that end in -state", e.name, e.cloud.ID)
		}
		c.apply([]lading.Item{e.cloud.Data.Item})
	}
	all := slices.Concat(want["repositories"], want["tags"], want["manifests"])
	if got := slices.Collect(maps.Keys(c)); !same(got, all) {
		t.errorf("the state: %s", difference(got, all))
	}
	t.push(t.repo("a"), thing{}, "new")
	c.apply(itemsOf(s.upTo("tag.created", tagKey(t.repo("a"), "new"))))
	t.wantListed("after synced", c)
}

// wantListed checks that a copy of all kinds is what listings show.
func (t *T) wantListed(what string, c copyOf) {
	fresh := copyOf{}
	for _, kind := range kinds {
		fresh.apply(t.all(t.listPath(kind)).Items)
	}
	t.wantSame(what, c, fresh)
}

func watchSince(t *T) {
	t.needWatch()
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	t.push(t.repo("a"), thing{}, "between")
	s := t.following(t.watchPath("kinds", "tag", "since", cur))
	t.push(t.repo("a"), thing{}, "after")
	t.wantKeys("tags", itemsOf(s.upTo("tag.created", tagKey(t.repo("a"), "after"))), tagKey(t.repo("a"), "between"), tagKey(t.repo("a"), "after"))
	for _, bad := range []string{t.watchPath("since", cur), t.watchPath("kinds", "manifest", "since", cur), t.watchPath("kinds", "tag", "since", cur, "prefix", t.ns+"/a")} {
		t.wantError(t.get(bad), http.StatusBadRequest, "CURSOR_INVALID")
	}
}

func watchKindsOnly(t *T) {
	t.needWatch()
	repo := t.repo("app")
	tags, repos := t.following(t.watchPath("kinds", "tag")), t.following(t.watchPath("kinds", "repository"))
	t.push(repo, thing{}, "v1")
	t.push(repo, thing{}, "v1")
	t.removeRepository(repo)
	gone := lading.RepositoryKey(repo)
	end := func(e event) bool { return e.cloud.Subject == gone && e.cloud.Data.Op == lading.OpRemove }
	t.wantEvents("tags", tags.until("the end of the repository", end), "tag.created put "+tagKey(repo, "v1"), "tag.updated put "+tagKey(repo, "v1"), "repository.deleted remove "+gone)
	t.wantEvents("repositories", repos.until("the end of the repository", end), "repository.created put "+gone, "repository.deleted remove "+gone)
}

func watchActionsOnly(t *T) {
	t.needWatch()
	repo := t.repo("app")
	s := t.following(t.watchPath("actions", "deleted"))
	t.push(repo, thing{}, "v1")
	t.remove(repo, "v1")
	events := s.upTo("tag.deleted", tagKey(repo, "v1"))
	t.wantEvents("actions=deleted", events, "tag.deleted remove "+tagKey(repo, "v1"))
	for _, e := range events {
		if e.id != "" {
			t.errorf("%s has an id", e.name)
		}
	}
	t.wantParameter(t.get(t.watchPath("actions", "deleted", "initial", "true")), "initial")
}

func watchData(t *T) {
	t.needWatch()
	repo := t.repo("app")
	whole, plain, pointer := t.following(t.watchPath("data", "manifest")), t.following(t.watchPath()), t.following(t.watchPath("data", "pointer"))
	d, body := t.manifest(repo, thing{artifactType: "application/vnd.conformance.one", annotations: map[string]string{"note": "shown"}})
	t.put(repo, d, body)
	for what, s := range map[string]*stream{"manifest": whole, "descriptor": plain, "pointer": pointer} {
		events := s.upTo("manifest.created", manifestKey(repo, d))
		it := events[len(events)-1].cloud.Data
		if it.Descriptor == nil || it.Descriptor.Digest != d.Digest || it.Descriptor.Size != d.Size || it.Descriptor.MediaType != d.MediaType {
			t.errorf("data=%s: the descriptor is %+v", what, it.Descriptor)
			continue
		}
		if (it.Descriptor.Annotations["note"] == "shown") != (what != "pointer") {
			t.errorf("data=%s: the annotations are %v", what, it.Descriptor.Annotations)
		}
		if (len(it.Manifest) > 0) != (what == "manifest") || what == "manifest" && digest.FromBytes(it.Manifest) != d.Digest {
			t.errorf("data=%s: %d bytes of the manifest", what, len(it.Manifest))
		}
	}
}

func watchChain(t *T) {
	t.needWatch()
	repo := t.repo("app")
	t.push(repo, thing{}, "v1")
	s := t.following("/v2/" + repo + "/_lading/watch/events")
	for range 3 {
		t.push(repo, thing{}, "v1", "v2")
	}
	t.remove(repo, "v2")
	t.push(repo, thing{}, "end")
	last := int64(0)
	for _, e := range s.upTo("tag.created", tagKey(repo, "end")) {
		it := e.cloud.Data
		if last > 0 && (it.PrevRev != last || it.Rev != last+1) {
			t.errorf("%s has rev %d and prev_rev %d after rev %d", e.name, it.Rev, it.PrevRev, last)
		}
		last = it.Rev
	}
}

func watchBookmark(t *T) {
	t.needWatch()
	s := t.following(t.watchPath())
	deadline := time.Now().Add(25 * time.Second)
	for {
		e, ok := s.next(time.Until(deadline))
		if !ok {
			t.fatalf("no bookmark within 25 seconds")
		}
		if e.name == string(lading.ControlBookmark) {
			if !tokenForm.MatchString(e.id) {
				t.errorf("the bookmark has the id %q", e.id)
			}
			break
		}
	}
}

func watchFilter(t *T) {
	t.needWatch()
	repo := t.repo("app")
	const in = "application/vnd.conformance.in"
	t.push(repo, thing{artifactType: in}, "v1")
	s := t.following(t.watchPath("kinds", "tag", "type", in))
	t.push(repo, thing{}, "other")
	t.push(repo, thing{}, "v1")
	t.push(repo, thing{artifactType: in}, "end")
	for _, e := range s.upTo("tag.created", tagKey(repo, "end")) {
		switch e.cloud.Subject {
		case tagKey(repo, "v1"):
			if e.cloud.Data.Op != lading.OpRemove {
				t.errorf("a tag that leaves the filter is a %s", e.cloud.Data.Op)
			}
			s.seen = true
		case tagKey(repo, "other"):
			t.errorf("a tag that never matched is told: %s", e.name)
		}
	}
	if !s.seen {
		t.errorf("a tag that leaves the filter is not told")
	}
}

func watchRecreated(t *T) {
	t.needWatch()
	repo := t.repo("app")
	t.push(repo, thing{}, "v1", "old")
	s := t.following(t.watchPath("initial", "true"))
	c := copyOf{}
	c.apply(itemsOf(s.synced()))
	t.removeRepository(repo)
	t.push(repo, thing{}, "v2")
	c.apply(itemsOf(s.upTo("tag.created", tagKey(repo, "v2"))))
	t.wantListed("a recreated repository", c)
}

func watchParameters(t *T) {
	t.needWatch()
	for _, c := range [][2]string{{"x", "y"}, {"n", "1"}, {"page", "x"}, {"order", "name"}, {"wait", "1"}, {"view", "stats"}, {"kinds", "blob"}, {"kinds", ""},
		{"actions", "pushed"}, {"data", "all"}, {"initial", "yes"}, {"type", "a/b/c"}, {"created_after", "now"}} {
		t.wantParameter(t.get(t.watchPath(c[0], c[1])), c[0])
	}
	t.wantParameter(t.get(t.watchPath("kinds", "tag", "tagged", "true")), "tagged")
}

func watchRefused(t *T) {
	t.needWatch()
	t.wantError(t.get("/v2/"+t.repo("nothing")+"/_lading/watch/events"), http.StatusNotFound, "NAME_UNKNOWN")
	stock(t)
	cur := t.all(t.listPath("tags")).Cursor
	for _, bad := range []string{flip(cur), "x", cur + "A"} {
		t.wantError(t.get(t.watchPath("kinds", "tag", "since", bad)), http.StatusBadRequest, "CURSOR_INVALID")
		t.wantError(t.do(request{path: t.watchPath("kinds", "tag"), header: map[string]string{"Last-Event-ID": bad}}), http.StatusBadRequest, "CURSOR_INVALID")
	}
}

func watchRandom(t *T) {
	t.needWatch()
	stock(t)
	s := t.following(t.watchPath("initial", "true"))
	c, last := copyOf{}, ""
	take := func(events []event) {
		c.apply(itemsOf(events))
		for _, e := range events {
			if e.id != "" {
				last = e.id
			}
		}
	}
	take(s.synced())
	rng := rand.New(rand.NewPCG(3, 4))
	repos := []string{t.repo("a"), t.repo("a-b"), t.repo("e")}
	seen := map[string]bool{}
	for i := range 8 {
		for range 4 {
			t.randomChange(rng, repos[rng.IntN(len(repos))])
		}
		var marks []string // there is order within a repository alone
		for _, repo := range repos {
			mark := fmt.Sprintf("mark%d", i)
			t.push(repo, thing{}, mark)
			marks = append(marks, tagKey(repo, mark))
		}
		events := s.drain(marks...)
		for _, e := range events {
			if id := e.cloud.Source + " " + e.cloud.ID; seen[id] && !strings.HasSuffix(id, "-state") {
				t.errorf("%s %s, %s, is told twice on one stream", e.name, e.cloud.Subject, e.cloud.ID)
			} else {
				seen[id] = true
			}
		}
		take(events)
		if i%3 == 2 && last != "" {
			s.cancel()
			clear(seen)
			s = t.following(t.watchPath("since", last))
		}
	}
	t.wantListed("after random changes", c)
}

func watchExpired(t *T) {
	t.needWatch()
	old := t.s.opt.Expired
	if old == "" {
		t.skipf("no expired cursor was given")
	}
	for _, q := range []request{{path: "/v2/_lading/watch/events?kinds=tag&since=" + old},
		{path: "/v2/_lading/watch/events?kinds=tag", header: map[string]string{"Last-Event-ID": old}}} {
		detail := t.wantError(t.do(q), http.StatusGone, "CURSOR_EXPIRED")
		if resync, _ := detail["resync"].(string); resync == "" || detail["retry_after_s"] == nil {
			t.errorf("the detail is %v, want resync and retry_after_s", detail)
		}
	}
}

func watchHidden(t *T) {
	t.needWatch()
	t.twoCallers()
	stock(t)
	t.hide()
	s := t.watch(request{path: "/v2/_lading/watch/events?initial=true&prefix=" + t.ns + "&prefix=" + t.hidden, other: true})
	for _, e := range s.synced() {
		if strings.Contains(string(e.data), t.hidden) {
			t.errorf("the state names what may not be seen: %s", cut(string(e.data), 300))
		}
	}
	t.hide()
	t.removeRepository(t.hidden + "/r1")
	t.push(t.repo("a"), thing{}, "end")
	for _, e := range s.upTo("tag.created", tagKey(t.repo("a"), "end")) {
		if strings.Contains(string(e.data), t.hidden) {
			t.errorf("%s tells of what may not be seen: %s", e.name, cut(string(e.data), 300))
		}
	}
	t.wantError(t.do(request{path: "/v2/" + t.hidden + "/r2/_lading/watch/events", other: true}), http.StatusNotFound, "NAME_UNKNOWN")
}
