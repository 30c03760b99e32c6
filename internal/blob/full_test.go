package blob

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestFull fills a disk, a real one of 1 MiB where it can be mounted, else
// one that counts: the push that does not fit is refused as such and gives
// its space back.
func TestFull(t *testing.T) {
	t.Run("real or counted", func(t *testing.T) {
		if dir := smallDisk(t); dir != "" {
			testFull(t, openDir(t, dir, Options{}))
			return
		}
		testFull(t, openDir(t, t.TempDir(), Options{fs: &fullFS{left: 1 << 20}}))
	})
	t.Run("counted", func(t *testing.T) {
		testFull(t, openDir(t, t.TempDir(), Options{fs: &fullFS{left: 1 << 20}}))
	})
}

func testFull(t *testing.T, s *Directory) {
	small := bytes.Repeat([]byte("s"), 200<<10)
	if err := putBytes(t.Context(), s, small); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("b"), 2<<20)
	for range 3 { // the space comes back each time
		u, err := s.Create(t.Context(), "me")
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; err == nil && at < len(big); at += 64 << 10 {
			_, err = u.Write(big[at : at+64<<10])
		}
		if !errors.Is(err, ErrStorageFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Write: %v", err)
		}
		if u.Size() < 500<<10 {
			t.Errorf("full after %d bytes", u.Size())
		}
		if _, err := u.Commit(t.Context(), digest.FromBytes(big[:u.Size()])); !errors.Is(err, ErrUploadUnknown) {
			t.Errorf("Commit: %v", err)
		}
		if left := uploadFiles(t, s); len(left) != 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
	checkFinal(t, s, "full")
	wantBlob(t, s, digest.FromBytes(small), small)
	other := bytes.Repeat([]byte("o"), 500<<10)
	if err := putBytes(t.Context(), s, other); err != nil {
		t.Errorf("what fits was refused: %v", err)
	}
	wantBlob(t, s, digest.FromBytes(other), other)
}

// TestQuota asserts that a quota that is used up is a storage that is full.
func TestQuota(t *testing.T) {
	err := storageErr(&fs.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT})
	if !errors.Is(err, ErrStorageFull) || !errors.Is(err, syscall.EDQUOT) {
		t.Error(err)
	}
	if err := storageErr(syscall.EIO); errors.Is(err, ErrStorageFull) {
		t.Error(err)
	}
}

// fullFS has space for so many bytes.
type fullFS struct {
	osFS
	mu   sync.Mutex
	left int
	used map[string]int
}

func (f *fullFS) create(path string) (file, error) {
	in, err := f.osFS.create(path)
	return &fullFile{in, f, path}, err
}

func (f *fullFS) remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left += f.used[path]
	delete(f.used, path)
	return f.osFS.remove(path)
}

type fullFile struct {
	file
	f    *fullFS
	path string
}

func (f *fullFile) WriteAt(p []byte, off int64) (int, error) {
	f.f.mu.Lock()
	defer f.f.mu.Unlock()
	fits := min(len(p), f.f.left)
	n, err := f.file.WriteAt(p[:fits], off)
	f.f.left -= n
	if f.f.used == nil {
		f.f.used = map[string]int{}
	}
	f.f.used[f.path] += n
	if err == nil && n < len(p) {
		err = &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	}
	return n, err
}
