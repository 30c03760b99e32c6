package lading

import (
	"context"
	"time"
)

// Watcher tells of changes as they happen.
type Watcher interface {
	// Watch opens a stream of changes. Closing it, or the end of ctx, ends it.
	//
	// Errors: PARAMETER_INVALID, NAME_UNKNOWN, CURSOR_INVALID,
	// CURSOR_EXPIRED.
	Watch(ctx context.Context, q WatchQuery) (Stream, error)
}

// WatchQuery asks for a stream of changes.
type WatchQuery struct {
	// Kinds are what is told of: KindRepositories, KindTags, KindManifests;
	// none means all three. That a repository is removed or begins anew is
	// told in any case.
	Kinds []Kind
	// Scope filters as in a listing.
	Scope Scope
	// Actions keeps events of these alone. It makes the stream a view: it has
	// no cursors, and a copy cannot be kept with it.
	Actions []Action
	// Data is how much an event carries; empty means DataDescriptor.
	Data Data
	// Since is the cursor to go on from: of a stream, or of a listing of the
	// one kind with the same filters. Empty and "now" mean now.
	Since string
	// Initial begins, without a Since, with the state of everything that
	// matches.
	Initial bool
}

// View reports whether the stream has no cursors.
func (q WatchQuery) View() bool {
	return len(q.Actions) > 0 || !q.Scope.ModifiedAfter.IsZero() || !q.Scope.ModifiedBefore.IsZero()
}

// Action is what happened to an item.
type Action string

// The actions.
const (
	ActionCreated Action = "created"
	ActionUpdated Action = "updated"
	ActionDeleted Action = "deleted"
	// ActionState is not a change: it tells how things are, at the beginning
	// of a stream and where it had to catch up.
	ActionState Action = "state"
)

// Data is how much an event carries of an item.
type Data string

// The forms of data.
const (
	DataPointer    Data = "pointer"    // of the descriptor media type, digest and size alone
	DataDescriptor Data = "descriptor" // the item as in listings
	DataManifest   Data = "manifest"   // with the manifest's bytes, up to MaxEventManifest
)

// MaxEventManifest is the largest manifest that an event carries, in bytes.
const MaxEventManifest = 64 << 10

// Stream is a running watch. One goroutine uses it at a time.
//
// What it tells is in order per repository, never twice on one stream, and
// complete. An event with a cursor ends a transaction: a stream opened with
// that cursor goes on behind it.
type Stream interface {
	// Next waits for events and returns those that are ready: at least one,
	// in order. After the last, a goaway or an error, it returns io.EOF. The
	// slice is the caller's until the next call; what it points to is shared
	// and must not be changed.
	Next(ctx context.Context) ([]Event, error)
	// Close ends the stream.
	Close()
}

// Event is one thing that a stream tells: a Change, or a word about the stream
// itself.
type Event struct {
	// Cursor is where the stream stands behind this event; empty within a
	// transaction, and always in a view.
	Cursor string
	// Control is empty for a change.
	Control Control
	Change  *Change
	// Goaway belongs to ControlGoaway, Err to ControlError.
	Goaway *Goaway
	Err    *Error
}

// Name is the event's name: "tag.updated", "synced".
func (e Event) Name() string {
	if e.Change != nil {
		return e.Change.Name()
	}
	return string(e.Control)
}

// Control is a word about the stream itself.
type Control string

// The control events.
const (
	ControlSynced    Control = "synced"    // what follows are changes as they happen
	ControlBookmark  Control = "bookmark"  // nothing happened; here is a newer cursor
	ControlCoalesced Control = "coalesced" // some changes are told together: PrevRev does not chain across; the cursor covers what they show
	ControlGoaway    Control = "goaway"    // the stream ends: open another
	ControlError     Control = "error"     // the stream ends with an error
)

// Goaway tells why a stream ends and when to open another.
type Goaway struct {
	Reason GoawayReason `json:"reason"`
	// RetryMS is how many milliseconds to wait: different for each stream.
	RetryMS int64 `json:"retry_ms"`
}

// GoawayReason is why a stream ends.
type GoawayReason string

// The reasons.
const (
	GoawayMaxAge GoawayReason = "max_age" // it has been open long enough
	GoawayAuth   GoawayReason = "auth"    // the caller's token has expired
	GoawaySlow   GoawayReason = "slow"    // the caller did not keep up
	GoawayDrain  GoawayReason = "drain"   // the server is about to stop
)

// Change is one item operation with what led to it. It is shared by all
// streams that tell of it.
type Change struct {
	Kind   Kind
	Action Action
	// Time is when the change was committed; of ActionState, when the item
	// was last modified or, of a removal, when it was told.
	Time time.Time
	// ID is unique among the changes of a repository: the incarnation and the
	// rev, and "-state" behind it for ActionState.
	ID   string
	Item ChangedItem

	encoded encoded
}

// ChangedItem is an item operation as streams tell it.
type ChangedItem struct {
	Item
	// PrevRev is the rev of the change before this one in the repository; 0
	// for the first, and for ActionState.
	PrevRev int64 `json:"prev_rev,omitempty"`
	// Previous is what a tag pointed to before.
	Previous *Previous `json:"previous,omitempty"`
	// Actor is who did it: only for those who may know.
	Actor string `json:"actor,omitempty"`
	// Manifest is the exact bytes, with DataManifest.
	Manifest []byte `json:"manifest,omitempty"`
}

// Previous is what a tag pointed to.
type Previous struct {
	Digest Digest `json:"digest"`
}

// Name is the change's name: "tag.updated".
func (c *Change) Name() string { return kindWord(c.Kind) + "." + string(c.Action) }

// kindWord is the word for one of a kind.
func kindWord(k Kind) string {
	switch k {
	case KindRepositories:
		return "repository"
	case KindTags:
		return "tag"
	case KindManifests:
		return "manifest"
	}
	return string(k)
}
