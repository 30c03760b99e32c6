package discover

import (
	"errors"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/follow"
	"github.com/lading-dev/lading/internal/journal"
)

// tell is what a row means to the stream; nil where it is not for it.
func (s *watch) tell(r *follow.Row) (*lading.Change, error) {
	name := r.Repo.Name
	if !s.grants.Contains(name) || !s.names.Contains(name) || !s.f.repository(name) {
		return nil, nil
	}
	if len(s.q.Actions) > 0 && !slices.Contains(s.q.Actions, r.Remove.Action) {
		return nil, nil
	}
	c := s.operation(r)
	if c == nil || c.Item.Op != lading.OpPut {
		return c, nil
	}
	return s.withManifest(c)
}

// operation brings a copy that matched before the change to matching after it.
func (s *watch) operation(r *follow.Row) *lading.Change {
	watched := slices.Contains(s.kinds, r.Kind)
	switch {
	case r.Row.Kind == journal.Repository && r.Action == journal.Deleted:
		return r.Remove // of what is below it as well, whatever the filter
	case !watched:
		return nil
	case r.Row.Kind == journal.Repository:
		if s.f.created.holds(r.Pos) && s.f.mods.holds(r.Pos) {
			return r.Put
		}
		return nil
	case r.Row.Kind == journal.Tag && !s.f.tag(r.Name):
		return nil
	case s.matches(r):
		return r.Put
	case s.whilePaging(r), s.matched(r), r.Put == nil && r.Action != journal.Deleted && s.could(r):
		return r.Remove
	}
	return nil
}

// whilePaging reports whether a change happened while a difference was told page
// by page. What left the stream before that, and changed again between two
// pages, was lost from sight: it stands where it changed last.
func (s *watch) whilePaging(r *follow.Row) bool { return s.paged != nil && r.Pos <= s.paged[r.Shard] }

// hidBirth reports whether a repository's beginning may hide the end of an
// earlier life that the copy still has.
func (s *watch) hidBirth(r *follow.Row) bool {
	name := r.Repo.Name
	return r.Row.Kind == journal.Repository && r.Action == journal.Created && s.whilePaging(r) && len(s.q.Actions) == 0 &&
		s.grants.Contains(name) && s.names.Contains(name) && s.f.repository(name)
}

// matches reports whether the item is one of the stream's after the change.
func (s *watch) matches(r *follow.Row) bool {
	return r.Put != nil && s.could(r) && s.f.mods.holds(r.Pos) && s.constant(r)
}

// could reports so by what the row alone tells.
func (s *watch) could(r *follow.Row) bool {
	return s.typed(r.Type) && s.tagged(r, journal.IsTagged)
}

// matched reports whether it may have been before: removing too much does no
// harm.
func (s *watch) matched(r *follow.Row) bool {
	return r.Action != journal.Created && s.typed(r.PreviousType) && s.tagged(r, journal.WasTagged) &&
		(r.Row.Kind == journal.Tag || r.Item == nil || s.constant(r))
}

// constant reports whether what does not change in a manifest's life matches.
// A tag's platform is that of what it points to.
func (s *watch) constant(r *follow.Row) bool {
	it := r.Item
	return s.f.created.holds(it.Born) && (len(s.f.Platforms) == 0 || hasPlatform(it.Platform, s.f.Platforms)) &&
		(r.Row.Kind == journal.Tag || s.f.Subject == "" || s.f.Subject == it.Subject)
}

func (s *watch) typed(t catalog.Type) bool {
	types := s.q.Scope.Types
	return len(types) == 0 || slices.Contains(types, t.Name()) || slices.Contains(types, t.Media)
}

func (s *watch) tagged(r *follow.Row, flag journal.Flags) bool {
	return s.q.Scope.Tagged == nil || r.Row.Kind == journal.Tag || *s.q.Scope.Tagged == (r.Flags&flag != 0)
}

// withManifest adds the manifest's bytes where the stream wants them and they
// are few.
func (s *watch) withManifest(c *lading.Change) (*lading.Change, error) {
	d := c.Item.Descriptor
	if s.q.Data != lading.DataManifest || d == nil || d.Size > lading.MaxEventManifest {
		return c, nil
	}
	m, err := s.e.cat.GetManifest(s.ctx, c.Item.Repository, lading.Reference{Digest: d.Digest})
	if errors.Is(err, lading.ErrManifestUnknown) || errors.Is(err, lading.ErrNameUnknown) {
		return c, nil // gone by now
	}
	if err != nil {
		return nil, err
	}
	out := &lading.Change{Kind: c.Kind, Action: c.Action, Time: c.Time, ID: c.ID, Item: c.Item}
	out.Item.Manifest = m.Bytes
	s.bytes += len(m.Bytes)
	return out, nil
}
