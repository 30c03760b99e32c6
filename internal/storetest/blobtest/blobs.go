package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
)

func roundTrip(t *testing.T, s blob.Store) {
	for i, n := range []int{0, 1, 4096, 1<<20 + 1} {
		b := Bytes(uint64(i), n)
		wantContent(t, s, Put(t, s, b), b)
	}
}

// algorithms commits by another algorithm than the bytes were hashed with
// while they came, and by one that was expected.
func algorithms(t *testing.T, s blob.Store) {
	for i, alg := range []digest.Algorithm{digest.SHA256, digest.SHA384, digest.SHA512} {
		b := Bytes(uint64(i), 300<<10)
		d := alg.FromBytes(b)
		commit(t, begin(t, s, b), d, len(b))
		wantContent(t, s, d, b)

		b = append(b, 'x')
		d = alg.FromBytes(b)
		u := begin(t, s, nil)
		if e, ok := u.(blob.Expecter); ok {
			e.Expect(alg)
			e.Expect("md5") // not available: no effect
			write(t, u, b[:1])
			e.Expect(alg) // too late: no effect
			write(t, u, b[1:])
		} else {
			write(t, u, b)
		}
		commit(t, u, d, len(b))
		wantContent(t, s, d, b)
		if alg != digest.SHA256 {
			wantAbsent(t, s, digest.FromBytes(b))
		}
	}
}

func reader(t *testing.T, s blob.Store) {
	b := Bytes(1, 10000)
	r, err := s.Open(t.Context(), Put(t, s, b))
	if err != nil {
		t.Fatal(err)
	}
	if r.Size() != 10000 {
		t.Errorf("Size: %d", r.Size())
	}
	for _, at := range []int{9000, 0, 123} {
		if n, err := r.Seek(int64(at), io.SeekStart); err != nil || n != int64(at) {
			t.Fatalf("Seek(%d): %d, %v", at, n, err)
		}
		got := make([]byte, 500)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, b[at:at+500]) {
			t.Fatalf("bytes from %d on differ (%v)", at, err)
		}
	}
	if n, err := r.Seek(0, io.SeekEnd); err != nil || n != 10000 {
		t.Errorf("Seek to the end: %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func notFound(t *testing.T, s blob.Store) {
	Put(t, s, []byte("something"))
	for _, d := range []digest.Digest{digest.FromString("else"), digest.SHA512.FromString("something")} {
		wantAbsent(t, s, d)
		wantErr(t, "Delete", s.Delete(t.Context(), d), blob.ErrNotFound)
	}
}

// badDigests are not digests, or not of an algorithm that is known.
var badDigests = []digest.Digest{
	"", "x", "sha256", "sha256:", ":", "sha256:abc", "../../etc/passwd", "sha256:../../../etc/passwd",
	"md5:d41d8cd98f00b204e9800998ecf8427e",
	digest.Digest("sha256:" + strings.Repeat("A", 64)),
	digest.Digest("sha256:" + strings.Repeat("a", 64) + "\n"),
	digest.Digest("sha256:" + strings.Repeat("a", 61) + "/.."),
	digest.Digest("sha256:" + strings.Repeat("\x00", 64)),
	digest.Digest("../sha256:" + strings.Repeat("a", 64)),
	digest.Digest("SHA256:" + strings.Repeat("a", 64)),
}

func invalidDigest(t *testing.T, s blob.Store) {
	for _, d := range badDigests {
		wantAbsent(t, s, d)
		wantErr(t, "Delete", s.Delete(t.Context(), d), blob.ErrNotFound)
		u := begin(t, s, []byte("bytes"))
		_, err := u.Commit(t.Context(), d)
		wantErr(t, "Commit", err, blob.ErrDigestMismatch)
		wantUnknown(t, s, u.ID())
	}
	if ds := list(t, s, ""); len(ds) != 0 {
		t.Errorf("stored: %v", ds)
	}
}

func mismatch(t *testing.T, s blob.Store) {
	kept := Put(t, s, []byte("kept"))
	for _, d := range []digest.Digest{
		digest.FromString("other"), digest.SHA512.FromString("other"), kept, digest.FromString(""),
	} {
		u := begin(t, s, []byte("bytes"))
		n, err := u.Commit(t.Context(), d)
		wantErr(t, "Commit", err, blob.ErrDigestMismatch)
		if n != 0 {
			t.Errorf("Commit returned size %d", n)
		}
		wantUnknown(t, s, u.ID())
		_, err = u.Commit(t.Context(), digest.FromString("bytes"))
		wantErr(t, "second Commit", err, blob.ErrUploadUnknown)
	}
	if ds := list(t, s, ""); !slices.Equal(ds, []digest.Digest{kept}) {
		t.Errorf("stored: %v", ds)
	}
	wantContent(t, s, kept, []byte("kept"))
}

func remove(t *testing.T, s blob.Store) {
	d, other := Put(t, s, []byte("a")), Put(t, s, []byte("b"))
	if err := s.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, d)
	wantErr(t, "second Delete", s.Delete(t.Context(), d), blob.ErrNotFound)
	wantContent(t, s, other, []byte("b"))
	Put(t, s, []byte("a"))
	wantContent(t, s, d, []byte("a"))
}

