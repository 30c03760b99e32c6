package core

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
)

// reader is an open blob. It passes on what lets a server send the file
// without copying it through the process.
type reader struct {
	blob.Reader
	desc lading.Descriptor
}

func (r *reader) Descriptor() lading.Descriptor { return r.desc }

// fileReader is a reader over a file.
type fileReader struct {
	reader
	file *os.File
}

// File is the open file.
func (r *fileReader) File() *os.File { return r.file }

// SyscallConn is what net/http looks for to use sendfile.
func (r *fileReader) SyscallConn() (syscall.RawConn, error) { return r.file.SyscallConn() }

const octets = "application/octet-stream"

// Blob implements lading.Reader.
func (r *Registry) Blob(ctx context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	desc, err := r.ResolveBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	b, err := r.blobs.Open(ctx, d)
	if err != nil {
		return nil, storageError(err, "open blob")
	}
	if f, ok := b.(interface{ File() *os.File }); ok {
		return &fileReader{reader{b, desc}, f.File()}, nil
	}
	return &reader{b, desc}, nil
}

// ResolveBlob implements lading.Reader.
func (r *Registry) ResolveBlob(ctx context.Context, repo string, d lading.Digest) (lading.Descriptor, error) {
	size, err := r.cat.BlobSize(ctx, repo, d)
	if err != nil {
		return lading.Descriptor{}, err
	}
	return lading.Descriptor{MediaType: octets, Digest: d, Size: size}, nil
}

// StartBlob implements lading.Writer.
func (r *Registry) StartBlob(ctx context.Context, repo string, want lading.Descriptor) (lading.BlobWriter, error) {
	if err := checkNames(repo); err != nil {
		return nil, err
	}
	up, err := r.blobs.Create(ctx, owner(ctx, repo))
	if err != nil {
		return nil, storageError(err, "start upload")
	}
	return &upload{Upload: up, r: r, repo: repo, want: want}, nil
}

// ResumeBlob implements lading.Writer.
func (r *Registry) ResumeBlob(ctx context.Context, repo, id string) (lading.BlobWriter, error) {
	up, err := r.blobs.Resume(ctx, owner(ctx, repo), id)
	if err != nil {
		return nil, storageError(err, "resume upload")
	}
	return &upload{Upload: up, r: r, repo: repo}, nil
}

// owner binds an upload to its repository and to who began it.
func owner(ctx context.Context, repo string) string {
	return repo + "\x00" + lading.IdentityFrom(ctx).Subject
}

// upload links what it has stored.
type upload struct {
	blob.Upload
	r    *Registry
	repo string
	want lading.Descriptor
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	n, err := u.Upload.Write(p)
	return n, storageError(err, "write upload")
}

// Commit makes the bytes durable first; only then a row names them.
func (u *upload) Commit(ctx context.Context, d lading.Digest) (lading.Descriptor, error) {
	if err := d.Validate(); err != nil {
		return lading.Descriptor{}, lading.ErrDigestInvalid.Wrap(err)
	}
	if u.want.Size > 0 && u.want.Size != u.Size() {
		return lading.Descriptor{}, errors.Join(lading.ErrSizeInvalid, u.Cancel(ctx))
	}
	size, err := u.Upload.Commit(ctx, d)
	if err != nil {
		return lading.Descriptor{}, storageError(err, "commit upload")
	}
	if err := u.r.cat.LinkBlob(ctx, u.repo, d, size); err != nil {
		return lading.Descriptor{}, catalogError(err)
	}
	return lading.Descriptor{MediaType: octets, Digest: d, Size: size}, nil
}

// Cancel implements lading.BlobWriter.
func (u *upload) Cancel(ctx context.Context) error {
	return storageError(u.Upload.Cancel(ctx), "cancel upload")
}
