package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// localCopy is a client's copy of a listing: built once, then kept in step
// with deltas. It holds each item as the registry wrote it.
type localCopy struct {
	kind   string
	items  map[string]json.RawMessage
	cursor string
	steps  int // deltas that were taken whole
}

type listing struct {
	Items  []json.RawMessage `json:"items"`
	Cursor string            `json:"cursor"`
}

type itemHead struct {
	Op         string `json:"op"`
	Key        string `json:"key"`
	Repository string `json:"repository"`
}

// list builds the copy anew.
func (c *localCopy) list(ctx context.Context, a *api) error {
	c.items = map[string]json.RawMessage{}
	return c.pages(ctx, a, "/v2/_lading/list/"+c.kind+"?n=1000")
}

// step takes one delta.
func (c *localCopy) step(ctx context.Context, a *api) error {
	return c.pages(ctx, a, "/v2/_lading/list/"+c.kind+"?n=1000&since="+url.QueryEscape(c.cursor))
}

// pages applies all pages; the cursor counts when the last has arrived.
func (c *localCopy) pages(ctx context.Context, a *api, path string) error {
	for {
		r, err := a.do(ctx, "GET", path, nil)
		if err != nil {
			return err
		}
		if r.status != http.StatusOK {
			return &statusError{path, r}
		}
		var l listing
		if err := json.Unmarshal(r.body, &l); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, raw := range l.Items {
			if err := c.apply(raw); err != nil {
				return err
			}
		}
		if l.Cursor != "" {
			c.cursor = l.Cursor
			c.steps++
			return nil
		}
		next := r.header.Get("Link")
		if next = strings.TrimPrefix(strings.SplitN(next, ">", 2)[0], "<"); next == "" {
			return fmt.Errorf("%s: neither a cursor nor a next page", path)
		}
		path = next
	}
}

type statusError struct {
	path string
	r    *answer
}

func (e *statusError) Error() string { return e.path + ": " + e.r.String() }

// apply is the client's whole rule.
func (c *localCopy) apply(raw json.RawMessage) error {
	var it itemHead
	if err := json.Unmarshal(raw, &it); err != nil {
		return err
	}
	switch it.Op {
	case "put":
		c.items[it.Key] = raw
	case "remove", "reset":
		delete(c.items, it.Key)
		name, whole := strings.CutPrefix(it.Key, "repository:")
		if rg, ok := strings.CutPrefix(it.Key, "range:"); ok {
			from, to, _ := strings.Cut(rg, "..")
			c.drop(func(repo string) bool { return repo >= from && (to == "" || repo < to) })
		} else if whole {
			c.drop(func(repo string) bool { return repo == name })
		}
	default:
		return fmt.Errorf("item %s has the operation %q", it.Key, it.Op)
	}
	return nil
}

func (c *localCopy) drop(which func(repo string) bool) {
	for k, raw := range c.items {
		var it itemHead
		if json.Unmarshal(raw, &it) == nil && which(it.Repository) {
			delete(c.items, k)
		}
	}
}

// differs compares two copies and tells the first differences.
func (c *localCopy) differs(full *localCopy) []string {
	var out []string
	for k, want := range full.items {
		if got, ok := c.items[k]; !ok {
			out = append(out, "the copy lacks "+k)
		} else if string(got) != string(want) {
			out = append(out, fmt.Sprintf("the copy has %s, the listing %s", got, want))
		}
	}
	for k := range c.items {
		if _, ok := full.items[k]; !ok {
			out = append(out, "the copy still has "+k)
		}
	}
	return out[:min(len(out), 5)]
}
