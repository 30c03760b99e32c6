package informer

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/lading-dev/lading"
)

// Memory is a store in memory. Any number of goroutines may read it. The zero
// value is empty and ready to use.
type Memory struct {
	mu     sync.RWMutex
	cursor string
	items  map[string]lading.Item            // by key
	repos  map[string]map[string]lading.Item // by repository, then key
}

// Cursor implements Store.
func (m *Memory) Cursor(context.Context) (string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.cursor, nil
}

// Get implements Store.
func (m *Memory) Get(_ context.Context, key string) (lading.Item, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	it, ok := m.items[key]
	return it, ok, nil
}

// Len is how many items there are.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.items)
}

// Range implements Store: the items as they were when it began, by repository
// and key.
func (m *Memory) Range(_ context.Context, r lading.Range) iter.Seq2[lading.Item, error] {
	return func(yield func(lading.Item, error) bool) {
		for _, it := range m.in(r) {
			if !yield(it, nil) {
				return
			}
		}
	}
}

func (m *Memory) in(r lading.Range) (found []lading.Item) {
	m.mu.RLock()
	if r == lading.RepositoryRange(r.From) {
		for _, it := range m.repos[r.From] {
			found = append(found, it)
		}
	} else {
		for name, items := range m.repos {
			if r.Contains(name) {
				for _, it := range items {
					found = append(found, it)
				}
			}
		}
	}
	m.mu.RUnlock()
	slices.SortFunc(found, func(a, b lading.Item) int {
		return cmp.Or(strings.Compare(a.Repository, b.Repository), strings.Compare(a.Key, b.Key))
	})
	return found
}

// Apply implements Store.
func (m *Memory) Apply(_ context.Context, ops []lading.Item, cursor string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items, m.repos = map[string]lading.Item{}, map[string]map[string]lading.Item{}
	}
	for _, op := range ops {
		m.forget(op.Key)
		if op.Op == lading.OpPut {
			m.put(op)
		}
	}
	m.cursor = cursor
	return nil
}

func (m *Memory) put(it lading.Item) {
	if m.repos[it.Repository] == nil {
		m.repos[it.Repository] = map[string]lading.Item{}
	}
	m.items[it.Key], m.repos[it.Repository][it.Key] = it, it
}

func (m *Memory) forget(key string) {
	old, ok := m.items[key]
	if !ok {
		return
	}
	delete(m.items, key)
	if delete(m.repos[old.Repository], key); len(m.repos[old.Repository]) == 0 {
		delete(m.repos, old.Repository)
	}
}
