package blobtest_test

import (
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/storetest/blobtest"
)

// A Faulty without faults is a store like any other.
func TestFaultyIsAStore(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return &blobtest.Faulty{Store: blob.NewMemory()} })
}

func TestFaultyFails(t *testing.T) {
	boom := errors.New("boom")
	d := digest.FromString("bytes")
	commit := func(f *blobtest.Faulty) error {
		u, err := f.Create(t.Context(), "me")
		if err != nil {
			return err
		}
		if _, err := u.Write([]byte("bytes")); err != nil {
			return err
		}
		_, err = u.Commit(t.Context(), d)
		return err
	}
	at := func(op blobtest.Op) func(blobtest.Op) error {
		return func(got blobtest.Op) error {
			if got == op {
				return boom
			}
			return nil
		}
	}
	for _, op := range []blobtest.Op{blobtest.OpCreate, blobtest.OpWrite, blobtest.OpCommit} {
		before := &blobtest.Faulty{Store: blob.NewMemory(), Before: at(op)}
		if err := commit(before); !errors.Is(err, boom) {
			t.Errorf("%s, failed: %v", op, err)
		}
		if _, err := before.Stat(t.Context(), d); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s, failed: the blob is there (%v)", op, err)
		}
		after := &blobtest.Faulty{Store: blob.NewMemory(), After: at(op)}
		if err := commit(after); !errors.Is(err, boom) {
			t.Errorf("%s, failed but persisted: %v", op, err)
		}
		_, err := after.Stat(t.Context(), d)
		if persisted := op == blobtest.OpCommit; persisted != (err == nil) {
			t.Errorf("%s, failed but persisted: Stat: %v", op, err)
		}
	}
}
