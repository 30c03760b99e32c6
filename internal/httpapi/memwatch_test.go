package httpapi

import (
	"context"
	"io"
	"sync"

	"github.com/lading-dev/lading"
)

// scripted is a stream that tells what a test wants it to.
type scripted struct {
	steps  chan []lading.Event // closed for the end
	fail   error               // what Next returns at the end, if not io.EOF
	once   sync.Once
	closed chan struct{}
}

func newScripted(steps ...[]lading.Event) *scripted {
	s := &scripted{steps: make(chan []lading.Event, len(steps)+1), closed: make(chan struct{})}
	for _, step := range steps {
		s.steps <- step
	}
	return s
}

// ended is the script with no more to come.
func (s *scripted) ended(err error) *scripted {
	s.fail = err
	close(s.steps)
	return s
}

func (s *scripted) Next(ctx context.Context) ([]lading.Event, error) {
	select {
	case events, ok := <-s.steps:
		if ok {
			return events, nil
		}
		if s.fail != nil {
			return nil, s.fail
		}
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *scripted) Close() { s.once.Do(func() { close(s.closed) }) }

func (m *memory) Watch(_ context.Context, q lading.WatchQuery) (lading.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watched = append(m.watched, q)
	if err := m.failure("Watch"); err != nil {
		return nil, err
	}
	if m.stream != nil {
		return m.stream, nil
	}
	return shortStream().ended(m.failure("Next")), nil
}

// aPush is what a push makes of a new manifest and a tag that was there.
func aPush() []lading.Event {
	manifest := &lading.ItemDescriptor{Descriptor: lading.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: d256, Size: 7,
		Annotations: map[string]string{"title": "a \"quoted\"\nline\u2028 & <b>"}}}
	created := &lading.Change{Kind: lading.KindManifests, Action: lading.ActionCreated, Time: memTime, ID: "f3-811",
		Item: lading.ChangedItem{PrevRev: 810, Manifest: []byte("{\"a\":1}"), Item: lading.Item{Op: lading.OpPut, Key: lading.ManifestKey("acme/web", d256),
			Repository: "acme/web", Incarnation: "f3", Rev: 811, Descriptor: manifest, Type: "unknown", Tags: []string{"1.0"}, Created: &memTime, Modified: &memTime}}}
	updated := &lading.Change{Kind: lading.KindTags, Action: lading.ActionUpdated, Time: memTime, ID: "f3-812",
		Item: lading.ChangedItem{PrevRev: 811, Previous: &lading.Previous{Digest: d512}, Actor: "alice", Item: lading.Item{Op: lading.OpPut, Key: lading.TagKey("acme/web", "1.0"),
			Repository: "acme/web", Incarnation: "f3", Rev: 812, Tag: "1.0", Descriptor: manifest, Type: "unknown"}}}
	return []lading.Event{{Change: created}, {Change: updated, Cursor: "c.1-_A"}}
}

// shortStream has an event of every name.
func shortStream() *scripted {
	removed := func(kind lading.Kind, key, id string) *lading.Change {
		return &lading.Change{Kind: kind, Action: lading.ActionDeleted, Time: memTime, ID: id,
			Item: lading.ChangedItem{Item: lading.Item{Op: lading.OpRemove, Key: key, Repository: "acme/web", Incarnation: "f3", Rev: 9}}}
	}
	state := &lading.Change{Kind: lading.KindRepositories, Action: lading.ActionState, Time: memTime, ID: "f3-1-state",
		Item: lading.ChangedItem{Item: lading.Item{Op: lading.OpReset, Key: lading.RepositoryKey("acme/web"), Repository: "acme/web", Incarnation: "f3", Rev: 1}}}
	lost := &lading.Change{Kind: lading.KindRepositories, Action: lading.ActionState, Time: memTime, ID: "range-state",
		Item: lading.ChangedItem{Item: lading.Item{Op: lading.OpRemove, Key: lading.RangeKey("a", "b")}}}
	return newScripted(
		[]lading.Event{{Change: state}, {Change: lost}, {Control: lading.ControlSynced, Cursor: "c.0"}},
		aPush(),
		[]lading.Event{{Change: removed(lading.KindTags, lading.TagKey("acme/web", "1.0"), "f3-813")},
			{Change: removed(lading.KindManifests, lading.ManifestKey("acme/web", d256), "f3-814"), Cursor: "c.2"},
			{Change: removed(lading.KindRepositories, lading.RepositoryKey("acme/web"), "f3-815"), Cursor: "c.3"}},
		[]lading.Event{{Control: lading.ControlBookmark, Cursor: "c.4"}, {Control: lading.ControlCoalesced}},
		[]lading.Event{{Control: lading.ControlGoaway, Goaway: &lading.Goaway{Reason: lading.GoawayMaxAge, RetryMS: 1234}}},
	)
}
