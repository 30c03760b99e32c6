package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer/source"
)

// repository is what the source holds of one, read and in order.
type repository struct {
	from, to string // its names there and here
	// manifests come after those that they list.
	manifests []*manifest
	tags      []source.Tag
	blobs     map[lading.Digest]lading.Descriptor // to be here before the manifests

	refused sync.Once // the registry takes nothing under its name
}

// manifest is one to be put.
type manifest struct {
	desc lading.Descriptor
	raw  []byte // nil where it has to be read again
	// when it was pushed, not before what it lists; zero if that is not
	// known.
	when     time.Time
	children []*manifest
	present  bool // here already
	done     bool // put, or present
	late     bool // its time cannot be kept
}

// scan reads all repositories that are wanted, in the order of their names.
func (im *run) scan(ctx context.Context) ([]*repository, error) {
	names, err := im.src.Repositories(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range im.opt.Named {
		if !slices.Contains(names, n) {
			im.report.skip(skipRepository, n, "", source.ErrNotFound.Error())
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !im.opt.Wants(n) })
	im.report.Repositories = len(names)
	im.opt.Meter.Begin("reading", "repositories", len(names), 0)
	repos := make([]*repository, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(im.opt.Jobs)
	for i, name := range names {
		g.Go(func() (err error) {
			defer im.opt.Meter.Add(1, 0)
			repos[i], err = im.scanRepository(ctx, name)
			return err
		})
	}
	return repos, g.Wait()
}

func (im *run) scanRepository(ctx context.Context, name string) (*repository, error) {
	r := &repository{from: name, to: im.opt.Rename(name), blobs: map[lading.Digest]lading.Descriptor{}}
	found, err := im.src.Read(ctx, name)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		im.report.skip(skipRepository, name, "", err.Error())
		return r, nil
	}
	for _, p := range found.Problems {
		im.problem(name, p)
	}
	r.tags = found.Tags
	s := &scanner{im: im, repo: r, seen: map[lading.Digest]*manifest{}, used: map[lading.Digest]bool{}, kept: set(found.Blobs), times: found.Times}
	for _, d := range found.Manifests {
		if _, err := s.manifest(ctx, d, true); err != nil {
			return nil, err
		}
	}
	im.report.count(func() {
		im.report.Manifests.Found += len(r.manifests)
		im.report.Tags.Found += len(r.tags)
		im.report.Unreferenced += s.unreferenced()
	})
	return r, nil
}

func (im *run) problem(repo string, p source.Problem) {
	kind := skipTag
	if lading.Digest(p.Name).Validate() == nil {
		kind = skipManifest
	} else {
		im.report.count(func() { im.report.Tags.Found++ })
	}
	im.report.skip(kind, repo, p.Name, p.Err.Error())
}

// scanner reads the manifests of one repository, each once.
type scanner struct {
	im   *run
	repo *repository
	seen map[lading.Digest]*manifest // nil: it cannot be taken over
	used map[lading.Digest]bool      // blobs that a manifest leads to
	kept map[lading.Digest]bool      // blobs that the source has

	times map[lading.Digest]time.Time
}

// manifest reads a manifest with all that it lists and all that refers to it.
// It is nil where there is none that can be taken over; named says that the
// source itself named it, so that it would be missed.
func (s *scanner) manifest(ctx context.Context, desc lading.Descriptor, named bool) (*manifest, error) {
	if m, ok := s.seen[desc.Digest]; ok {
		return m, nil
	}
	s.seen[desc.Digest] = nil
	p, err := s.im.src.Manifest(ctx, s.repo.from, desc.Digest)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, source.ErrNotFound) && !named {
		return nil, nil // of a sparse index, which is told when it is put
	}
	var doc document
	if err == nil {
		doc, err = verify(p.Bytes, desc.Digest)
	}
	if err != nil {
		s.skip(desc.Digest, err.Error())
		return nil, nil
	}
	m := &manifest{desc: desc, when: known(p.Time)}
	if m.when.IsZero() {
		m.when = known(s.times[desc.Digest])
	}
	if err := s.follow(ctx, m, doc, p); err != nil {
		return nil, err
	}
	s.seen[desc.Digest] = m
	s.repo.manifests = append(s.repo.manifests, m)
	return m, s.referrers(ctx, desc.Digest)
}

