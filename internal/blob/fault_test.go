package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// faultFS fails one step: the at-th call, counted from 0, of all. Either the
// step is not done (failed), or it is done and reports the error nevertheless
// (failed but persisted); of a write, half is done.
type faultFS struct {
	fsys
	err     error
	persist bool

	mu    sync.Mutex
	at    int // -1: none
	calls int
	fired string // the step that failed
}

// step counts a call and does it, or not.
func (f *faultFS) step(name string, do func() error) error {
	f.mu.Lock()
	n := f.calls
	f.calls++
	fire := n == f.at
	if fire && f.fired == "" {
		f.fired = name
	}
	f.mu.Unlock()
	if !fire {
		return do()
	}
	if f.persist {
		if err := do(); err != nil {
			return err
		}
	}
	return &fs.PathError{Op: name, Path: "fault", Err: f.err}
}

func (f *faultFS) create(path string) (out file, err error) {
	return f.file("create", func() (file, error) { return f.fsys.create(path) })
}

func (f *faultFS) open(path string) (file, error) {
	return f.file("open", func() (file, error) { return f.fsys.open(path) })
}

func (f *faultFS) file(name string, open func() (file, error)) (out file, err error) {
	err = f.step(name, func() error { out, err = open(); return err })
	if err != nil {
		if out != nil {
			out.Close()
		}
		return nil, err
	}
	return &faultFile{out, f}, nil
}

func (f *faultFS) rename(from, to string) error {
	return f.step("rename", func() error { return f.fsys.rename(from, to) })
}

func (f *faultFS) remove(path string) error {
	return f.step("remove", func() error { return f.fsys.remove(path) })
}

func (f *faultFS) mkdir(path string) error {
	return f.step("mkdir", func() error { return f.fsys.mkdir(path) })
}

func (f *faultFS) syncDir(path string) error {
	return f.step("syncDir", func() error { return f.fsys.syncDir(path) })
}

func (f *faultFS) touch(path string, t time.Time) error {
	return f.step("touch", func() error { return f.fsys.touch(path, t) })
}

func (f *faultFS) writeFile(path string, b []byte) error {
	return f.step("writeFile", func() error { return f.fsys.writeFile(path, b) })
}

func (f *faultFS) readFile(path string) (b []byte, err error) {
	err = f.step("readFile", func() error { b, err = f.fsys.readFile(path); return err })
	return b, err
}

type faultFile struct {
	file
	f *faultFS
}

func (f *faultFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.f.step("write", func() error { n, err = f.file.WriteAt(p, off); return err })
	if err != nil && n > 1 { // persisted, and reported by half
		n /= 2
	}
	return n, err
}

