package discover

import (
	"container/heap"

	"github.com/lading-dev/lading/internal/catalog"
)

// merge reads streams as one, in the order of positions. It looks at the head
// of each stream once, in few statements, and reads on only in those that the
// page needs.
type merge struct {
	p    *page
	desc bool
	heap []*reader
}

// reader is a stream with what was read of it ahead.
type reader struct {
	stream catalog.Stream
	span   catalog.Span
	buf    []catalog.Entry
	step   int
	done   bool
}

func (p *page) newMerge(ss []catalog.Stream, spans []catalog.Span, desc bool, want int) (*merge, error) {
	m := &merge{p: p, desc: desc}
	if len(ss) == 1 {
		r := &reader{stream: ss[0], span: spans[0], step: want}
		if err := m.fill(r); err != nil {
			return nil, err
		}
		if len(r.buf) > 0 {
			m.heap = append(m.heap, r)
		}
		return m, nil
	}
	first, err := p.e.cat.First(p.ctx, p.q, ss, spans)
	if err != nil {
		return nil, err
	}
	for i, e := range first {
		if e != nil {
			m.heap = append(m.heap, &reader{stream: ss[i], span: spans[i], buf: []catalog.Entry{*e}, step: max(8, want/8)})
		}
	}
	heap.Init(m)
	return m, nil
}

// next returns the next entry, nil at the end.
func (m *merge) next() (*catalog.Entry, error) {
	if len(m.heap) == 0 {
		return nil, nil
	}
	r := m.heap[0]
	e := r.buf[0]
	r.buf = r.buf[1:]
	if len(r.buf) == 0 {
		if m.desc {
			r.span.Until = e.Pos - 1
		} else {
			r.span.After = e.Pos
		}
		if err := m.fill(r); err != nil {
			return nil, err
		}
	}
	if len(r.buf) == 0 {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return &e, nil
}

// fill reads on in a stream, more each time.
func (m *merge) fill(r *reader) (err error) {
	if r.done {
		return nil
	}
	r.buf, err = m.p.e.cat.Scan(m.p.ctx, m.p.q, r.stream, r.span, r.step)
	r.done = len(r.buf) < r.step
	r.step = min(r.step*2, 1024)
	return err
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (m *merge) Len() int { return len(m.heap) }

// Less orders by position, then shard: positions of one shard are distinct.
func (m *merge) Less(i, j int) bool {
	a, b := m.heap[i].buf[0], m.heap[j].buf[0]
	if a.Pos != b.Pos {
		return (a.Pos < b.Pos) != m.desc
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
