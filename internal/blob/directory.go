package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
)

// Options configures a Directory. The zero value is the durable default.
type Options struct {
	// Relaxed leaves out every fsync: a crash of the machine may then lose,
	// or leave damaged, blobs that were acknowledged. For tests and for
	// content that can be had again.
	Relaxed bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	fs   fsys   // nil means osFS
	boot string // empty means bootID()
}

// Directory is a Store in a directory of a local file system:
//
//	blobs/<algorithm>/<first two hex digits>/<hex>
//	uploads/<id>.<owner's hash>          what was received of an upload
//	uploads/<id>.<owner's hash>.state    and the state of its hash
//
// A file comes under blobs/ only by a rename of one that is complete, verified
// and durable. Several processes may share the directory.
type Directory struct {
	dir     string
	relaxed bool
	now     func() time.Time
	fs      fsys
	boot    string

	mu   sync.Mutex
	open map[string]struct{} // uploads in use, by file name

	shardMu sync.Mutex          // held while a shard is made
	shards  map[string]struct{} // shards known to be durable, as "sha256/ab"
}

// OpenDirectory opens the store in dir, which it makes when it is missing (its
// parent has to be there).
func OpenDirectory(dir string, opt Options) (*Directory, error) {
	s := &Directory{
		dir: dir, relaxed: opt.Relaxed, now: opt.Now, fs: opt.fs, boot: opt.boot,
		open: map[string]struct{}{}, shards: map[string]struct{}{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.fs == nil {
		s.fs = osFS{}
	}
	if s.boot == "" {
		s.boot = bootID()
	}
	for _, d := range []string{dir, s.blobs(), s.uploads()} {
		if err := s.mkdir(d); err != nil {
			return nil, fmt.Errorf("blob: open directory: %w", storageErr(err))
		}
	}
	return s, nil
}

func (s *Directory) blobs() string   { return filepath.Join(s.dir, "blobs") }
func (s *Directory) uploads() string { return filepath.Join(s.dir, "uploads") }

// shard is the directory below blobs/ of a known digest.
func shard(d digest.Digest) string {
	return filepath.Join(string(d.Algorithm()), d.Encoded()[:2])
}

// path is the file of a known digest.
func (s *Directory) path(d digest.Digest) string {
	return filepath.Join(s.blobs(), shard(d), d.Encoded())
}

// mkdir makes a directory durably. It syncs the parent also when the
// directory is there: whoever made it may not have come so far.
func (s *Directory) mkdir(path string) error {
	if err := s.fs.mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDir(filepath.Dir(path))
}

// syncDir is one call a commit. Sharing the call between concurrent commits to
// a shard was tried on ext4 with 8 and 32 goroutines and gained no throughput:
// with different blobs the calls do not meet (256 shards); with one blob for
// all it saved four calls of five, which the file system's journal merges
// anyway.
func (s *Directory) syncDir(path string) error {
	if s.relaxed {
		return nil
	}
	return s.fs.syncDir(path)
}

// makeShard makes sure, once a process, that the digest's shard is there and
// durable. Without this a crash could take the directory of a synced file.
func (s *Directory) makeShard(d digest.Digest) error {
	name := shard(d)
	s.shardMu.Lock()
	defer s.shardMu.Unlock()
	if _, ok := s.shards[name]; ok {
		return nil
	}
	if err := s.mkdir(filepath.Join(s.blobs(), string(d.Algorithm()))); err != nil {
		return err
	}
	if err := s.mkdir(filepath.Join(s.blobs(), name)); err != nil {
		return err
	}
	s.shards[name] = struct{}{}
	return nil
}

// publish gives a durable upload file its final name, durably. It replaces a
// blob that is there: that is as safe as leaving it, heals one that was
// damaged, and renews its time, which keeps it from a sweep that has begun.
func (s *Directory) publish(from string, d digest.Digest) error {
	if err := s.makeShard(d); err != nil {
		return err
	}
	to := s.path(d)
	err := s.fs.rename(from, to)
	if errors.Is(err, fs.ErrNotExist) { // somebody tidied the shard away
		s.forgetShard(d)
		if err := s.makeShard(d); err != nil {
			return err
		}
		err = s.fs.rename(from, to)
	}
	if err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(to))
}

func (s *Directory) forgetShard(d digest.Digest) {
	s.shardMu.Lock()
	defer s.shardMu.Unlock()
	delete(s.shards, shard(d))
}

// Open implements [Store]. The Reader has File and SyscallConn.
func (s *Directory) Open(ctx context.Context, d digest.Digest) (Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("blob: open %s: %w", d, err)
	}
	if !known(d) {
		return nil, fmt.Errorf("blob: open %q: %w", d, ErrNotFound)
	}
	f, err := os.Open(s.path(d))
	if err != nil {
		return nil, fmt.Errorf("blob: open %s: %w", d, notFound(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("blob: open %s: %w", d, err)
	}
	return &fileReader{f, info.Size()}, nil
}

// Stat implements [Store].
func (s *Directory) Stat(ctx context.Context, d digest.Digest) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("blob: stat %s: %w", d, err)
	}
	if !known(d) {
		return 0, fmt.Errorf("blob: stat %q: %w", d, ErrNotFound)
	}
	info, err := os.Lstat(s.path(d))
	if err != nil {
		return 0, fmt.Errorf("blob: stat %s: %w", d, notFound(err))
	}
	return info.Size(), nil
}

// Delete implements [Store].
func (s *Directory) Delete(ctx context.Context, d digest.Digest) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("blob: delete %s: %w", d, err)
	}
	if !known(d) {
		return fmt.Errorf("blob: delete %q: %w", d, ErrNotFound)
	}
	if err := s.fs.remove(s.path(d)); err != nil {
		return fmt.Errorf("blob: delete %s: %w", d, notFound(err))
	}
	return nil
}

// Close implements [Store].
func (s *Directory) Close() error { return nil }

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// fileReader is a blob in a file.
type fileReader struct {
	f    *os.File
	size int64
}

func (r *fileReader) Read(p []byte) (int, error)                { return r.f.Read(p) }
func (r *fileReader) Seek(off int64, whence int) (int64, error) { return r.f.Seek(off, whence) }
func (r *fileReader) Close() error                              { return r.f.Close() }
func (r *fileReader) Size() int64                               { return r.size }

// File is the open file, for a caller that wants the descriptor. It is closed
// with the Reader and must not be written.
func (r *fileReader) File() *os.File { return r.f }

// SyscallConn lets package net send the file with sendfile.
func (r *fileReader) SyscallConn() (syscall.RawConn, error) { return r.f.SyscallConn() }
