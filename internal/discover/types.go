package discover

import (
	"regexp"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

// maxTypeWords is up to how many words a condition on types is resolved to.
// Beyond it, as with all that nobody knows, of which clients may invent as
// much as they like, each row's own word is asked instead.
const maxTypeWords = 256

// typeFilter is a condition on types: a short name is the stored type's, what
// has a "/" is a media type.
type typeFilter struct {
	names []string // as they were given; none lets everything pass
	words []int64  // all that match, unless many
	many  bool
	known map[int64]bool // answers, when many
	typ   func(word int64) (catalog.Type, error)
	err   error // of typ: the page cannot be answered
}

var shortName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// resolveTypes looks up the words of the types asked for, in the snapshot.
//
// Errors: PARAMETER_INVALID for a short name that nobody knows, unless the
// query goes on from an earlier one: by then the definition may be gone.
func (p *page) resolveTypes() error {
	f := &typeFilter{names: p.r.q.Scope.Types, typ: func(w int64) (catalog.Type, error) { return p.e.cat.Type(p.ctx, p.q, w) }}
	p.f.types = f
	for _, name := range f.names {
		find, short := p.e.cat.TypesOf, !isMediaType(name)
		if short {
			find = p.e.cat.TypesNamed
		}
		words, err := find(p.ctx, p.q, name, maxTypeWords+1)
		if err != nil {
			return err
		}
		if short && len(words) == 0 && p.r.tok == nil && p.r.from == nil && !p.e.defined(name) {
			return lading.InvalidParameter("type", "%q is no type that is known here: give the short name of a definition, %q, or a media type", name, lading.TypeUnknown)
		}
		for _, w := range words {
			if !slices.Contains(f.words, w) {
				f.words = append(f.words, w)
			}
		}
	}
	if f.many = len(f.words) > maxTypeWords; f.many {
		f.known = map[int64]bool{}
	}
	return nil
}

func isMediaType(s string) bool { return !shortName.MatchString(s) && slices.Contains([]byte(s), '/') }

func (e *Engine) defined(name string) bool {
	return name == lading.TypeUnknown || shortName.MatchString(name) && e.opt.Defined != nil && e.opt.Defined(name)
}

// hold reports whether a type, given by its word, passes.
func (f *typeFilter) hold(word int64) bool {
	switch {
	case len(f.names) == 0:
		return true
	case !f.many:
		return slices.Contains(f.words, word)
	}
	pass, ok := f.known[word]
	if !ok {
		t, err := f.typ(word)
		if err != nil {
			f.err = err
			return false
		}
		pass = slices.Contains(f.names, t.Name()) || slices.Contains(f.names, t.Media)
		f.known[word] = pass
	}
	return pass
}
