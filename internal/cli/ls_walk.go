package cli

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/lading-dev/lading"
)

// manifests hands on what tags, indexes and referrers lead to, by digest.
func (g *gatherer) manifests(ctx context.Context, repo *remote.Repository, name string, tags []string, hand func([]lading.Item) error) error {
	g.meter.Begin("reading "+name, "manifests", len(tags), 0)
	w := &walk{g: g, repo: repo, name: name, seen: map[digest.Digest]*lading.Item{}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(gatherJobs)
	for _, tag := range tags {
		group.Go(func() error { return w.tag(ctx, tag) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var items []lading.Item
	for _, it := range w.seen {
		slices.Sort(it.Tags)
		n := int64(len(it.Tags))
		it.TagCount = &n
		if g.wants(*it) {
			items = append(items, *it)
		}
	}
	slices.SortFunc(items, func(a, b lading.Item) int { return cmp.Compare(a.Key, b.Key) })
	return hand(items)
}

// walk finds the manifests of a repository.
type walk struct {
	g    *gatherer
	repo *remote.Repository
	name string
	mu   sync.Mutex
	seen map[digest.Digest]*lading.Item
}

func (w *walk) tag(ctx context.Context, tag string) error {
	defer w.g.meter.Add(1, 0)
	desc, err := w.repo.Resolve(ctx, tag)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.visit(ctx, desc, tag, maxDepth)
}

// visit reads a manifest that was not read yet, its children and referrers.
func (w *walk) visit(ctx context.Context, desc ocispec.Descriptor, tag string, depth int) error {
	w.mu.Lock()
	it, known := w.seen[desc.Digest]
	if !known {
		it = &lading.Item{Op: lading.OpPut, Repository: w.name}
		w.seen[desc.Digest] = it
	}
	if tag != "" {
		it.Tags = append(it.Tags, tag)
	}
	w.mu.Unlock()
	if known || depth == 0 {
		return nil
	}
	a, err := readDescribed(ctx, w.repo, desc)
	if isNotFound(err) {
		return nil // an index may list what is not here
	}
	if err != nil {
		return err
	}
	var read lading.Item
	if err := w.g.describe(ctx, w.repo, a, &read); err != nil {
		return err
	}
	referrers, err := referrersOf(ctx, w.repo, desc)
	if err != nil {
		return err
	}
	w.mu.Lock()
	it.Type, it.Shown, it.Descriptor, it.Subject = read.Type, read.Shown, read.Descriptor, read.Subject
	it.Key = lading.ManifestKey(w.name, desc.Digest)
	w.mu.Unlock()
	for _, next := range append(a.Manifests, referrers...) {
		if err := w.visit(ctx, next, "", depth-1); err != nil {
			return err
		}
	}
	return nil
}

// maxDepth bounds how deep indexes in indexes, and referrers of referrers, are
// followed.
const maxDepth = 32

// referrersOf are the manifests that refer to one; none where the registry does
// not tell.
func referrersOf(ctx context.Context, s store, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	refs, err := s.Predecessors(ctx, desc)
	if errors.Is(err, errdef.ErrUnsupported) || isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest) {
		return nil, nil
	}
	return refs, err
}
