package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// countReads counts the bytes of uploads that are read again.
type countReads struct {
	osFS
	n int64
}

func (c *countReads) open(path string) (file, error) {
	f, err := c.osFS.open(path)
	return &countFile{f, c}, err
}

type countFile struct {
	file
	c *countReads
}

func (f *countFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	f.c.n += int64(n)
	return n, err
}

// TestSavedState resumes uploads whose saved hash was tampered with in every
// way. Where it cannot be relied on, the bytes are read again; where it is
// right they are not; and always the digest is that of the bytes.
func TestSavedState(t *testing.T) {
	const size = saveFrom + 1000
	edit := func(change func(*stateFile)) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var st stateFile
			if err := json.Unmarshal(b[:len(b)-4], &st); err != nil {
				t.Fatal(err)
			}
			change(&st)
			if b, err = json.Marshal(st); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, appendCRC(append(b, '\n')), fileMode); err != nil {
				t.Fatal(err)
			}
		}
	}
	raw := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), fileMode); err != nil {
				t.Fatal(err)
			}
		}
	}
	wrongHash := func(st *stateFile) { st.Hash[10] ^= 1 } // right in form, of other bytes
	for name, c := range map[string]struct {
		tamper func(*testing.T, string)
		reads  int64
	}{
		"left alone":     {func(*testing.T, string) {}, 0},
		"missing":        {func(t *testing.T, p string) { os.Remove(p) }, size},
		"empty":          {raw(func([]byte) []byte { return nil }), size},
		"torn":           {raw(func(b []byte) []byte { return b[:len(b)/2] }), size},
		"a bit flipped":  {raw(func(b []byte) []byte { b[len(b)/2] ^= 4; return b }), size},
		"zeros":          {raw(func(b []byte) []byte { return make([]byte, len(b)) }), size},
		"not JSON":       {raw(func([]byte) []byte { return appendCRC([]byte("x\n")) }), size},
		"another start":  {edit(func(st *stateFile) { st.Boot = "x"; wrongHash(st) }), size},
		"too long":       {edit(func(st *stateFile) { st.Size++; wrongHash(st) }), size},
		"negative":       {edit(func(st *stateFile) { st.Size = -1; wrongHash(st) }), size},
		"unknown hash":   {edit(func(st *stateFile) { st.Algorithm = "md5" }), size},
		"another hash":   {edit(func(st *stateFile) { st.Algorithm = digest.SHA512 }), size},
		"no hash":        {edit(func(st *stateFile) { st.Hash = nil }), size},
		"of a beginning": {beginning(t, size-300), 300},
	} {
		t.Run(name, func(t *testing.T) {
			fs := &countReads{}
			s := openDir(t, t.TempDir(), Options{fs: fs, boot: "this start"})
			b := bytes.Repeat([]byte("ab"), size/2)
			u := mustCreate(t, s, b)
			mustClose(t, u)
			c.tamper(t, s.uploadPath(uploadName("me", u.ID()))+stateSuffix)
			u = mustResume(t, s, u.ID())
			if fs.n != c.reads {
				t.Errorf("Resume read %d bytes, want %d", fs.n, c.reads)
			}
			if _, err := u.Write([]byte("more")); err != nil {
				t.Fatal(err)
			}
			if _, err := u.Commit(t.Context(), digest.FromBytes(append(b, "more"...))); err != nil {
				t.Error(err)
			}
			if left := uploadFiles(t, s); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// beginning leaves the state of the first n bytes, as a process does that
// resumed, wrote and died.
func beginning(t *testing.T, n int) func(*testing.T, string) {
	sum := newSum(digest.SHA256)
	if _, err := sum.Write(bytes.Repeat([]byte("ab"), n/2)); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, path string) {
		s := &Directory{dir: filepath.Dir(filepath.Dir(path)), fs: osFS{}, boot: "this start"}
		u := &fileUpload{s: s, name: strings.TrimSuffix(filepath.Base(path), stateSuffix), size: int64(n), sum: sum}
		if err := u.writeState(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSmallHasNoState asserts that the short cut is not taken where it is
// longer.
func TestSmallHasNoState(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	mustClose(t, mustCreate(t, s, make([]byte, saveFrom-1)))
	if files := uploadFiles(t, s); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}

// TestExpectSavesWork asserts that an expected algorithm is not computed by
// reading the bytes again, and survives Close, before and after the first byte.
func TestExpectSavesWork(t *testing.T) {
	fs := &countReads{}
	s := openDir(t, t.TempDir(), Options{fs: fs})
	u := mustCreate(t, s, nil)
	u.(Expecter).Expect(digest.SHA512)
	mustClose(t, u)
	u = mustResume(t, s, u.ID())
	b := make([]byte, saveFrom)
	if _, err := u.Write(b); err != nil {
		t.Fatal(err)
	}
	mustClose(t, u)
	if _, err := mustResume(t, s, u.ID()).Commit(t.Context(), digest.SHA512.FromBytes(b)); err != nil {
		t.Error(err)
	}
	if fs.n != 0 {
		t.Errorf("read %d bytes again", fs.n)
	}
}

// TestHashingEnds asserts that hashing again stops when its client goes away.
func TestHashingEnds(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	u := mustCreate(t, s, make([]byte, 1<<20)).(*fileUpload)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := u.hash(ctx, writerFunc(func(p []byte) (int, error) {
		n++
		cancel()
		return len(p), nil
	}), 0)
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("hash: %v after %d pieces", err, n)
	}
	mustClose(t, u)
	if got := mustResume(t, s, u.ID()).Size(); got != 1<<20 {
		t.Errorf("size %d", got)
	}
}

// cancelOnOpen ends the request that opens an upload.
type cancelOnOpen struct {
	osFS
	cancel context.CancelFunc
}

func (c *cancelOnOpen) open(path string) (file, error) {
	c.cancel()
	return c.osFS.open(path)
}

// TestResumeGivenUp asserts that a Resume that was given up while it hashed
// leaves the upload free for the next.
func TestResumeGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := openDir(t, t.TempDir(), Options{fs: &cancelOnOpen{cancel: cancel}})
	u := mustCreate(t, s, []byte("bytes"))
	mustClose(t, u)
	if _, err := s.Resume(ctx, "me", u.ID()); !errors.Is(err, context.Canceled) {
		t.Errorf("Resume: %v", err)
	}
	if got := mustResume(t, s, u.ID()).Size(); got != 5 {
		t.Errorf("size %d", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

var _ io.Writer = writerFunc(nil)

// The name of the machine's start has to stay the same within one.
func TestBootID(t *testing.T) {
	if a, b := bootID(), bootID(); a != b || len(a) < 16 {
		t.Errorf("%q, %q", a, b)
	}
}
