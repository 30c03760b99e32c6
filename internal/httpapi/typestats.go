package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/lading-dev/lading"
)

const (
	maxTypeCount = 1000 // up to which manifests of a type are counted
	statsPages   = 100  // pages that all counts of an answer look at, beside a first of each
)

// parseDefinitions understands view=stats.
func (q *Request) parseDefinitions(v url.Values) error {
	view, err := one(v, "view")
	if err != nil {
		return err
	}
	if v.Has("view") && view != "stats" {
		return lading.InvalidParameter("view", "want stats")
	}
	q.Stats = v.Has("view")
	v.Del("view")
	return noParameters(v)
}

// typeStats counts the manifests of each definition. It asks for listings, as
// the caller could: what the caller may not see is not counted.
func (h *handler) typeStats(ctx context.Context, all []definition) error {
	left := statsPages
	for i := range all {
		n, err := h.countType(ctx, all[i].Name, &left)
		if err != nil {
			return fmt.Errorf("count the type %s: %w", all[i].Name, err)
		}
		all[i].Stats = &lading.Stats{Manifests: n}
	}
	return nil
}

// countType is a number up to maxTypeCount, and "1000+" beyond. Where the
// caller may see little of very much a listing has short pages: when there are
// none left for this answer the count ends, with what it has come to and a "+".
func (h *handler) countType(ctx context.Context, name string, left *int) (any, error) {
	q := lading.Query{Kind: lading.KindManifests, Order: lading.OrderModified, Desc: true, N: lading.MaxPage, Scope: lading.Scope{Types: []string{name}}}
	n := 0
	for {
		l, err := h.reg.List(ctx, q)
		if errors.Is(err, lading.ErrParameterInvalid) {
			return 0, nil // the definition has gone since it was read
		}
		if err != nil {
			return nil, err
		}
		n += len(l.Items)
		switch {
		case n > maxTypeCount:
			return fmt.Sprint(maxTypeCount, "+"), nil
		case l.Next == "":
			return n, nil
		case *left == 0:
			return fmt.Sprint(n, "+"), nil
		}
		*left--
		q.Page, q.N = l.Next, min(lading.MaxPage, maxTypeCount+1-n)
	}
}
