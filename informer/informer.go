package informer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// Source is where a copy comes from: a lading.Lister has it. One that is a
// lading.Watcher too is watched.
type Source interface {
	List(ctx context.Context, q lading.Query) (lading.Listing, error)
}

// Options are what to copy, where to, and whom to tell.
type Options struct {
	// Query says what: a Kind (tags, manifests or repositories) and a Scope;
	// N, if set, is the length of pages. Nothing else of it may be set, and
	// the scope has no modified_*: they make a listing a view, of which no
	// copy can be kept.
	Query lading.Query
	// Store keeps the copy; nil means one in memory. What it holds already is
	// taken for a copy of the same query.
	Store Store
	// OnAdd, OnUpdate and OnDelete are called, one at a time, when the store
	// has the change: for each rev of a key at most once, and not for what a
	// new listing shows unchanged. Changes that come together are told as one.
	// A program that is killed in between is not told again: what must not be
	// lost is better written in Store.Apply.
	OnAdd    func(lading.Item)
	OnUpdate func(old, now lading.Item)
	OnDelete func(lading.Item)
	// OnError is told of failures that pass, before the informer waits and
	// tries again.
	OnError func(error)
	// Poll asks again and again even where there are streams.
	Poll bool
	// Wait is how long a question is held until there is something to tell, where
	// there are no streams; 0 means 50 s, at most lading.MaxWait.
	Wait time.Duration
	// MaxPending is how many operations are held in memory until the cursor
	// comes that belongs to them; 0 means 1,000,000. When there are more of
	// them the informer lists anew.
	MaxPending int
	// Sleep waits, until ctx ends; nil means by the clock.
	Sleep func(ctx context.Context, d time.Duration) error
}

