package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

// Definitions are the definitions of artifact types, and the policies. A
// definition names no repository: who reaches the registry may read it.
type Definitions interface {
	Definitions(ctx context.Context) ([]lading.Definition, error)
	Definition(ctx context.Context, name string) (lading.Definition, error)
	PutDefinition(ctx context.Context, name string, body []byte) (created bool, err error)
	DeleteDefinition(ctx context.Context, name string) error
	Policies
}

// Policies say which types of artifacts are taken where. Their scopes name
// repositories: who may not change the registry does not read them either.
type Policies interface {
	Policies(ctx context.Context) ([]lading.Policy, error)
	Policy(ctx context.Context, id string) (lading.Policy, error)
	PutPolicy(ctx context.Context, id string, body []byte) (created bool, err error)
	DeletePolicy(ctx context.Context, id string) error
}

// NewDefinitions puts access rules before definitions.
func NewDefinitions(defs Definitions, access Access) Definitions {
	return &guardedDefinitions{defs: defs, door: door{access}}
}

type guardedDefinitions struct {
	defs Definitions
	door
}

// manage lets through who administers the whole registry.
func (d door) manage(ctx context.Context) error {
	grants, err := d.access.Granted(ctx, lading.VerbAdmin)
	if err == nil && !grants.All() {
		err = d.refusal(ctx, lading.VerbAdmin, lading.Grants.All, lading.ErrDenied.With("this is for who administers the whole registry"))
	}
	return err
}

// enter lets through who is signed in, and everyone where anybody may read
// something.
func (d door) enter(ctx context.Context) error {
	if !lading.IdentityFrom(ctx).Anonymous() {
		return nil
	}
	for _, verb := range []lading.Verb{lading.VerbList, lading.VerbPull} {
		if grants, err := d.access.Granted(ctx, verb); err != nil || !grants.Empty() {
			return err
		}
	}
	return lading.ErrUnauthorized
}

func (g *guardedDefinitions) Definitions(ctx context.Context) ([]lading.Definition, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	return g.defs.Definitions(ctx)
}

func (g *guardedDefinitions) Definition(ctx context.Context, name string) (lading.Definition, error) {
	if err := g.enter(ctx); err != nil {
		return lading.Definition{}, err
	}
	return g.defs.Definition(ctx, name)
}

func (g *guardedDefinitions) PutDefinition(ctx context.Context, name string, body []byte) (bool, error) {
	if err := g.manage(ctx); err != nil {
		return false, err
	}
	return g.defs.PutDefinition(ctx, name, body)
}

func (g *guardedDefinitions) DeleteDefinition(ctx context.Context, name string) error {
	if err := g.manage(ctx); err != nil {
		return err
	}
	return g.defs.DeleteDefinition(ctx, name)
}

func (g *guardedDefinitions) Policies(ctx context.Context) ([]lading.Policy, error) {
	if err := g.manage(ctx); err != nil {
		return nil, err
	}
	return g.defs.Policies(ctx)
}

func (g *guardedDefinitions) Policy(ctx context.Context, id string) (lading.Policy, error) {
	if err := g.manage(ctx); err != nil {
		return lading.Policy{}, err
	}
	return g.defs.Policy(ctx, id)
}

func (g *guardedDefinitions) PutPolicy(ctx context.Context, id string, body []byte) (bool, error) {
	if err := g.manage(ctx); err != nil {
		return false, err
	}
	return g.defs.PutPolicy(ctx, id, body)
}

func (g *guardedDefinitions) DeletePolicy(ctx context.Context, id string) error {
	if err := g.manage(ctx); err != nil {
		return err
	}
	return g.defs.DeletePolicy(ctx, id)
}
