package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// crashFS does everything on the real file system and keeps beside it a model
// of what the disk is sure to have: the bytes of a file as of its last sync,
// the entries of a directory as of its last syncDir. After a number of steps
// the machine stops: every call fails. What is on the disk then is decided by
// chance, within what the model allows.
type crashFS struct {
	osFS
	root string

	mu    sync.Mutex
	tree  *node
	left  int // steps until the crash
	steps int // steps done
}

var errCrashed = errors.New("the machine has stopped")

// node is a file or a directory of the model.
type node struct {
	now, synced         []byte           // a file's bytes
	entries, syncedTree map[string]*node // a directory's entries; nil for a file
}

func newDirNode() *node {
	return &node{entries: map[string]*node{}, syncedTree: map[string]*node{}}
}

func newCrashFS(root string, steps int) *crashFS {
	return &crashFS{root: root, tree: newDirNode(), left: steps}
}

// step runs a change of disk and model in one, unless the machine has
// stopped.
func (c *crashFS) step(do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return errCrashed
	}
	c.left--
	c.steps++
	return do()
}

// at returns the directory that holds path, and path's name in it.
func (c *crashFS) at(path string) (*node, string) {
	rel, err := filepath.Rel(c.root, path)
	if err != nil {
		panic(err)
	}
	dir, name := filepath.Split(rel)
	n := c.tree
	if dir != "" {
		for _, part := range splitPath(dir) {
			n = n.entries[part]
		}
	}
	return n, name
}

func splitPath(p string) []string {
	var parts []string
	for _, s := range bytes.Split([]byte(filepath.Clean(p)), []byte{filepath.Separator}) {
		parts = append(parts, string(s))
	}
	return parts
}

func (c *crashFS) create(path string) (f file, err error) {
	err = c.step(func() error {
		if f, err = c.osFS.create(path); err != nil {
			return err
		}
		n := &node{}
		dir, name := c.at(path)
		dir.entries[name] = n
		f = &crashFile{f, c, n}
		return nil
	})
	return f, err
}

func (c *crashFS) open(path string) (f file, err error) {
	err = c.step(func() error {
		if f, err = c.osFS.open(path); err != nil {
			return err
		}
		dir, name := c.at(path)
		f = &crashFile{f, c, dir.entries[name]}
		return nil
	})
	return f, err
}

func (c *crashFS) mkdir(path string) error {
	return c.step(func() error {
		if err := c.osFS.mkdir(path); err != nil {
			return err
		}
		dir, name := c.at(path)
		dir.entries[name] = newDirNode()
		return nil
	})
}

func (c *crashFS) rename(from, to string) error {
	return c.step(func() error {
		if err := c.osFS.rename(from, to); err != nil {
			return err
		}
		fromDir, fromName := c.at(from)
		toDir, toName := c.at(to)
		toDir.entries[toName] = fromDir.entries[fromName]
		delete(fromDir.entries, fromName)
		return nil
	})
}

func (c *crashFS) remove(path string) error {
	return c.step(func() error {
		if err := c.osFS.remove(path); err != nil {
			return err
		}
		dir, name := c.at(path)
		delete(dir.entries, name)
		return nil
	})
}

func (c *crashFS) syncDir(path string) error {
	return c.step(func() error {
		dir, name := c.at(path)
		n := dir
		if name != "." {
			n = dir.entries[name]
		}
		n.syncedTree = maps.Clone(n.entries)
		return nil
	})
}

func (c *crashFS) writeFile(path string, b []byte) error {
	return c.step(func() error {
		if err := c.osFS.writeFile(path, b); err != nil {
			return err
		}
		dir, name := c.at(path)
		dir.entries[name] = &node{now: bytes.Clone(b)}
		return nil
	})
}

type crashFile struct {
	file
	c *crashFS
	n *node
}

func (f *crashFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.c.step(func() error {
		n, err = f.file.WriteAt(p, off)
		f.n.now = append(f.n.now[:off:off], p[:n]...)
		return err
	})
	return n, err
}

