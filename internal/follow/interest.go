package follow

import (
	"slices"
	"strings"
)

// Interest is which repositories a reader is told of. It bounds the work: a
// reader is not woken for others.
type Interest struct {
	// All stands for every repository.
	All bool
	// Names are repositories, Namespaces all that is below a name.
	Names, Namespaces []string
	// Shard is the one shard that these are in; -1 for any.
	Shard int
}

// wants reports whether a repository is of interest.
func (in Interest) wants(name string) bool {
	if in.All {
		return true
	}
	for _, n := range in.Names {
		if n == name {
			return true
		}
	}
	for _, n := range in.Namespaces {
		if len(name) > len(n) && name[len(n)] == '/' && strings.HasPrefix(name, n) {
			return true
		}
	}
	return false
}

// interests finds the readers that a repository's change is for. Only those are
// looked at that wait for one: who does not come to read costs nothing.
type interests struct {
	every            map[*Reader]struct{}
	all              *waiting
	names, namespace map[string]*waiting
}

// waiting are readers that wait for the same thing. One that was woken is put
// back when it has read.
type waiting struct {
	readers []*Reader
	members int // with those that were woken
}

func newInterests() interests {
	return interests{every: map[*Reader]struct{}{}, all: &waiting{}, names: map[string]*waiting{}, namespace: map[string]*waiting{}}
}

func (i *interests) add(r *Reader) {
	i.every[r] = struct{}{}
	for _, w := range i.of(r.in) {
		w.members++
		w.readers = append(w.readers, r)
	}
}

// of are the places where an interest waits.
func (i *interests) of(in Interest) []*waiting {
	if in.All {
		return []*waiting{i.all}
	}
	var all []*waiting
	for _, n := range in.Names {
		all = append(all, placeOf(i.names, n))
	}
	for _, n := range in.Namespaces {
		all = append(all, placeOf(i.namespace, n))
	}
	return all
}

func placeOf(m map[string]*waiting, name string) *waiting {
	if m[name] == nil {
		m[name] = &waiting{}
	}
	return m[name]
}

func (i *interests) remove(r *Reader) {
	delete(i.every, r)
	for _, w := range i.of(r.in) {
		w.members--
		if at := slices.Index(w.readers, r); at >= 0 {
			last := len(w.readers) - 1
			w.readers[at], w.readers[last] = w.readers[last], nil
			w.readers = w.readers[:last]
		}
	}
	for _, n := range r.in.Names {
		forget(i.names, n)
	}
	for _, n := range r.in.Namespaces {
		forget(i.namespace, n)
	}
}

func forget(m map[string]*waiting, name string) {
	if w := m[name]; w != nil && w.members == 0 {
		delete(m, name)
	}
}

// wake notes row n of the ring, of a repository, with those who wait for it. It
// appends those that are to be woken.
func (i *interests) wake(out []*Reader, name string, n uint64) []*Reader {
	out = i.all.wake(out, n)
	out = i.names[name].wake(out, n)
	for at := 0; at < len(name); at++ {
		if name[at] == '/' {
			out = i.namespace[name[:at]].wake(out, n)
		}
	}
	return out
}

func (w *waiting) wake(out []*Reader, n uint64) []*Reader {
	if w == nil {
		return out
	}
	for _, r := range w.readers {
		r.woken = append(r.woken, w)
		if r.need(n) {
			out = append(out, r)
		}
	}
	clear(w.readers)
	w.readers = w.readers[:0]
	return out
}

// wait puts a reader back that has read.
func (r *Reader) wait() {
	for _, w := range r.woken {
		w.readers = append(w.readers, r)
	}
	r.woken = r.woken[:0]
}
