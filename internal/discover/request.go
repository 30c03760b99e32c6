package discover

import (
	"context"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// request is a checked query with who asks and what they may see.
type request struct {
	q       lading.Query
	n       int
	view    bool
	subject string
	bind    [16]byte
	grants  lading.Grants // now
	tok     *token        // of a further page
	from    *cursor       // of a delta's first page
	names   lading.Grants // the names that the query is about
	looked  int           // rows that the last answer has cost

	// For a stream, which goes on with the changes behind the position:
	// state shows nothing newer than that.
	exact bool
	// pin is the position, where an earlier page of another kind has set it.
	pin []int64
}

func (e *Engine) newRequest(ctx context.Context, q lading.Query) (r *request, err error) {
	r = &request{q: q, subject: lading.IdentityFrom(ctx).Subject}
	if r.grants, err = lading.GrantsFrom(ctx); err != nil {
		return nil, err
	}
	if q.Page != "" {
		if err := e.openPage(r); err != nil {
			return nil, err
		}
	}
	r.view = r.q.View()
	r.names = nameScope(r.q.Scope)
	r.n = r.q.N
	if r.n == 0 {
		r.n = lading.DefaultPage
	}
	if r.n < 1 || r.n > lading.MaxPage {
		return nil, lading.InvalidParameter("n", "must be from 1 to %d", lading.MaxPage)
	}
	if r.view && r.q.Since != "" && r.q.Since != "none" {
		return nil, lading.InvalidParameter("since", "a listing with this order, filter or view has no cursor")
	}
	r.bind = bindOf(r.subject, r.q)
	if r.tok == nil {
		err = e.openSince(r)
	}
	return r, err
}

// openPage takes the query out of the page's token.
func (e *Engine) openPage(r *request) error {
	t, ok := e.openToken(r.q.Page)
	if !ok || t.Subject != r.subject {
		return lading.ErrCursorInvalid.With("the page token does not belong to this request: begin again without it")
	}
	if r.q.Kind != "" && r.q.Kind != t.Query.Kind || r.q.Scope.Repository != t.Query.Scope.Repository {
		return lading.ErrCursorInvalid.With("the page token belongs to another listing")
	}
	n, page := r.q.N, r.q.Page
	r.q, r.tok = t.Query, t
	r.q.Page = page
	if n != 0 {
		r.q.N = n
	}
	return nil
}

func (e *Engine) openSince(r *request) error {
	switch r.q.Since {
	case "", "none", "now":
		return nil
	}
	c, ok := e.openCursor(r.q.Since)
	if !ok || c.bind != r.bind {
		return lading.ErrCursorInvalid
	}
	r.from = &c
	return nil
}

// nameScope is the set of repository names that a scope is about; what it
// excludes is left to the filter.
func nameScope(s lading.Scope) lading.Grants {
	if s.Repository != "" {
		return lading.NewGrants(lading.RepositoryRange(s.Repository))
	}
	g := lading.AllGrants()
	if s.Namespace != "" {
		g = lading.NewGrants(lading.NamespaceRanges(s.Namespace)...)
	}
	if len(s.Prefix) > 0 {
		var rs []lading.Range
		for _, p := range s.Prefix {
			rs = append(rs, lading.PrefixRange(p))
		}
		g = g.Intersect(lading.NewGrants(rs...))
	}
	return g
}

// normalScope is the scope with its lists in one order: the order of a
// repeated parameter does not matter.
func normalScope(s lading.Scope) lading.Scope {
	for _, list := range []*[]string{&s.Prefix, &s.Exclude, &s.Types, &s.Platforms} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	return s
}

// excluded reports whether a name is left out.
func excluded(exclude []string, name string) bool {
	for _, x := range exclude {
		if p, wild := strings.CutSuffix(x, "*"); wild && strings.HasPrefix(name, p) || x == name {
			return true
		}
	}
	return false
}
