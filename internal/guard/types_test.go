package guard

import (
	"context"
	"errors"
	"testing"

	"github.com/lading-dev/lading"
)

// verbsBut are all verbs everywhere, but admin only where it says.
type verbsBut struct{ admin lading.Grants }

func (v verbsBut) Granted(_ context.Context, verb lading.Verb) (lading.Grants, error) {
	if verb == lading.VerbAdmin {
		return v.admin, nil
	}
	return lading.AllGrants(), nil
}

// nothing is what nobody has any part of.
type nothing struct{}

func (nothing) Granted(context.Context, lading.Verb) (lading.Grants, error) {
	return lading.Grants{}, nil
}

type countedDefinitions struct{ reached int }

func (c *countedDefinitions) Definitions(context.Context) ([]lading.Definition, error) {
	return nil, nil
}

func (c *countedDefinitions) Definition(context.Context, string) (lading.Definition, error) {
	c.reached++
	return lading.Definition{}, nil
}

func (c *countedDefinitions) PutDefinition(context.Context, string, []byte) (bool, error) {
	c.reached++
	return true, nil
}

func (c *countedDefinitions) DeleteDefinition(context.Context, string) error {
	c.reached++
	return nil
}

func (c *countedDefinitions) Policies(context.Context) ([]lading.Policy, error) {
	c.reached++
	return nil, nil
}

func (c *countedDefinitions) Policy(context.Context, string) (lading.Policy, error) {
	c.reached++
	return lading.Policy{}, nil
}

func (c *countedDefinitions) PutPolicy(context.Context, string, []byte) (bool, error) {
	c.reached++
	return true, nil
}

func (c *countedDefinitions) DeletePolicy(context.Context, string) error {
	c.reached++
	return nil
}

// Policies are read and changed by those who may change the registry.
func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		access  Access
		refused error
		reached int
	}{{Open{}, nil, 4}, {verbsBut{named("a")}, lading.ErrDenied, 0}} {
		c := &countedDefinitions{}
		g := NewDefinitions(c, test.access)
		_, list := g.Policies(ada())
		_, get := g.Policy(ada(), "a")
		_, put := g.PutPolicy(ada(), "a", nil)
		for i, err := range []error{list, get, put, g.DeletePolicy(ada(), "a")} {
			if !errors.Is(err, test.refused) {
				t.Errorf("%T: call %d: %v", test.access, i, err)
			}
		}
		if c.reached != test.reached {
			t.Errorf("%T: %d calls came through", test.access, c.reached)
		}
	}
}

// Definitions are changed by those who may change the registry, and read by
// everyone.
func TestDefinitions(t *testing.T) {
	for _, test := range []struct {
		access  Access
		refused error
		reached int
	}{{Open{}, nil, 3}, {verbsBut{named("a")}, lading.ErrDenied, 1}} {
		c := &countedDefinitions{}
		g := NewDefinitions(c, test.access)
		if _, err := g.Definition(ada(), "a"); err != nil {
			t.Error(err)
		}
		if _, err := g.PutDefinition(ada(), "a", nil); !errors.Is(err, test.refused) {
			t.Errorf("%T: put: %v", test.access, err)
		}
		if err := g.DeleteDefinition(ada(), "a"); !errors.Is(err, test.refused) {
			t.Errorf("%T: delete: %v", test.access, err)
		}
		if c.reached != test.reached {
			t.Errorf("%T: %d calls came through", test.access, c.reached)
		}
	}
}

// TestStrangers: who is not signed in reads definitions where anybody may read
// anything, and is told to sign in elsewhere.
func TestStrangers(t *testing.T) {
	for access, want := range map[Access]error{Open{}: nil, nothing{}: lading.ErrUnauthorized} {
		g := NewDefinitions(&countedDefinitions{}, access)
		_, list := g.Definitions(context.Background())
		_, get := g.Definition(context.Background(), "a")
		_, put := g.PutDefinition(context.Background(), "a", nil)
		_, policies := g.Policies(context.Background())
		for i, err := range []error{list, get, put, policies} {
			if !errors.Is(err, want) {
				t.Errorf("%T: call %d: %v", access, i, err)
			}
		}
		if _, err := g.Definitions(ada()); err != nil {
			t.Error(err)
		}
	}
}

// seen notes what the rules are told of who administers.
type seen struct{ grants lading.Grants }

func (s *seen) note(ctx context.Context) error {
	s.grants, _ = lading.GrantsFrom(ctx)
	return errReached
}

func (s *seen) Rules(ctx context.Context) ([]lading.AccessRule, error) { return nil, s.note(ctx) }
func (s *seen) Rule(ctx context.Context, _ string) (lading.AccessRule, error) {
	return lading.AccessRule{}, s.note(ctx)
}
func (s *seen) PutRule(ctx context.Context, _ string, _ []byte) (bool, error) {
	return false, s.note(ctx)
}
func (s *seen) DeleteRule(ctx context.Context, _ string) error { return s.note(ctx) }
func (s *seen) Explain(id lading.Identity, verb lading.Verb, repo string) lading.AccessDecision {
	return lading.AccessDecision{Allowed: true, Rules: []lading.AccessRule{{ID: "wide", Scope: "registry", Verbs: lading.Verbs(lading.VerbPull | lading.VerbDelete)}, {ID: "own", Scope: "repository:a"}}}
}

// TestAccessRules: rules are for those who administer something, and the store
// is told what.
func TestAccessRules(t *testing.T) {
	for _, tt := range []struct {
		access Access
		ctx    context.Context
		want   error
	}{
		{Open{}, ada(), errReached}, {verbsBut{named("a")}, ada(), errReached}, {verbsBut{}, ada(), lading.ErrDenied},
		{verbsBut{}, context.Background(), lading.ErrUnauthorized}, {broken{errBroken}, ada(), errBroken},
	} {
		s := &seen{}
		g := NewRules(s, tt.access)
		_, list := g.Rules(tt.ctx)
		_, get := g.Rule(tt.ctx, "x")
		_, put := g.PutRule(tt.ctx, "x", nil)
		for i, err := range []error{list, get, put, g.DeleteRule(tt.ctx, "x")} {
			if !errors.Is(err, tt.want) {
				t.Errorf("%T: call %d: %v", tt.access, i, err)
			}
		}
		if want, _ := tt.access.Granted(tt.ctx, lading.VerbAdmin); tt.want == errReached && !s.grants.Equal(want) {
			t.Errorf("%T: the store is told of %s", tt.access, s.grants)
		}
	}
	g := NewRules(&seen{}, verbsBut{named("a")})
	d, err := g.Explain(ada(), lading.Identity{}, lading.VerbPull, "a")
	if err != nil || len(d.Rules) != 2 || d.Rules[0].ID != "" || d.Rules[0].Scope != "" || d.Rules[0].Verbs != lading.Verbs(lading.VerbPull) || d.Rules[1].ID != "own" {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := g.Explain(ada(), lading.Identity{}, lading.VerbPull, "b"); !errors.Is(err, lading.ErrDenied) {
		t.Error(err)
	}
}

var errBroken = errors.New("broken")
