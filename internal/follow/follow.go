// Package follow reads the journal once for everyone who watches: newly
// committed rows go into a ring in memory, completed with names and state, and
// readers take from it what is of interest to them. A reader is a position,
// not a queue: one that does not keep up costs no memory, falls off the ring
// and reads the journal by itself until it has caught up.
package follow

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
)

// Options bound a Follower.
type Options struct {
	// Rows and Bytes are what the ring holds at most; 0 means 4096 and 16 MiB.
	Rows, Bytes int
	// Poll is how often the journal is looked at for commits of other
	// replicas; 0 means 250 ms.
	Poll time.Duration
	// Gap is the least time between two looks, so that many commits are read
	// together; 0 means 2 ms.
	Gap time.Duration
	// Chunk is about how many rows are read at once; 0 means 256.
	Chunk  int
	Logger *slog.Logger // nil discards

	// Lose is a fault for tests: who fell off the ring goes on at its end.
	Lose bool
}

// Follower reads the journal for its readers. While it has none it does
// nothing.
type Follower struct {
	cat *catalog.Catalog
	j   *journal.Journal
	opt Options

	idle chan struct{} // sent to when a reader begins to wait

	mu      sync.Mutex
	readers interests
	count   int
	waiting int                // readers that have read everything there is
	cancel  context.CancelFunc // stops the pump; nil when none runs
	done    chan struct{}      // closed when the pump has ended
	closed  bool
	ring    ring
}

