package arttype

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Sourced is a definition and where it comes from.
type Sourced struct {
	*Definition
	Source Source
	// File names it in mistakes; empty for a definition that came without one.
	File string
	// SVG is the content of the logo's file, as it was found. An inline logo
	// needs none.
	SVG []byte
}

// Set tells the type of a manifest. It does not change, and may be used by any
// number of goroutines; another set of definitions is another Set.
type Set struct {
	types   []*Type // by name
	byName  map[string]*Type
	index   index
	unknown *Type
}

// NewSet compiles definitions. What cannot be used is left out and told in the
// mistakes, and the others are used all the same: the Set is never nil. Of two
// definitions with one name the higher source's holds; of two in one source the
// first, by file and then in the order given. Two definitions of one source
// with the same match are a mistake of the second.
func NewSet(defs ...Sourced) (*Set, Mistakes) {
	b := &setBuilder{index: newIndexBuilder(), matches: map[string]string{}}
	defs = slices.Clone(defs)
	slices.SortStableFunc(defs, func(a, b Sourced) int {
		return cmp.Or(cmp.Compare(b.Source, a.Source), strings.Compare(a.File, b.File))
	})
	s := &Set{byName: map[string]*Type{}, unknown: unknownType()}
	for _, d := range defs {
		if t := b.compile(s, d); t != nil {
			s.byName[t.Name] = t
			s.types = append(s.types, t)
		}
	}
	slices.SortFunc(s.types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	inOrder(b.rules)
	s.index = b.index.build()
	return s, b.mistakes
}

type setBuilder struct {
	index    *indexBuilder
	rules    []*rule
	matches  map[string]string // a match and its source -> the name that has it
	mistakes Mistakes
}

// compile returns the type of a definition, or nil for one that is not used.
func (b *setBuilder) compile(s *Set, d Sourced) *Type {
	wrong := func(field, format string, args ...any) {
		b.mistakes = append(b.mistakes, Mistakes{d.mistake(field, fmt.Sprintf(format, args...))}.in(d.File)...)
	}
	if other := s.byName[d.Name]; other != nil {
		if other.Source == d.Source {
			wrong("name", "%q is the name of another definition%s", d.Name, in(other.File))
		}
		return nil
	}
	if len(s.types) >= MaxTypes {
		wrong("name", "there are more than %d types", MaxTypes)
		return nil
	}
	key := fmt.Sprint(d.Source, " ", matchKey(d.Match))
	if other, taken := b.matches[key]; taken {
		wrong("match", "the type %q has the same match", other)
		return nil
	}
	t := &Type{Definition: d.Definition, Source: d.Source, File: d.File}
	rules, ok := b.place(t)
	if !ok {
		wrong("match", "more than %d alternatives share the value of one of these", maxSharers)
		return nil
	}
	if err := t.setLogo(d.SVG); err != nil {
		wrong("logo", "%v", err) // a type without its logo is still a type
	}
	b.matches[key] = d.Name
	b.rules = append(b.rules, rules...)
	return t
}

// place puts the rules of a type into the index, all or none.
func (b *setBuilder) place(t *Type) (rules []*rule, ok bool) {
	for _, m := range t.Match {
		r := newRule(t, m)
		if !b.index.add(r) {
			b.index.remove(rules)
			return nil, false
		}
		rules = append(rules, r)
	}
	return rules, true
}

func in(file string) string {
	if file == "" {
		return ""
	}
	return " in " + file
}

// matchKey is the same for two matches exactly when they say the same.
func matchKey(match []Match) string {
	keys := make([]string, len(match))
	for i, m := range match {
		keys[i] = m.key()
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}

// Match returns the type of a manifest and what it was found by; the type
// unknown, and nothing, when no definition matches. It allocates nothing.
func (s *Set) Match(f *Facts) (*Type, By) {
	c := choice{facts: f}
	s.index.find(&c)
	if c.best == nil {
		return s.unknown, By{}
	}
	return c.best.typ, c.best.by(f)
}

// Types returns the types by name, without unknown. It is not to be changed.
func (s *Set) Types() []*Type { return s.types }

// Type returns a type by its short name, unknown too, or nil.
func (s *Set) Type(name string) *Type {
	if name == Unknown {
		return s.unknown
	}
	return s.byName[name]
}
