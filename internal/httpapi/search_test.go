package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

func TestParseSearch(t *testing.T) {
	for query, want := range map[string]lading.SearchQuery{
		"":                            {N: 25, Page: 1},
		"q=web":                       {Text: "web", N: 25, Page: 1},
		"q=+Acme%2FWeb+":              {Text: "acme/web", N: 25, Page: 1},
		"q=a&n=5&page=3":              {Text: "a", N: 5, Page: 3},
		"n=0&page=0":                  {N: 1, Page: 1},
		"n=99999999999999999999":      {N: maxSearchPage, Page: 1},
		"page=99999999999999999999":   {N: 25, Page: lading.MaxSearch + 1},
		"q=a&unknown=x&n=&page=":      {Text: "a", N: 25, Page: 1},
		"q=" + strings.Repeat("a", 9): {Text: "aaaaaaaaa", N: 25, Page: 1},
	} {
		q, err := Parse(http.MethodGet, "/v1/search", query)
		if err != nil || q.Search != want {
			t.Errorf("%s: %+v, %v", query, q.Search, err)
		}
	}
	for _, query := range []string{"q=%00", "q=é", "q=a%25", "q=a b", "n=x", "n=-1", "page=1.5", "q=a&q=a", "n=1&n=1", "q=%zz", "q=" + strings.Repeat("a", 256)} {
		if q, err := Parse(http.MethodGet, "/v1/search", query); lading.AsError(err).Code != lading.CodeParameterInvalid {
			t.Errorf("%s: %+v, %v", query, q.Search, err)
		}
	}
}

// FuzzSearch: what is understood is of valid form, within the bounds, and is
// understood again.
func FuzzSearch(f *testing.F) {
	f.Add("q=web&n=25")
	f.Add("q=%41/b&page=2&n=0")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := Parse(http.MethodGet, "/v1/search", raw)
		if err != nil {
			return
		}
		s := q.Search
		if s.N < 1 || s.N > lading.MaxSearch || s.Page < 1 || len(s.Text) > maxName || !allBytes(s.Text, isSearchByte) {
			t.Errorf("%q: %+v", raw, s)
		}
		path, query, _ := strings.Cut(q.URL(), "?")
		if again, err := Parse(http.MethodGet, path, query); err != nil || again.Search != s {
			t.Errorf("%q: %+v, again %+v, %v", raw, s, again.Search, err)
		}
	})
}
