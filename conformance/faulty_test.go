package conformance_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/conformance"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// everyForm drops an operation in pages and in lines.
func everyForm(op, kind string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return dropOp(op, kind)(header(func(_ *http.Request, a *reply) {
			if a.header.Get("Content-Type") != "application/x-ndjson" {
				return
			}
			var kept [][]byte
			for _, line := range bytes.SplitAfter(a.body, []byte("\n")) {
				if !bytes.HasPrefix(line, fmt.Appendf(nil, `{"op":%q,"key":"%s:`, op, kind)) {
					kept = append(kept, line)
				}
			}
			a.body = bytes.Join(kept, nil)
		})(next))
	}
}

// sameCursors gives the same cursor to the same question as long as the
// answer is the same.
func sameCursors() func(http.Handler) http.Handler {
	var mu sync.Mutex
	known := map[string]string{}
	return paging(func(r *http.Request, a *reply, page map[string]any, items []any) []any {
		cur, ok := page["cursor"].(string)
		if !ok {
			return items
		}
		mu.Lock()
		defer mu.Unlock()
		key := r.URL.String() + fmt.Sprint(items)
		if old := known[key]; old != "" {
			cur = old
		}
		known[key], page["cursor"] = cur, cur
		a.header.Set("Etag", `"`+cur+`"`)
		a.header.Set("Lading-Cursor", cur)
		return items
	})
}

// onceOnly refuses a cursor that was presented before.
func onceOnly() func(http.Handler) http.Handler {
	var mu sync.Mutex
	used := map[string]bool{}
	return header(func(r *http.Request, a *reply) {
		if cur := r.URL.Query().Get("since"); cur != "" {
			mu.Lock()
			defer mu.Unlock()
			if used[cur] {
				a.status = http.StatusGone
			}
			used[cur] = true
		}
	})
}

// emptyPages shows everybody's pages with the hidden items taken out: what is
// filtered afterwards.
func emptyPages() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		out := items(func(it map[string]any) any {
			if repo, _ := it["repository"].(string); strings.HasPrefix(repo, "secret/") {
				return nil
			}
			return it
		})(as("ada", always)(next))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(userHeader) == "bob" {
				out.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// onStream changes the header of streams.
func onStream(change func(http.Header)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if watching(r) {
				w = &headerWriter{w, change}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type headerWriter struct {
	http.ResponseWriter
	change func(http.Header)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *headerWriter) WriteHeader(status int) {
	w.change(w.Header())
	w.ResponseWriter.WriteHeader(status)
}

// TestFaults: a registry that breaks a rule fails the cases that are named.
func TestFaults(t *testing.T) {
	opt, handler := registry(t, sqldbtest.SQLite(t), quick)
	opt.Soon = 3 * time.Second
	for _, f := range faults {
		t.Run(strings.ReplaceAll(f.rule, " ", "-"), func(t *testing.T) {
			t.Parallel() // they wait more than they work
			if strings.HasPrefix(f.cases[0], "COST-") {
				wantCaught(t, f.wrap(bounded(t)), opt, f.cases)
				return
			}
			wantCaught(t, f.wrap(handler), opt, f.cases)
		})
	}
}

// quick is an engine whose streams are told of in less time.
var quick = discover.Options{Watch: discover.WatchOptions{Bookmark: 2 * time.Second}}

func wantCaught(t *testing.T, h http.Handler, opt conformance.Options, cases []string) {
	t.Helper()
	for _, name := range cases {
		opt.Only = []string{name}
		found := false
		for _, r := range run(t, h, opt).Results {
			found = found || r.ID == name
			if r.ID == name && r.Status != conformance.Failed {
				t.Errorf("%s did not notice: %s %s", name, r.Status, r.Reason)
			}
		}
		if !found {
			t.Errorf("there is no case %s", name)
		}
	}
}

// TestEngineFaults: the same, where the fault is in the engine itself.
func TestEngineFaults(t *testing.T) {
	for rule, f := range map[string]struct {
		faults discover.Faults
		cases  []string
	}{
		"the cursor is taken at the end":    {discover.Faults{EndCursor: true}, []string{"PAGE-7", "PAGE-8"}},
		"leavers are kept":                  {discover.Faults{KeepLeavers: true}, []string{"DELT-10", "DELT-18"}},
		"a recreated repository stays":      {discover.Faults{NoIncarnation: true}, []string{"DELT-9"}},
		"a filter hides repositories' ends": {discover.Faults{FilterHidesRepo: true}, []string{"DELT-13"}},
		"a listing shows what is new":       {discover.Faults{ShowNew: true}, []string{"PAGE-8"}},
	} {
		t.Run(strings.ReplaceAll(rule, " ", "-"), func(t *testing.T) {
			opt, handler := registry(t, sqldbtest.SQLite(t), quick.Seed(f.faults))
			wantCaught(t, handler, opt, f.cases)
		})
	}
}

// TestEveryCaseFails: there is a fault for each case.
func TestEveryCaseFails(t *testing.T) {
	caught := map[string]bool{}
	for _, f := range faults {
		for _, name := range f.cases {
			caught[name] = true
		}
	}
	for _, c := range conformance.Cases() {
		if !caught[c.ID] && !slices.Contains([]string{"PAGE-8", "DELT-10", "DELT-13", "DELT-18"}, c.ID) {
			t.Errorf("no fault for %s: %s", c.ID, c.Title)
		}
	}
}
