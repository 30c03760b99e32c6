package types

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// Definitions returns all definitions in use, by name.
func (s *Store) Definitions(context.Context) ([]lading.Definition, error) {
	st := s.current.Load()
	types := st.set.Types()
	out := make([]lading.Definition, 0, len(types))
	for _, t := range types {
		d, err := st.definition(t)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// Definition returns one definition, with its logo; that of the type unknown
// too.
//
// Errors: TYPE_UNKNOWN.
func (s *Store) Definition(_ context.Context, name string) (lading.Definition, error) {
	st := s.current.Load()
	t := st.set.Type(name)
	if t == nil {
		return lading.Definition{}, lading.ErrTypeUnknown
	}
	d, err := st.definition(t)
	d.Logo = t.SVG()
	return d, err
}

func (st *state) definition(t *arttype.Type) (lading.Definition, error) {
	body := st.bodies[t.Name]
	if t.Source != arttype.API {
		var err error
		if body, err = json.Marshal(t.Definition); err != nil {
			return lading.Definition{}, fmt.Errorf("types: definition %s: %w", t.Name, err)
		}
	}
	return lading.Definition{Name: t.Name, Source: t.Source.String(), JSON: body}, nil
}

// PutDefinition takes a definition through the API, where it wins over one of
// that name from elsewhere, and tells whether there was none of it before.
//
// Errors: TYPE_INVALID with what is wrong, CONFLICT when others were faster.
func (s *Store) PutDefinition(ctx context.Context, name string, body []byte) (created bool, err error) {
	def, err := arttype.Parse(body)
	if err != nil {
		var ms arttype.Mistakes
		errors.As(err, &ms) // Parse returns no others
		return false, invalid(ms)
	}
	if def.Name != name {
		return false, invalid(arttype.Mistakes{{Pointer: "/name", Reason: fmt.Sprintf("is %q, but the address says %q", def.Name, name)}})
	}
	if def.Logo != "" && !def.InlineLogo() {
		return false, invalid(arttype.Mistakes{{Pointer: "/logo", Reason: "must be the SVG itself: here is no file beside the definition"}})
	}
	return s.change(ctx, catalog.Definition{Name: name, Body: body})
}

// DeleteDefinition removes a definition that came through the API. One of that
// name from elsewhere holds again.
//
// Errors: TYPE_UNKNOWN, CONFLICT for one that did not come through the API.
func (s *Store) DeleteDefinition(ctx context.Context, name string) error {
	_, err := s.change(ctx, catalog.Definition{Name: name})
	return err
}

func (s *Store) change(ctx context.Context, d catalog.Definition) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.remake(ctx, func(defs []catalog.Definition, stored []catalog.Policy, typing catalog.Typing) (*state, error) {
		var after []catalog.Definition
		after, created = replaced(defs, d)
		if d.Body == nil && created {
			return nil, s.notOurs(d.Name)
		}
		st, mistakes := s.compile(after)
		if wrong := withoutFile(mistakes); d.Body != nil && len(wrong) > 0 {
			return nil, invalid(wrong)
		}
		var err error
		if st.policies, err = compilePolicies(stored); err != nil {
			return nil, err
		}
		st.generation, err = s.register(ctx, typing, st.text(), d)
		return st, err
	})
	return created && err == nil, conflict(err)
}

// replaced are the definitions with one put or, without a body, removed, and
// whether it was not among them.
func replaced(defs []catalog.Definition, d catalog.Definition) (out []catalog.Definition, absent bool) {
	absent = true
	for _, other := range defs {
		if other.Name == d.Name {
			absent = false
			continue
		}
		out = append(out, other)
	}
	if d.Body != nil {
		out = append(out, d)
	}
	return out, absent
}

// notOurs is why a definition that is not of the API cannot be deleted there.
func (s *Store) notOurs(name string) error {
	t := s.current.Load().set.Type(name)
	switch {
	case t == nil:
		return lading.ErrTypeUnknown
	case t.Source == arttype.Directory:
		return lading.ErrConflict.With("the type %s is defined by a file: remove that", name)
	}
	return lading.ErrConflict.With("the type %s is built in: it cannot be deleted, only overridden", name)
}

// withoutFile are the mistakes of definitions that came through the API: of
// the last of them, as the others had none.
func withoutFile(ms arttype.Mistakes) (out arttype.Mistakes) {
	for _, m := range ms {
		if m.File == "" {
			out = append(out, m)
		}
	}
	return out
}

func invalid(ms arttype.Mistakes) error {
	return lading.ErrTypeInvalid.With("the definition cannot be used: %s", ms[0]).WithDetail(ms)
}
