package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// memToken is what a page token holds: the query, with the position of its
// first page and how many items went before.
type memToken struct {
	Query lading.Query
	Head  int
	Skip  int
}

func (m *memory) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	m.mu.Lock()
	m.calls = append(m.calls, q)
	err, list := m.failure("List"), m.list
	m.mu.Unlock()
	if err != nil {
		return lading.Listing{}, err
	}
	if list != nil {
		return list(ctx, q)
	}
	if q.Since == "now" {
		m.mu.Lock()
		q.Since = "c" + strconv.Itoa(len(m.changes))
		m.mu.Unlock()
	}
	m.await(ctx, q)
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.Kind == lading.KindNamespaces {
		return m.namespaces(q), nil
	}
	t := memToken{Query: q, Head: len(m.changes)}
	if q.Page != "" {
		b, _ := base64.RawURLEncoding.DecodeString(q.Page)
		if err := json.Unmarshal(b, &t); err != nil {
			return lading.Listing{}, lading.InvalidParameter("page", "not out of a Link")
		}
		t.Query.N = q.N
	}
	return m.page(t)
}

func (m *memory) await(ctx context.Context, q lading.Query) {
	m.mu.Lock()
	since, err := m.position(q.Since)
	changed, now := m.changed, len(m.changes)
	m.mu.Unlock()
	if q.Wait == 0 || err != nil || since != now {
		return
	}
	select {
	case <-changed:
	case <-ctx.Done():
	case <-time.After(q.Wait):
	}
}

// position returns how many changes a cursor has seen.
func (m *memory) position(cursor string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(cursor, "c"))
	switch {
	case err != nil || n > len(m.changes):
		return 0, lading.ErrCursorInvalid
	case n < m.horizon:
		return 0, lading.ErrCursorExpired.WithDetail(map[string]string{"reason": "retention"})
	}
	return n, nil
}

func (m *memory) page(t memToken) (lading.Listing, error) {
	q := t.Query
	out := lading.Listing{Delta: q.Since != "" && q.Since != "none"}
	since := 0
	var err error
	if out.Delta {
		if since, err = m.position(q.Since); err != nil {
			return lading.Listing{}, err
		}
	} else if q.Scope.Repository != "" && m.repos[q.Scope.Repository] == nil {
		return lading.Listing{}, lading.ErrNameUnknown
	}
	items := m.items(q, since, t.Head, out.Delta)[t.Skip:]
	n := q.N
	if n == 0 {
		n = lading.DefaultPage
	}
	if len(items) <= n {
		if out.Items = items; !q.View() {
			out.Cursor = "c" + strconv.Itoa(t.Head)
		}
		return out, nil
	}
	out.Items = items[:n]
	t.Skip += n
	b, err := json.Marshal(t)
	out.Next = base64.RawURLEncoding.EncodeToString(b)
	return out, err
}

// items returns the state of each key that changed in the given changes.
func (m *memory) items(q lading.Query, since, head int, delta bool) []lading.Item {
	keys := map[string]memChange{}
	for _, c := range m.changes[since:head] {
		if c.kind == q.Kind && (q.Scope.Repository == "" || q.Scope.Repository == c.repo) {
			keys[c.key] = c
		}
	}
	var items []lading.Item
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		item := m.item(keys[key])
		if item.Op == lading.OpPut || delta {
			items = append(items, item)
		}
	}
	if q.Desc {
		slices.Reverse(items)
	}
	return items
}

var memTime = time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)

func (m *memory) item(c memChange) lading.Item {
	item := lading.Item{Op: lading.OpRemove, Key: c.key}
	r := m.repos[c.repo]
	if r == nil {
		return item
	}
	put := lading.Item{Op: lading.OpPut, Key: c.key, Repository: c.repo, Incarnation: "i1", Rev: r.rev, Created: &memTime, Modified: &memTime}
	var d lading.Digest
	switch c.kind {
	case lading.KindRepositories:
		return put
	case lading.KindTags:
		put.Tag = strings.TrimPrefix(c.key, lading.TagKey(c.repo, ""))
		d = r.tags[put.Tag]
	case lading.KindManifests:
		d = lading.Digest(strings.TrimPrefix(c.key, lading.ManifestKey(c.repo, "")))
		for _, tag := range slices.Sorted(maps.Keys(r.tags)) {
			if r.tags[tag] == d {
				put.Tags = append(put.Tags, tag)
			}
		}
	}
	mf, ok := r.manifests[d]
	if !ok {
		return item
	}
	put.Descriptor = &lading.ItemDescriptor{Descriptor: mf.descriptor()}
	return put
}

func (m *memory) namespaces(q lading.Query) lading.Listing {
	out := lading.Listing{Namespaces: []lading.Namespace{}}
	under := q.Scope.Namespace
	if under != "" {
		under += "/"
	}
	for _, name := range slices.Sorted(maps.Keys(m.repos)) {
		rest, ok := strings.CutPrefix(name, under)
		segment, _, more := strings.Cut(rest, "/")
		if ok {
			out.Namespaces = append(out.Namespaces, lading.Namespace{Namespace: under + segment, Repository: !more, More: more})
		}
	}
	return out
}
