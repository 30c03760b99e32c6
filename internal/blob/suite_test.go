package blob_test

import (
	"testing"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/storetest/blobtest"
)

func TestDirectory(t *testing.T) {
	for name, opt := range map[string]blob.Options{"durable": {}, "relaxed": {Relaxed: true}} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s, err := blob.OpenDirectory(t.TempDir(), opt)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
				return s
			})
		})
	}
}

func TestMemory(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return blob.NewMemory() })
}
