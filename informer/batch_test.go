package informer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// item is a tag's, written "repo:tag@rev".
func item(s string) lading.Item {
	name, rev, _ := strings.Cut(s, "@")
	repo, tag, _ := strings.Cut(name, ":")
	return lading.Item{Op: lading.OpPut, Key: lading.TagKey(repo, tag), Repository: repo, Tag: tag, Incarnation: "f3", Rev: int64(rev[0] - '0')}
}

// operation is an item, a key that is removed ("-key"), or a repository that
// begins anew ("!repo").
func operation(s string) lading.Item {
	if key, ok := strings.CutPrefix(s, "-"); ok {
		key, rev, _ := strings.Cut(key, "@")
		it := lading.Item{Op: lading.OpRemove, Key: key}
		if rev != "" {
			it.Incarnation, it.Rev = "f3", int64(rev[0]-'0')
		}
		return it
	}
	if repo, ok := strings.CutPrefix(s, "!"); ok {
		return lading.Item{Op: lading.OpReset, Key: lading.RepositoryKey(repo)}
	}
	return item(s)
}

func TestBatch(t *testing.T) {
	for _, tt := range []struct {
		name, held, ops, want, told string
	}{
		{"put", "", "a:1@1", "a:1@1", "+a:1"},
		{"put again", "a:1@1", "a:1@1", "a:1@1", ""},
		{"put a newer one", "a:1@1", "a:1@2", "a:1@2", "*a:1"},
		{"put an older one", "a:1@3", "a:1@2", "a:1@3", ""},
		{"remove", "a:1@1 a:2@1", "-tag:a:1", "a:2@1", "-a:1"},
		{"remove an older one", "a:1@3", "-tag:a:1@2", "a:1@3", ""},
		{"remove this one", "a:1@3", "-tag:a:1@3", "", "-a:1"},
		{"remove what is not held", "a:1@1", "-tag:a:2 -manifest:a@sha256:0 -repository:b -range:x..", "a:1@1", ""},
		{"put and remove", "", "a:1@1 -tag:a:1", "", ""},
		{"remove and put", "a:1@1", "-tag:a:1 a:1@2", "a:1@2", "*a:1"},
		{"remove and put the same", "a:1@1", "-tag:a:1 a:1@1", "a:1@1", ""},
		{"several of one key", "a:1@1", "a:1@2 a:1@3", "a:1@3", "*a:1"},
		{"remove a repository", "a:1@1 a:2@1 a/b:1@1", "-repository:a", "a/b:1@1", "-a:1 -a:2"},
		{"remove what was just put", "a:1@1", "a:2@2 -repository:a a:3@3", "a:3@3", "+a:3 -a:1"},
		{"reset", "a:1@1 a:2@2", "!a a:1@5 a:3@6", "a:1@5 a:3@6", "*a:1 +a:3 -a:2"},
		{"range", "a:1@1 b:1@1 c:1@1 d:1@1", "-range:b..d", "a:1@1 d:1@1", "-b:1 -c:1"},
		{"range without end", "a:1@1 b:1@1 c:1@1", "-range:b..", "a:1@1", "-b:1 -c:1"},
		{"range from the beginning", "a:1@1 b:1@1", "-range:..b", "b:1@1", "-a:1"},
		{"range whose beginning ends in a dot", "a:1@1 a.b:1@1 a/b:1@1", "-range:a...a/", "a/b:1@1 a:1@1", "-a.b:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &Memory{}
			var at []lading.Item
			for _, s := range strings.Fields(tt.held) {
				at = append(at, item(s))
			}
			if err := m.Apply(t.Context(), at, "c0"); err != nil {
				t.Fatal(err)
			}
			b := newBatch(m)
			for _, s := range strings.Fields(tt.ops) {
				if err := b.add(t.Context(), operation(s)); err != nil {
					t.Fatal(err)
				}
			}
			var told []string
			name := func(it lading.Item) string { return it.Repository + ":" + it.Tag }
			b.tell(&Options{
				OnAdd:    func(it lading.Item) { told = append(told, "+"+name(it)) },
				OnUpdate: func(_, it lading.Item) { told = append(told, "*"+name(it)) },
				OnDelete: func(it lading.Item) { told = append(told, "-"+name(it)) },
			})
			slices.Sort(told)
			if err := m.Apply(t.Context(), b.ops(), "c1"); err != nil {
				t.Fatal(err)
			}
			var got []string
			for it := range m.Range(t.Context(), lading.Range{}) {
				got = append(got, name(it)+"@"+string(rune('0'+it.Rev)))
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want || strings.Join(told, " ") != tt.told {
				t.Errorf("holds %q, told %q", got, told)
			}
		})
	}
}

