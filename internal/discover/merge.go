package discover

import (
	"container/heap"

	"github.com/lading-dev/lading/internal/catalog"
)

// merge reads streams as one, in the order of positions. Of a stream whose
// bound is known nothing is read until its turn can have come; the heads of the
// others are looked up together.
type merge struct {
	p    *page
	desc bool
	heap []*reader
}

// reader is a stream with what was read of it ahead.
type reader struct {
	stream
	buf  []catalog.Entry
	step int
	done bool
}

// head is the position of the next entry, or what bounds it.
func (r *reader) head() int64 {
	if len(r.buf) > 0 {
		return r.buf[0].Pos
	}
	return r.bound
}

func (p *page) newMerge(ss []stream, desc bool, want int) (*merge, error) {
	m := &merge{p: p, desc: desc}
	var open []*reader
	for _, s := range ss {
		r := &reader{stream: s, step: max(8, want/8)}
		if len(ss) == 1 {
			r.step = want
		}
		if s.bound == 0 {
			open = append(open, r)
		} else {
			m.heap = append(m.heap, r)
		}
	}
	if err := m.open(open); err != nil {
		return nil, err
	}
	heap.Init(m)
	return m, nil
}

// open reads the heads of streams of which nothing is known.
func (m *merge) open(rs []*reader) error {
	if len(rs) == 1 {
		if err := m.fill(rs[0]); err != nil {
			return err
		}
	} else if len(rs) > 1 {
		ss, spans := make([]catalog.Stream, len(rs)), make([]catalog.Span, len(rs))
		for i, r := range rs {
			ss[i], spans[i] = r.Stream, r.span
		}
		first, err := m.p.e.cat.First(m.p.ctx, m.p.q, ss, spans)
		if err != nil {
			return err
		}
		for i, e := range first {
			if e != nil {
				rs[i].buf = []catalog.Entry{*e}
			}
		}
	}
	for _, r := range rs {
		if len(r.buf) > 0 {
			m.heap = append(m.heap, r)
		}
	}
	return nil
}

// next returns the next entry, nil at the end.
func (m *merge) next() (*catalog.Entry, error) {
	for len(m.heap) > 0 {
		r := m.heap[0]
		if len(r.buf) == 0 { // its bound has come up: see what there is
			if err := m.advance(r); err != nil {
				return nil, err
			}
			continue
		}
		e := r.buf[0]
		if r.buf = r.buf[1:]; len(r.buf) > 0 {
			heap.Fix(m, 0)
			return &e, nil
		}
		if m.desc {
			r.span.Until = e.Pos - 1
		} else {
			r.span.After = e.Pos
		}
		return &e, m.advance(r)
	}
	return nil, nil
}

// advance reads on in the first stream and gives it its new place.
func (m *merge) advance(r *reader) error {
	if err := m.fill(r); err != nil {
		return err
	}
	if len(r.buf) == 0 {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return nil
}

// fill reads on in a stream, more each time.
func (m *merge) fill(r *reader) (err error) {
	if r.done {
		return nil
	}
	r.buf, err = m.p.e.cat.Scan(m.p.ctx, m.p.q, r.Stream, r.span, r.step)
	r.done = len(r.buf) < r.step
	r.step = min(r.step*2, 1024)
	return err
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (m *merge) Len() int { return len(m.heap) }

// Less orders by position, then shard: positions of one shard are distinct.
func (m *merge) Less(i, j int) bool {
	a, b := m.heap[i], m.heap[j]
	if a.head() != b.head() {
		return (a.head() < b.head()) != m.desc
	}
	return a.Shard < b.Shard
}

func (m *merge) Swap(i, j int) { m.heap[i], m.heap[j] = m.heap[j], m.heap[i] }
func (m *merge) Push(x any)    { m.heap = append(m.heap, x.(*reader)) }
func (m *merge) Pop() any {
	n := len(m.heap) - 1
	x := m.heap[n]
	m.heap = m.heap[:n]
	return x
}