func (f *crashFile) Sync() error {
	return f.c.step(func() error {
		f.n.synced = bytes.Clone(f.n.now)
		return nil
	})
}

// remains writes to dir what the disk has after the crash.
func (c *crashFS) remains(dir string, rng *rand.Rand) error {
	return remains(c.tree, dir, rng, map[*node]string{})
}

func remains(n *node, dir string, rng *rand.Rand, done map[*node]string) error {
	names := maps.Clone(n.entries)
	maps.Copy(names, n.syncedTree)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child := n.entries[name]
		if synced := n.syncedTree[name]; synced != child && rng.IntN(2) == 0 {
			child = synced
		}
		if child == nil {
			continue
		}
		if err := child.remain(filepath.Join(dir, name), rng, done); err != nil {
			return err
		}
	}
	return nil
}

// remain writes one node. A file that both the old and the new directory of
// a rename have is there twice, linked.
func (n *node) remain(path string, rng *rand.Rand, done map[*node]string) error {
	if n.entries != nil {
		if err := os.Mkdir(path, dirMode); err != nil {
			return err
		}
		return remains(n, path, rng, done)
	}
	if other, ok := done[n]; ok {
		return os.Link(other, path)
	}
	done[n] = path
	return os.WriteFile(path, n.afterCrash(rng), fileMode)
}

// afterCrash is what a file has: what was synced, what was written, a part of
// that, or the right length and nothing in it.
func (n *node) afterCrash(rng *rand.Rand) []byte {
	if bytes.Equal(n.now, n.synced) {
		return n.synced
	}
	switch rng.IntN(4) {
	case 0:
		return n.synced
	case 1:
		return n.now
	case 2:
		return n.now[:rng.IntN(len(n.now)+1)]
	default:
		return append(bytes.Clone(n.synced), make([]byte, max(0, len(n.now)-len(n.synced)))...)
	}
}

// crashRun is one life of a store, until the machine stops.
type crashRun struct {
	mu      sync.Mutex
	acked   map[digest.Digest][]byte
	uploads map[string][]byte // begun, by id: what they were to become
}

const crashOwner = "me"

// push commits b, as a whole or in pieces, and notes what was acknowledged.
func (r *crashRun) push(ctx context.Context, s *Directory, b []byte, pieces int) error {
	u, err := s.Create(ctx, crashOwner)
	if err != nil {
		return err
	}
	defer u.Close()
	r.mu.Lock()
	r.uploads[u.ID()] = b
	r.mu.Unlock()
	for i := range pieces {
		if i > 0 {
			if err := u.Close(); err != nil {
				return err
			}
			if u, err = s.Resume(ctx, crashOwner, u.ID()); err != nil {
				return err
			}
			defer u.Close()
		}
		if _, err := u.Write(b[len(b)*i/pieces : len(b)*(i+1)/pieces]); err != nil {
			return err
		}
	}
	d := digest.FromBytes(b)
	if _, err := u.Commit(ctx, d); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked[d] = b
	return nil
}

