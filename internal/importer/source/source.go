// Package source reads what another registry keeps, in a directory or behind
// its API: repositories, tags, manifests, blobs, and when each was pushed,
// where that is known. It judges nothing and verifies no digest: whoever takes
// the content over does, since every byte goes through its hands anyway. It
// never writes to a source.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/lading-dev/lading"
)

// Kind says whose way of keeping content a source follows.
type Kind string

// The kinds. Auto is no source's kind: it asks Open to find out.
const (
	Auto         Kind = "auto"
	Distribution Kind = "distribution" // docker/registry/v2/…: distribution, Harbor
	Zot          Kind = "zot"          // an OCI layout a repository, blobs linked among them
	Olareg       Kind = "olareg"       // an OCI layout a repository, referrers in index.json
	OCILayout    Kind = "oci-layout"   // one OCI layout, in a directory or a tar file
	Registry     Kind = "registry"     // a running one, over /v2/
)

// kinds are those that can be asked for.
var kinds = []Kind{Auto, Distribution, Zot, Olareg, OCILayout, Registry}

// ParseKind returns the kind of that name.
func ParseKind(s string) (Kind, error) {
	for _, k := range kinds {
		if s == string(k) {
			return k, nil
		}
	}
	return "", fmt.Errorf("%q is not a kind of source: write one of %v", s, kinds)
}

// ErrNotFound tells that a source does not have what was asked for, in that
// repository.
var ErrNotFound = errors.New("the source does not have it")

// Source is a registry's content as it lies there. Its methods may be called
// from several goroutines; names of repositories are taken as they are found,
// valid or not.
type Source interface {
	// Kind is never Auto.
	Kind() Kind
	// Describe tells a person what was found.
	Describe() string
	// Repositories returns the names of all repositories, sorted.
	Repositories(ctx context.Context) ([]string, error)
	// Read lists what a repository holds.
	Read(ctx context.Context, repo string) (*Repository, error)
	// Manifest reads a manifest of a repository.
	//
	// Errors: ErrNotFound; ErrTooLarge.
	Manifest(ctx context.Context, repo string, d lading.Digest) (Payload, error)
	// Blob opens a blob of a repository; of the descriptor, the digest
	// counts, and the size where the source is a registry.
	//
	// Errors: ErrNotFound.
	Blob(ctx context.Context, repo string, desc lading.Descriptor) (io.ReadCloser, error)
	// Close releases the source.
	Close() error
}

// Referrer is an optional interface of a Source whose Read cannot find the
// manifests that only refer to others.
type Referrer interface {
	// Referrers returns the manifests whose subject is d.
	Referrers(ctx context.Context, repo string, d lading.Digest) ([]lading.Descriptor, error)
}

// Repository is what Read found.
type Repository struct {
	// Manifests are those that the source names by itself, with their media
	// types where it knows them. The children of an index need not be among
	// them, and one may be there more than once.
	Manifests []lading.Descriptor
	Tags      []Tag
	// Blobs are the digests that the source keeps for the repository, where
	// it can tell; of a layout that includes manifests.
	Blobs []lading.Digest
	// Times are when manifests were pushed, as far as they are known and
	// Manifest does not tell.
	Times map[lading.Digest]time.Time
	// Problems are parts that could not be read.
	Problems []Problem
}

// Tag is a name of a manifest.
type Tag struct {
	Name   string
	Digest lading.Digest
	// Time is when the tag was pointed there; zero if it is not known.
	Time time.Time
}

// Payload is a manifest as the source keeps it.
type Payload struct {
	Bytes []byte
	// MediaType is what the source says of it, or empty.
	MediaType string
	// Time is when it was pushed; zero if it is not known.
	Time time.Time
}

// Problem is something that could not be read. Name is a tag or digest, or
// empty for the whole repository.
type Problem struct {
	Name string
	Err  error
}

// ErrTooLarge tells that a manifest is larger than any registry takes.
var ErrTooLarge = fmt.Errorf("it is larger than %d bytes", lading.MaxManifestSize)

// readManifest reads at most lading.MaxManifestSize bytes.
func readManifest(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, lading.MaxManifestSize+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > lading.MaxManifestSize {
		return nil, ErrTooLarge
	}
	return raw, nil
}

// notFound turns a missing file into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}
