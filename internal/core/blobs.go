package core

import (
	"bytes"
	"context"
	"os"
	"syscall"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
)

// fileReader is an open blob in a file. It passes on what lets a server send
// the file without copying it through the process.
type fileReader struct {
	storedReader
	file *os.File
}

// File is the open file.
func (r *fileReader) File() *os.File { return r.file }

// SyscallConn is what net/http looks for to use sendfile.
func (r *fileReader) SyscallConn() (syscall.RawConn, error) { return r.file.SyscallConn() }

// storedReader is an open blob of the store.
type storedReader struct {
	blob.Reader
	desc lading.Descriptor
}

func (r *storedReader) Descriptor() lading.Descriptor { return r.desc }

// smallReader is a blob that the catalog keeps.
type smallReader struct {
	bytes.Reader
	b    []byte
	desc lading.Descriptor
}

func (r *smallReader) Descriptor() lading.Descriptor { return r.desc }
func (r *smallReader) Close() error                  { return nil }

// Bytes are all of the blob.
func (r *smallReader) Bytes() []byte { return r.b }

const octets = "application/octet-stream"

// Blob implements lading.Reader.
func (r *Registry) Blob(ctx context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	b, err := r.cat.GetBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	desc := lading.Descriptor{MediaType: octets, Digest: d, Size: b.Size}
	if b.Bytes != nil {
		small := &smallReader{b: b.Bytes, desc: desc}
		small.Reset(b.Bytes)
		return small, nil
	}
	open, err := r.blobs.Open(ctx, d)
	if err != nil {
		return nil, storageError(err, "open blob")
	}
	if f, ok := open.(interface{ File() *os.File }); ok {
		return &fileReader{storedReader{open, desc}, f.File()}, nil
	}
	return &storedReader{open, desc}, nil
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
	u := &upload{Upload: up, r: r, repo: repo, want: want}
	u.Expect(wanted(want.Digest))
	return u, nil
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
