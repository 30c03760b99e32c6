package modeltest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// errLeak is an answer that names what its reader could not read.
var errLeak = errors.New("leak")

// leaks checks that a page names nothing that the caller, with the rules of
// then, cannot read, and removes nothing that it never could read.
func (r *run) leaks(c *client, q lading.Query, p page, rs rules) error {
	c.ever = c.ever.Union(rs.grants())
	for _, it := range p.items {
		if err := leaksItem(c, it, rs); err != nil {
			return fmt.Errorf("%w: client %d, %s %s: %w", errLeak, c.id, it.Op, it.Key, err)
		}
	}
	return r.leaksText(q, p.text, rs)
}

func leaksItem(c *client, it lading.Item, rs rules) error {
	named := it.Repository
	if kind, rest, _ := strings.Cut(it.Key, ":"); kind == "range" {
		from, to, ok := cutRange(rest)
		if !ok {
			return fmt.Errorf("no range")
		}
		if over := lading.NewGrants(lading.Range{From: from, To: to}).Subtract(c.ever); !over.Empty() {
			return fmt.Errorf("%v could never be read", over)
		}
		return nil
	} else if !strings.HasPrefix(rest, named) || named == "" {
		return fmt.Errorf("the key is not of the repository %q", named)
	}
	if it.Op == lading.OpRemove {
		if !c.ever.Contains(named) {
			return fmt.Errorf("%s could never be read", named)
		}
		return nil
	}
	if !rs.allow(named) {
		return fmt.Errorf("%s cannot be read now", named)
	}
	return nil
}

// leaksText checks that no repository that cannot be read is named in an
// error or a header. What the question names is no secret.
func (r *run) leaksText(q lading.Query, text string, rs rules) error {
	text, err := url.QueryUnescape(sealed.ReplaceAllString(strings.ReplaceAll(text, "+", " "), "…"))
	if err != nil {
		return fmt.Errorf("header or error: %w", err)
	}
	asked := append([]string{q.Scope.Repository, q.Scope.Namespace}, append(q.Scope.Prefix, q.Scope.Exclude...)...)
	for _, name := range r.named.FindAllString(text, -1) {
		name, _, _ = strings.Cut(name, "/_lading")
		isAsked := slices.ContainsFunc(asked, func(a string) bool { return strings.TrimSuffix(a, "*") == name })
		if !isAsked && !rs.allow(name) {
			return fmt.Errorf("%w: %s is named in: %s", errLeak, name, text)
		}
	}
	return nil
}