func TestNoOperation(t *testing.T) {
	for _, it := range []lading.Item{{Op: "rename", Key: "tag:a:1"}, {Op: lading.OpReset, Key: "tag:a:1"},
		{Op: lading.OpRemove, Key: "range:a"}, {Op: lading.OpRemove, Key: "weather:sun"}, {Op: lading.OpRemove}, {}} {
		if err := newBatch(&Memory{}).add(t.Context(), it); !errors.Is(err, errOperation) {
			t.Errorf("%+v: %v", it, err)
		}
	}
}

// played is a registry whose streams are as they are told, one after the
// other. Its listing has nothing.
type played struct {
	streams [][]lading.Event
	since   []string
	cancel  context.CancelFunc
}

func (p *played) List(_ context.Context, q lading.Query) (lading.Listing, error) {
	return lading.Listing{Delta: q.Since != "none", Cursor: "c0"}, nil
}

func (p *played) Watch(_ context.Context, q lading.WatchQuery) (lading.Stream, error) {
	p.since = append(p.since, q.Since)
	if len(p.streams) == 0 {
		p.cancel()
		return nil, context.Canceled
	}
	s := &playedStream{events: p.streams[0]}
	p.streams = p.streams[1:]
	return s, nil
}

type playedStream struct{ events []lading.Event }

func (s *playedStream) Next(context.Context) ([]lading.Event, error) {
	if len(s.events) == 0 {
		return nil, lading.ErrUnavailable // without a word
	}
	e := s.events[:1]
	s.events = s.events[1:]
	return e, nil
}

func (s *playedStream) Close() {}

func changed(cursor, op string) lading.Event {
	return lading.Event{Cursor: cursor, Change: &lading.Change{Item: lading.ChangedItem{Item: operation(op)}}}
}

// What a stream tells counts with the cursor behind it, and not before: a
// transaction that is cut in two is told again, whole.
func TestTransactions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &played{cancel: cancel, streams: [][]lading.Event{
		{changed("", "a:1@1"), changed("c1", "a:2@2"), changed("", "a:3@3")},
		{changed("", "a:3@3"), {Control: lading.ControlGoaway, Goaway: &lading.Goaway{Reason: lading.GoawayDrain, RetryMS: 5}}},
		{changed("", "a:3@3"), changed("c2", "a:1@4"), {Cursor: "c3", Control: lading.ControlBookmark}},
	}}
	var steps []string
	m := &noting{steps: &steps}
	inf := New(p, Options{Query: lading.Query{Kind: lading.KindTags}, Store: m,
		OnAdd: func(it lading.Item) { steps = append(steps, "+"+it.Tag) }, OnUpdate: func(_, it lading.Item) { steps = append(steps, "*"+it.Tag) }})
	if err := inf.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := strings.Join(steps, " "); got != "c0:0 c0:0 c1:2 +1 +2 c2:2 +3 *1 c3:0" {
		t.Errorf("it went %s", got)
	}
	if got := strings.Join(p.since, " "); got != "c0 c1 c1 c3" {
		t.Errorf("it asked since %s", got)
	}
}

// noting notes what is applied.
type noting struct {
	Memory
	steps *[]string
}

func (n *noting) Apply(ctx context.Context, ops []lading.Item, cursor string) error {
	*n.steps = append(*n.steps, cursor+":"+string(rune('0'+len(ops))))
	return n.Memory.Apply(ctx, ops, cursor)
}

// More than can be held is listed anew rather than held.
func TestTooMuch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &played{cancel: cancel, streams: [][]lading.Event{{changed("", "a:1@1"), changed("", "a:2@2"), changed("", "a:3@3"), changed("c1", "a:4@4")}}}
	var seen []error
	inf := New(p, Options{Query: lading.Query{Kind: lading.KindTags}, MaxPending: 2, OnError: func(err error) { seen = append(seen, err) }})
	if err := inf.Run(ctx); !errors.Is(err, context.Canceled) || len(seen) != 1 || !errors.Is(seen[0], errPending) {
		t.Errorf("%v, %v", err, seen)
	}
}