// readWhileReplaced reads a blob to its end that meanwhile is committed again
// and deleted.
func readWhileReplaced(t *testing.T, s blob.Store) {
	b := Bytes(1, 100<<10)
	d := Put(t, s, b)
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	half := make([]byte, 50<<10)
	if _, err := io.ReadFull(r, half); err != nil {
		t.Fatal(err)
	}
	Put(t, s, b)
	if err := s.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(half, rest...), b) {
		t.Errorf("what was read differs (%v)", err)
	}
}

func sameDigest(t *testing.T, s blob.Store) {
	b := Bytes(1, 64<<10)
	d := digest.FromBytes(b)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			u, err := s.Create(t.Context(), me)
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			if _, err := u.Write(b); err != nil {
				t.Errorf("Write: %v", err)
			}
			if _, err := u.Commit(t.Context(), d); err != nil {
				t.Errorf("Commit: %v", err)
				return
			}
			if n, err := s.Stat(t.Context(), d); err != nil || n != int64(len(b)) {
				t.Errorf("Stat after Commit: %d, %v", n, err)
			}
		})
	}
	wg.Wait()
	wantContent(t, s, d, b)
	if ds := list(t, s, ""); len(ds) != 1 {
		t.Errorf("stored: %v", ds)
	}
}

func manyAtOnce(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			b := Bytes(uint64(i), 1000*i)
			u, err := s.Create(t.Context(), me)
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			if _, err := u.Write(b); err != nil {
				t.Errorf("Write: %v", err)
			}
			if _, err := u.Commit(t.Context(), digest.FromBytes(b)); err != nil {
				t.Errorf("Commit: %v", err)
			}
		})
	}
	wg.Wait()
	for i := range 32 {
		b := Bytes(uint64(i), 1000*i)
		wantContent(t, s, digest.FromBytes(b), b)
	}
}

func walk(t *testing.T, s blob.Store) {
	if ds := list(t, s, ""); len(ds) != 0 {
		t.Fatalf("an empty store tells %v", ds)
	}
	sizes := map[digest.Digest]int64{}
	for i := range 40 {
		b := Bytes(uint64(i), i)
		d := digest.FromBytes(b)
		if i%4 == 0 {
			d = digest.SHA512.FromBytes(b)
		}
		commit(t, begin(t, s, b), d, len(b))
		sizes[d] = int64(i)
	}
	begin(t, s, []byte("an upload is no blob")).Close()
	var want []digest.Digest
	for d := range sizes {
		want = append(want, d)
	}
	slices.Sort(want)
	if got := list(t, s, ""); !slices.Equal(got, want) {
		t.Fatalf("Walk: %v\nwant %v", got, want)
	}
	for i, d := range want {
		if got := list(t, s, d); !slices.Equal(got, want[i+1:]) {
			t.Fatalf("Walk after %s: %v\nwant %v", d, got, want[i+1:])
		}
	}
	for after, n := range map[digest.Digest]int{"sha256:": 40, "sha256:g": 10, "sha3": 10, "t": 0, "a": 40} {
		if got := list(t, s, after); len(got) != n {
			t.Errorf("Walk after %q: %d blobs, want %d", after, len(got), n)
		}
	}
	start := time.Now().Add(-time.Hour)
	err := s.Walk(t.Context(), "", func(d digest.Digest, size int64, mod time.Time) error {
		if size != sizes[d] {
			t.Errorf("%s: size %d, want %d", d, size, sizes[d])
		}
		if mod.Before(start) || mod.After(start.Add(2*time.Hour)) {
			t.Errorf("%s: time %v", d, mod)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func walkEnds(t *testing.T, s blob.Store) {
	for i := range 5 {
		Put(t, s, Bytes(uint64(i), 10))
	}
	enough := errors.New("enough")
	n := 0
	err := s.Walk(t.Context(), "", func(digest.Digest, int64, time.Time) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	wantErr(t, "Walk", err, enough)
	if n != 2 {
		t.Errorf("called %d times after an error at 2", n)
	}
	err = s.Walk(done(), "", func(digest.Digest, int64, time.Time) error { return nil })
	wantErr(t, "Walk", err, context.Canceled)
}

// renewed deletes and commits inside a walk: the walk holds no lock. A second
// commit of a blob renews its time.
func renewed(t *testing.T, s blob.Store) {
	d := Put(t, s, []byte("a"))
	times := func() (at time.Time) {
		err := s.Walk(t.Context(), "", func(got digest.Digest, _ int64, mod time.Time) error {
			if got == d {
				at = mod
			}
			Put(t, s, []byte("b"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := times()
	var second time.Time
	for end := time.Now().Add(5 * time.Second); !second.After(first); second = times() {
		if time.Now().After(end) {
			t.Fatalf("the time stays %v", first)
		}
		Put(t, s, []byte("a"))
	}
}
