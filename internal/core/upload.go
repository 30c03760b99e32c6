package core

import (
	"context"
	"errors"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
)

// upload is bytes on their way into a repository. The first ones are held
// back: when there are no more of them than the catalog keeps, the store never
// sees the blob, and one durable write takes the place of three.
type upload struct {
	blob.Upload
	r    *Registry
	repo string
	want lading.Descriptor
	held []byte
}

// Size implements lading.BlobWriter.
func (u *upload) Size() int64 { return u.Upload.Size() + int64(len(u.held)) }

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	if u.Upload.Size() == 0 && len(u.held)+len(p) <= catalog.MaxSmallBlob {
		u.held = append(u.held, p...)
		return len(p), nil
	}
	if err := u.hand(); err != nil {
		return 0, err
	}
	n, err := u.Upload.Write(p)
	return n, storageError(err, "write upload")
}

// hand gives the store what was held back.
func (u *upload) hand() error {
	if len(u.held) == 0 {
		return nil
	}
	_, err := u.Upload.Write(u.held)
	u.held = nil
	return storageError(err, "write upload")
}

// Close implements lading.BlobWriter.
func (u *upload) Close() error {
	return errors.Join(u.hand(), u.Upload.Close())
}

// Commit makes the bytes durable first, or with the row that names them; never
// after it.
func (u *upload) Commit(ctx context.Context, d lading.Digest) (lading.Descriptor, error) {
	if err := d.Validate(); err != nil {
		return lading.Descriptor{}, lading.ErrDigestInvalid.Wrap(err)
	}
	if u.want.Size > 0 && u.want.Size != u.Size() {
		return lading.Descriptor{}, errors.Join(lading.ErrSizeInvalid, u.Cancel(ctx))
	}
	b, err := u.settle(ctx, d)
	if err != nil {
		return lading.Descriptor{}, err
	}
	err = u.r.cat.LinkBlob(ctx, u.repo, b)
	if b.Bytes != nil {
		// The upload ends here, as Commit of the store ends it. What that
		// leaves behind, if it fails, expires.
		_ = u.Cancel(ctx)
	}
	if err != nil {
		return lading.Descriptor{}, catalogError(err)
	}
	if b.Bytes != nil {
		u.r.configs.pushed(u.repo, d, b.Bytes)
	}
	return lading.Descriptor{MediaType: octets, Digest: d, Size: b.Size}, nil
}

// settle verifies the bytes, and stores those of a blob that the catalog does
// not keep.
func (u *upload) settle(ctx context.Context, d lading.Digest) (catalog.Blob, error) {
	if u.Upload.Size() > 0 {
		err := u.hand()
		if err != nil {
			return catalog.Blob{}, err
		}
		size, err := u.Upload.Commit(ctx, d)
		return catalog.Blob{Digest: d, Size: size}, storageError(err, "commit upload")
	}
	if got := d.Algorithm().FromBytes(u.held); got != d {
		err := lading.ErrDigestInvalid.With("the blob has the digest %s, not the one given", got)
		return catalog.Blob{}, errors.Join(err, u.Cancel(ctx))
	}
	b := catalog.Blob{Digest: d, Size: int64(len(u.held)), Bytes: u.held}
	if b.Bytes == nil {
		b.Bytes = []byte{} // of no bytes, and here all the same
	}
	return b, nil
}

// Cancel implements lading.BlobWriter.
func (u *upload) Cancel(ctx context.Context) error {
	u.held = nil
	return storageError(u.Upload.Cancel(ctx), "cancel upload")
}
