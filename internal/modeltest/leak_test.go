package modeltest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lading-dev/lading"
)

// leaks checks that a page names nothing that the caller cannot read now, and
// removes nothing that it never could read.
func (r *run) leaks(c *client, q lading.Query, p page) error {
	c.ever = c.ever.Union(r.rules.grants())
	for _, it := range p.items {
		if err := r.leaksItem(c, it); err != nil {
			return fmt.Errorf("leak: client %d, %s %s: %w", c.id, it.Op, it.Key, err)
		}
	}
	return r.leaksText(q, p.text)
}

func (r *run) leaksItem(c *client, it lading.Item) error {
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
	if !r.rules.allow(named) {
		return fmt.Errorf("%s cannot be read now", named)
	}
	return nil
}

// leaksText checks that no repository that cannot be read is named in an
// error or a header. What the question names is no secret.
func (r *run) leaksText(q lading.Query, text string) error {
	for _, name := range regexp.MustCompile(regexp.QuoteMeta(r.top)+`[a-z0-9/._-]*`).FindAllString(text, -1) {
		name, _, _ = strings.Cut(name, "/_lading")
		if name != q.Scope.Repository && name != q.Scope.Namespace && !r.rules.allow(name) {
			return fmt.Errorf("leak: %s is named in: %s", name, text)
		}
	}
	return nil
}
