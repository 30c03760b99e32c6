package discover_test

import (
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// TestReborn: an item that was deleted and came again, and no longer matches,
// is removed from the copy that held it.
func TestReborn(t *testing.T) {
	yes := true
	cut := time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		name  string
		query lading.Query
		again func(f *fixture)
	}{
		{"a tag of another type", lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"a/a"}}},
			func(f *fixture) { f.Put("r", typed("b/b"), "v1") }},
		{"a tag created later", lading.Query{Kind: lading.KindTags, Scope: lading.Scope{CreatedBefore: cut}},
			func(f *fixture) { f.Put("r", typed("a/a"), "v1") }},
		{"a manifest without a tag", lading.Query{Kind: lading.KindManifests, Scope: lading.Scope{Tagged: &yes}},
			func(f *fixture) { f.Put("r", typed("a/a")) }},
	} {
		eachEngine(t, func(t *testing.T, f *fixture) {
			f.Put("r", typed("a/a"), "v1")
			f.Put("r", typed("b/b"), "v2")
			q := test.query
			items, cursor := f.all(q, 100)
			if len(items) == 0 {
				t.Fatalf("%s: nothing matches at first", test.name)
			}
			f.Clock.Add(time.Hour)
			f.Delete("r", typed("a/a").Digest())
			test.again(f)
			q.Since = cursor
			delta, _ := f.all(q, 100)
			got, want := apply(nil, items), map[string]lading.Item{}
			q.Since = ""
			now, _ := f.all(q, 100)
			got, want = apply(got, delta), apply(want, now)
			if !sameKeys(got, want) {
				t.Errorf("%s: the copy holds %v, the listing %v", test.name, keysOf(got), keysOf(want))
			}
		})
	}
}