// live pushes from several goroutines, some the same blobs, until all is done
// or the machine stops.
func (r *crashRun) live(t *testing.T, s *Directory, seed uint64) {
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for range 3 {
				b := bytes.Repeat([]byte{byte(rng.IntN(4))}, 1+rng.IntN(2)*(150<<10))
				if err := r.push(t.Context(), s, b, 1+rng.IntN(3)); err != nil {
					if !errors.Is(err, errCrashed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
}

// crash runs a store for a number of steps, stops the machine, starts it
// again and returns what is wrong, and the steps done.
func crash(t *testing.T, steps int, seed uint64, opt Options) (problems []string, done int) {
	t.Helper()
	base, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	before, after := filepath.Join(base, "before"), filepath.Join(base, "after")
	for _, d := range []string{before, after} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := newCrashFS(before, steps)
	opt.fs, opt.boot = c, "before"
	run := &crashRun{acked: map[digest.Digest][]byte{}, uploads: map[string][]byte{}}
	s, err := OpenDirectory(filepath.Join(before, "store"), opt)
	if err == nil {
		run.live(t, s, seed)
	} else if !errors.Is(err, errCrashed) {
		t.Fatal(err)
	}
	if err := c.remains(after, rand.New(rand.NewPCG(seed, 99))); err != nil {
		t.Fatal(err)
	}
	again, err := OpenDirectory(filepath.Join(after, "store"), Options{Relaxed: true, boot: "after"})
	if err != nil {
		t.Fatal(err)
	}
	return run.check(t, again), c.steps
}

// check looks for acknowledged blobs that are gone and for wrong bytes, goes
// on with the uploads that are left, and looks again.
func (r *crashRun) check(t *testing.T, s *Directory) (problems []string) {
	look := func() {
		problems = append(problems, wrongBlobs(t, s)...)
		for d := range r.acked {
			if _, err := os.Stat(s.path(d)); errors.Is(err, fs.ErrNotExist) {
				problems = append(problems, fmt.Sprintf("%s was acknowledged and is gone", d))
			}
		}
	}
	look()
	for id, b := range r.uploads {
		u, err := s.Resume(t.Context(), crashOwner, id)
		if errors.Is(err, ErrUploadUnknown) {
			continue
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if n := u.Size(); n <= int64(len(b)) {
			_, err = u.Write(b[n:])
		}
		if err == nil {
			_, err = u.Commit(t.Context(), digest.FromBytes(b))
		}
		if err != nil && !errors.Is(err, ErrDigestMismatch) {
			problems = append(problems, err.Error())
		}
	}
	look()
	if _, err := s.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); err != nil {
		problems = append(problems, err.Error())
	}
	for _, name := range uploadFiles(t, s) {
		problems = append(problems, "left for ever: "+name)
	}
	return problems
}

// TestCrash stops the machine at every step of some pushes, with several
// outcomes each: what was acknowledged is there, and nothing is wrong.
func TestCrash(t *testing.T) {
	for seed := range uint64(3) {
		for steps := 0; ; steps++ {
			problems, done := crash(t, steps, seed, Options{})
			for _, p := range problems {
				t.Errorf("seed %d, crash at step %d: %s", seed, steps, p)
			}
			if done < steps { // all was done before the crash
				break
			}
		}
	}
}

// TestCrashIsSeen asserts that the model is a judge: it finds the damage that
// a store without syncs suffers.
func TestCrashIsSeen(t *testing.T) {
	found := 0
	for seed := range uint64(5) {
		for _, steps := range []int{20, 40, 60} {
			problems, _ := crash(t, steps, seed, Options{Relaxed: true})
			found += len(problems)
		}
	}
	if found == 0 {
		t.Error("a store that never syncs came through every crash")
	}
}

// TestCrashAfterAnother pushes into directories that another process has made
// and not come to sync. Who acknowledges a blob answers for all of its path.
func TestCrashAfterAnother(t *testing.T) {
	d := digest.FromString("bytes")
	for seed := range uint64(40) {
		dir := t.TempDir()
		before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
		for _, d := range []string{before, after} {
			if err := os.Mkdir(d, dirMode); err != nil {
				t.Fatal(err)
			}
		}
		c := newCrashFS(before, 1000)
		for _, made := range []string{"store", "store/blobs", "store/uploads", "store/blobs/sha256", "store/blobs/sha256/" + d.Encoded()[:2]} {
			if err := c.mkdir(filepath.Join(before, made)); err != nil {
				t.Fatal(err)
			}
		}
		s := openDir(t, filepath.Join(before, "store"), Options{fs: c})
		if err := putBytes(t.Context(), s, []byte("bytes")); err != nil {
			t.Fatal(err)
		}
		if err := c.remains(after, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, openDir(t, filepath.Join(after, "store"), Options{Relaxed: true}), d, []byte("bytes"))
	}
}