func (f *faultFile) ReadAt(p []byte, off int64) (n int, err error) {
	var end error // io.EOF is no failure
	err = f.f.step("read", func() error {
		n, end = f.file.ReadAt(p, off)
		if end != io.EOF {
			return end
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, end
}

func (f *faultFile) Sync() error { return f.f.step("sync", f.file.Sync) }

// Close gives the descriptor back also when it fails, as close(2) does.
func (f *faultFile) Close() error {
	err := f.file.Close()
	return errors.Join(err, f.f.step("close", func() error { return nil }))
}

// faultBlob is pushed in pieces, big enough for its hash to be saved, and
// committed by an algorithm that reads it again.
var (
	faultBlob   = bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	faultDigest = digest.SHA512.FromBytes(faultBlob)
)

// scenario takes every step there is. It stops at the first error, like a
// client.
func scenario(ctx context.Context, s *Directory) error {
	u, err := s.Create(ctx, "me")
	if err != nil {
		return err
	}
	defer u.Close()
	cut := len(faultBlob) * 3 / 4
	if _, err := u.Write(faultBlob[:cut/2]); err != nil {
		return err
	}
	if _, err := u.Write(faultBlob[cut/2 : cut]); err != nil {
		return err
	}
	if err := u.Close(); err != nil {
		return err
	}
	r, err := s.Resume(ctx, "me", u.ID())
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := r.Write(faultBlob[r.Size():]); err != nil {
		return err
	}
	_, err = r.Commit(ctx, faultDigest)
	return err
}

// tolerated steps may fail without the caller's hearing of it: the saved hash
// is only a short cut, and what comes after the blob is durable is tidying.
func tolerated(step string, committed bool) bool {
	return step == "writeFile" || step == "readFile" || committed && (step == "remove" || step == "close")
}

// TestFaults fails every step of a push, one a run, in both ways, where the
// blob is new and where it is there already.
func TestFaults(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, persist := range []bool{false, true} {
			for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
				t.Run(fmt.Sprintf("again=%t/persist=%t/%v", again, persist, cause), func(t *testing.T) {
					seen := map[string]bool{}
					for at := 0; ; at++ {
						step := faultAt(t, at, again, persist, cause)
						if step == "" {
							break
						}
						seen[step] = true
					}
					want := []string{"create", "open", "write", "read", "close", "sync", "touch", "rename", "syncDir", "remove", "writeFile", "readFile"}
					if !again {
						want = append(want, "mkdir")
					}
					for _, step := range want {
						if !seen[step] {
							t.Errorf("no run failed the step %s", step)
						}
					}
				})
			}
		}
	}
}

// faultAt runs the scenario with one fault and returns the step that failed,
// or "" when there are not so many.
func faultAt(t *testing.T, at int, again, persist bool, cause error) string {
	f := &faultFS{fsys: osFS{}, err: cause, persist: persist, at: -1}
	clock := newClock()
	s := openFault(t, f, clock)
	kept := digest.FromString("kept")
	if err := putBytes(t.Context(), s, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if again {
		if err := scenario(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	f.at, f.calls = at, 0
	err := scenario(t.Context(), s)
	step := f.fired
	f.at = -1
	_, statErr := s.Stat(t.Context(), faultDigest)
	switch {
	case step == "" || err == nil && tolerated(step, statErr == nil):
		if err != nil {
			t.Fatalf("%d: without a fault: %v", at, err)
		}
	case !errors.Is(err, cause):
		t.Errorf("%d, %s: error %v, want %v", at, step, err, cause)
	case cause == syscall.ENOSPC && (step == "create" || step == "write" || step == "sync" || step == "mkdir" || step == "rename" || step == "syncDir"):
		if !errors.Is(err, ErrStorageFull) {
			t.Errorf("%d, %s: error %v is not ErrStorageFull", at, step, err)
		}
		if left := uploadFiles(t, s); len(left) != 0 && (step != "create" || !persist) {
			t.Errorf("%d, %s: left behind: %v", at, step, left)
		}
	}
	checkFinal(t, s, fmt.Sprintf("%d, %s", at, step))
	wantBlob(t, s, kept, []byte("kept"))
	if again {
		wantBlob(t, s, faultDigest, faultBlob)
	}
	if err := scenario(t.Context(), s); err != nil {
		t.Errorf("%d, %s: the retry failed: %v", at, step, err)
	}
	wantBlob(t, s, faultDigest, faultBlob)
	if _, err := s.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Errorf("%d, %s: ExpireUploads: %v", at, step, err)
	}
	if left := uploadFiles(t, s); len(left) != 0 {
		t.Errorf("%d, %s: ExpireUploads left %v", at, step, left)
	}
	return step
}

// newClock returns a clock that jumps an hour a look, so that every commit
// finds its file's time stale.
func newClock() func() time.Time {
	var mu sync.Mutex
	now := time.Now().Add(-1000 * time.Hour)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Hour)
		return now
	}
}

func openFault(t *testing.T, f fsys, now func() time.Time) *Directory {
	t.Helper()
	s, err := OpenDirectory(t.TempDir(), Options{fs: f, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkFinal asserts that whatever has a final name has the bytes for it.
func checkFinal(t *testing.T, s *Directory, what string) {
	t.Helper()
	for _, problem := range wrongBlobs(t, s) {
		t.Errorf("%s: %s", what, problem)
	}
}

// wrongBlobs reads every blob.
func wrongBlobs(t *testing.T, s *Directory) (problems []string) {
	t.Helper()
	err := s.Walk(t.Context(), "", func(d digest.Digest, _ int64, _ time.Time) error {
		b, err := os.ReadFile(s.path(d))
		if err != nil {
			return err
		}
		if have := d.Algorithm().FromBytes(b); have != d {
			problems = append(problems, fmt.Sprintf("%s has %d bytes of %s", d, len(b), have))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

func wantBlob(t *testing.T, s *Directory, d digest.Digest, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Errorf("an acknowledged blob is gone: %v", err)
		return
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d (%v)", d, len(got), len(want), err)
	}
}

func uploadFiles(t *testing.T, s *Directory) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.uploads())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestUploadIsGoneAfterFault asserts that what a failed write or a failed
// commit left behind can neither be resumed nor committed.
func TestUploadIsGoneAfterFault(t *testing.T) {
	for _, step := range []string{"write", "sync", "rename", "syncDir"} {
		f := &onlyFS{fsys: osFS{}}
		s := openFault(t, f, nil)
		if err := putBytes(t.Context(), s, []byte("0123")); err != nil { // makes the shard
			t.Fatal(err)
		}
		f.step = step
		u, err := s.Create(t.Context(), "me")
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.Write([]byte("0123"))
		if err == nil {
			_, err = u.Commit(t.Context(), digest.FromString("0123"))
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", step, err)
		}
		f.step = ""
		if _, err := u.Write([]byte("x")); !errors.Is(err, ErrUploadUnknown) {
			t.Errorf("%s: Write: %v", step, err)
		}
		if _, err := u.Commit(t.Context(), digest.FromString("0123")); !errors.Is(err, ErrUploadUnknown) {
			t.Errorf("%s: Commit: %v", step, err)
		}
		if _, err := s.Resume(t.Context(), "me", u.ID()); !errors.Is(err, ErrUploadUnknown) {
			t.Errorf("%s: Resume: %v", step, err)
		}
	}
}

// TestCloseFails asserts that a client hears when its bytes may not be there
// to resume: network file systems report a failed write that late.
func TestCloseFails(t *testing.T) {
	s := openFault(t, &onlyFS{fsys: osFS{}, step: "close"}, nil)
	u := mustCreate(t, s, []byte("bytes"))
	if err := u.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close: %v", err)
	}
	mustClose(t, mustResume(t, s, u.ID()))
}

// onlyFS fails every step of one name.
type onlyFS struct {
	fsys
	step string
}

func (f *onlyFS) fail(step string) error {
	if step == f.step {
		return &fs.PathError{Op: step, Path: "fault", Err: syscall.EIO}
	}
	return nil
}

func (f *onlyFS) create(path string) (file, error) {
	in, err := f.fsys.create(path)
	return &onlyFile{in, f}, err
}

func (f *onlyFS) rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.fsys.rename(from, to)
}

func (f *onlyFS) syncDir(path string) error {
	if err := f.fail("syncDir"); err != nil {
		return err
	}
	return f.fsys.syncDir(path)
}

type onlyFile struct {
	file
	f *onlyFS
}

func (f *onlyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.f.fail("write"); err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, off)
}

func (f *onlyFile) Close() error {
	return errors.Join(f.file.Close(), f.f.fail("close"))
}

func (f *onlyFile) Sync() error {
	if err := f.f.fail("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

// TestOpenFaults asserts that a store whose own directories are not durable
// does not open.
func TestOpenFaults(t *testing.T) {
	for at := 0; ; at++ {
		dir := t.TempDir()
		f := &faultFS{fsys: osFS{}, err: syscall.EIO, at: at}
		_, err := OpenDirectory(dir+"/store", Options{fs: f})
		if f.fired == "" {
			if at < 6 {
				t.Errorf("opening takes %d steps", at)
			}
			break
		}
		if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "blob: open directory") {
			t.Errorf("step %d, %s: %v", at, f.fired, err)
		}
		if _, err := OpenDirectory(dir+"/store", Options{}); err != nil {
			t.Errorf("step %d, %s: the retry failed: %v", at, f.fired, err)
		}
	}
}
