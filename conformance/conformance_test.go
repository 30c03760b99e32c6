package conformance_test

import (
	"testing"

	"github.com/lading-dev/lading/conformance"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestConforms: the registry passes the whole suite, on both catalogs, and no
// case is left out.
func TestConforms(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		opt, handler := registry(t, fresh(t), quick)
		for _, r := range run(t, handler, opt).Results {
			if r.Status != conformance.Passed {
				t.Errorf("%s", r.Text())
			}
		}
	})
}

// TestShortPages: the same with an engine that looks at few rows for a page,
// so that pages are short, or empty, and still have a next one.
func TestShortPages(t *testing.T) {
	opt, handler := registry(t, sqldbtest.SQLite(t), discover.Options{Scan: 3, PageBytes: 2000, Enumerate: 1, Sources: 2, Watch: quick.Watch})
	for _, r := range run(t, handler, opt).Results {
		if r.Status != conformance.Passed {
			t.Errorf("%s", r.Text())
		}
	}
}
