package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading/internal/importer"
)

// plan is everything that a copy brings, found by reading manifests alone.
type plan struct {
	src       store
	jobs      int
	referrers bool
	whole     bool // every tag is copied, so cosign's too
	meter     *importer.Meter

	named ocispec.Descriptor // the manifest that was named
	tags  []tagging

	mu      sync.Mutex
	nodes   map[digest.Digest]*planned
	order   []*planned
	blobs   map[digest.Digest]ocispec.Descriptor
	kept    int // bytes of manifests in memory
	missing []string
}

// planned is a manifest that is to be copied.
type planned struct {
	ocispec.Descriptor
	raw      []byte // nil where it is to be read once more
	below    []ocispec.Descriptor
	subject  digest.Digest
	listed   bool // by an index: it may be missing
	referrer bool
}

// maxKept is how many bytes of manifests a plan keeps in memory.
const maxKept = 256 << 20

func newPlan(src store, jobs int, referrers bool, meter *importer.Meter) *plan {
	return &plan{src: src, jobs: jobs, referrers: referrers, meter: meter,
		nodes: map[digest.Digest]*planned{}, blobs: map[digest.Digest]ocispec.Descriptor{}}
}

// resolve finds what tags point to.
func (p *plan) resolve(ctx context.Context, names []string) ([]tagging, error) {
	tags := make([]tagging, len(names))
	err := p.each(ctx, len(names), func(ctx context.Context, i int) error {
		desc, err := p.src.Resolve(ctx, names[i])
		if isNotFound(err) {
			return nil // it has gone meanwhile
		}
		tags[i] = tagging{names[i], desc}
		return err
	})
	return slices.DeleteFunc(tags, func(t tagging) bool {
		return t.tag == "" || referrersTag.MatchString(t.tag) && t.desc.MediaType == ocispec.MediaTypeImageIndex || !p.referrers && cosignTag(t.tag)
	}), err
}

func (p *plan) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.jobs)
	for i := range n {
		group.Go(func() error { return fn(ctx, i) })
	}
	return group.Wait()
}

// follow adds what the tags and roots lead to, level by level.
func (p *plan) follow(ctx context.Context, tags []tagging, roots ...ocispec.Descriptor) error {
	p.tags = append(p.tags, tags...)
	var level []*planned
	for _, t := range tags {
		level = p.add(level, t.desc, planned{})
	}
	for _, r := range roots {
		level = p.add(level, r, planned{})
	}
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxDepth {
			return fmt.Errorf("manifests lead to manifests more than %d times", maxDepth)
		}
		found := make([][]*planned, len(level))
		err := p.each(ctx, len(level), func(ctx context.Context, i int) (err error) {
			found[i], err = p.visit(ctx, level[i])
			return err
		})
		if err != nil {
			return err
		}
		level = slices.Concat(found...)
	}
	p.settle()
	return nil
}

// add plans a manifest that was not planned yet.
func (p *plan) add(level []*planned, desc ocispec.Descriptor, as planned) []*planned {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.nodes[desc.Digest]; known {
		return level
	}
	n := &as
	n.Descriptor = ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	p.nodes[desc.Digest] = n
	return append(level, n)
}

// visit reads a manifest and returns what it leads to.
func (p *plan) visit(ctx context.Context, n *planned) (next []*planned, err error) {
	a, err := readDescribed(ctx, p.src, n.Descriptor)
	if isNotFound(err) && n.listed {
		p.forget(n)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer p.meter.Add(1, 0)
	p.keep(n, a)
	for _, child := range a.Manifests {
		next = p.add(next, child, planned{listed: true})
	}
	if !p.referrers {
		return next, nil
	}
	return p.belonging(ctx, n, next)
}

// belonging adds what belongs to a manifest without being listed by it.
func (p *plan) belonging(ctx context.Context, n *planned, next []*planned) ([]*planned, error) {
	preds, err := referrersOf(ctx, p.src, n.Descriptor)
	if err != nil {
		return nil, err
	}
	for _, d := range preds {
		// The graph of a layout tells of indexes that list it as well.
		refers, err := p.refers(ctx, d, n.Digest)
		if err != nil {
			return nil, err
		}
		if refers {
			next = p.add(next, d, planned{referrer: true, listed: true})
		}
	}
	if p.whole {
		return next, nil
	}
	tagged, err := cosignTags(ctx, p.src, n.Digest)
	if err != nil {
		return nil, err
	}
	for _, t := range tagged {
		next = p.add(next, t.desc, planned{})
	}
	p.mu.Lock()
	p.tags = append(p.tags, tagged...)
	p.mu.Unlock()
	return next, nil
}

func (p *plan) refers(ctx context.Context, d ocispec.Descriptor, subject digest.Digest) (bool, error) {
	if _, remote := p.src.(byReference); remote {
		return true, nil
	}
	a, err := readDescribed(ctx, p.src, d)
	if err != nil {
		return false, err
	}
	return a.Subject != nil && a.Subject.Digest == subject, nil
}

// forget drops a manifest that is listed and not there.
func (p *plan) forget(n *planned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.nodes, n.Digest)
	p.missing = append(p.missing, fmt.Sprintf("%s is listed at the source and not there: left out", n.Digest))
}

// keep takes what was read of a manifest.
func (p *plan) keep(n *planned, a *artifact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.Size, n.MediaType = a.desc.Size, a.desc.MediaType
	if a.Subject != nil {
		n.subject = a.Subject.Digest
	}
	if p.kept+len(a.raw) <= maxKept {
		n.raw, p.kept = a.raw, p.kept+len(a.raw)
	}
	blobs := a.files()
	if a.Config != nil {
		blobs = append(blobs, *a.Config)
	}
	for _, b := range blobs {
		if foreign(b) {
			continue
		}
		b = ocispec.Descriptor{MediaType: b.MediaType, Digest: b.Digest, Size: b.Size}
		n.below, p.blobs[b.Digest] = append(n.below, b), b
	}
	n.below = append(n.below, a.Manifests...)
	p.order = append(p.order, n)
}

// foreign reports whether a layer is never pushed (image-spec, layer.md,
// "Non-Distributable Layers").
func foreign(d ocispec.Descriptor) bool {
	switch d.MediaType {
	case "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
		return len(d.URLs) > 0
	}
	return false
}

// settle makes what is below each manifest what can be copied before it: blobs,
// and manifests that are planned; its subject too, so that none refers to
// what is not there yet.
func (p *plan) settle() {
	for _, n := range p.order {
		var below []ocispec.Descriptor
		for _, d := range n.below {
			if _, blob := p.blobs[d.Digest]; blob {
				below = append(below, d)
			} else if m, ok := p.nodes[d.Digest]; ok {
				below = append(below, m.Descriptor)
			}
		}
		if s, ok := p.nodes[n.subject]; ok {
			below = append(below, s.Descriptor)
		}
		n.below = below
	}
	slices.Sort(p.missing)
	p.tags = slices.CompactFunc(slices.SortedStableFunc(slices.Values(p.tags), byTag), func(a, b tagging) bool { return a.tag == b.tag })
}

// report is what there is to be copied.
func (p *plan) report() *report {
	r := &report{Digest: p.named.Digest, Manifests: len(p.order), Blobs: len(p.blobs), Missing: p.missing, Tags: []string{}}
	for _, n := range p.order {
		r.Bytes += n.Size
		if n.referrer {
			r.Referrers++
		}
	}
	for _, b := range p.blobs {
		r.Bytes += b.Size
	}
	for _, t := range p.tags {
		r.Tags = append(r.Tags, t.tag)
	}
	return r
}
