package blob

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func openDir(t *testing.T, dir string, opt Options) *Directory {
	t.Helper()
	s, err := OpenDirectory(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCreate(t *testing.T, s Store, b []byte) Upload {
	t.Helper()
	u, err := s.Create(t.Context(), "me")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(b); err != nil {
		t.Fatal(err)
	}
	return u
}

func mustResume(t *testing.T, s Store, id string) Upload {
	t.Helper()
	u, err := s.Resume(t.Context(), "me", id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustClose(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// The layout is what operators' tools and later versions rely on.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir, Options{})
	if err := putBytes(t.Context(), s, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "blobs/sha256/2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"))
	if err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	u := mustCreate(t, s, make([]byte, saveFrom))
	mustClose(t, u)
	want := []string{u.ID() + ".2744ccd10c7533bd736ad890f9dd5cab", u.ID() + ".2744ccd10c7533bd736ad890f9dd5cab.state"}
	if got := uploadFiles(t, s); !slices.Equal(got, want) {
		t.Errorf("uploads: %v, want %v", got, want)
	}
}

// TestReopen asserts that blobs and uploads outlive the process.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir, Options{})
	if err := putBytes(t.Context(), s, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	u := mustCreate(t, s, []byte("first "))
	mustClose(t, u)
	mustClose(t, s)

	s = openDir(t, dir, Options{})
	wantBlob(t, s, digest.FromString("kept"), []byte("kept"))
	u = mustResume(t, s, u.ID())
	if _, err := u.Write([]byte("second")); err != nil {
		t.Fatal(err)
	}
	if n, err := u.Commit(t.Context(), digest.FromString("first second")); n != 12 || err != nil {
		t.Errorf("Commit: %d, %v", n, err)
	}
}

// TestShared has two stores over one directory, as two processes have it.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	a, b := openDir(t, dir, Options{}), openDir(t, dir, Options{})
	u := mustCreate(t, a, []byte("bytes"))
	if _, err := b.Resume(t.Context(), "me", u.ID()); !errors.Is(err, ErrUploadBusy) {
		t.Errorf("Resume of what the other has open: %v", err)
	}
	if n, err := b.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("ExpireUploads of what the other has open: %d, %v", n, err)
	}
	mustClose(t, u)
	u = mustResume(t, b, u.ID())
	if _, err := a.Resume(t.Context(), "me", u.ID()); !errors.Is(err, ErrUploadBusy) {
		t.Errorf("Resume of what the other has open: %v", err)
	}
	if _, err := u.Commit(t.Context(), digest.FromString("bytes")); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, a, digest.FromString("bytes"), []byte("bytes"))
	if _, err := a.Resume(t.Context(), "me", u.ID()); !errors.Is(err, ErrUploadUnknown) {
		t.Errorf("Resume of what the other committed: %v", err)
	}
}

// TestSharedRace resumes an upload while the other process commits it. Who
// gets it must not get the blob's file.
func TestSharedRace(t *testing.T) {
	dir := t.TempDir()
	a, b := openDir(t, dir, Options{Relaxed: true}), openDir(t, dir, Options{Relaxed: true})
	d := digest.FromString("bytes")
	for range 300 {
		u := mustCreate(t, a, []byte("bytes"))
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				other, err := b.Resume(t.Context(), "me", u.ID())
				if errors.Is(err, ErrUploadUnknown) {
					return
				}
				if err == nil {
					_, _ = other.Write([]byte("damage")) // the blob is looked at below
					_ = other.Close()
				}
			}
		})
		if _, err := u.Commit(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		checkFinal(t, a, "after the race")
	}
}

// TestCommittedMeanwhile is that race in slow motion: between open and lock,
// the other process commits.
func TestCommittedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "upload")
	for what, change := range map[string]func() error{
		"committed": func() error { return os.Rename(path, filepath.Join(dir, "blob")) },
		"cancelled": func() error { return os.Remove(path) },
		"another": func() error {
			if err := os.Rename(path, filepath.Join(dir, "blob")); err != nil {
				return err
			}
			return os.WriteFile(path, nil, fileMode)
		},
	} {
		if err := os.WriteFile(path, []byte("bytes"), fileMode); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := onlyAt(f, path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: the file was left open", what)
		}
	}
}

