package guard

import (
	"context"

	"github.com/lading-dev/lading"
)

// Manager is an optional interface of an Access. What it does not have stays
// closed.
type Manager interface {
	// Manage returns nil if the caller may change what concerns the whole
	// registry, and otherwise what to answer: DENIED.
	Manage(ctx context.Context) error
}

// Manage implements Manager.
func (Open) Manage(context.Context) error { return nil }

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
	return &guardedDefinitions{defs: defs, access: access}
}

type guardedDefinitions struct {
	defs   Definitions
	access Access
}

func (g *guardedDefinitions) manage(ctx context.Context) error {
	if m, ok := g.access.(Manager); ok {
		return m.Manage(ctx)
	}
	return lading.ErrDenied
}

func (g *guardedDefinitions) Definitions(ctx context.Context) ([]lading.Definition, error) {
	return g.defs.Definitions(ctx)
}

func (g *guardedDefinitions) Definition(ctx context.Context, name string) (lading.Definition, error) {
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
