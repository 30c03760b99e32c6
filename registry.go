// Package lading holds the words of the project: what a registry is, what it
// lists, how it names a change, and how it fails. Everything that a user can
// see goes through the types of this package; it does no I/O and imports no
// other package of the project.
//
// A registry is a value of [Registry]. The engine (internal/core), the access
// guard around it (internal/guard) and, one day, an HTTP client are values of
// it, so one set of tests serves all of them.
package lading

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Registry is everything that can be asked of a registry. Who is calling
// travels in the context ([WithIdentity]), and so does what the caller may
// see ([WithGrants]); an implementation that keeps data shows nothing to a
// context without grants.
//
// Every method may also return a *[Error] with code UNAUTHORIZED, DENIED,
// TOOMANYREQUESTS, UNSUPPORTED or UNAVAILABLE.
type Registry interface {
	Reader
	Writer
	Deleter
	Lister
	Watcher
}

// Descriptor is an OCI content descriptor (image-spec, descriptor.md).
type Descriptor = ocispec.Descriptor

// Digest is a content digest, "algorithm:encoded".
type Digest = digest.Digest

// Reference names a manifest in a repository: by Digest when that is set, by
// Tag otherwise.
type Reference struct {
	Tag    string
	Digest Digest
}

func (r Reference) String() string {
	if r.Digest != "" {
		return string(r.Digest)
	}
	return r.Tag
}

// Manifest is the exact bytes of a manifest and what they are.
type Manifest struct {
	// MediaType is what the client declared in Content-Type or, when it said
	// nothing, the mediaType field of the payload.
	MediaType string
	// Digest is always set on a manifest that was read. On one to be put it
	// is the digest the caller expects, or empty.
	Digest Digest
	Bytes  []byte
}

// Reader reads content by name.
type Reader interface {
	// Manifest returns a manifest with its bytes.
	//
	// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN.
	Manifest(ctx context.Context, repo string, ref Reference) (Manifest, error)

	// Resolve returns a manifest's media type, digest and size.
	//
	// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN.
	Resolve(ctx context.Context, repo string, ref Reference) (Descriptor, error)

	// Blob opens a blob for reading. The caller closes it.
	//
	// Errors: NAME_UNKNOWN, BLOB_UNKNOWN.
	Blob(ctx context.Context, repo string, d Digest) (BlobReader, error)

	// ResolveBlob returns a blob's digest and size.
	//
	// Errors: NAME_UNKNOWN, BLOB_UNKNOWN.
	ResolveBlob(ctx context.Context, repo string, d Digest) (Descriptor, error)
}

// BlobReader is an open blob. Where the bytes are in a local file it also has
// the method File() *os.File, so that a server can hand it to sendfile.
type BlobReader interface {
	io.ReadSeekCloser
	// Descriptor has the blob's digest and size in bytes.
	Descriptor() Descriptor
}

// PutOptions says under which names, and under which conditions, a manifest
// is put.
type PutOptions struct {
	// Tags are the tags that shall point to the manifest; none leaves it
	// untagged.
	Tags []string
	// If is what must hold of the one tag, or without a tag of the manifest
	// with this digest, for the manifest to be put.
	If Precondition
	// KeepTags refuses, with DENIED, a put that would point a tag elsewhere
	// that is there already. It is decided where the tag is put.
	KeepTags bool
	// FromBlob names a blob of the same repository whose bytes are the
	// manifest's, which then brings none itself.
	FromBlob Digest
}

// DeleteOptions says under which conditions something is deleted.
type DeleteOptions struct {
	// If is what must hold of the tag, or of the manifest, to be deleted.
	If Precondition
}

// Receipt is what a registry answers to a manifest that it has taken.
type Receipt struct {
	Descriptor Descriptor
	// Subject is the digest the manifest refers to by its subject field, or
	// empty (distribution-spec, "Pushing Manifests with Subject").
	Subject Digest
	// Tags are the tags that now point to the manifest because of this call.
	Tags []string
	// Warnings are sentences for the person who pushed: what was accepted and
	// may still be a mistake (distribution-spec, "Warnings"). Nothing in them
	// is for programs.
	Warnings []string
}

// Writer adds content.
type Writer interface {
	// PutManifest stores a manifest, moves the tags to it and journals both
	// in one transaction. Putting what is there already changes nothing and
	// journals nothing. The condition is checked in the same transaction, and
	// also when there is nothing to change.
	//
	// Errors: NAME_INVALID, TAG_INVALID, DIGEST_INVALID, MANIFEST_INVALID,
	// MANIFEST_TOO_LARGE, MANIFEST_BLOB_UNKNOWN (also for a FromBlob that is
	// not in the repository), PRECONDITION_FAILED, PARAMETER_INVALID (a
	// condition on several tags), SIZE_INVALID, STORAGE_FULL, TYPE_REFUSED
	// with the names of the types that are taken there.
	PutManifest(ctx context.Context, repo string, m Manifest, opt PutOptions) (Receipt, error)

	// StartBlob begins an upload. A want with a digest or a size tells the
	// registry what to expect; both may be empty. A digest that is an
	// algorithm with nothing behind its colon ("sha512:") tells that one
	// alone.
	//
	// Errors: NAME_INVALID, DIGEST_INVALID, STORAGE_FULL.
	StartBlob(ctx context.Context, repo string, want Descriptor) (BlobWriter, error)

	// ResumeBlob goes on with an upload that StartBlob began for the same
	// repository, whichever process began it.
	//
	// Errors: BLOB_UPLOAD_UNKNOWN.
	ResumeBlob(ctx context.Context, repo, id string) (BlobWriter, error)

	// MountBlob makes a blob that repository from holds available in
	// repository to, without moving a byte. An empty from stands for any
	// repository that the caller may read; so many are looked at and no more,
	// and none that the caller may not read makes a difference.
	//
	// Errors: NAME_INVALID, BLOB_UNKNOWN (also where the caller may not read
	// from).
	MountBlob(ctx context.Context, to, from string, d Digest) (Descriptor, error)
}

