package informer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lading-dev/lading"
)

// deafFor is how long a registry is not asked for streams again that has none.
const deafFor = 10 * time.Minute

// goaway is the end of a stream that is to be opened again after some time.
type goaway struct {
	reason lading.GoawayReason
	wait   time.Duration
}

func (g goaway) Error() string { return "the stream ended: " + string(g.reason) }

// maxGoaway bounds what a registry may ask for.
const maxGoaway = 5 * time.Minute

// watch follows a stream from the cursor on until it ends.
func (i *Informer) watch(ctx context.Context) error {
	s, err := i.watcher.Watch(ctx, lading.WatchQuery{Kinds: []lading.Kind{i.opt.Query.Kind}, Scope: i.opt.Query.Scope, Since: i.cursor})
	switch {
	case errors.Is(err, lading.ErrUnsupported), errors.Is(err, lading.ErrExtensionUnknown), errors.Is(err, lading.ErrNameUnknown):
		// There are no streams, or not of this repository now: it is asked
		// what is new instead, by which one learns that a repository is gone.
		i.deaf = time.Now().Add(deafFor)
		if errors.Is(err, lading.ErrNameUnknown) {
			i.deaf = time.Now().Add(time.Minute)
		}
		return nil
	case err != nil:
		return err
	}
	defer s.Close()
	t := &transaction{i: i, batch: newBatch(i.store)}
	for {
		events, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			err = lading.ErrUnavailable.With("the stream ended without a word")
		}
		if err != nil {
			return err
		}
		if err := t.take(ctx, events); err != nil {
			return err
		}
	}
}

// transaction collects changes until the cursor comes that belongs to them:
// without it they are none.
type transaction struct {
	i       *Informer
	batch   *batch
	pending []lading.Item
}

// take saves, of the events that are ready, those up to the last cursor.
func (t *transaction) take(ctx context.Context, events []lading.Event) error {
	cursor := ""
	var end error
	for _, e := range events {
		if end = ended(e); end != nil {
			break
		}
		if e.Change != nil {
			t.pending = append(t.pending, e.Change.Item.Item)
		}
		if len(t.pending) > t.i.opt.MaxPending {
			return errPending
		}
		if e.Cursor != "" {
			if err := t.settle(ctx); err != nil {
				return err
			}
			cursor = e.Cursor
		}
	}
	if cursor != "" {
		b := t.batch
		t.batch = newBatch(t.i.store)
		if err := t.i.save(ctx, b, cursor); err != nil {
			return err
		}
		t.i.backoff.reset()
	}
	return end
}

// settle moves what is pending to what is to be saved.
func (t *transaction) settle(ctx context.Context) error {
	for _, it := range t.pending {
		if err := t.batch.add(ctx, it); err != nil {
			return err
		}
	}
	t.pending = t.pending[:0]
	return nil
}

// ended is how a stream ends by an event.
func ended(e lading.Event) error {
	switch {
	case e.Control == lading.ControlGoaway && e.Goaway != nil:
		wait := time.Duration(e.Goaway.RetryMS) * time.Millisecond
		return goaway{e.Goaway.Reason, min(max(wait, 0), maxGoaway)}
	case e.Control == lading.ControlError && e.Err != nil:
		return e.Err
	case e.Control == lading.ControlGoaway, e.Control == lading.ControlError:
		return fmt.Errorf("%w: %s without its reason", lading.ErrInternal, e.Control)
	}
	return nil
}
