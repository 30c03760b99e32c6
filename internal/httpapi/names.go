package httpapi

import (
	"net/http"

	"github.com/lading-dev/lading"
)

// listTags answers tags/list (distribution-spec, "Listing Tags").
func (h *handler) listTags(w *response, r *http.Request, q *Request) error {
	if h.wantsTagIndex(r) {
		return h.listTagIndex(w, r, q)
	}
	names, err := h.reg.Tags(r.Context(), q.Repository, q.Last, q.pageLength())
	if err != nil {
		return err
	}
	h.writeNames(w, r, q, names, func(list []string) any {
		return struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}{q.Repository, list}
	})
	return nil
}

// listCatalog answers _catalog, which the distribution-spec reserves and does
// not describe; the Docker Registry HTTP API V2 does ("Catalog").
func (h *handler) listCatalog(w *response, r *http.Request, q *Request) error {
	names, err := h.reg.Repositories(r.Context(), q.Last, q.pageLength())
	if err != nil {
		return err
	}
	h.writeNames(w, r, q, names, func(list []string) any {
		return struct {
			Repositories []string `json:"repositories"`
		}{list}
	})
	return nil
}

// pageLength is how many names to ask for. n=0 asks for one that is not shown:
// the repository must be there all the same.
func (q Request) pageLength() int {
	if !q.Limited {
		return maxNames
	}
	return max(q.N, 1)
}

// writeNames answers with a page of names, an empty one for n=0, and links to
// the next.
func (h *handler) writeNames(w *response, r *http.Request, q *Request, names lading.Names, body func([]string) any) {
	list := names.Names
	lading.MeterFrom(r.Context()).Add(len(list))
	if q.Limited && q.N == 0 {
		list = nil
	}
	if names.More && len(list) > 0 {
		next := *q
		next.Head, next.Limited, next.N = false, true, q.pageLength()
		next.Last = list[len(list)-1]
		setNext(w.Header(), next)
	}
	if list == nil {
		list = []string{}
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, "application/json", body(list))
}

// setNext links to the next page. The URL is relative, so that it is right
// behind every proxy.
func setNext(head http.Header, next Request) {
	head.Set("Link", "<"+next.URL()+`>; rel="next"`)
}

// setCaching says who may keep a listing for how long, or that nobody may.
func setCaching(head http.Header, r *http.Request, once bool) {
	head.Set("Vary", "Authorization, Accept, Accept-Encoding, A-IM")
	switch {
	case once:
		head.Set("Cache-Control", "no-store")
	case r.Header.Get("Authorization") != "" || lading.IdentityFrom(r.Context()).Subject != "":
		head.Set("Cache-Control", "private, no-cache")
	default:
		head.Set("Cache-Control", "public, max-age=5")
	}
}
