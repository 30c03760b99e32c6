package informer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
)

// A batch is what some operations come to, over what the store holds: of each
// key the item before and the item after them. It turns the operations of the
// protocol, which know repositories and ranges of names, into those of single
// keys.
type batch struct {
	store Store
	by    map[string]*change
	order []*change
	// anew takes items as they are listed: after a restored backup they may be
	// older than those held.
	anew bool
}

// change is what becomes of a key; nil stands for nothing there.
type change struct {
	key      string
	old, new *lading.Item
}

func newBatch(s Store) *batch { return &batch{store: s, by: map[string]*change{}} }

// add carries out one operation more.
func (b *batch) add(ctx context.Context, it lading.Item) error {
	switch it.Op {
	case lading.OpPut:
		return b.put(ctx, it)
	case lading.OpReset:
		name, ok := strings.CutPrefix(it.Key, "repository:")
		if !ok {
			return fmt.Errorf("%w: reset of %q", errOperation, it.Key)
		}
		return b.forget(ctx, lading.RepositoryRange(name))
	case lading.OpRemove:
		return b.remove(ctx, it)
	}
	return fmt.Errorf("%w: %q", errOperation, it.Op)
}

// errOperation is an operation that the protocol does not have.
var errOperation = fmt.Errorf("not an operation")

// load returns what becomes of a key so far.
func (b *batch) load(ctx context.Context, key string) (*change, error) {
	if c := b.by[key]; c != nil {
		return c, nil
	}
	held, ok, err := b.store.Get(ctx, key)
	if err != nil {
		return nil, storeError{fmt.Errorf("get %s: %w", key, err)}
	}
	c := b.enter(key)
	if ok {
		c.old, c.new = &held, &held
	}
	return c, nil
}

func (b *batch) enter(key string) *change {
	c := &change{key: key}
	b.by[key] = c
	b.order = append(b.order, c)
	return c
}

func (b *batch) put(ctx context.Context, it lading.Item) error {
	c, err := b.load(ctx, it.Key)
	if err != nil || !b.anew && stale(c.new, it) {
		return err
	}
	c.new = &it
	return nil
}

// stale tells whether an operation is older than what is held: a stream that
// goes on from a listing tells again what the listing has shown already.
func stale(held *lading.Item, it lading.Item) bool {
	return held != nil && it.Rev > 0 && it.Incarnation == held.Incarnation && it.Rev < held.Rev
}

func (b *batch) remove(ctx context.Context, it lading.Item) error {
	kind, rest, _ := strings.Cut(it.Key, ":")
	switch kind {
	case "repository":
		return b.forget(ctx, lading.RepositoryRange(rest))
	case "range":
		from, to, ok := cutRange(rest)
		if !ok {
			return fmt.Errorf("%w: remove of %q", errOperation, it.Key)
		}
		return b.forget(ctx, lading.Range{From: from, To: to})
	case "tag", "manifest":
		c, err := b.load(ctx, it.Key)
		if err != nil || stale(c.new, it) {
			return err
		}
		c.new = nil
		return nil
	}
	return fmt.Errorf("%w: remove of %q", errOperation, it.Key)
}

// cutRange reads "<from>..<to>". No name holds two dots in a row, but the
// beginning of one may end in a dot, and what ends a range begins with none:
// so it is cut at the first two dots that no third follows.
func cutRange(s string) (from, to string, ok bool) {
	for i := 0; i+2 <= len(s); i++ {
		if s[i:i+2] == ".." && (i+2 == len(s) || s[i+2] != '.') {
			return s[:i], s[i+2:], true
		}
	}
	return "", "", false
}

// forget removes everything in the repositories of a range.
func (b *batch) forget(ctx context.Context, r lading.Range) error {
	for it, err := range b.store.Range(ctx, r) {
		if err != nil {
			return storeError{fmt.Errorf("range %q to %q: %w", r.From, r.To, err)}
		}
		if b.by[it.Key] == nil {
			b.enter(it.Key).old = &it
		}
	}
	for _, c := range b.order {
		if c.new != nil && r.Contains(c.new.Repository) {
			c.new = nil
		}
	}
	return nil
}

// ops are the operations for the store.
func (b *batch) ops() []lading.Item {
	var ops []lading.Item
	for _, c := range b.order {
		switch {
		case c.new == nil && c.old != nil:
			ops = append(ops, lading.Item{Op: lading.OpRemove, Key: c.key, Repository: c.old.Repository})
		case c.new != nil && c.old != c.new && !identical(c.old, c.new):
			ops = append(ops, *c.new)
		}
	}
	return ops
}

// tell calls back for what has changed: not for what has the rev that it had.
func (b *batch) tell(opt *Options) {
	for _, c := range b.order {
		switch {
		case c.old == nil && c.new != nil && opt.OnAdd != nil:
			opt.OnAdd(*c.new)
		case c.old != nil && c.new == nil && opt.OnDelete != nil:
			opt.OnDelete(*c.old)
		case c.old != nil && c.new != nil && c.old != c.new && !sameRev(c.old, c.new) && opt.OnUpdate != nil:
			opt.OnUpdate(*c.old, *c.new)
		}
	}
}

// sameRev tells whether both are of the same change to the key.
func sameRev(a, b *lading.Item) bool {
	if a.Rev == 0 || b.Rev == 0 {
		return identical(a, b)
	}
	return a.Incarnation == b.Incarnation && a.Rev == b.Rev
}

// identical tells whether two items say the same.
func identical(a, b *lading.Item) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// storeError is a failure of the store, which nothing can be done about here.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }
