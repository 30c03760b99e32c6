package modeltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
)

// copyOf is a client's copy: items by key, exactly as they came. It knows of
// an item what the protocol says and no more.
type copyOf map[string]lading.Item

// apply does what the items say, in order.
func (c copyOf) apply(items []lading.Item) error {
	for _, it := range items {
		if err := c.one(it); err != nil {
			return fmt.Errorf("%s %s: %w", it.Op, it.Key, err)
		}
	}
	return nil
}

func (c copyOf) one(it lading.Item) error {
	switch it.Op {
	case lading.OpPut:
		c[it.Key] = it
	case lading.OpReset:
		name, ok := strings.CutPrefix(it.Key, "repository:")
		if !ok {
			return fmt.Errorf("a reset of what is no repository")
		}
		c.forget(func(repo string) bool { return repo == name })
	case lading.OpRemove:
		return c.remove(it.Key)
	default:
		return fmt.Errorf("an operation that is none")
	}
	return nil
}

func (c copyOf) remove(key string) error {
	kind, rest, _ := strings.Cut(key, ":")
	switch kind {
	case "repository":
		c.forget(func(repo string) bool { return repo == rest })
	case "range":
		from, to, ok := cutRange(rest)
		if !ok {
			return fmt.Errorf("no range")
		}
		c.forget(func(repo string) bool { return repo >= from && (to == "" || repo < to) })
	case "tag", "manifest":
		delete(c, key)
	default:
		return fmt.Errorf("a key of no kind")
	}
	return nil
}

// cutRange reads "<from>..<to>". A name cannot hold two dots in a row, but a
// prefix may end in one; the end of a range never begins with one.
func cutRange(s string) (from, to string, ok bool) {
	for i := 0; i+2 <= len(s); i++ {
		if s[i:i+2] == ".." && (i+2 == len(s) || s[i+2] != '.') {
			return s[:i], s[i+2:], true
		}
	}
	return "", "", false
}

func (c copyOf) forget(gone func(repo string) bool) {
	maps.DeleteFunc(c, func(_ string, it lading.Item) bool { return gone(it.Repository) })
}

// stateOf is what of an item the model knows.
func stateOf(it lading.Item) state {
	s := state{Repository: it.Repository, Tag: it.Tag, Short: it.Type, Subject: string(it.Subject), Tags: it.Tags}
	if it.TagCount != nil {
		s.TagCount = *it.TagCount
	}
	if d := it.Descriptor; d != nil {
		s.Digest, s.MediaType, s.Type, s.Size, s.In = string(d.Digest), d.MediaType, d.ArtifactType, d.Size, d.Annotations[repositoryOf]
		if p := d.Platform; p != nil {
			s.Platform = p.OS + "/" + p.Architecture
			if p.Variant != "" {
				s.Platform += "/" + p.Variant
			}
		}
	}
	return s
}

// compare returns how the copy differs from what it should be, empty for not
// at all.
func (c copyOf) compare(want map[string]state) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(want)) {
		have, ok := c[k]
		switch {
		case !ok:
			fmt.Fprintf(&b, "missing %s\n", k)
		case stateOf(have).text() != want[k].text():
			fmt.Fprintf(&b, "%s\n\thas  %s\n\twant %s\n", k, stateOf(have).text(), want[k].text())
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c)) {
		if _, ok := want[k]; !ok {
			fmt.Fprintf(&b, "should not have %s\n", k)
		}
	}
	return b.String()
}

// same compares two copies item by item, with times, revs and incarnations.
func (c copyOf) same(other copyOf) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(c)) {
		mine, theirs := itemText(c[k]), itemText(other[k])
		if mine != theirs {
			fmt.Fprintf(&b, "%s\n\tfollowed %s\n\tlisted   %s\n", k, mine, theirs)
		}
	}
	if len(c) != len(other) {
		fmt.Fprintf(&b, "%d items followed, %d listed\n", len(c), len(other))
	}
	return b.String()
}

func itemText(it lading.Item) string {
	b, err := json.Marshal(it)
	if err != nil {
		panic(err)
	}
	return string(b)
}
