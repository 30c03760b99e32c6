package discover_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/journal"
)

// TestAge: a cursor expires by its age, whether or not anything was deleted,
// and purged, of which its holder may not know.
func TestAge(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.engine = f.with(discover.Options{Retention: 2 * time.Hour, Now: f.Clock.Now})
		f.grants = lading.NewGrants(lading.RepositoryRange("mine"))
		f.Put("mine", spec{Name: "m"}, "1")
		f.Put("hidden", spec{Name: "m"}, "1", "2")
		for _, deleted := range []string{"", "1", "2"} {
			_, cursor := f.all(lading.Query{Kind: lading.KindTags}, 10)
			ask := func() error {
				_, err := f.engine.List(f.ctx(), lading.Query{Kind: lading.KindTags, Since: cursor})
				return err
			}
			f.Clock.Add(time.Second)
			if deleted != "" {
				f.Untag("hidden", deleted)
			}
			f.Clock.Add(time.Hour)
			if err := ask(); err != nil {
				t.Errorf("deleted %q: after an hour: %v", deleted, err)
			}
			f.Clock.Add(2 * time.Hour)
			for shard := range f.DB.Shards() {
				_, err := f.Cat.PurgeTombstones(t.Context(), shard, journal.Pos(f.Clock.Now().Add(-2*time.Hour)))
				f.Must(err)
			}
			if err := ask(); !errors.Is(err, lading.ErrCursorExpired) {
				t.Errorf("deleted %q: after three hours: %v", deleted, err)
			}
		}
	})
}
