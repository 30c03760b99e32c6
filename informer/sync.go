package informer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lading-dev/lading"
)

// tries is how often a page is asked for before what it belongs to is given
// up.
const tries = 5

// page asks for a page, again if that may help: to begin a long listing anew
// costs more.
func (i *Informer) page(ctx context.Context, q lading.Query) (lading.Listing, error) {
	for try := 1; ; try++ {
		l, err := i.from.List(ctx, q)
		if err == nil || try == tries || !passes(err) || ctx.Err() != nil {
			return l, err
		}
		i.opt.OnError(err)
		if err := i.opt.Sleep(ctx, max(i.backoff.next(), retryIn(err))); err != nil {
			return l, err
		}
	}
}

// passes tells whether a failure passes by itself.
func passes(err error) bool {
	return errors.Is(err, lading.ErrUnavailable) || errors.Is(err, lading.ErrTooManyRequests) || errors.Is(err, lading.ErrInternal)
}

// nextPage asks for the page behind one.
func nextPage(q lading.Query, token string) lading.Query {
	return lading.Query{Kind: q.Kind, Scope: lading.Scope{Repository: q.Scope.Repository}, N: q.N, Page: token}
}

// list brings the copy to a new listing, page by page; each is saved without a
// cursor. What is held and was not listed goes with the last page. A listing
// that is given up leaves items that are true, and no cursor: the next one
// begins from the beginning.
func (i *Informer) list(ctx context.Context) error {
	q := i.opt.Query
	q.Since = "none"
	listed := map[string]struct{}{}
	for {
		l, err := i.page(ctx, q)
		if err != nil {
			return err
		}
		b := newBatch(i.store)
		b.anew = true
		for _, it := range l.Items {
			if it.Op != lading.OpPut {
				return fmt.Errorf("%w of a listing: %s %q", errOperation, it.Op, it.Key)
			}
			listed[it.Key] = struct{}{}
			if err := b.add(ctx, it); err != nil {
				return err
			}
		}
		if l.Next == "" {
			return i.listed(ctx, b, listed, l.Cursor)
		}
		if err := i.save(ctx, b, ""); err != nil {
			return err
		}
		q = nextPage(q, l.Next)
	}
}

// listed ends a listing: what it did not have is no more.
func (i *Informer) listed(ctx context.Context, b *batch, listed map[string]struct{}, cursor string) error {
	if cursor == "" {
		return lading.ErrInternal.With("the listing ended without a cursor")
	}
	for it, err := range i.store.Range(ctx, lading.Range{}) {
		if err != nil {
			return storeError{fmt.Errorf("range: %w", err)}
		}
		if _, ok := listed[it.Key]; !ok {
			b.enter(it.Key).old = &it
		}
	}
	return i.save(ctx, b, cursor)
}

// delta brings the copy from its cursor to now: all of it or nothing, for half
// a delta belongs to no cursor. It waits for a change as long as the registry
// is asked to, and tells whether there was one.
func (i *Informer) delta(ctx context.Context, wait time.Duration) (changed bool, err error) {
	q := i.opt.Query
	q.Since, q.Wait = i.cursor, wait
	b, n := newBatch(i.store), 0
	for {
		l, err := i.page(ctx, q)
		if err != nil {
			return false, err
		}
		if n += len(l.Items); n > i.opt.MaxPending {
			return false, errPending
		}
		for _, it := range l.Items {
			if err := b.add(ctx, it); err != nil {
				return false, err
			}
		}
		if l.Next == "" {
			if l.Cursor == "" {
				return false, lading.ErrInternal.With("the delta ended without a cursor")
			}
			if err := i.save(ctx, b, l.Cursor); err != nil {
				return false, err
			}
			i.backoff.reset()
			i.nowSynced()
			return n > 0, nil
		}
		q = nextPage(q, l.Next)
	}
}

var errPending = errors.New("too many changes at once")

// soon is what a question cannot have been held for.
const soon = time.Second

// poll asks what is new, for some time. A registry that does not hold a
// question is not asked in a hurry.
func (i *Informer) poll(ctx context.Context) error {
	began := time.Now()
	changed, err := i.delta(ctx, i.opt.Wait)
	switch {
	case err != nil:
		return err
	case changed:
		return i.opt.Sleep(ctx, i.backoff.next()) // there may be more in a moment
	case time.Since(began) > soon:
		return nil
	}
	return i.opt.Sleep(ctx, pollPause+i.backoff.next())
}

// pollPause is how long to wait, at least, between questions that are answered
// at once.
const pollPause = 2 * time.Second
