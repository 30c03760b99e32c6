package lading

import (
	"context"
	"time"
)

// Historian is an optional interface of a Registry: one that remembers where
// its tags have pointed.
type Historian interface {
	// TagHistory returns a page of what happened to a tag, the newest first. A
	// tag, or a repository, that never was, or that the caller may not read,
	// has no history and is no error.
	//
	// Errors: PARAMETER_INVALID.
	TagHistory(ctx context.Context, repo, tag string, q HistoryQuery) (TagHistory, error)
}

// HistoryQuery asks for a page of a tag's history.
type HistoryQuery struct {
	// Before keeps what is older than this, Since what is newer; zero is no
	// bound.
	Before, Since time.Time
	// Digest keeps what happened to the tag while it pointed there, or when it
	// came to point there; empty is everything.
	Digest Digest
	// N is the page length, 1 to MaxPage.
	N int
}

// TagHistory is a page of a tag's history.
type TagHistory struct {
	Events []TagEvent
	// Next is the Before of the next page, zero at the end. A page may be
	// short, or empty, and have a next one.
	Next time.Time
}

// TagEvent is one thing that happened to a tag.
type TagEvent struct {
	// Action is ActionCreated where the tag came to point to the manifest,
	// whether it was there before or not, and ActionDeleted where it was
	// removed while it pointed there.
	Action Action
	// Time is when, to the microsecond: no two events of a tag share one.
	Time time.Time
	// Descriptor is of the manifest: its media type, digest and size.
	Descriptor Descriptor
}
