package source

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// distribution reads the directory of distribution's file system driver
// (distribution, registry/storage/paths.go), which Harbor uses as well:
//
//	repositories/<name>/_manifests/revisions/<algorithm>/<hex>/link
//	repositories/<name>/_manifests/tags/<tag>/current/link
//	repositories/<name>/_layers/<algorithm>/<hex>/link
//	blobs/<algorithm>/<first two digits>/<hex>/data
//
// A link is a file that holds a digest; its time is the time of the push.
type distribution struct {
	files fs.FS // of the directory that has repositories and blobs
	place string
}

func (s *distribution) Kind() Kind   { return Distribution }
func (s *distribution) Close() error { return nil }

func (s *distribution) Describe() string {
	return "the storage of distribution (docker-registry, Harbor) in " + s.place
}

// Repositories implements Source. A directory is a repository when it has
// _manifests or _layers; repositories may lie in repositories.
func (s *distribution) Repositories(ctx context.Context) ([]string, error) {
	names, err := walkNames(ctx, s.files, "repositories", func(dir string, entries []fs.DirEntry) (bool, bool) {
		return has(entries, "_manifests") || has(entries, "_layers"), true
	})
	if err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	return names, nil
}

// Read implements Source.
func (s *distribution) Read(ctx context.Context, repo string) (*Repository, error) {
	r := &Repository{}
	base := path.Join("repositories", repo)
	revisions, err := s.links(ctx, base+"/_manifests/revisions")
	if err != nil {
		return nil, fmt.Errorf("list manifests: %w", err)
	}
	for _, d := range revisions {
		r.Manifests = append(r.Manifests, lading.Descriptor{Digest: d})
	}
	if r.Blobs, err = s.links(ctx, base+"/_layers"); err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	tags, err := readDir(s.files, base+"/_manifests/tags")
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	for _, e := range tags {
		d, when, err := s.link(base + "/_manifests/tags/" + e.Name() + "/current/link")
		if err != nil {
			r.Problems = append(r.Problems, Problem{e.Name(), fmt.Errorf("read the tag: %w", err)})
			continue
		}
		r.Tags = append(r.Tags, Tag{Name: e.Name(), Digest: d, Time: when})
	}
	return r, nil
}

// links are the digests that a directory of links has. One whose link was
// removed leaves its directory.
func (s *distribution) links(ctx context.Context, dir string) (out []lading.Digest, err error) {
	algorithms, err := readDir(s.files, dir)
	if err != nil {
		return nil, err
	}
	for _, alg := range algorithms {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := readDir(s.files, path.Join(dir, alg.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			d := digest.NewDigestFromEncoded(digest.Algorithm(alg.Name()), e.Name())
			if _, err := fs.Stat(s.files, path.Join(dir, alg.Name(), e.Name(), "link")); d.Validate() == nil && err == nil {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// link reads a link and its time.
func (s *distribution) link(name string) (lading.Digest, time.Time, error) {
	raw, err := fs.ReadFile(s.files, name)
	if err != nil {
		return "", time.Time{}, notFound(err)
	}
	info, err := fs.Stat(s.files, name)
	if err != nil {
		return "", time.Time{}, notFound(err)
	}
	d := digest.Digest(strings.TrimSpace(string(raw)))
	if err := d.Validate(); err != nil {
		return "", time.Time{}, fmt.Errorf("%s holds no digest: %w", name, err)
	}
	return d, info.ModTime(), nil
}

// Manifest implements Source. The bytes are a blob; that they are a manifest
// of this repository says the link alone.
func (s *distribution) Manifest(_ context.Context, repo string, d lading.Digest) (Payload, error) {
	if err := d.Validate(); err != nil {
		return Payload{}, ErrNotFound
	}
	info, err := fs.Stat(s.files, path.Join("repositories", repo, "_manifests/revisions", string(d.Algorithm()), d.Encoded(), "link"))
	if err != nil {
		return Payload{}, notFound(err)
	}
	f, err := s.files.Open(s.data(d))
	if err != nil {
		return Payload{}, notFound(err)
	}
	defer f.Close()
	raw, err := readManifest(f)
	return Payload{Bytes: raw, Time: info.ModTime()}, err
}

// Blob implements Source. The link of a blob that was pushed under a digest of
// another algorithm names the one of SHA-256 under which the bytes are kept.
func (s *distribution) Blob(_ context.Context, repo string, desc lading.Descriptor) (io.ReadCloser, error) {
	d := desc.Digest
	if err := d.Validate(); err != nil {
		return nil, ErrNotFound
	}
	kept, _, err := s.link(path.Join("repositories", repo, "_layers", string(d.Algorithm()), d.Encoded(), "link"))
	if err != nil {
		kept = d // the bytes may be there all the same, and are verified
	}
	f, err := s.files.Open(s.data(kept))
	if err != nil {
		return nil, notFound(err)
	}
	return f, nil
}

func (s *distribution) data(d lading.Digest) string {
	return path.Join("blobs", string(d.Algorithm()), d.Encoded()[:2], d.Encoded(), "data")
}

// walkNames returns the paths below a directory that are repositories, sorted.
// is says of a directory whether it is one, and whether its subdirectories may
// be. Names of repositories begin with a letter or digit, so nothing else is
// entered.
func walkNames(ctx context.Context, files fs.FS, root string, is func(dir string, entries []fs.DirEntry) (repository, deeper bool)) ([]string, error) {
	var names []string
	var walk func(dir, name string) error
	walk = func(dir, name string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := readDir(files, dir)
		if err != nil {
			return err
		}
		repository, deeper := is(dir, entries)
		if repository && name != "" {
			names = append(names, name)
		}
		for _, e := range entries {
			if !e.IsDir() || !deeper || strings.ContainsAny(e.Name()[:1], "._") || repository && name != "" && e.Name() == "blobs" && !isLayout(files, path.Join(dir, "blobs")) {
				continue
			}
			if err := walk(path.Join(dir, e.Name()), path.Join(name, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(root, "")
	slices.Sort(names)
	return names, err
}

// readDir is empty for a directory that is missing.
func readDir(files fs.FS, dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(files, dir)
	if notFound(err) == ErrNotFound {
		return nil, nil
	}
	return entries, err
}

func has(entries []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
}
