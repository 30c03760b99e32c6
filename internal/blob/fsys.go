package blob

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// fsys is every call by which a Directory changes the file system, and those
// that open an upload: the steps whose failure has to be thought through.
// Tests put a failing or a crashing one in its place. Blobs are read with
// package os directly.
type fsys interface {
	// create makes a new file, open and locked. fs.ErrExist when it is there.
	create(path string) (file, error)
	// open opens and locks an existing file. errLocked when another
	// descriptor has the lock.
	open(path string) (file, error)
	rename(from, to string) error
	remove(path string) error
	mkdir(path string) error
	// syncDir makes the entries of a directory durable.
	syncDir(path string) error
	// writeFile writes a whole small file, not atomically and not durably.
	writeFile(path string, b []byte) error
	readFile(path string) ([]byte, error)
	// touch sets the modification time.
	touch(path string, t time.Time) error
}

// file is an open upload file.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	// Sync makes the content durable.
	Sync() error
}

var errLocked = errors.New("file is locked")

const (
	dirMode  = 0o750
	fileMode = 0o640
)

// osFS is the real file system.
type osFS struct{}

func (osFS) create(path string) (file, error) {
	return lockedFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) open(path string) (file, error) {
	f, err := lockedFile(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return onlyAt(f, path)
}

// onlyAt makes sure that a file, now locked, has this name and no other: else
// its bytes are a blob's. The process that had the lock may have committed
// it; and where rename is not atomic, a crash may have left both names.
func onlyAt(f *os.File, path string) (file, error) {
	info, err := f.Stat()
	if err == nil && isAt(info, path) {
		if links(info) <= 1 {
			return f, nil
		}
		err = os.Remove(path)
	}
	f.Close()
	if err == nil {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return nil, err
}

func lockedFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func isAt(info fs.FileInfo, path string) bool {
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(info, named)
}

func (osFS) rename(from, to string) error          { return os.Rename(from, to) }
func (osFS) remove(path string) error              { return os.Remove(path) }
func (osFS) mkdir(path string) error               { return os.Mkdir(path, dirMode) }
func (osFS) writeFile(path string, b []byte) error { return os.WriteFile(path, b, fileMode) }
func (osFS) readFile(path string) ([]byte, error)  { return os.ReadFile(path) }
func (osFS) touch(path string, t time.Time) error  { return os.Chtimes(path, t, t) }

func (osFS) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// storageErr marks the failures of a file system that is full.
func storageErr(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &fullError{err}
	}
	return err
}

// fullError is a storage failure that is also ErrStorageFull.
type fullError struct{ err error }

func (e *fullError) Error() string   { return ErrStorageFull.Error() + ": " + e.err.Error() }
func (e *fullError) Unwrap() []error { return []error{ErrStorageFull, e.err} }
