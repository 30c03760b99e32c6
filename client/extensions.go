package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/lading-dev/lading"
)

// DiscoveryExtension is the name of the extension with listings, deltas and
// streams.
const DiscoveryExtension = "_lading"

// Extension is what a registry has beside the distribution-spec
// (distribution-spec, extensions/_oci.md).
type Extension struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Endpoints   []string `json:"endpoints"` // "_lading/list/tags"
	Limits      Limits   `json:"limits"`
	// CursorRequired tells that a listing says since=, none to begin.
	CursorRequired bool `json:"cursorRequired"`
}

// Has tells whether the extension has the endpoint ("_lading/watch/events").
func (e Extension) Has(endpoint string) bool { return slices.Contains(e.Endpoints, endpoint) }

// Limits are those of the discovery extension; 0 where none is told.
type Limits struct {
	N             int `json:"n"`             // items a page
	JournalDays   int `json:"journalDays"`   // how long changes are kept
	TombstoneDays int `json:"tombstoneDays"` // how long a cursor counts
	Wait          int `json:"wait"`          // seconds a delta may be held
	Held          int `json:"held"`          // streams, and deltas that wait, of a caller

	// How much of a kind one caller may have at once, and in how many seconds
	// as much again: reads of content, requests that write, questions about what
	// there is, and rows that are read to answer those.
	Pull        int `json:"pull"`
	PullSeconds int `json:"pullSeconds"`
	Push        int `json:"push"`
	PushSeconds int `json:"pushSeconds"`
	List        int `json:"list"`
	ListSeconds int `json:"listSeconds"`
	Sync        int `json:"sync"`
	SyncSeconds int `json:"syncSeconds"`
}

// Retention is how long a cursor counts.
func (l Limits) Retention() time.Duration { return time.Duration(l.TombstoneDays) * 24 * time.Hour }

// Extensions tells what the registry has beside the distribution-spec; nothing
// for one that cannot say.
func (c *Client) Extensions(ctx context.Context) ([]Extension, error) {
	var body struct {
		Extensions []Extension `json:"extensions"`
	}
	_, err := c.getJSON(ctx, request{path: "/v2/_oci/ext/discover", missing: lading.CodeExtensionUnknown}, &body)
	var answer *ResponseError
	if errors.As(err, &answer) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest}, answer.Status) {
		return nil, nil
	}
	return body.Extensions, err
}

// Discovery returns the discovery extension of the registry, if it has it.
func (c *Client) Discovery(ctx context.Context) (Extension, bool, error) {
	all, err := c.Extensions(ctx)
	for _, e := range all {
		if e.Name == DiscoveryExtension {
			return e, true, nil
		}
	}
	return Extension{}, false, err
}
