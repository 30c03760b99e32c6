package follow

import "strings"

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

// interests finds the readers that a repository's change is for.
type interests struct {
	all              set
	names, namespace map[string]set
}

type set map[*Reader]struct{}

func newInterests() interests {
	return interests{all: set{}, names: map[string]set{}, namespace: map[string]set{}}
}

func (i *interests) add(r *Reader) {
	if r.in.All {
		i.all[r] = struct{}{}
		return
	}
	for _, n := range r.in.Names {
		put(i.names, n, r)
	}
	for _, n := range r.in.Namespaces {
		put(i.namespace, n, r)
	}
}

func (i *interests) remove(r *Reader) {
	delete(i.all, r)
	for _, n := range r.in.Names {
		drop(i.names, n, r)
	}
	for _, n := range r.in.Namespaces {
		drop(i.namespace, n, r)
	}
}

func put(m map[string]set, name string, r *Reader) {
	if m[name] == nil {
		m[name] = set{}
	}
	m[name][r] = struct{}{}
}

func drop(m map[string]set, name string, r *Reader) {
	if delete(m[name], r); len(m[name]) == 0 {
		delete(m, name)
	}
}

// of calls fn for each reader that the repository is of interest to; for some
// more than once.
func (i *interests) of(name string, fn func(*Reader)) {
	each(i.all, fn)
	each(i.names[name], fn)
	for n := 0; n < len(name); n++ {
		if name[n] == '/' {
			each(i.namespace[name[:n]], fn)
		}
	}
}

// each calls fn for every reader, for some more than once.
func (i *interests) each(fn func(*Reader)) {
	each(i.all, fn)
	for _, s := range i.names {
		each(s, fn)
	}
	for _, s := range i.namespace {
		each(s, fn)
	}
}

func each(s set, fn func(*Reader)) {
	for r := range s {
		fn(r)
	}
}
