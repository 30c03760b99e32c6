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
