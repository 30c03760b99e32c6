package main

import (
	"testing"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestWatchShort runs the benchmark of streams in its short form, which fails
// where an event is missed, a stream begins anew, or the server does not stop.
func TestWatchShort(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "postgres": sqldbtest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			if err := watchCommand(t.Context(), []string{"-dir", t.TempDir(), "-url", url, "-watchers", "20", "-seconds", "1", "-idle", "60", "-settle", "1",
				"-stalled", "5", "-pairs", "1", "-pairseconds", "1"}); err != nil {
				t.Error(err)
			}
		})
	}
}