// New returns a follower of a catalog's journal.
func New(cat *catalog.Catalog, opt Options) *Follower {
	setDefault(&opt.Rows, 4096)
	setDefault(&opt.Bytes, 16<<20)
	setDefault(&opt.Poll, 250*time.Millisecond)
	setDefault(&opt.Gap, 2*time.Millisecond)
	setDefault(&opt.Chunk, 256)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Follower{cat: cat, j: cat.Journal(), opt: opt, readers: newInterests(), idle: make(chan struct{}, 1)}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Close ends the reading; readers get nothing more.
func (f *Follower) Close() {
	f.mu.Lock()
	f.closed = true
	cancel, done := f.cancel, f.done
	f.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// Join returns a reader behind the positions at, one for each shard. It sends to
// wake, which has room for one, when there may be something to read.
func (f *Follower) Join(at []int64, in Interest, wake chan struct{}) *Reader {
	r := &Reader{f: f, at: append([]int64(nil), at...), in: in, wake: wake}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers.add(r)
	f.count++
	f.start()
	return r
}

// start begins to read, if nobody did.
func (f *Follower) start() {
	if f.cancel != nil || f.closed || f.count == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan struct{})
	go f.pump(ctx, f.done)
}

// leave takes a reader away; with the last one the reading stops.
func (f *Follower) leave(r *Reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.left {
		return
	}
	r.left = true
	r.busy()
	f.readers.remove(r)
	if f.count--; f.count == 0 && f.cancel != nil {
		f.cancel()
		f.cancel = nil
		f.ring.clear(nil)
	}
}

// The pump rests so many times as long as it has read, up to maxGap, so that
// those who push keep the processor: the more there is, the more is read at
// once, which costs less a row.
const (
	restShare = 8
	maxGap    = 20 * time.Millisecond
)

// pumping is what the pump knows of its work.
type pumping struct {
	began  bool          // the ring has
	waking time.Duration // how long readers had their turns in this round
}

// pump fills the ring until ctx ends.
func (f *Follower) pump(ctx context.Context, done chan struct{}) {
	defer close(done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p := (pumping{}); !p.began || f.awaited(ctx); {
		changed, from := f.j.Changed(), time.Now()
		p.waking = 0
		if err := f.read(ctx, &p); err != nil && ctx.Err() == nil {
			f.opt.Logger.Error("the journal could not be followed: it is tried again", "error", err)
		}
		timer.Reset(max(f.opt.Gap, min(restShare*(time.Since(from)-p.waking), maxGap)))
		if !wait(ctx, timer.C, nil) {
			return
		}
		timer.Reset(f.opt.Poll)
		if !wait(ctx, timer.C, changed) {
			return
		}
	}
}

// awaited waits until a reader waits for changes: while all of them are busy
// with what they have, nothing is read for them. It reports whether ctx has not
// ended.
func (f *Follower) awaited(ctx context.Context) bool {
	for {
		f.mu.Lock()
		waiting := f.waiting > 0
		f.mu.Unlock()
		if waiting {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-f.idle:
		}
	}
}

// wait reports whether ctx has not ended.
func wait(ctx context.Context, timer <-chan time.Time, changed <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case <-changed:
	}
	return ctx.Err() == nil
}

// read appends what was committed since the last time. At first, and where the
// journal is not where it was, the ring begins anew at its heads.
func (f *Follower) read(ctx context.Context, p *pumping) error {
	heads, _, err := f.j.Heads(ctx, f.cat.DB().Read())
	if err != nil {
		return err
	}
	f.mu.Lock()
	at, far := append([]int64(nil), f.ring.pos...), f.far(heads)
	f.mu.Unlock()
	if !p.began || far || behind(heads, at) {
		f.restart(ctx, heads)
		p.began = true
		return nil
	}
	for shard, h := range heads {
		for more := h.Pos > at[shard]; more; {
			var rows []*Row
			if rows, at[shard], more, err = f.chunk(ctx, shard, at[shard], h, nil); err != nil {
				if f.lost(err) {
					f.restart(ctx, heads)
					return nil
				}
				return err
			}
			woken, from := f.append(ctx, shard, at[shard], rows), time.Now()
			wake(woken)
			p.waking += time.Since(from)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring.seq = seqs(heads)
	return nil
}

// far reports whether more rows have come than the ring holds: readers had
// better read them by themselves.
func (f *Follower) far(heads []journal.Head) bool {
	n := int64(0)
	for s, seq := range f.ring.seq {
		n += heads[s].Seq - seq
	}
	return n > int64(f.opt.Rows)
}

func seqs(heads []journal.Head) []int64 {
	out := make([]int64, len(heads))
	for s, h := range heads {
		out[s] = h.Seq
	}
	return out
}

// behind reports whether positions are ahead of the heads, or fewer.
func behind(heads []journal.Head, at []int64) bool {
	if len(at) != len(heads) {
		return true
	}
	for s, h := range heads {
		if h.Pos < at[s] || h.Trimmed > at[s] {
			return true
		}
	}
	return false
}

// restart empties the ring; readers that were in it read by themselves.
func (f *Follower) restart(ctx context.Context, heads []journal.Head) {
	pos := make([]int64, len(heads))
	for s, h := range heads {
		pos[s] = h.Pos
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil { // another pump runs by now
		return
	}
	f.ring.clear(pos)
	f.ring.seq = seqs(heads)
	for r := range f.readers.every {
		r.fallOff()
	}
}

// append puts rows of a shard, up to pos, into the ring. It returns whom to
// wake, as they interest them.
func (f *Follower) append(ctx context.Context, shard int, pos int64, rows []*Row) (woken []*Reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	for _, r := range rows {
		at := f.ring.push(r, f.opt.Rows, f.opt.Bytes)
		woken = f.readers.wake(woken, r.Repo.Name, at)
	}
	f.ring.pos[shard] = pos
	return woken
}

// atOnce is how many readers are woken before others have their turn.
const atOnce = 128

// wake wakes readers, some at a time: a request that comes meanwhile, such as
// the next push, waits for some of them and not for all.
func wake(readers []*Reader) {
	for some := range slices.Chunk(readers, atOnce) {
		for _, r := range some {
			r.signal()
		}
		runtime.Gosched()
	}
}

// WakeAll wakes every reader.
func (f *Follower) WakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers.every {
		r.signal()
	}
}
