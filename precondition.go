package lading

import "slices"

// Precondition is what must hold of a tag or manifest for a change to be
// carried out (RFC 9110, 13.1). The entity tag of a manifest is its digest;
// that of a tag is the digest of the manifest it points to. The zero value
// asks for nothing. All that is set must hold.
type Precondition struct {
	// Absent: there is nothing yet (If-None-Match: *).
	Absent bool
	// Present: there is something, whatever it is (If-Match: *).
	Present bool
	// Match: what is there is one of these (If-Match). Nil asks for nothing;
	// an empty list is never fulfilled.
	Match []Digest
	// Differ: what is there, if anything, is none of these (If-None-Match).
	Differ []Digest
}

// Empty reports whether nothing is asked for.
func (p Precondition) Empty() bool {
	return !p.Absent && !p.Present && p.Match == nil && len(p.Differ) == 0
}

// Check returns nil if the condition holds of what is there now; an empty
// digest is nothing.
//
// Errors: PRECONDITION_FAILED.
func (p Precondition) Check(current Digest) error {
	switch {
	case p.Absent && current != "":
		return ErrPreconditionFailed.With("it is there already: %s", current)
	case p.Present && current == "":
		return ErrPreconditionFailed.With("there is nothing of that name yet")
	case p.Match != nil && (current == "" || !slices.Contains(p.Match, current)):
		if current == "" {
			return ErrPreconditionFailed.With("there is nothing of that name yet")
		}
		return ErrPreconditionFailed.With("it has changed: it is %s now", current)
	case current != "" && slices.Contains(p.Differ, current):
		return ErrPreconditionFailed.With("it is %s already", current)
	}
	return nil
}
