package types

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// maxPolicies bounds what is read whenever one of them changes.
const maxPolicies = 10_000

// policies are those in use, found by their scopes. The zero value has none.
type policies struct {
	sorted       []policy // by id
	registry     *arttype.Policy
	namespaces   map[string]*arttype.Policy
	repositories map[string]*arttype.Policy
}

type policy struct {
	id string
	*arttype.Policy
}

var defaultPolicy = arttype.DefaultPolicy()

// of returns the policy that holds in a repository: the narrowest, whole. A
// namespace is the repository of that very name, too.
func (ps *policies) of(repo string) *arttype.Policy {
	if p := ps.repositories[repo]; p != nil {
		return p
	}
	if len(ps.namespaces) > 0 {
		for at := repo; at != ""; at = parent(at) {
			if p := ps.namespaces[at]; p != nil {
				return p
			}
		}
	}
	if ps.registry != nil {
		return ps.registry
	}
	return defaultPolicy
}

func parent(namespace string) string {
	return namespace[:max(0, strings.LastIndexByte(namespace, '/'))]
}

// compilePolicies reads stored policies. One that cannot be read, which
// another version wrote, is an error: without it the registry would take what
// it must not.
func compilePolicies(stored []catalog.Policy) (ps policies, _ error) {
	ps.namespaces, ps.repositories = map[string]*arttype.Policy{}, map[string]*arttype.Policy{}
	for _, s := range stored {
		p, err := arttype.ParsePolicy(s.Body, nil)
		if err != nil {
			return ps, fmt.Errorf("types: the stored policy %s cannot be read: %w", s.ID, err)
		}
		ps.sorted = append(ps.sorted, policy{s.ID, p})
		switch {
		case p.Scope.Repository != "":
			ps.repositories[p.Scope.Repository] = p
		case p.Scope.Namespace != "":
			ps.namespaces[p.Scope.Namespace] = p
		default:
			ps.registry = p
		}
	}
	return ps, nil
}

func (p policy) written() (lading.Policy, error) {
	raw, err := json.Marshal(p.Policy)
	if err != nil {
		return lading.Policy{}, fmt.Errorf("types: policy %s: %w", p.id, err)
	}
	return lading.Policy{ID: p.id, JSON: raw}, nil
}

// Policies returns all policies, by id.
func (s *Store) Policies(context.Context) ([]lading.Policy, error) {
	out := []lading.Policy{}
	for _, p := range s.current.Load().policies.sorted {
		w, err := p.written()
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// Policy returns one policy.
//
// Errors: TYPE_UNKNOWN.
func (s *Store) Policy(_ context.Context, id string) (lading.Policy, error) {
	for _, p := range s.current.Load().policies.sorted {
		if p.id == id {
			return p.written()
		}
	}
	return lading.Policy{}, noPolicy()
}

func noPolicy() error { return lading.ErrTypeUnknown.With("there is no policy of that name") }

// PutPolicy takes a policy, and tells whether there was none of that id. When
// it returns, nothing is taken any more that was decided without it.
//
// Errors: TYPE_INVALID with what is wrong, CONFLICT when others were faster,
// or when there are too many.
func (s *Store) PutPolicy(ctx context.Context, id string, body []byte) (created bool, err error) {
	return s.changePolicy(ctx, catalog.Policy{ID: id, Body: body})
}

// DeletePolicy removes a policy.
//
// Errors: TYPE_UNKNOWN, CONFLICT when others were faster.
func (s *Store) DeletePolicy(ctx context.Context, id string) error {
	_, err := s.changePolicy(ctx, catalog.Policy{ID: id})
	return err
}

func (s *Store) changePolicy(ctx context.Context, p catalog.Policy) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.remake(ctx, func(defs []catalog.Definition, stored []catalog.Policy, typing catalog.Typing) (*state, error) {
		st, _ := s.compile(defs)
		var err error
		if created, err = s.replacePolicy(st, stored, p); err != nil {
			return nil, err
		}
		st.generation, err = s.cat.ChangePolicy(ctx, typing.Generation, p)
		return st, err
	})
	return created && err == nil, conflict(err)
}

// replacePolicy gives a state the stored policies with one put or, without a
// body, removed, and tells whether it was not among them.
func (s *Store) replacePolicy(st *state, stored []catalog.Policy, p catalog.Policy) (created bool, err error) {
	others := slices.DeleteFunc(slices.Clone(stored), func(o catalog.Policy) bool { return o.ID == p.ID })
	created = len(others) == len(stored)
	if p.Body == nil {
		if created {
			return false, noPolicy()
		}
		st.policies, err = compilePolicies(others)
		return false, err
	}
	if len(others) >= maxPolicies {
		return false, lading.ErrConflict.With("there are %d policies already: remove one first", len(others))
	}
	if err := checkPolicy(st.set, others, p); err != nil {
		return false, err
	}
	i, _ := slices.BinarySearchFunc(others, p.ID, func(o catalog.Policy, id string) int { return strings.Compare(o.ID, id) })
	st.policies, err = compilePolicies(slices.Insert(others, i, p))
	return created, err
}

// checkPolicy refuses what cannot be used, and a second policy of one scope.
func checkPolicy(set *arttype.Set, others []catalog.Policy, p catalog.Policy) error {
	parsed, err := arttype.ParsePolicy(p.Body, set)
	if err != nil {
		var ms arttype.Mistakes
		errors.As(err, &ms) // ParsePolicy returns no others
		return invalidPolicy(ms)
	}
	for _, o := range others {
		if other, err := arttype.ParsePolicy(o.Body, nil); err == nil && other.Scope == parsed.Scope {
			return invalidPolicy(arttype.Mistakes{{Pointer: "/scope", Reason: fmt.Sprintf("is that of the policy %s: a scope has one", o.ID)}})
		}
	}
	return nil
}

func invalidPolicy(ms arttype.Mistakes) error {
	return lading.ErrTypeInvalid.With("the policy cannot be used: %s", ms[0]).WithDetail(ms)
}