func (s *scanner) skip(d lading.Digest, reason string) {
	s.im.report.count(func() { s.im.report.Manifests.Found++ })
	s.im.report.skip(skipManifest, s.repo.from, string(d), reason)
}

// verify parses the bytes of a manifest that should have the digest.
func verify(raw []byte, d lading.Digest) (document, error) {
	doc, err := parse(raw)
	if err == nil && doc.schema1() {
		return doc, errors.New(reasonSchema1)
	}
	if verr := d.Validate(); verr != nil {
		return doc, verr
	}
	if got := d.Algorithm().FromBytes(raw); got != d {
		return doc, fmt.Errorf("the bytes at the source are damaged: they have the digest %s", got)
	}
	if err != nil {
		return doc, fmt.Errorf("it is not a manifest: %w", err)
	}
	return doc, nil
}

// follow gathers what a manifest needs: its blobs, and what it lists.
func (s *scanner) follow(ctx context.Context, m *manifest, doc document, p source.Payload) (err error) {
	if p.MediaType != "" {
		m.desc.MediaType = p.MediaType
	}
	if doc.MediaType != "" {
		m.desc.MediaType = doc.MediaType
	}
	if m.present, err = s.im.hasManifest(ctx, s.repo.to, m.desc.Digest); err != nil {
		return err
	}
	m.done = m.present
	for _, b := range doc.blobs() {
		if optional := elsewhere(b); optional && !s.kept[b.Digest] {
			continue
		}
		s.used[b.Digest] = true
		// Also of a manifest that is here: it may have been taken without.
		s.repo.blobs[b.Digest] = b
	}
	for _, c := range doc.Manifests {
		child, err := s.manifest(ctx, lading.Descriptor{MediaType: c.MediaType, Digest: c.Digest}, false)
		if err != nil {
			return err
		}
		if child != nil {
			m.children = append(m.children, child)
		}
	}
	if !m.present {
		m.raw = s.im.cache.keep(p.Bytes)
	}
	m.desc.Size = int64(len(p.Bytes))
	return nil
}

// referrers reads what refers to a manifest, where the source has to be asked.
func (s *scanner) referrers(ctx context.Context, d lading.Digest) error {
	src, ok := s.im.src.(source.Referrer)
	if !ok {
		return nil
	}
	list, err := src.Referrers(ctx, s.repo.from, d)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.im.report.skip(skipReferrers, s.repo.from, string(d), err.Error())
		return nil
	}
	for _, r := range list {
		if _, err := s.manifest(ctx, lading.Descriptor{MediaType: r.MediaType, Digest: r.Digest}, true); err != nil {
			return err
		}
	}
	return nil
}

// unreferenced is how many blobs the source keeps that no manifest leads to.
func (s *scanner) unreferenced() (n int) {
	for d := range s.kept {
		if _, read := s.seen[d]; !read && !s.used[d] {
			n++
		}
	}
	return n
}

// hasManifest reports whether the registry has the manifest already.
func (im *run) hasManifest(ctx context.Context, repo string, d lading.Digest) (bool, error) {
	if im.opt.DryRun {
		return false, nil
	}
	_, err := im.reg.Resolve(ctx, repo, lading.Reference{Digest: d})
	return err == nil, unlessUnknown(err)
}

// unlessUnknown is nil for an error that says that something is not there.
func unlessUnknown(err error) error {
	for _, e := range []error{lading.ErrNameUnknown, lading.ErrManifestUnknown, lading.ErrBlobUnknown} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// known is a time that can have been that of a push: the epoch is what
// archives write that keep none.
func known(t time.Time) time.Time {
	if t.Unix() <= 0 {
		return time.Time{}
	}
	return t
}

func set(ds []lading.Digest) map[lading.Digest]bool {
	m := make(map[lading.Digest]bool, len(ds))
	for _, d := range ds {
		m[d] = true
	}
	return m
}