func (o *Options) setDefaults() {
	if o.Store == nil {
		o.Store = &Memory{}
	}
	if o.Query.N == 0 {
		o.Query.N = lading.MaxPage
	}
	if o.Wait == 0 {
		o.Wait = 50 * time.Second
	}
	o.Wait = min(o.Wait, lading.MaxWait)
	if o.MaxPending == 0 {
		o.MaxPending = 1_000_000
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
}

// Informer keeps a copy.
type Informer struct {
	from    Source
	watcher lading.Watcher // nil for none
	opt     Options
	store   Store

	running sync.Mutex
	synced  chan struct{}
	once    sync.Once

	// Of Run alone.
	cursor  string
	current bool      // a delta to the cursor has been read since it was listed, or loaded
	deaf    time.Time // until then streams are not asked for
	backoff backoff
}

// New returns an informer, which does nothing before it is run.
func New(from Source, opt Options) *Informer {
	opt.setDefaults()
	i := &Informer{from: from, opt: opt, store: opt.Store, synced: make(chan struct{})}
	if w, ok := from.(lading.Watcher); ok && !opt.Poll {
		i.watcher = w
	}
	return i
}

// Store is where the copy is.
func (i *Informer) Store() Store { return i.store }

// Get returns the item of a key, if the copy has one.
func (i *Informer) Get(ctx context.Context, key string) (lading.Item, bool, error) {
	return i.store.Get(ctx, key)
}

// WaitForSync waits until the copy has once been current since Run began.
func (i *Informer) WaitForSync(ctx context.Context) error {
	select {
	case <-i.synced:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a copy: %w", context.Cause(ctx))
	}
}

// Synced tells whether the copy has once been current since Run began.
func (i *Informer) Synced() bool {
	select {
	case <-i.synced:
		return true
	default:
		return false
	}
}

func (i *Informer) nowSynced() {
	i.current = true
	i.once.Do(func() { close(i.synced) })
}

// Run keeps the copy until ctx ends, whose cause it returns. Failures that
// pass are waited for. It ends with an error when the store fails, when the
// registry refuses the question (PARAMETER_INVALID and the like, or
// EXTENSION_UNKNOWN from one that cannot list) and when, before there is a
// copy, it refuses the caller.
func (i *Informer) Run(ctx context.Context) error {
	if !i.running.TryLock() {
		return errors.New("informer: it runs already")
	}
	defer i.running.Unlock()
	if err := checkQuery(i.opt.Query); err != nil {
		return fmt.Errorf("informer: %w", err)
	}
	var err error
	if i.cursor, err = i.store.Cursor(ctx); err != nil {
		return fmt.Errorf("informer: cursor of the store: %w", err)
	}
	i.current = false
	for ctx.Err() == nil {
		if err := i.step(ctx); err != nil && ctx.Err() == nil {
			if err := i.recover(ctx, err); err != nil && ctx.Err() == nil {
				return fmt.Errorf("informer: %w", err)
			}
		}
	}
	return context.Cause(ctx)
}

func checkQuery(q lading.Query) error {
	switch {
	case q.Kind != lading.KindTags && q.Kind != lading.KindManifests && q.Kind != lading.KindRepositories:
		return lading.InvalidParameter("kind", "want tags, manifests or repositories")
	case q.View() || q.Order != "" || q.Since != "" || q.Page != "" || q.Wait != 0:
		return lading.InvalidParameter("query", "want a kind and a scope alone, without modified_*")
	}
	return nil
}

// step does what is next: a listing, the changes since, then whatever happens.
func (i *Informer) step(ctx context.Context) error {
	switch {
	case i.cursor == "":
		return i.list(ctx)
	case !i.current:
		_, err := i.delta(ctx, 0)
		return err
	case i.watcher != nil && !time.Now().Before(i.deaf):
		return i.watch(ctx)
	}
	return i.poll(ctx)
}

// recover does what can be done about a failure; what it returns is final.
func (i *Informer) recover(ctx context.Context, err error) error {
	var broken storeError
	var away goaway
	switch {
	case errors.As(err, &broken):
		return err
	case errors.As(err, &away):
		return i.opt.Sleep(ctx, away.wait)
	case errors.Is(err, lading.ErrCursorExpired), errors.Is(err, lading.ErrCursorInvalid), errors.Is(err, errPending), errors.Is(err, errOperation):
		i.opt.OnError(err)
		i.cursor, i.current = "", false
		return i.opt.Sleep(ctx, max(i.backoff.next(), expiredWait(err)))
	case errors.Is(err, lading.ErrNameUnknown) && i.opt.Query.Scope.Repository != "" && i.cursor == "":
		return i.gone(ctx)
	case i.final(err):
		return err
	}
	i.opt.OnError(err)
	return i.opt.Sleep(ctx, max(i.backoff.next(), retryIn(err)))
}

// final tells whether asking again is no use.
func (i *Informer) final(err error) bool {
	finals := []error{lading.ErrParameterInvalid, lading.ErrNameInvalid, lading.ErrExtensionUnknown, lading.ErrUnsupported, lading.ErrTypeUnknown}
	if i.opt.Query.Scope.Repository == "" {
		finals = append(finals, lading.ErrNameUnknown) // there is no such endpoint
	}
	if !i.Synced() {
		finals = append(finals, lading.ErrUnauthorized, lading.ErrDenied)
	}
	for _, f := range finals {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}

// gone is a repository that is not there: the copy of it is empty. It may
// come.
func (i *Informer) gone(ctx context.Context) error {
	b := newBatch(i.store)
	if err := b.forget(ctx, lading.Range{}); err != nil {
		return err
	}
	if len(b.order) > 0 {
		if err := i.save(ctx, b, ""); err != nil {
			return err
		}
	}
	i.once.Do(func() { close(i.synced) })
	return i.opt.Sleep(ctx, i.backoff.next())
}

// save applies a batch, then tells of it.
func (i *Informer) save(ctx context.Context, b *batch, cursor string) error {
	if err := i.store.Apply(ctx, b.ops(), cursor); err != nil {
		return storeError{fmt.Errorf("apply: %w", err)}
	}
	i.cursor = cursor
	b.tell(&i.opt)
	return nil
}
