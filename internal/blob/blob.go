// Package blob keeps content-addressed bytes: each blob once for the whole
// registry, under its digest. [Directory] keeps them in files, [Memory] in the
// process.
//
// It knows digests, bytes and uploads, and nothing else: who may read a blob
// is decided by the links between repositories and digests, which live in the
// catalog. Its one promise is that a Commit that returned without an error
// has verified the bytes against their digest and made them durable, so that
// a row that names them never dangles.
package blob

import (
	"context"
	_ "crypto/sha256" // make the algorithms of go-digest available
	_ "crypto/sha512"
	"errors"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
)

// The failures that a caller tells apart, for errors.Is.
var (
	// ErrNotFound: no blob has the digest. An invalid digest, or one of an
	// algorithm that is not available, is not found either.
	ErrNotFound = errors.New("blob: not found")
	// ErrUploadUnknown: there is no such upload, it belongs to another owner,
	// or it has ended.
	ErrUploadUnknown = errors.New("blob: upload unknown")
	// ErrUploadBusy: the upload is open elsewhere.
	ErrUploadBusy = errors.New("blob: upload is in use")
	// ErrDigestMismatch: the bytes do not have the digest, or the digest is
	// not valid.
	ErrDigestMismatch = errors.New("blob: digest does not match")
	// ErrStorageFull: no space or no quota is left for the bytes.
	ErrStorageFull = errors.New("blob: storage is full")
)

// Store keeps bytes by digest, once for the registry. It knows nothing of
// repositories' rights. All methods are safe for concurrent use.
type Store interface {
	// Open opens a blob for reading. A blob that is deleted or committed
	// again while it is open can still be read to its end.
	//
	// Errors: ErrNotFound.
	Open(ctx context.Context, d digest.Digest) (Reader, error)

	// Stat returns a blob's size in bytes.
	//
	// Errors: ErrNotFound.
	Stat(ctx context.Context, d digest.Digest) (size int64, err error)

	// Delete removes a blob. After a crash of the machine a deleted blob may
	// be there again; its bytes are right.
	//
	// Errors: ErrNotFound.
	Delete(ctx context.Context, d digest.Digest) error

	// Create begins an upload. Only the same owner, any string (a repository
	// with an identity, say), can resume it.
	//
	// Errors: ErrStorageFull.
	Create(ctx context.Context, owner string) (Upload, error)

	// Resume goes on with an upload that was begun for the same owner,
	// whichever process began it.
	//
	// Errors: ErrUploadUnknown, ErrUploadBusy.
	Resume(ctx context.Context, owner, id string) (Upload, error)

	// Walk calls fn for the blobs whose digests sort bytewise after after,
	// which need not exist and may be empty, in that order, with the size in
	// bytes and the time of the blob's last commit. It is no snapshot: a blob
	// that comes or goes meanwhile may be told or not. An error of fn ends
	// the walk and is returned.
	Walk(ctx context.Context, after digest.Digest, fn func(d digest.Digest, size int64, mod time.Time) error) error

	// ExpireUploads removes the uploads that nobody has open and that were
	// last written before olderThan, and returns how many.
	ExpireUploads(ctx context.Context, olderThan time.Time) (int, error)

	// Close releases the store. Readers and uploads that are open stay good.
	Close() error
}

// Reader is an open blob. Where its bytes are in a local file it also has the
// methods File() *os.File and SyscallConn() (syscall.RawConn, error): the
// latter is what lets net/http send it with sendfile.
type Reader interface {
	io.ReadSeekCloser
	// Size is the blob's size in bytes.
	Size() int64
}

// Upload is bytes on their way to become a blob. It has one user at a time,
// and its methods are not safe for concurrent use.
type Upload interface {
	// Write appends bytes. When the storage fails, the upload is gone: what
	// a failed write left behind is not known, so it cannot be continued.
	//
	// Errors: ErrStorageFull; ErrUploadUnknown when the upload has ended.
	io.Writer

	// ID names the upload for Resume: 16 to 128 characters of [A-Za-z0-9_-],
	// at least 128 bits of them random.
	ID() string

	// Size is the number of bytes received: the offset of the next byte.
	Size() int64

	// Commit verifies the bytes against the digest, makes them durable and
	// gives them their name, in this order, and returns their number. It
	// does so whether or not the blob is there already: how long it takes
	// tells nothing of what the registry holds, and the blob's time is
	// renewed. Whatever Commit returns, the upload has ended, with one
	// exception: a context that is done already leaves it as it was.
	//
	// Errors: ErrDigestMismatch (nothing is stored), ErrStorageFull,
	// ErrUploadUnknown when the upload has ended.
	Commit(ctx context.Context, d digest.Digest) (size int64, err error)

	// Cancel throws the upload away.
	Cancel(ctx context.Context) error

	// Close releases the upload and keeps it resumable. After Commit or
	// Cancel it does nothing.
	Close() error
}

// Expecter is an optional interface of an Upload. Bytes are hashed with
// sha256 while they stream; a Commit with another algorithm has to read them
// again, unless it was expected before the first byte.
type Expecter interface {
	Expect(alg digest.Algorithm)
}

// known reports whether the digest can be stored: well-formed, lower case and
// of an available algorithm. Only such a digest ever becomes part of a path.
func known(d digest.Digest) bool { return d.Validate() == nil }
