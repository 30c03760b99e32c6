package follow

import (
	"context"
	"errors"

	"github.com/lading-dev/lading/internal/journal"
)

// ErrTrimmed says that journal rows behind the reader's position are gone.
var ErrTrimmed = errors.New("follow: the journal was trimmed")

// Reader reads the changes that are of interest to it. One goroutine uses it.
type Reader struct {
	f    *Follower
	in   Interest
	wake chan struct{}

	// The rest is guarded by the follower's lock.
	at     []int64 // everything of interest up to here was returned
	inRing bool
	needs  bool       // a row of interest waits in the ring
	first  uint64     // the first such row
	woken  []*waiting // where it does not wait any more
	idle   bool       // it has read everything there is
	left   bool
}

// Wake is the channel that is sent to when there may be something to read.
func (r *Reader) Wake() <-chan struct{} { return r.wake }

// Close ends the reading.
func (r *Reader) Close() { r.f.leave(r) }

// Position writes up to where everything of interest was returned, by shard.
func (r *Reader) Position(at []int64) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	copy(at, r.at)
}

// need notes a row of interest and reports whether the reader is to be woken
// for it. Who is not in the ring finds it there by itself.
func (r *Reader) need(n uint64) bool {
	if !r.inRing || r.needs {
		return false
	}
	r.needs, r.first = true, n
	r.busy()
	return true
}

func (r *Reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fallOff sends the reader to the journal itself.
func (r *Reader) fallOff() {
	r.inRing, r.needs = false, false
	r.busy()
	r.signal()
}

// rest notes that the reader waits for more.
func (r *Reader) rest() {
	if r.idle || r.left {
		return
	}
	r.idle = true
	if r.f.waiting++; r.f.waiting == 1 {
		select {
		case r.f.idle <- struct{}{}:
		default:
		}
	}
}

// busy notes that it does not.
func (r *Reader) busy() {
	if r.idle {
		r.idle = false
		r.f.waiting--
	}
}

// Read returns what comes next, in order and by whole transactions, and whether
// there may be more at once. Nothing, and no more, means that the reader has
// caught up: only then it may wait for Wake, for while no reader has, nothing
// is read.
//
// Errors: ErrTrimmed; journal.ErrAhead when the journal does not reach so far.
func (r *Reader) Read(ctx context.Context) (rows []*Row, more bool, err error) {
	if rows, more, ok := r.fromRing(); ok {
		return rows, more, nil
	}
	return r.fromJournal(ctx)
}

func (r *Reader) fromRing() (out []*Row, more, ok bool) {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if !r.inRing && !r.enter() {
		return nil, false, false
	}
	if r.needs && r.first < f.ring.first && !f.opt.Lose {
		r.inRing, r.needs = false, false
		return nil, false, false
	}
	r.first = max(r.first, f.ring.first)
	if r.needs {
		for ; r.first < f.ring.next; r.first++ {
			row := f.ring.at(r.first)
			if len(out) >= f.opt.Chunk && out[len(out)-1].Last {
				return out, true, true
			}
			if row.Pos <= r.at[row.Shard] {
				continue
			}
			if r.mine(row) {
				out = append(out, row)
			}
			if row.Last && r.watches(row.Shard) {
				r.at[row.Shard] = row.Pos
			}
		}
	}
	r.needs = false
	r.wait()
	r.advance()
	if len(out) == 0 {
		r.rest()
	}
	return out, false, true
}

func (r *Reader) mine(row *Row) bool { return r.in.wants(row.Repo.Name) }

// advance moves the position to the ring's: nothing before it is of interest
// any more.
func (r *Reader) advance() {
	for s := range r.at {
		if r.watches(s) {
			r.at[s] = max(r.at[s], r.f.ring.pos[s])
		}
	}
}

func (r *Reader) watches(shard int) bool { return r.in.Shard < 0 || r.in.Shard == shard }

// enter puts a reader into the ring that has caught up with where it begins.
func (r *Reader) enter() bool {
	g := &r.f.ring
	if len(g.pos) != len(r.at) {
		return false
	}
	for s, p := range g.start {
		if r.watches(s) && r.at[s] < p {
			return false
		}
	}
	r.inRing, r.needs, r.first = true, true, g.first
	return true
}

// fromJournal reads the journal of each shard that has something new.
func (r *Reader) fromJournal(ctx context.Context) (out []*Row, more bool, err error) {
	f := r.f
	heads, _, err := f.j.Heads(ctx, f.cat.DB().Read())
	if err != nil {
		return nil, false, err
	}
	at := make([]int64, len(r.at))
	r.Position(at)
	for s, h := range heads {
		if !r.watches(s) || h.Pos == at[s] {
			continue
		}
		switch {
		case h.Pos < at[s]:
			return nil, false, journal.ErrAhead
		case h.Trimmed > at[s]:
			return nil, false, ErrTrimmed
		}
		rows, pos, again, err := f.chunk(ctx, s, at[s], h, r.in.wants)
		if err != nil {
			if f.lost(err) {
				err = ErrTrimmed
			}
			return nil, false, err
		}
		out, at[s], more = append(out, rows...), pos, more || again
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	copy(r.at, at)
	// What the ring holds beyond comes next. One that has not begun wakes
	// everyone when it does.
	return out, more || len(f.ring.pos) > 0, nil
}

// lost reports whether an error means that rows are not there any more.
func (f *Follower) lost(err error) bool { return errors.Is(err, journal.ErrGap) }

// chunk reads rows of a shard behind pos, whole transactions, and completes
// those that are wanted. It returns up to where it has read.
func (f *Follower) chunk(ctx context.Context, shard int, pos int64, head journal.Head, wanted func(string) bool) (out []*Row, to int64, more bool, err error) {
	var read []journal.Row
	for from := pos; ; {
		rows, err := f.j.Read(ctx, shard, from, f.opt.Chunk)
		if err != nil {
			return nil, pos, false, err
		}
		if len(read) > 0 && len(rows) > 0 && rows[0].Seq != read[len(read)-1].Seq+1 {
			return nil, pos, false, journal.ErrGap
		}
		read = append(read, rows...)
		if len(rows) < f.opt.Chunk {
			break
		}
		from = rows[len(rows)-1].Pos
		if n := lastWhole(read); n > 0 {
			read, more = read[:n], true
			break
		}
	}
	if err := f.untrimmed(ctx, shard, pos); err != nil {
		return nil, pos, false, err
	}
	to = head.Pos
	if n := len(read); n > 0 && (more || read[n-1].Pos > to) {
		to = read[n-1].Pos
	}
	if len(read) == 0 {
		return nil, to, false, nil
	}
	out, err = complete(ctx, f.cat, read, wanted)
	return out, to, more, err
}

// untrimmed answers ErrGap where rows behind pos may have been trimmed before
// they were read: whoever looked at the heads had looked before that.
func (f *Follower) untrimmed(ctx context.Context, shard int, pos int64) error {
	heads, _, err := f.j.Heads(ctx, f.cat.DB().Read())
	if err == nil && heads[shard].Trimmed > pos {
		err = journal.ErrGap
	}
	return err
}

// lastWhole is how many of the rows belong to transactions that are whole.
func lastWhole(rows []journal.Row) int {
	for n := len(rows); n > 0; n-- {
		if rows[n-1].Flags&journal.Last != 0 {
			return n
		}
	}
	return 0
}