// BlobWriter is one upload. It has one user at a time: a second ResumeBlob of
// an upload in use answers BLOB_UPLOAD_INVALID. Close leaves the upload
// resumable; Commit and Cancel end it.
type BlobWriter interface {
	io.Writer
	// ID names the upload for ResumeBlob: at most 128 characters of
	// [A-Za-z0-9_-].
	ID() string
	// Size is the number of bytes received so far: the next byte's offset.
	Size() int64
	// Commit verifies the bytes against the digest, makes them durable and
	// links them to the repository; only then it returns. On
	// DIGEST_INVALID nothing is stored and the upload is gone.
	//
	// Errors: DIGEST_INVALID, SIZE_INVALID, STORAGE_FULL.
	Commit(ctx context.Context, d Digest) (Descriptor, error)
	// Cancel throws the upload away.
	Cancel(ctx context.Context) error
	// Close releases the upload. What was received stays and can be resumed.
	Close() error
}

// Expecter is an optional interface of a BlobWriter. Bytes are hashed while
// they arrive; when the digest at the end is of another algorithm than the
// registry took, they have to be read again. Expect tells the algorithm of an
// upload that has no bytes yet; later, and for an algorithm that the registry
// does not know, it does nothing.
type Expecter interface {
	Expect(alg digest.Algorithm)
}

// Deleter removes four different things, each its own way.
type Deleter interface {
	// DeleteTag removes a tag; the manifest stays.
	//
	// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN, PRECONDITION_FAILED.
	DeleteTag(ctx context.Context, repo, tag string, opt DeleteOptions) error

	// DeleteManifest removes a manifest and every tag that points to it.
	//
	// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN, PRECONDITION_FAILED, DENIED
	// (409) when a live index of the repository lists it.
	DeleteManifest(ctx context.Context, repo string, d Digest, opt DeleteOptions) error

	// DeleteBlob unlinks a blob from the repository.
	//
	// Errors: NAME_UNKNOWN, BLOB_UNKNOWN, DENIED (409) when a live manifest
	// of the repository uses it.
	DeleteBlob(ctx context.Context, repo string, d Digest) error

	// DeleteRepository removes the repository with everything in it: one
	// journal row; the content is purged afterwards in bounded steps.
	//
	// Errors: NAME_UNKNOWN.
	DeleteRepository(ctx context.Context, repo string) error
}

// Lister tells what there is and what has changed. Every answer is cut by the
// caller's grants.
type Lister interface {
	// List returns one page of a listing or, when q.Since is a cursor, of a
	// delta.
	//
	// Errors: PARAMETER_INVALID, NAME_UNKNOWN, CURSOR_INVALID,
	// CURSOR_EXPIRED.
	List(ctx context.Context, q Query) (Listing, error)

	// Tags returns up to n tag names of a repository that sort bytewise
	// after last, which need not exist (distribution-spec, "Listing Tags").
	//
	// Errors: NAME_UNKNOWN.
	Tags(ctx context.Context, repo, last string, n int) (Names, error)

	// Repositories returns up to n names of repositories that sort bytewise
	// after last.
	Repositories(ctx context.Context, last string, n int) (Names, error)

	// Search returns names of repositories that begin with, or contain, a
	// text: for people who look for a name, not for programs that need all.
	//
	// Errors: PARAMETER_INVALID.
	Search(ctx context.Context, q SearchQuery) (Names, error)

	// Referrers returns one page of the manifests whose subject is the
	// digest, oldest digest first in bytewise order. A repository or subject
	// that does not exist has no referrers; only a repository that the
	// caller may not read is NAME_UNKNOWN.
	//
	// Errors: NAME_UNKNOWN, DIGEST_INVALID.
	Referrers(ctx context.Context, repo string, q ReferrersQuery) (Referrers, error)
}

// Names is a page of names in bytewise order.
type Names struct {
	Names []string
	// More tells that there are names after the last one.
	More bool
}

// ReferrersQuery asks for the referrers of Subject.
type ReferrersQuery struct {
	Subject      Digest
	ArtifactType string // only these; empty for all
	After        Digest // start after this manifest; empty for the beginning
	N            int    // page length, 1 to 1000
}

// Referrers is a page of descriptors with artifactType and annotations.
type Referrers struct {
	Manifests []Descriptor
	More      bool
}

// MaxManifestSize is the largest manifest accepted, in bytes
// (distribution-spec, "Pushing Manifests": at least 4 MiB).
const MaxManifestSize = 4 << 20
