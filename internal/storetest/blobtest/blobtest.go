// Package blobtest is the contract of a blob store as tests: every store
// passes [Run]. [Faulty] makes a store fail where a test wants it to.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
)

// Run tests a store. open returns a new, empty store and closes it with the
// test.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"RoundTrip":         roundTrip,
		"Algorithms":        algorithms,
		"Reader":            reader,
		"NotFound":          notFound,
		"Mismatch":          mismatch,
		"InvalidDigest":     invalidDigest,
		"Delete":            remove,
		"ReadWhileReplaced": readWhileReplaced,
		"IDs":               ids,
		"Resume":            resume,
		"ResumeLarge":       resumeLarge,
		"Owner":             owner,
		"Busy":              busy,
		"Ended":             ended,
		"Cancel":            cancel,
		"DoneContext":       doneContext,
		"SameDigest":        sameDigest,
		"ManyAtOnce":        manyAtOnce,
		"Walk":              walk,
		"WalkEnds":          walkEnds,
		"Renewed":           renewed,
		"Expire":            expire,
		"ExpireSparesOpen":  expireSparesOpen,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Bytes returns n bytes that are always the same for a seed.
func Bytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// Put stores a blob and returns its sha256 digest.
func Put(t *testing.T, s blob.Store, b []byte) digest.Digest {
	t.Helper()
	d := digest.FromBytes(b)
	commit(t, begin(t, s, b), d, len(b))
	return d
}

// Get returns a blob's bytes.
func Get(t *testing.T, s blob.Store, d digest.Digest) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatalf("Open(%s): %v", d, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", d, err)
	}
	return b
}

const me = "library/app\x00alice"

// begin starts an upload and writes b to it.
func begin(t *testing.T, s blob.Store, b []byte) blob.Upload {
	t.Helper()
	u, err := s.Create(t.Context(), me)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	write(t, u, b)
	return u
}

func write(t *testing.T, u blob.Upload, b []byte) {
	t.Helper()
	before := u.Size()
	if n, err := u.Write(b); err != nil || n != len(b) {
		t.Fatalf("Write of %d bytes: %d, %v", len(b), n, err)
	}
	if got := u.Size(); got != before+int64(len(b)) {
		t.Fatalf("Size after Write: %d, want %d", got, before+int64(len(b)))
	}
}

func commit(t *testing.T, u blob.Upload, d digest.Digest, size int) {
	t.Helper()
	if n, err := u.Commit(t.Context(), d); err != nil || n != int64(size) {
		t.Fatalf("Commit(%s): %d, %v; want %d, nil", d, n, err, size)
	}
}

func closeUpload(t *testing.T, u blob.Upload) {
	t.Helper()
	if err := u.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func reopen(t *testing.T, s blob.Store, id string, size int) blob.Upload {
	t.Helper()
	u, err := s.Resume(t.Context(), me, id)
	if err != nil {
		t.Fatalf("Resume: %v", err)
	}
	if u.Size() != int64(size) || u.ID() != id {
		t.Fatalf("resumed upload: size %d, id %q; want %d, %q", u.Size(), u.ID(), size, id)
	}
	return u
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v; want %v", what, err, want)
	}
}

// wantAbsent asserts that a digest is not there, whichever way one asks.
func wantAbsent(t *testing.T, s blob.Store, d digest.Digest) {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err == nil {
		r.Close()
	}
	wantErr(t, "Open", err, blob.ErrNotFound)
	_, err = s.Stat(t.Context(), d)
	wantErr(t, "Stat", err, blob.ErrNotFound)
}

func wantUnknown(t *testing.T, s blob.Store, id string) {
	t.Helper()
	u, err := s.Resume(t.Context(), me, id)
	if err == nil {
		u.Close()
	}
	wantErr(t, "Resume", err, blob.ErrUploadUnknown)
}

func wantContent(t *testing.T, s blob.Store, d digest.Digest, want []byte) {
	t.Helper()
	if got := Get(t, s, d); !bytes.Equal(got, want) {
		t.Fatalf("blob %s has %d bytes that differ from the %d committed", d, len(got), len(want))
	}
	if n, err := s.Stat(t.Context(), d); err != nil || n != int64(len(want)) {
		t.Fatalf("Stat(%s): %d, %v; want %d", d, n, err, len(want))
	}
}

func list(t *testing.T, s blob.Store, after digest.Digest) []digest.Digest {
	t.Helper()
	var ds []digest.Digest
	err := s.Walk(t.Context(), after, func(d digest.Digest, _ int64, _ time.Time) error {
		ds = append(ds, d)
		return nil
	})
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return ds
}

func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)
