package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// The search of the registry API before /v2/, the only one that `docker search
// HOST/text` and `podman search` ask for (Docker Registry API v1, "Search").
// It answers with names and nothing else: what a registry of artifacts cannot
// say honestly, such as stars, is zero.

const (
	defaultSearch = 25               // results of a page that names no n
	maxSearchPage = lading.MaxSearch // results of any page
)

var (
	atSearchPing = read(ActionSearchPing)
	atSearch     = read(ActionSearch)
)

// routeSearch finds the endpoints below /v1/.
func routeSearch(rest string) (endpoint, Request, error) {
	switch rest {
	case "_ping":
		return endpoint{methods: atSearchPing}, Request{}, nil
	case "search":
		return endpoint{methods: atSearch}, Request{}, nil
	}
	return endpoint{}, Request{}, noEndpoint()
}

// parseSearch understands q, n and page. Unlike a name, the text is what a
// person typed: case does not matter. Text that no name can contain is refused
// before it reaches a registry.
func (q *Request) parseSearch(v url.Values) (err error) {
	if q.Search.Text, err = one(v, "q"); err != nil {
		return err
	}
	q.Search.Text = strings.ToLower(strings.TrimSpace(q.Search.Text))
	if len(q.Search.Text) > maxName || !allBytes(q.Search.Text, isSearchByte) {
		return lading.InvalidParameter("q", "not a part of a repository name")
	}
	if q.Search.N, err = searchNumber(v, "n", defaultSearch, maxSearchPage); err != nil {
		return err
	}
	q.Search.Page, err = searchNumber(v, "page", 1, lading.MaxSearch+1)
	return err
}

// searchNumber understands a number from 1, cut to most.
func searchNumber(v url.Values, name string, without, most int) (int, error) {
	s, err := one(v, name)
	if err != nil || s == "" {
		return without, err
	}
	if !allBytes(s, isDigit) {
		return 0, lading.InvalidParameter(name, "not a number")
	}
	n, err := strconv.Atoi(s)
	if err != nil { // all digits, so the one error is the range
		return most, nil
	}
	return min(max(n, 1), most), nil
}

func isSearchByte(c byte) bool {
	return isLower(c) || isDigit(c) || strings.IndexByte("._-/", c) >= 0
}

// searchPing tells a client that it may search here. Clients of that time look
// at the header: a registry that stands alone has its own accounts.
func (h *handler) searchPing(w *response) error {
	head := w.Header()
	head.Set("X-Docker-Registry-Version", "0.9.1")
	head.Set("X-Docker-Registry-Standalone", "true")
	writeJSON(w, http.StatusOK, "application/json", map[string]bool{"standalone": true})
	return nil
}

// searchResults has the fields that clients decode (moby, api/types/registry,
// SearchResults; containers/image, docker.V1Results).
type searchResults struct {
	Query      string         `json:"query"`
	Page       int            `json:"page"`
	PageSize   int            `json:"page_size"`
	NumPages   int            `json:"num_pages"`
	NumResults int            `json:"num_results"`
	Results    []searchResult `json:"results"`
}

type searchResult struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	StarCount   int    `json:"star_count"`
	IsOfficial  bool   `json:"is_official"`
	IsAutomated bool   `json:"is_automated"`
	IsTrusted   bool   `json:"is_trusted"`
}

// search answers a page of names. Numbers that would cost a count are of what
// has been found: num_results is that of the page, and num_pages tells whether
// there is another.
func (h *handler) search(w *response, r *http.Request, q *Request) error {
	if err := h.opt.BaseCheck(r.Context()); err != nil {
		return err
	}
	names, err := h.reg.Search(r.Context(), q.Search)
	if err != nil {
		return err
	}
	lading.MeterFrom(r.Context()).Add(len(names.Names))
	out := searchResults{Query: q.Search.Text, Page: q.Search.Page, PageSize: q.Search.N, NumPages: q.Search.Page,
		NumResults: len(names.Names), Results: make([]searchResult, 0, len(names.Names))}
	if names.More {
		out.NumPages++
	}
	for _, name := range names.Names {
		out.Results = append(out.Results, searchResult{Name: name})
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, "application/json", out)
	return nil
}
