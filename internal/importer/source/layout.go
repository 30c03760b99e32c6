package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// referrersOf marks, in olareg's index.json, the answer that it keeps for a
// listing of referrers: no manifest that anybody pushed (olareg,
// types/annotations.go).
const referrersOf = "org.olareg.referrer.subject"

// layouts reads OCI layouts (image-spec, image-layout.md): one, or one for
// each repository below a directory.
type layouts struct {
	files fs.FS
	place string
	kind  Kind
	// single is the name for the only layout, which files is; empty where
	// repositories lie below.
	single string
	end    func() error
}

func (s *layouts) Kind() Kind   { return s.kind }
func (s *layouts) Close() error { return s.end() }

func (s *layouts) Describe() string {
	switch s.kind {
	case Zot:
		return "the storage of zot in " + s.place
	case Olareg:
		return "the storage of olareg in " + s.place
	}
	if s.single == "" {
		return "OCI layouts in " + s.place
	}
	return "an OCI layout in " + s.place
}

// dir is where a repository's layout lies.
func (s *layouts) dir(repo string) string {
	if s.single != "" {
		return "."
	}
	return repo
}

// Repositories implements Source.
func (s *layouts) Repositories(ctx context.Context) ([]string, error) {
	if s.single != "" {
		return []string{s.single}, nil
	}
	names, err := walkNames(ctx, s.files, ".", func(dir string, entries []fs.DirEntry) (bool, bool) {
		return has(entries, ocispec.ImageIndexFile), true
	})
	if err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	return names, nil
}

// Read implements Source.
func (s *layouts) Read(ctx context.Context, repo string) (*Repository, error) {
	r := &Repository{}
	index, err := s.index(path.Join(s.dir(repo), ocispec.ImageIndexFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ocispec.ImageIndexFile, err)
	}
	if r.Blobs, err = s.blobs(ctx, repo); err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	for _, m := range index.Manifests {
		if m.Annotations[referrersOf] != "" {
			s.referrers(repo, r, m)
			continue
		}
		r.Manifests = append(r.Manifests, m)
		if tag := m.Annotations[ocispec.AnnotationRefName]; tag != "" {
			r.Tags = append(r.Tags, Tag{Name: tag, Digest: m.Digest, Time: s.time(repo, m.Digest)})
		}
	}
	return r, nil
}

// referrers adds what an answer of olareg's lists, and forgets the answer.
func (s *layouts) referrers(repo string, r *Repository, answer lading.Descriptor) {
	r.Blobs = slices.DeleteFunc(r.Blobs, func(d lading.Digest) bool { return d == answer.Digest })
	list, err := s.index(s.path(repo, answer.Digest))
	if err != nil {
		r.Problems = append(r.Problems, Problem{string(answer.Digest), fmt.Errorf("read the referrers of %s: %w", answer.Annotations[referrersOf], err)})
		return
	}
	r.Manifests = append(r.Manifests, list.Manifests...)
}

func (s *layouts) index(name string) (index ocispec.Index, err error) {
	raw, err := fs.ReadFile(s.files, name)
	if err != nil {
		return index, notFound(err)
	}
	return index, json.Unmarshal(raw, &index)
}

// blobs are the files below blobs/ that have a digest for a name.
func (s *layouts) blobs(ctx context.Context, repo string) (out []lading.Digest, err error) {
	root := path.Join(s.dir(repo), ocispec.ImageBlobsDir)
	algorithms, err := readDir(s.files, root)
	if err != nil {
		return nil, err
	}
	for _, alg := range algorithms {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !alg.IsDir() {
			continue // a repository can be called like this one, and /blobs
		}
		entries, err := readDir(s.files, path.Join(root, alg.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if d := digest.NewDigestFromEncoded(digest.Algorithm(alg.Name()), e.Name()); d.Validate() == nil {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// path is the file of a digest that is valid.
func (s *layouts) path(repo string, d lading.Digest) string {
	return path.Join(s.dir(repo), ocispec.ImageBlobsDir, string(d.Algorithm()), d.Encoded())
}

func (s *layouts) time(repo string, d lading.Digest) time.Time {
	if d.Validate() != nil {
		return time.Time{}
	}
	info, err := fs.Stat(s.files, s.path(repo, d))
	if err != nil {
		return time.Time{} // the manifest cannot be read either, which is told
	}
	return info.ModTime()
}

// Manifest implements Source.
func (s *layouts) Manifest(ctx context.Context, repo string, d lading.Digest) (Payload, error) {
	f, err := s.Blob(ctx, repo, lading.Descriptor{Digest: d})
	if err != nil {
		return Payload{}, err
	}
	defer f.Close()
	raw, err := readManifest(f)
	return Payload{Bytes: raw, Time: s.time(repo, d)}, err
}

// Blob implements Source. zot can leave an empty file where another
// repository has the bytes.
func (s *layouts) Blob(_ context.Context, repo string, desc lading.Descriptor) (io.ReadCloser, error) {
	d := desc.Digest
	if d.Validate() != nil {
		return nil, ErrNotFound
	}
	f, err := s.files.Open(s.path(repo, d))
	if err != nil {
		return nil, notFound(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Size() > 0 || s.single != "" || d == d.Algorithm().FromString("") {
		return f, nil
	}
	f.Close()
	return s.elsewhere(d)
}

// elsewhere opens the blob where it has bytes.
func (s *layouts) elsewhere(d lading.Digest) (io.ReadCloser, error) {
	names, err := s.Repositories(context.Background())
	if err != nil {
		return nil, err
	}
	for _, repo := range names {
		if info, err := fs.Stat(s.files, s.path(repo, d)); err == nil && info.Size() > 0 {
			return s.files.Open(s.path(repo, d))
		}
	}
	return nil, ErrNotFound
}

func isLayout(files fs.FS, dir string) bool {
	_, err := fs.Stat(files, path.Join(dir, ocispec.ImageIndexFile))
	return err == nil
}
