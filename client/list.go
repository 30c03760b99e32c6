package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/lading-dev/lading"
)

// Media types of the discovery extension.
const (
	mediaTypeList   = "application/vnd.lading.list.v1+json"
	mediaTypeNDJSON = "application/x-ndjson"
)

// List implements lading.Lister.
func (c *Client) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	res, err := c.askList(ctx, q, mediaTypeList)
	if err != nil {
		return lading.Listing{}, err
	}
	return readPage(res, q)
}

// askList asks for a listing. Where a registry demands cursors, a query without
// one says that it begins.
func (c *Client) askList(ctx context.Context, q lading.Query, accept string) (*http.Response, error) {
	for {
		r, err := listRequest(q)
		if err != nil {
			return nil, err
		}
		r.header = http.Header{"Accept": {accept}}
		res, err := c.send(ctx, r)
		if q.Since != "" || q.Page != "" || !errors.Is(err, lading.ErrCursorRequired) {
			return res, err
		}
		q.Since = "none"
	}
}

func listRequest(q lading.Query) (request, error) {
	switch q.Kind {
	case lading.KindRepositories, lading.KindTags, lading.KindManifests, lading.KindNamespaces:
	default:
		return request{}, lading.InvalidParameter("kind", "there is no listing of %q", clip(string(q.Kind), 64))
	}
	repo := q.Scope.Repository
	if repo != "" {
		if err := checkName(repo); err != nil {
			return request{}, err
		}
	}
	return request{method: http.MethodGet, path: at(repo, "_lading/list/"+string(q.Kind)), query: listParameters(q), repo: repo, actions: pull,
		missing: lading.CodeExtensionUnknown, patience: q.Wait}, nil
}

// readPage reads a page of a listing or delta.
func readPage(res *http.Response, q lading.Query) (lading.Listing, error) {
	data, err := readAll(res, maxAnswer)
	if err != nil {
		return lading.Listing{}, err
	}
	var body struct {
		Kind   string          `json:"kind"`
		Items  json.RawMessage `json:"items"`
		Cursor string          `json:"cursor"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return lading.Listing{}, badAnswer(res, "%v", err)
	}
	if body.Kind != "list" && body.Kind != "delta" {
		return lading.Listing{}, badAnswer(res, "a page of kind %q", clip(body.Kind, 64))
	}
	l := lading.Listing{Delta: body.Kind == "delta", Cursor: body.Cursor, Next: nextPage(res).Get("page"), Items: []lading.Item{}}
	if q.Kind == lading.KindNamespaces {
		l.Namespaces, err = boundedList[lading.Namespace](body.Items)
	} else {
		l.Items, err = boundedList[lading.Item](body.Items)
	}
	switch {
	case err != nil:
		return lading.Listing{}, badAnswer(res, "items: %v", err)
	case l.Next != "" && l.Next == q.Page:
		return lading.Listing{}, badAnswer(res, "the next page is this one")
	case l.Next != "" && l.Cursor != "":
		return lading.Listing{}, badAnswer(res, "a cursor before the last page")
	}
	return l, nil
}

// errMany is a list with more entries than a page may have. Few bytes of JSON
// make many of memory.
var errMany = fmt.Errorf("more than %d", lading.MaxPage)

// boundedList reads a list of at most a page's entries.
func boundedList[T any](raw json.RawMessage) ([]T, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("not a list")
	}
	list := []T{}
	for dec.More() {
		if len(list) == lading.MaxPage {
			return nil, errMany
		}
		var v T
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
