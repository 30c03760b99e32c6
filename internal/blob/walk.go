package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
)

type walkFunc = func(d digest.Digest, size int64, mod time.Time) error

// Walk implements [Store]. It reads one shard at a time. Files that are not
// blobs are passed over.
func (s *Directory) Walk(ctx context.Context, after digest.Digest, fn func(d digest.Digest, size int64, mod time.Time) error) error {
	algs, err := os.ReadDir(s.blobs())
	if err != nil {
		return fmt.Errorf("blob: walk: %w", err)
	}
	for _, a := range algs {
		alg := digest.Algorithm(a.Name())
		if !alg.Available() {
			continue
		}
		if err := s.walkAlgorithm(ctx, alg, after, fn); err != nil {
			return fmt.Errorf("blob: walk: %w", err)
		}
	}
	return nil
}

func (s *Directory) walkAlgorithm(ctx context.Context, alg digest.Algorithm, after digest.Digest, fn walkFunc) error {
	shards, err := os.ReadDir(filepath.Join(s.blobs(), string(alg)))
	if err != nil {
		return err
	}
	for _, sh := range shards {
		// The last digest that the shard could have sorts before the "g".
		if end := string(alg) + ":" + sh.Name() + "g"; !sh.IsDir() || end <= string(after) {
			continue
		}
		if err := s.walkShard(ctx, alg, sh.Name(), after, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Directory) walkShard(ctx context.Context, alg digest.Algorithm, name string, after digest.Digest, fn walkFunc) error {
	entries, err := os.ReadDir(filepath.Join(s.blobs(), string(alg), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := digest.NewDigestFromEncoded(alg, e.Name())
		if d <= after || !known(d) || d.Encoded()[:2] != name {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := fn(d, info.Size(), info.ModTime()); err != nil {
			return err
		}
	}
	return nil
}
