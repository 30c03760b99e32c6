package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// fuzzStore is a store in a directory with something to protect around it.
func fuzzStore(f *testing.F) (s *Directory, unharmed func(*testing.T)) {
	dir := f.TempDir()
	for _, p := range []string{"secret", "store.state"} {
		if err := os.WriteFile(filepath.Join(dir, p), []byte("secret"), fileMode); err != nil {
			f.Fatal(err)
		}
	}
	s, err := OpenDirectory(filepath.Join(dir, "store"), Options{Relaxed: true})
	if err != nil {
		f.Fatal(err)
	}
	before := tree(f, dir)
	return s, func(t *testing.T) {
		if after := tree(t, dir); after != before {
			t.Errorf("the files changed:\n%s\nbefore:\n%s", after, before)
		}
	}
}

func tree(t testing.TB, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		b.WriteString(path + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// within reports whether path is a plain descendant of dir, by this many
// levels.
func within(dir, path string, levels int) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel) && path == filepath.Clean(path) &&
		strings.Count(rel, string(filepath.Separator)) == levels-1
}

func FuzzResume(f *testing.F) {
	s, unharmed := fuzzStore(f)
	for _, id := range []string{"", "..", "../../secret", "../secret", newID(), newID() + "/..", "\x00", strings.Repeat("A", idLen), "../../store"} {
		f.Add("me", id)
	}
	f.Fuzz(func(t *testing.T, owner, id string) {
		if name := uploadName(owner, id); validID(id) && (!within(s.uploads(), s.uploadPath(name), 1) || !isUploadName(name)) {
			t.Errorf("%q leads to %s", id, s.uploadPath(name))
		}
		if _, err := s.Resume(t.Context(), owner, id); !errors.Is(err, ErrUploadUnknown) {
			t.Errorf("Resume(%q, %q): %v", owner, id, err)
		}
		unharmed(t)
	})
}

func FuzzDigest(f *testing.F) {
	s, unharmed := fuzzStore(f)
	for _, d := range []string{
		"", "sha256:", "sha256:..", "../../secret", "sha256:../../../../secret", "..:secret", "sha256/../..:secret",
		string(digest.FromString("x")), string(digest.SHA512.FromString("x")), "sha256:" + strings.Repeat("../", 21) + "a",
	} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := digest.Digest(text)
		if known(d) && !within(s.blobs(), s.path(d), 3) {
			t.Errorf("%q leads to %s", d, s.path(d))
		}
		if _, err := s.Open(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open(%q): %v", d, err)
		}
		if _, err := s.Stat(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Stat(%q): %v", d, err)
		}
		if err := s.Delete(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Delete(%q): %v", d, err)
		}
		unharmed(t)
	})
}
