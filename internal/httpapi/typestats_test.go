package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// someTypes are definitions that nobody can change.
type someTypes struct {
	Types
	names []string
}

func (s someTypes) Definitions(context.Context) (out []lading.Definition, _ error) {
	for _, name := range s.names {
		out = append(out, lading.Definition{Name: name, Source: "built-in", JSON: json.RawMessage("{}")})
	}
	return out, nil
}

// pagesOf answers a listing in pages of these lengths, and of an error where a
// length is negative.
func pagesOf(t *testing.T, lengths map[string][]int) func(context.Context, lading.Query) (lading.Listing, error) {
	return func(_ context.Context, q lading.Query) (out lading.Listing, err error) {
		name, at := strings.Join(q.Scope.Types, " "), 0
		if q.Page != "" {
			if _, err := fmt.Sscanf(q.Page, "%s %d", &name, &at); err != nil {
				t.Fatal(err)
			}
		}
		pages := lengths[name]
		if pages[at] < 0 {
			return out, lading.InvalidParameter("type", "is no type")
		}
		if pages[at] > q.N {
			t.Errorf("%s: %d items are asked for, and %d would do", name, q.N, pages[at])
		}
		out.Items = make([]lading.Item, pages[at])
		if at+1 < len(pages) {
			out.Next = fmt.Sprint(name, " ", at+1)
		}
		return out, nil
	}
}

// TestTypeStats: counts are exact up to 1,000, and bounded in any case.
func TestTypeStats(t *testing.T) {
	long := make([]int, 200)
	for i := range long {
		long[i] = 3
	}
	tests := []struct {
		name  string
		pages []int
		want  any
	}{
		{"none", []int{0}, 0.0}, {"few", []int{12}, 12.0}, {"short-pages", []int{12, 0, 5}, 17.0},
		{"exactly", []int{1000}, 1000.0}, {"exactly-and-a-page", []int{1000, 0}, 1000.0}, {"one-more", []int{1000, 1}, "1000+"},
		{"many", []int{400, 400, 201}, "1000+"}, {"slow", long, "285+"}, {"slow-too", long, "3+"}, {"gone", []int{-1}, 0.0},
	}
	reg, types, pages := newMemory(), someTypes{}, map[string][]int{}
	for _, test := range tests {
		types.names = append(types.names, test.name)
		pages[test.name] = test.pages
	}
	reg.list = pagesOf(t, pages)
	h := New(reg, Options{Types: types})
	get := func(query string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/_lading/types/definitions"+query, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get(""); code != http.StatusOK || strings.Contains(body, "stats") || len(reg.calls) > 0 {
		t.Errorf("without a view: %d %s, %d listings", code, body, len(reg.calls))
	}
	code, body := get("?view=stats")
	var got struct {
		Definitions []struct {
			Name  string
			Stats map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK || len(got.Definitions) != len(tests) {
		t.Fatalf("%d %v %s", code, err, body)
	}
	for i, test := range tests {
		if d := got.Definitions[i]; d.Name != test.name || !reflect.DeepEqual(d.Stats, map[string]any{"manifests": test.want}) {
			t.Errorf("%s: %+v, want %v", test.name, d, test.want)
		}
	}
	for _, query := range []string{"?view=", "?view=all", "?view=stats&view=stats", "?view=stats&n=1", "?n=1"} {
		if code, body := get(query); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	r, err := parseURL(t, http.MethodGet, "/v2/_lading/types/definitions?view=stats")
	if err != nil || !reflect.DeepEqual(r, Request{Action: ActionDefinitions, Stats: true}) || r.URL() != "/v2/_lading/types/definitions?view=stats" {
		t.Errorf("%+v, %v, written as %s", r, err, r.URL())
	}
}
