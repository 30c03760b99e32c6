package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// Types tells what manifests are. internal/types is the one that there is.
type Types interface {
	// For returns the definitions, the policy that holds in a repository, and
	// the generation of both.
	For(repo string) (*arttype.Set, *arttype.Policy, int64)
	// Refresh reads what has changed, so that For is of the catalog's
	// generation.
	Refresh(ctx context.Context) error
}

// maxRetypes is how often a push is typed again because the definitions have
// changed while it was on its way.
const maxRetypes = 5

// putTyped types a manifest, holds it against the policy of its repository and
// puts it. Outside of the transaction there is time to read the config; what
// it was typed and allowed by is compared inside.
func (r *Registry) putTyped(ctx context.Context, repo string, p *parsed, opt catalog.PutOptions) (catalog.PutResult, error) {
	if r.opt.Types == nil {
		p.refer(nil, r.opt.Sparse)
		if err := r.readConfig(ctx, repo, p, nil, false, r.opt.Sparse); err != nil {
			return catalog.PutResult{}, err
		}
		return r.cat.PutManifestWith(ctx, repo, &p.Manifest, opt)
	}
	for try := 1; ; try++ {
		set, policy, generation := r.opt.Types.For(repo)
		if err := r.judge(ctx, repo, p, set, policy); err != nil {
			return catalog.PutResult{}, err
		}
		opt.Generation = generation
		put, err := r.cat.PutManifestWith(ctx, repo, &p.Manifest, opt)
		if !errors.Is(err, catalog.ErrStaleType) {
			return put, err
		}
		if try == maxRetypes {
			return put, lading.ErrUnavailable.Wrap(err)
		}
		if err := r.opt.Types.Refresh(ctx); err != nil {
			return put, fmt.Errorf("core: types: %w", err)
		}
	}
}

// factsOf is what a manifest's type is told by.
func factsOf(mediaType string, doc *document) arttype.Facts {
	f := arttype.Facts{MediaType: mediaType, Kind: arttype.KindOf(mediaType, doc.Manifests != nil), ArtifactType: doc.ArtifactType,
		Annotations: doc.Annotations, Subject: doc.Subject != nil}
	if doc.Config != nil {
		f.Config = doc.Config.MediaType
	}
	for _, ls := range [][]ocispec.Descriptor{doc.Layers, doc.Blobs} {
		for _, l := range ls[:min(len(ls), arttype.MaxLayers)] {
			f.AddLayer(l.MediaType, l.Annotations)
		}
	}
	return f
}

// readConfig takes out of a manifest's config an image's platform (image-spec,
// config.md) and the fields that its type, if it has one, shows, and with check
// holds it against the type's schema. A config that is missing or no JSON says
// nothing; whether it may be missing is decided in the transaction. Where it is
// not, because of sparse or because what is wrong is told before, the config
// must be seen to be there.
func (r *Registry) readConfig(ctx context.Context, repo string, p *parsed, typ *arttype.Type, check, see bool) error {
	p.Shown, p.said = "", nil
	if !reads(typ) {
		typ, check = nil, false
	}
	if p.config == nil || !p.image && typ == nil || p.config.Size > arttype.MaxConfig {
		return nil
	}
	known := r.configs.get(repo, p.config.Digest)
	if see && (known.bytes != nil || known.facts != nil) {
		if _, err := r.cat.BlobSize(ctx, repo, p.config.Digest); err != nil {
			known = configEntry{}
		}
	}
	if f := known.facts; f != nil && f.typ == typ && f.image == p.image && (f.checked || !check) {
		p.said = f
	} else {
		config := known.bytes
		if config == nil {
			var err error
			if config, err = r.configOf(ctx, repo, p.config); err != nil || config == nil {
				return err
			}
		}
		var err error
		if p.said, err = r.readFacts(ctx, config, p.image, typ, check); err != nil {
			return err
		}
		r.configs.said(repo, p.config.Digest, p.said)
	}
	if p.image {
		p.Platform = p.said.platform
	}
	p.Shown = p.said.shown
	return nil
}

// reads tells whether anything of a config matters for a type.
func reads(typ *arttype.Type) bool {
	return typ != nil && (len(typ.Definition.Show) > 0 || len(typ.ConfigSchema) > 0)
}

// configOf returns a config's bytes, nil for one that is not there or larger
// than any that is read.
func (r *Registry) configOf(ctx context.Context, repo string, d *ocispec.Descriptor) ([]byte, error) {
	if d.Size > arttype.MaxConfig {
		return nil, nil
	}
	if raw, ok := catalog.EmptyBlob(d.Digest); ok { // the put links it
		return raw, nil
	}
	b, err := r.Blob(ctx, repo, d.Digest)
	if errors.Is(err, lading.ErrBlobUnknown) || errors.Is(err, lading.ErrNameUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("core: open config: %w", err)
	}
	defer b.Close()
	if b.Descriptor().Size > arttype.MaxConfig {
		return nil, nil
	}
	raw, err := io.ReadAll(b)
	if err != nil {
		return nil, storageError(err, "read config")
	}
	return raw, nil
}

// Config returns the config of a stored manifest, nil where it has none, or
// none that is read.
func (r *Registry) Config(ctx context.Context, repo string, manifest []byte) ([]byte, error) {
	var doc struct {
		Config *ocispec.Descriptor `json:"config"`
	}
	if json.Unmarshal(manifest, &doc) != nil || doc.Config == nil {
		return nil, nil
	}
	return r.configOf(ctx, repo, doc.Config)
}
