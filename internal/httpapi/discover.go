package httpapi

import (
	"net/http"
	"time"

	"github.com/lading-dev/lading"
)

// specURL is where the extension is described.
const specURL = "https://github.com/lading-dev/lading/blob/main/docs/spec/discovery.md"

// extensionList is the answer of the extension _oci (distribution-spec,
// extensions/_oci.md), with lading's limits beside what it has.
type extensionList struct {
	Extensions []extension `json:"extensions"`
}

type extension struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Endpoints   []string `json:"endpoints"`
	Limits      *limits  `json:"limits,omitempty"`
	// CursorRequired tells that a listing that says neither since= nor
	// If-None-Match is answered 428.
	CursorRequired bool `json:"cursorRequired,omitempty"`
}

type limits struct {
	N             int `json:"n"`             // items a page
	JournalDays   int `json:"journalDays"`   // how long changes are kept
	TombstoneDays int `json:"tombstoneDays"` // how long a cursor counts
	Wait          int `json:"wait"`          // seconds a delta may be held

	// Held is how many streams, and deltas that wait, a caller may have open.
	Held int `json:"held,omitempty"`

	// How many requests of a class, and how many rows, a caller may have at
	// once, and in how many seconds as many again.
	Pull        int `json:"pull,omitempty"`
	PullSeconds int `json:"pullSeconds,omitempty"`
	Push        int `json:"push,omitempty"`
	PushSeconds int `json:"pushSeconds,omitempty"`
	List        int `json:"list,omitempty"`
	ListSeconds int `json:"listSeconds,omitempty"`
	Sync        int `json:"sync,omitempty"`
	SyncSeconds int `json:"syncSeconds,omitempty"`
}

// limits are what a client should know of.
func (h *handler) limits() *limits {
	pull, push, list, sync := h.rates[RatePull], h.rates[RatePush], h.rates[RateList], h.rates[RateSync]
	return &limits{N: lading.MaxPage, JournalDays: h.opt.JournalDays, TombstoneDays: h.opt.TombstoneDays,
		Wait: int(lading.MaxWait / time.Second), Held: h.opt.MaxHeld,
		Pull: pull.Quota, PullSeconds: pull.Window, Push: push.Quota, PushSeconds: push.Window,
		List: list.Quota, ListSeconds: list.Window, Sync: sync.Quota, SyncSeconds: sync.Window}
}

// discover tells which extensions there are, of a repository only to those
// who may see it.
func (h *handler) discover(w *response, r *http.Request, q *Request) error {
	endpoints := []string{"_lading/list/repositories", "_lading/list/tags", "_lading/list/manifests", "_lading/list/namespaces", "_lading/watch/events"}
	if h.opt.Types != nil {
		endpoints = append(endpoints, "_lading/types/definitions", "_lading/types/unknown")
	}
	if q.Repository != "" {
		if _, err := h.reg.Tags(r.Context(), q.Repository, "", 1); err != nil {
			return err
		}
		endpoints = []string{"_lading/list/tags", "_lading/list/manifests", "_lading/watch/events", "_lading/manage/repository"}
	}
	setCaching(w.Header(), r, false)
	list := []extension{{
		Name:        "_lading",
		Description: "lists what there is, and what has changed, in order, with filters and by page; tells changes as they happen",
		URL:         specURL,
		Endpoints:   endpoints,
		Limits:      h.limits(),

		CursorRequired: h.opt.RequireCursor,
	}}
	if h.opt.OCIDrafts {
		list = append(list, extension{Name: "_oci", Description: "drafts for the distribution-spec, which may change as they do",
			URL: specURL + "#13-the-oci-drafts-as-views", Endpoints: extensionDrafts})
	}
	writeJSON(w, http.StatusOK, "application/json", extensionList{list})
	return nil
}
