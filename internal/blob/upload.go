package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
)

// staleAfter is how long after its last write a committed file still counts
// as new without its time being set.
const staleAfter = time.Minute

// fileUpload is an upload of a Directory, open.
type fileUpload struct {
	s     *Directory
	id    string
	name  string // file name in uploads/
	f     file   // nil when the upload has ended or was closed
	size  int64
	sum   sum
	saved bool // there may be a state file

	written time.Time // of the last write
}

func (u *fileUpload) ID() string   { return u.id }
func (u *fileUpload) Size() int64  { return u.size }
func (u *fileUpload) path() string { return u.s.uploadPath(u.name) }

// Expect implements [Expecter].
func (u *fileUpload) Expect(alg digest.Algorithm) {
	if u.size == 0 && alg.Available() {
		u.sum = newSum(alg)
	}
}

func (u *fileUpload) Write(p []byte) (int, error) {
	if u.f == nil {
		return 0, fmt.Errorf("blob: write: %w", ErrUploadUnknown)
	}
	n, err := u.f.WriteAt(p, u.size)
	u.sum.Write(p[:n])
	u.size += int64(n)
	u.written = u.s.now()
	if err != nil {
		// More than n bytes may be in the file: it is of no use any more.
		return n, fmt.Errorf("blob: write: %w", errors.Join(storageErr(err), u.drop()))
	}
	return n, nil
}

// restore takes up an upload where it was left: size, hash and time.
func (u *fileUpload) restore(ctx context.Context) error {
	info, err := u.f.Stat()
	if err != nil {
		return err
	}
	u.size, u.written, u.saved = info.Size(), info.ModTime(), info.Size() >= saveFrom
	st, ok := u.readState()
	if !ok || st.size > u.size {
		st = hashState{sum: newSum(defaultAlgorithm)}
	}
	u.sum = st.sum
	return u.hash(ctx, &u.sum, st.size)
}

// hash adds the bytes of the file from an offset on to a sum.
func (u *fileUpload) hash(ctx context.Context, to io.Writer, from int64) error {
	left := u.size - from
	if left == 0 {
		return nil
	}
	_, err := io.CopyBuffer(to, &contextReader{ctx, io.NewSectionReader(u.f, from, left)}, make([]byte, min(left, 256<<10)))
	return err
}

// Commit implements [Upload].
func (u *fileUpload) Commit(ctx context.Context, d digest.Digest) (int64, error) {
	if u.f == nil {
		return 0, fmt.Errorf("blob: commit: %w", ErrUploadUnknown)
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("blob: commit: %w", err)
	}
	if err := u.commit(ctx, d); err != nil {
		return 0, fmt.Errorf("blob: commit %q: %w", d, errors.Join(storageErr(err), u.drop()))
	}
	// The bytes are safe under their name. What tidying up leaves behind is
	// taken by ExpireUploads.
	_ = u.end()
	return u.size, nil
}

// commit is verify, sync, rename, sync of the directory.
func (u *fileUpload) commit(ctx context.Context, d digest.Digest) error {
	if err := u.verify(ctx, d); err != nil {
		return err
	}
	if now := u.s.now(); now.Sub(u.written) > staleAfter {
		if err := u.s.fs.touch(u.path(), now); err != nil {
			return err
		}
	}
	if !u.s.relaxed {
		if err := u.f.Sync(); err != nil {
			return err
		}
	}
	return u.s.publish(u.path(), d)
}

func (u *fileUpload) verify(ctx context.Context, d digest.Digest) error {
	if !known(d) {
		return fmt.Errorf("%w: the digest is not valid", ErrDigestMismatch)
	}
	sum := u.sum
	if d.Algorithm() != sum.alg {
		sum = newSum(d.Algorithm())
		if err := u.hash(ctx, &sum, 0); err != nil {
			return err
		}
	}
	if have := sum.digest(); have != d {
		return fmt.Errorf("%w: the bytes have %s", ErrDigestMismatch, have)
	}
	return nil
}

// Cancel implements [Upload]. It does its work whatever the context says: a
// client that went away is the usual reason for it.
func (u *fileUpload) Cancel(context.Context) error {
	if u.f == nil {
		return nil
	}
	if err := u.drop(); err != nil {
		return fmt.Errorf("blob: cancel: %w", err)
	}
	return nil
}

// Close implements [Upload].
func (u *fileUpload) Close() error {
	if u.f == nil {
		return nil
	}
	// Without the state, Resume hashes the bytes again: slower, as right.
	_ = u.writeState()
	err := u.f.Close()
	u.f = nil
	u.s.release(u.name)
	if err != nil {
		return fmt.Errorf("blob: close upload: %w", storageErr(err))
	}
	return nil
}

// drop removes the upload and ends it.
func (u *fileUpload) drop() error {
	err := u.s.removeIfThere(u.path())
	return errors.Join(err, u.end())
}

// end closes the file, after which another process can have it, and forgets
// the upload.
func (u *fileUpload) end() error {
	var err error
	if u.saved {
		err = u.s.removeIfThere(u.path() + stateSuffix)
	}
	err = errors.Join(err, u.f.Close())
	u.f = nil
	u.s.release(u.name)
	return err
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
