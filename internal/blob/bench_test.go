package blob

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/fsynclat"
)

// BenchmarkCommit stores 4 KiB blobs, all different or (same) all the same
// one, by a number of goroutines. fsync-µs is the disk's own latency, for
// comparison.
func BenchmarkCommit(b *testing.B) {
	for _, relaxed := range []bool{false, true} {
		for _, same := range []bool{false, true} {
			for _, workers := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("relaxed=%t/same=%t/workers=%d", relaxed, same, workers), func(b *testing.B) {
					benchmarkCommit(b, relaxed, same, workers)
				})
			}
		}
	}
}

func benchmarkCommit(b *testing.B, relaxed, same bool, workers int) {
	dir := b.TempDir()
	lat, err := fsynclat.Median(dir, 31)
	if err != nil {
		b.Fatal(err)
	}
	s, err := OpenDirectory(dir, Options{Relaxed: relaxed})
	if err != nil {
		b.Fatal(err)
	}
	warmShards(b, s)
	var next atomic.Int64
	b.SetParallelism(max(1, workers/runtime.GOMAXPROCS(0)))
	b.SetBytes(4096)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		page := make([]byte, 4096)
		for pb.Next() {
			if !same {
				binary.LittleEndian.PutUint64(page, uint64(next.Add(1)))
			}
			if err := putBytes(b.Context(), s, page); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
	b.ReportMetric(float64(lat.Microseconds()), "fsync-µs")
}

// warmShards makes the 256 directories, which are made once in a store's life.
func warmShards(b *testing.B, s *Directory) {
	b.Helper()
	for i := range 256 {
		d := digest.NewDigestFromEncoded(digest.SHA256, fmt.Sprintf("%02x%062x", i, 0))
		if err := s.makeShard(d); err != nil {
			b.Fatal(err)
		}
	}
}

func putBytes(ctx context.Context, s Store, p []byte) error {
	u, err := s.Create(ctx, "owner")
	if err != nil {
		return err
	}
	if _, err := u.Write(p); err != nil {
		return err
	}
	_, err = u.Commit(ctx, digest.FromBytes(p))
	return err
}