// TestTwoNames is what a crash leaves where rename is not atomic: the
// committed file under both names. The upload is gone, the blob is not.
func TestTwoNames(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	if err := putBytes(t.Context(), s, []byte("bytes")); err != nil {
		t.Fatal(err)
	}
	d, id := digest.FromString("bytes"), newID()
	if err := os.Link(s.path(d), s.uploadPath(uploadName("me", id))); err != nil {
		t.Fatal(err)
	}
	u, err := s.Resume(t.Context(), "me", id)
	if err == nil {
		_, _ = u.Write([]byte("damage"))
	}
	if !errors.Is(err, ErrUploadUnknown) {
		t.Errorf("Resume: %v", err)
	}
	wantBlob(t, s, d, []byte("bytes"))
	if left := uploadFiles(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestHeals asserts that a push of a damaged blob repairs it.
func TestHeals(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	d := digest.FromString("bytes")
	for _, damage := range []string{"byteZ", "", "longer than it was"} {
		if err := putBytes(t.Context(), s, []byte("bytes")); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, d, []byte("bytes"))
		if err := os.WriteFile(s.path(d), []byte(damage), fileMode); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTidiedShard asserts that a shard that somebody removed while the store
// was open is made again.
func TestTidiedShard(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	for range 2 {
		if err := putBytes(t.Context(), s, []byte("bytes")); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, digest.FromString("bytes"), []byte("bytes"))
		if err := os.RemoveAll(filepath.Join(s.blobs(), "sha256")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStrangers asserts that files that are no blobs and no uploads are left
// alone and not told.
func TestStrangers(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	if err := putBytes(t.Context(), s, []byte("bytes")); err != nil {
		t.Fatal(err)
	}
	d := digest.FromString("bytes")
	hex := d.Encoded()
	strangers := []string{
		"blobs/README", "blobs/sha256/README", "blobs/md5/aa/aa", "blobs/sha256/00/" + hex, "blobs/sha256/" + hex[:2] + "/x",
		"uploads/README", "uploads/a.b", "uploads/" + newID(), "uploads/x.state", "uploads/" + newID() + "." + strings.Repeat("z", ownerLen),
	}
	for _, p := range strangers {
		p = filepath.Join(s.dir, p)
		if err := os.MkdirAll(filepath.Dir(p), dirMode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("x"), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	var got []digest.Digest
	err := s.Walk(t.Context(), "", func(d digest.Digest, _ int64, _ time.Time) error {
		got = append(got, d)
		return nil
	})
	if err != nil || !slices.Equal(got, []digest.Digest{d}) {
		t.Errorf("Walk: %v, %v", got, err)
	}
	if n, err := s.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("ExpireUploads: %d, %v", n, err)
	}
	for _, p := range strangers {
		if _, err := os.Stat(filepath.Join(s.dir, p)); err != nil {
			t.Error(err)
		}
	}
}

// TestExpireByTime asserts that it is the last write that counts.
func TestExpireByTime(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	now := time.Now()
	var ids []string
	for age := range 3 {
		u := mustCreate(t, s, make([]byte, saveFrom))
		mustClose(t, u)
		at := now.Add(-time.Duration(age) * time.Hour)
		if err := os.Chtimes(s.uploadPath(uploadName("me", u.ID())), at, at); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.ID())
	}
	if n, err := s.ExpireUploads(t.Context(), now.Add(-90*time.Minute)); n != 1 || err != nil {
		t.Errorf("ExpireUploads: %d, %v", n, err)
	}
	if left := uploadFiles(t, s); len(left) != 4 { // two uploads and their states
		t.Errorf("left: %v", left)
	}
	for i, id := range ids {
		u, err := s.Resume(t.Context(), "me", id)
		if want := i < 2; want != (err == nil) {
			t.Errorf("Resume of upload %d: %v", i, err)
		}
		if err == nil {
			mustClose(t, u)
		}
	}
}

// TestExpireKeepsState asserts that the saved hash of an upload that is in
// time stays, whatever its own time is.
func TestExpireKeepsState(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	u := mustCreate(t, s, make([]byte, saveFrom))
	mustClose(t, u)
	old := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(s.uploadPath(uploadName("me", u.ID()))+stateSuffix, old, old); err != nil {
		t.Fatal(err)
	}
	if n, err := s.ExpireUploads(t.Context(), old.Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("ExpireUploads: %d, %v", n, err)
	}
	if left := uploadFiles(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// writtenMeanwhile is a file system on which every file that is opened was
// written the moment before.
type writtenMeanwhile struct{ osFS }

func (w writtenMeanwhile) open(path string) (file, error) {
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		return nil, err
	}
	return w.osFS.open(path)
}

// TestExpireLooksAgain asserts that an upload that was written between the
// look at its time and the removal is spared.
func TestExpireLooksAgain(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{fs: writtenMeanwhile{}})
	u := mustCreate(t, s, []byte("bytes"))
	mustClose(t, u)
	old := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(s.uploadPath(uploadName("me", u.ID())), old, old); err != nil {
		t.Fatal(err)
	}
	if n, err := s.ExpireUploads(t.Context(), old.Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("ExpireUploads: %d, %v", n, err)
	}
	mustClose(t, mustResume(t, s, u.ID()))
}

// TestCommitRenewsTime asserts that an upload that lay about for long does
// not become a blob that looks old: a sweep would take it for garbage.
func TestCommitRenewsTime(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	u := mustCreate(t, s, []byte("bytes"))
	mustClose(t, u)
	old := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(s.uploadPath(uploadName("me", u.ID())), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := mustResume(t, s, u.ID()).Commit(t.Context(), digest.FromString("bytes")); err != nil {
		t.Fatal(err)
	}
	err := s.Walk(t.Context(), "", func(_ digest.Digest, _ int64, mod time.Time) error {
		if time.Since(mod) > time.Hour {
			t.Errorf("the blob's time is %v", mod)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestServe hands a blob to net/http: whole, in part, and by file.
func TestServe(t *testing.T) {
	s := openDir(t, t.TempDir(), Options{})
	b := bytes.Repeat([]byte("0123456789"), 50000)
	if err := putBytes(t.Context(), s, b); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r, err := s.Open(req.Context(), digest.FromBytes(b))
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		http.ServeContent(w, req, "", time.Time{}, r)
	}))
	defer srv.Close()
	for rng, want := range map[string][]byte{"": b, "bytes=100-299999": b[100:300000], "bytes=-7": b[len(b)-7:]} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rng != "" {
			req.Header.Set("Range", rng)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, want %d (%v)", rng, len(got), len(want), err)
		}
	}
	r, err := s.Open(t.Context(), digest.FromBytes(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if f, ok := r.(interface{ File() *os.File }); !ok || f.File() == nil {
		t.Error("the reader has no File")
	}
}

func TestOpenDirectoryErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenDirectory(filepath.Join(dir, "no/parent"), Options{}); err == nil {
		t.Error("a store opened below a directory that is missing")
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirectory(filepath.Join(dir, "file"), Options{}); err == nil {
		t.Error("a store opened in a file")
	}
}
