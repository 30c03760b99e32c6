package guard

import (
	"context"
	"errors"
	"testing"

	"github.com/lading-dev/lading"
)

// readersOnly has access without the right to manage.
type readersOnly struct{ Access }

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
	}{{Open{}, nil, 4}, {readersOnly{Open{}}, lading.ErrDenied, 0}} {
		c := &countedDefinitions{}
		g := NewDefinitions(c, test.access)
		_, list := g.Policies(context.Background())
		_, get := g.Policy(context.Background(), "a")
		_, put := g.PutPolicy(context.Background(), "a", nil)
		for i, err := range []error{list, get, put, g.DeletePolicy(context.Background(), "a")} {
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
	}{{Open{}, nil, 3}, {readersOnly{Open{}}, lading.ErrDenied, 1}} {
		c := &countedDefinitions{}
		g := NewDefinitions(c, test.access)
		if _, err := g.Definition(context.Background(), "a"); err != nil {
			t.Error(err)
		}
		if _, err := g.PutDefinition(context.Background(), "a", nil); !errors.Is(err, test.refused) {
			t.Errorf("%T: put: %v", test.access, err)
		}
		if err := g.DeleteDefinition(context.Background(), "a"); !errors.Is(err, test.refused) {
			t.Errorf("%T: delete: %v", test.access, err)
		}
		if c.reached != test.reached {
			t.Errorf("%T: %d calls came through", test.access, c.reached)
		}
	}
}
