package blobtest

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
)

// Op names a call that a Faulty can make fail.
type Op string

// The calls of a Store and of an Upload.
const (
	OpOpen   Op = "open"
	OpStat   Op = "stat"
	OpDelete Op = "delete"
	OpCreate Op = "create"
	OpResume Op = "resume"
	OpWalk   Op = "walk"
	OpExpire Op = "expire"
	OpWrite  Op = "write"
	OpCommit Op = "commit"
	OpCancel Op = "cancel"
)

// Faulty is a store whose calls fail when a test says so, in the two ways in
// which a storage can fail. Both functions may be nil, are called from
// wherever the store is used, and decide by the call's name.
type Faulty struct {
	blob.Store
	// Before returns the error of a call that then is not made: failed.
	Before func(Op) error
	// After returns the error of a call that was made and did its work:
	// failed, but persisted.
	After func(Op) error
}

func (f *Faulty) do(op Op, call func() error) error {
	if f.Before != nil {
		if err := f.Before(op); err != nil {
			return err
		}
	}
	if err := call(); err != nil {
		return err
	}
	if f.After != nil {
		return f.After(op)
	}
	return nil
}

// Open implements blob.Store.
func (f *Faulty) Open(ctx context.Context, d digest.Digest) (r blob.Reader, err error) {
	err = f.do(OpOpen, func() error { r, err = f.Store.Open(ctx, d); return err })
	if err != nil && r != nil {
		r.Close()
		r = nil
	}
	return r, err
}

// Stat implements blob.Store.
func (f *Faulty) Stat(ctx context.Context, d digest.Digest) (n int64, err error) {
	err = f.do(OpStat, func() error { n, err = f.Store.Stat(ctx, d); return err })
	return n, err
}

// Delete implements blob.Store.
func (f *Faulty) Delete(ctx context.Context, d digest.Digest) error {
	return f.do(OpDelete, func() error { return f.Store.Delete(ctx, d) })
}

// Create implements blob.Store.
func (f *Faulty) Create(ctx context.Context, owner string) (blob.Upload, error) {
	return f.upload(OpCreate, func() (blob.Upload, error) { return f.Store.Create(ctx, owner) })
}

// Resume implements blob.Store.
func (f *Faulty) Resume(ctx context.Context, owner, id string) (blob.Upload, error) {
	return f.upload(OpResume, func() (blob.Upload, error) { return f.Store.Resume(ctx, owner, id) })
}

func (f *Faulty) upload(op Op, call func() (blob.Upload, error)) (u blob.Upload, err error) {
	err = f.do(op, func() error { u, err = call(); return err })
	if err != nil {
		if u != nil {
			u.Close()
		}
		return nil, err
	}
	return &faultyUpload{u, f}, nil
}

// Walk implements blob.Store.
func (f *Faulty) Walk(ctx context.Context, after digest.Digest, fn func(d digest.Digest, size int64, mod time.Time) error) error {
	return f.do(OpWalk, func() error { return f.Store.Walk(ctx, after, fn) })
}

// ExpireUploads implements blob.Store.
func (f *Faulty) ExpireUploads(ctx context.Context, olderThan time.Time) (n int, err error) {
	err = f.do(OpExpire, func() error { n, err = f.Store.ExpireUploads(ctx, olderThan); return err })
	return n, err
}

type faultyUpload struct {
	blob.Upload
	f *Faulty
}

func (u *faultyUpload) Write(p []byte) (n int, err error) {
	err = u.f.do(OpWrite, func() error { n, err = u.Upload.Write(p); return err })
	return n, err
}

func (u *faultyUpload) Commit(ctx context.Context, d digest.Digest) (n int64, err error) {
	err = u.f.do(OpCommit, func() error { n, err = u.Upload.Commit(ctx, d); return err })
	return n, err
}

func (u *faultyUpload) Cancel(ctx context.Context) error {
	return u.f.do(OpCancel, func() error { return u.Upload.Cancel(ctx) })
}
