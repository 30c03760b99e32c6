package conformance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/conformance"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestConforms: the registry passes the whole suite, on both catalogs, and no
// case is left out.
func TestConforms(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		opt, handler := registry(t, fresh(t), quick)
		opt.Soon = time.Minute // on a busy machine
		for _, r := range run(t, handler, opt).Results {
			if r.Status != conformance.Passed && !ofCost(r) {
				t.Errorf("%s", r.Text())
			}
		}
	})
}

// ofCost tells the cases that are left out where callers have a lot.
func ofCost(r conformance.Result) bool {
	return r.Status == conformance.Skipped && strings.HasPrefix(r.ID, "COST-")
}

// TestConformsBounded: the registry passes the cases of what a caller may have
// where it says that that is little.
func TestConformsBounded(t *testing.T) {
	report := run(t, bounded(t), conformance.Options{Header: asUser("ada"), Only: []string{"COST"}})
	for _, r := range report.Results {
		if r.Status != conformance.Passed {
			t.Errorf("%s", r.Text())
		}
	}
	if len(report.Results) != 4 {
		t.Errorf("%d cases", len(report.Results))
	}
}

// TestNoRegistry: what speaks another language, or nonsense, fails the suite
// and does not break it.
func TestNoRegistry(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"nothing":         http.NotFound,
		"an empty answer": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"an object": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusCreated)
			}
			_, _ = io.WriteString(w, `{"kind":"list","items":[{"op":"put"},{}],"extensions":[{"name":"_lading","endpoints":["_lading/watch/events"]}]}`)
		},
	} {
		report := run(t, h, conformance.Options{Other: asUser("bob"), Hidden: "secret", Soon: 10 * time.Millisecond})
		if report.Conforms() || report.Count(conformance.Passed) > 5 || len(report.Results) != len(conformance.Cases()) {
			t.Errorf("%s: %d of %d passed", name, report.Count(conformance.Passed), len(report.Results))
		}
	}
}

// TestShortPages: the same with an engine that looks at few rows for a page,
// so that pages are short, or empty, and still have a next one.
func TestShortPages(t *testing.T) {
	opt, handler := registry(t, sqldbtest.SQLite(t), discover.Options{Scan: 3, PageBytes: 2000, Enumerate: 1, Sources: 2, Watch: quick.Watch})
	for _, r := range run(t, handler, opt).Results {
		if r.Status != conformance.Passed && !ofCost(r) {
			t.Errorf("%s", r.Text())
		}
	}
}
