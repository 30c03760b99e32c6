package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/errdef"

	"github.com/lading-dev/lading"
)

// node is a manifest in a tree.
type node struct {
	Digest       digest.Digest `json:"digest"`
	Type         string        `json:"type,omitempty"`
	MediaType    string        `json:"mediaType"`
	ArtifactType string        `json:"artifactType,omitempty"`
	Size         int64         `json:"size"`
	Platform     string        `json:"platform,omitempty"`
	// Tag is the tag by which it was found.
	Tag string `json:"tag,omitempty"`
	// Missing: it is listed, and not there. Again: it stands in the tree
	// before, with what is below it. Deeper: what is below was not looked at.
	Missing bool `json:"missing,omitempty"`
	Again   bool `json:"again,omitempty"`
	Deeper  bool `json:"deeper,omitempty"`

	Children  []*node `json:"manifests,omitempty"`
	Referrers []*node `json:"referrers,omitempty"`
}

const treeLong = `Shows what belongs to a manifest, with types: the children of an index, what
refers to each of them (signatures, SBOMs, attestations and so on), what refers
to that, and the tags under which cosign keeps signatures. A manifest that was
shown before is shown once more without what is below it.`

func treeCommand(env Env) *cobra.Command {
	var cf connFlags
	var form formFlags
	var depth int
	cmd := &cobra.Command{
		Use:   "tree REF",
		Short: "Show children and referrers",
		Long:  treeLong + refHelp + exitHelp,
		Example: `  lading tree registry.example.com/acme/web:1.2
  lading tree registry.example.com/acme/web:1.2 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRef(env, &cf, 1),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			p, err := parseManifest(args[0])
			if err != nil {
				return err
			}
			if depth < 0 || depth > maxDepth {
				return usage("--depth: %d is not 0 to %d", depth, maxDepth)
			}
			c, err := cf.dial(p)
			if err != nil {
				return err
			}
			root, err := plant(ctx, c, p, depth)
			if err != nil {
				return said(p.String(), err)
			}
			return form.one(s.out, root, func(w io.Writer) error {
				var b strings.Builder
				root.write(&b, p.String()+" ", "", "")
				_, err := io.WriteString(w, b.String())
				return err
			})
		}),
	}
	cf.add(cmd)
	form.add(cmd, "text", "json")
	cmd.Flags().IntVar(&depth, "depth", maxDepth, "how many `LEVELS` below are looked at")
	return cmd
}

// grower grows a tree.
type grower struct {
	repo  store
	types types
	seen  map[digest.Digest]bool
	left  int // manifests that are still read
}

// maxNodes bounds a tree.
const maxNodes = 10_000

func plant(ctx context.Context, c *conn, p place, depth int) (*node, error) {
	repo, err := c.repo(p.path)
	if err != nil {
		return nil, err
	}
	a, err := readManifest(ctx, repo, p.reference())
	if err != nil {
		return nil, err
	}
	g := &grower{repo: repo, types: c.types(ctx), seen: map[digest.Digest]bool{}, left: maxNodes}
	root := &node{}
	return root, g.grow(ctx, root, a, depth)
}

// grow fills in a node, and what is below it.
func (g *grower) grow(ctx context.Context, n *node, a *artifact, depth int) error {
	n.Digest, n.MediaType, n.Size, n.ArtifactType = a.desc.Digest, a.desc.MediaType, a.desc.Size, a.artifactType()
	config, err := readConfig(ctx, g.repo, a)
	if err != nil {
		return err
	}
	n.Type, _ = g.types.of(a, config)
	if p := platformOf(a, config); p != nil {
		n.Platform = platformText(p)
	}
	if g.seen[n.Digest] {
		n.Again = true
		return nil
	}
	g.seen[n.Digest] = true
	referrers, err := referrersOf(ctx, g.repo, a.desc)
	if err != nil {
		return err
	}
	if depth == 0 {
		n.Deeper = len(a.Manifests)+len(referrers) > 0
		return nil
	}
	for _, d := range a.Manifests {
		child, err := g.branch(ctx, d, depth-1)
		if err != nil {
			return err
		}
		n.Children = append(n.Children, child)
	}
	slices.SortFunc(referrers, func(a, b ocispec.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	for _, d := range referrers {
		child, err := g.branch(ctx, d, depth-1)
		if err != nil {
			return err
		}
		n.Referrers = append(n.Referrers, child)
	}
	return g.signatures(ctx, n, depth-1)
}

// branch is a manifest that another lists, or that refers to it.
func (g *grower) branch(ctx context.Context, d ocispec.Descriptor, depth int) (*node, error) {
	n := &node{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size, ArtifactType: d.ArtifactType, Platform: platformText(d.Platform)}
	if g.left--; g.left < 0 {
		return nil, fmt.Errorf("more than %d manifests belong to it", maxNodes)
	}
	a, err := readDescribed(ctx, g.repo, d)
	if isNotFound(err) {
		n.Missing = true
		return n, nil
	}
	if err != nil {
		return nil, err
	}
	return n, g.grow(ctx, n, a, depth)
}

// signatures adds what cosign keeps under tags.
func (g *grower) signatures(ctx context.Context, n *node, depth int) error {
	tagged, err := cosignTags(ctx, g.repo, n.Digest)
	if err != nil {
		return err
	}
	for _, t := range tagged {
		child, err := g.branch(ctx, t.desc, depth)
		if err != nil {
			return err
		}
		child.Tag = t.tag
		n.Referrers = append(n.Referrers, child)
	}
	return nil
}

// tagging is a tag, and what it points to.
type tagging struct {
	tag  string
	desc ocispec.Descriptor
}

// cosignTags are the tags under which cosign keeps what belongs to a manifest.
func cosignTags(ctx context.Context, s store, d digest.Digest) (out []tagging, err error) {
	for _, suffix := range cosignSuffixes {
		tag := hexOf(d) + "." + suffix
		desc, err := s.Resolve(ctx, tag)
		if isNotFound(err) || errors.Is(err, errdef.ErrInvalidReference) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, tagging{tag, desc})
	}
	return out, nil
}

// write writes the node and what is below it; first stands before the node,
// rest before its branches.
func (n *node) write(b *strings.Builder, name, first, rest string) {
	words := []string{string(n.Digest)}
	what := []string{n.Type, n.Platform}
	if n.Type == "" || n.Type == lading.TypeUnknown {
		what = append(what, n.ArtifactType)
	}
	for _, w := range what {
		if w != "" {
			words = append(words, clean(w))
		}
	}
	if n.Tag != "" {
		words = append(words, "tag "+n.Tag)
	}
	for _, note := range []struct {
		is   bool
		text string
	}{{n.Missing, "(is not here)"}, {n.Again, "(shown above)"}, {n.Deeper, "(has more below)"}} {
		if note.is {
			words = append(words, note.text)
		}
	}
	fmt.Fprintf(b, "%s%s%s\n", first, name, strings.Join(words, "  "))
	below := append(append([]*node{}, n.Children...), n.Referrers...)
	for i, child := range below {
		stem, next := "├─ ", "│  "
		if i == len(below)-1 {
			stem, next = "└─ ", "   "
		}
		how := ""
		if i >= len(n.Children) {
			how = "refers: "
		}
		child.write(b, how, rest+stem, rest+next)
	}
}
