package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// inspection is what lading inspect tells.
type inspection struct {
	Reference    string               `json:"reference"`
	Type         string               `json:"type"`
	MediaType    string               `json:"mediaType"`
	ArtifactType string               `json:"artifactType,omitempty"`
	Digest       digest.Digest        `json:"digest"`
	Size         int64                `json:"size"`
	ContentSize  int64                `json:"contentSize"`
	Platforms    []string             `json:"platforms,omitempty"`
	Shown        map[string]string    `json:"shown,omitempty"`
	Annotations  map[string]string    `json:"annotations,omitempty"`
	Config       *ocispec.Descriptor  `json:"config,omitempty"`
	Layers       []ocispec.Descriptor `json:"layers,omitempty"`
	Manifests    []ocispec.Descriptor `json:"manifests,omitempty"`
	Remote       []digest.Digest      `json:"remote,omitempty"` // of the layers and manifests
	Subject      *ocispec.Descriptor  `json:"subject,omitempty"`
	Tags         []string             `json:"tags,omitempty"`
	Referrers    int                  `json:"referrers"`
}

const inspectLong = `Tells what a reference names: its type, digest, size and platforms, what its
config says of it, annotations, layers or children, its tags, what it refers to,
and how many manifests refer to it.

Layers and children whose media type says that they need not be in the registry
are marked as remote. SIZE is the manifest's own; the content's is what its
config and layers, or all the children of an index, come to. Tags are told by
registries with the discovery extension, of repositories with up to 10,000
tagged manifests; elsewhere only the one that was asked for is known.`

func inspectCommand(env Env) *cobra.Command {
	var cf connFlags
	var form formFlags
	cmd := &cobra.Command{
		Use:   "inspect REF",
		Short: "Tell what a tag or digest is",
		Long:  inspectLong + refHelp + exitHelp,
		Example: `  lading inspect registry.example.com/acme/web:1.2
  lading inspect registry.example.com/acme/web@sha256:4f3a… -o json
  lading inspect registry.example.com/acme/web:1.2 --template '{{.type}} {{size .contentSize}}'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRef(env, &cf, 1),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			p, err := parseManifest(args[0])
			if err != nil {
				return err
			}
			c, err := cf.dial(p)
			if err != nil {
				return err
			}
			in, err := inspect(ctx, c, p)
			if err != nil {
				return said(p.String(), err)
			}
			return form.one(s.out, in, in.text)
		}),
	}
	cf.add(cmd)
	form.add(cmd, "text", "json", "template")
	return cmd
}

// one writes one thing: by text for people.
func (f *formFlags) one(w io.Writer, thing any, text func(io.Writer) error) error {
	switch f.form {
	case "json":
		return writeJSON(w, thing)
	case "template":
		t, err := f.parse(nil)
		if err != nil {
			return err
		}
		return executeTemplate(t, w, thing)
	}
	return text(w)
}

func inspect(ctx context.Context, c *conn, p place) (*inspection, error) {
	repo, err := c.repo(p.path)
	if err != nil {
		return nil, err
	}
	a, err := readManifest(ctx, repo, p.reference())
	if err != nil {
		return nil, err
	}
	config, err := readConfig(ctx, repo, a)
	if err != nil {
		return nil, err
	}
	in := &inspection{Reference: p.String(), MediaType: a.desc.MediaType, ArtifactType: a.artifactType(), Digest: a.desc.Digest,
		Size: a.desc.Size, Annotations: a.Annotations, Config: a.Config, Layers: a.files(), Manifests: a.Manifests, Subject: a.Subject}
	types := c.types(ctx)
	in.Type, in.Shown = types.of(a, config)
	in.Remote = types.remote(a)
	if in.ContentSize, err = contentSize(ctx, repo, a, maxDepth, map[digest.Digest]bool{}); err != nil {
		return nil, err
	}
	in.Platforms = platforms(a, config)
	referrers, err := referrersOf(ctx, repo, a.desc)
	if err != nil {
		return nil, err
	}
	in.Referrers = len(referrers)
	in.Tags, err = c.tagsAt(ctx, p, a.desc.Digest)
	return in, err
}

// platforms are an image's, or those of an index's children.
func platforms(a *artifact, config []byte) (out []string) {
	if p := platformOf(a, config); p != nil {
		return []string{platformText(p)}
	}
	for _, m := range a.Manifests {
		if text := platformText(m.Platform); text != "" && text != "unknown/unknown" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// contentSize is how many bytes the blobs of a manifest, or of all children,
// have; one that is used twice counts once.
func contentSize(ctx context.Context, s store, a *artifact, depth int, seen map[digest.Digest]bool) (total int64, err error) {
	blobs := a.files()
	if a.Config != nil {
		blobs = append(blobs, *a.Config)
	}
	for _, b := range blobs {
		if !seen[b.Digest] {
			seen[b.Digest] = true
			total += b.Size
		}
	}
	for _, m := range a.Manifests {
		if seen[m.Digest] || depth == 0 {
			continue
		}
		seen[m.Digest] = true
		child, err := readDescribed(ctx, s, m)
		if isNotFound(err) {
			continue // an index may list what is not here
		}
		if err != nil {
			return 0, err
		}
		n, err := contentSize(ctx, s, child, depth-1, seen)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// tagsAt are the tags of a manifest, as far as the registry tells.
func (c *conn) tagsAt(ctx context.Context, p place, d digest.Digest) ([]string, error) {
	var known []string
	if p.tag != "" && p.digest == "" {
		known = []string{p.tag}
	}
	ext, err := c.discovery(ctx, "_lading/list/manifests")
	if err != nil || ext == nil {
		return known, err
	}
	yes := true
	q := lading.Query{Kind: lading.KindManifests, N: lading.MaxPage, Scope: lading.Scope{Repository: p.path, Tagged: &yes}}
	looked := 0
	_, _, err = pages(ctx, ext, q, 0, func(pg page) error {
		for _, it := range pg.items {
			if it.Descriptor != nil && it.Descriptor.Digest == d {
				known = it.Tags
				return errEnough
			}
		}
		if looked += len(pg.items); looked >= maxLooked {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return known, nil
}

// maxLooked is how many manifests of a repository are looked at for the tags of
// one.
const maxLooked = 10_000

// errEnough ends a listing that has told enough.
var errEnough = errors.New("enough")
