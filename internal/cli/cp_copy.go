package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/vbauerster/mpb/v8"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
)

// copier carries out a plan.
type copier struct {
	*plan
	src, dst *side
	report   *report
	bars     *bars
	jobs     int

	mu      sync.Mutex
	counted map[digest.Digest]bool
	moved   atomic.Int64
}

// everything stands above all that is to be copied, so that it is one graph.
// It is never written.
var everything = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("everything that lading cp copies"), Size: 1}

func (c *copier) run(ctx context.Context) (err error) {
	c.counted = map[digest.Digest]bool{}
	c.knowTypes()
	if c.dst.local != nil {
		// What a copy that is cut short has brought is found again.
		defer func() { err = errors.Join(err, c.dst.local.SaveIndex()) }()
	}
	if err := oras.CopyGraph(ctx, feed{c}, sink{c.dst.target()}, everything, c.options()); err != nil {
		return err
	}
	c.report.BytesCopied = c.moved.Load()
	return c.tag(ctx)
}

// knowTypes tells both repositories which media types are manifests' here.
func (c *copier) knowTypes() {
	known := []string{"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, "application/vnd.oci.artifact.manifest.v1+json"}
	for _, n := range c.order {
		if !slices.Contains(known, n.MediaType) {
			known = append(known, n.MediaType)
		}
	}
	for _, s := range []*side{c.src, c.dst} {
		if s.remote != nil {
			s.remote.ManifestMediaTypes = known
		}
	}
}

func (c *copier) options() oras.CopyGraphOptions {
	return oras.CopyGraphOptions{
		Concurrency:    c.jobs,
		FindSuccessors: c.successors,
		PreCopy: func(_ context.Context, d ocispec.Descriptor) error {
			if d.Digest == everything.Digest {
				return oras.SkipNode
			}
			return nil
		},
		PostCopy: func(_ context.Context, d ocispec.Descriptor) error {
			c.count(d, &c.report.Copied, 0)
			return nil
		},
		OnCopySkipped: func(_ context.Context, d ocispec.Descriptor) error {
			c.countAll(d)
			return nil
		},
		OnMounted: func(_ context.Context, d ocispec.Descriptor) error {
			c.count(d, &c.report.Mounted, d.Size)
			return nil
		},
		MountFrom: func(_ context.Context, d ocispec.Descriptor) ([]string, error) {
			if _, manifest := c.nodes[d.Digest]; manifest {
				return nil, nil
			}
			return c.src.mountable(c.dst), nil
		},
	}
}

func (c *copier) successors(_ context.Context, _ content.Fetcher, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if d.Digest == everything.Digest {
		roots := make([]ocispec.Descriptor, len(c.order))
		for i, n := range c.order {
			roots[i] = n.Descriptor
		}
		return roots, nil
	}
	if n, ok := c.nodes[d.Digest]; ok {
		return n.below, nil
	}
	return nil, nil
}

// count counts a thing once. Bytes that were moved were counted as they went.
func (c *copier) count(d ocispec.Descriptor, as *int, bytes int64) {
	c.mu.Lock()
	known := c.counted[d.Digest]
	if !known {
		c.counted[d.Digest] = true
		*as++
	}
	c.mu.Unlock()
	if !known {
		c.bars.moved(bytes)
	}
}

// countAll counts what is there already, with all that is below it.
func (c *copier) countAll(d ocispec.Descriptor) {
	c.mu.Lock()
	known := c.counted[d.Digest]
	c.mu.Unlock()
	if known {
		return
	}
	c.count(d, &c.report.Present, d.Size)
	if n, ok := c.nodes[d.Digest]; ok {
		for _, b := range n.below {
			c.countAll(b)
		}
	}
}

// tag sets the tags that do not point there yet.
func (c *copier) tag(ctx context.Context) error {
	target, ok := c.dst.target().(content.TagResolver)
	if !ok {
		return errors.New("the destination has no tags")
	}
	if c.dst.local != nil {
		for _, n := range c.order { // those without a tag, and those that were there already
			if err := target.Tag(ctx, n.Descriptor, string(n.Digest)); err != nil {
				return err
			}
		}
	}
	return c.each(ctx, len(c.tags), func(ctx context.Context, i int) error {
		t := c.tags[i]
		if is, err := target.Resolve(ctx, t.tag); err == nil && is.Digest == t.desc.Digest {
			return nil
		}
		return target.Tag(ctx, t.desc, t.tag)
	})
}

func byTag(a, b tagging) int { return cmp.Compare(a.tag, b.tag) }

// feed is the source of a copy: manifests come out of the plan, and what is
// read is counted.
type feed struct{ *copier }

func (f feed) Exists(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	return f.src.store.Exists(ctx, d)
}

func (f feed) Fetch(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if n, ok := f.nodes[d.Digest]; ok && n.raw != nil {
		return &metered{io.NopCloser(bytes.NewReader(n.raw)), f.copier, nil}, nil
	}
	body, err := f.src.store.Fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	return &metered{body, f.copier, f.bars.blob(d)}, nil
}

// metered counts bytes as they are read.
type metered struct {
	io.ReadCloser
	c   *copier
	bar *mpb.Bar // of this blob; nil for none
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.ReadCloser.Read(b)
	m.c.moved.Add(int64(n))
	m.c.bars.moved(int64(n))
	if m.bar != nil {
		m.bar.IncrBy(n)
	}
	return n, err
}

// Close takes the bar away of what was cut short; a whole one goes by itself.
func (m *metered) Close() error {
	if m.bar != nil {
		m.bar.Abort(true)
	}
	return m.ReadCloser.Close()
}

// sink is the destination of a copy, in which everything is never whole.
type sink struct{ content.Storage }

func (s sink) Exists(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	if d.Digest == everything.Digest {
		return false, nil
	}
	return s.Storage.Exists(ctx, d)
}

// Mount implements registry.Mounter.
func (s sink) Mount(ctx context.Context, d ocispec.Descriptor, from string, open func() (io.ReadCloser, error)) error {
	m, ok := s.Storage.(registry.Mounter)
	if !ok {
		return errors.ErrUnsupported
	}
	return m.Mount(ctx, d, from, open)
}
