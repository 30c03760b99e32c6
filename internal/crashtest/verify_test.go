package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// verifyKeys holds keys of the ledger against what the registry answers, and
// settles them.
func verifyKeys(ctx context.Context, a *api, l *ledger, keys []string) error {
	var g errgroup.Group
	g.SetLimit(8)
	for _, k := range keys {
		g.Go(func() error {
			got, err := observe(ctx, a, k)
			if err != nil {
				return err
			}
			if can := l.possible(k); !slices.Contains(can, got) {
				return fmt.Errorf("%s is %q; what was acknowledged or under way allows %q", k, got, can)
			}
			l.settle(k, got)
			return nil
		})
	}
	return g.Wait()
}

// observe reads a key's value: the digest of the bytes that come, computed
// here.
func observe(ctx context.Context, a *api, key string) (string, error) {
	r, err := a.do(ctx, "GET", "/v2/"+key, nil)
	if err != nil {
		return "", err
	}
	switch r.status {
	case http.StatusNotFound:
		return "", nil
	case http.StatusOK:
		d := digestOf(r.body)
		if said := r.header.Get("Docker-Content-Digest"); said != d {
			return "", fmt.Errorf("%s has bytes of %s and says %s", key, d, said)
		}
		return d, nil
	}
	return "", fmt.Errorf("%s: %s", key, r)
}

type listedItem struct {
	Repository string     `json:"repository"`
	Tag        string     `json:"tag"`
	Tags       []string   `json:"tags"`
	Descriptor descriptor `json:"descriptor"`
}

// dangling checks that what is listed can be pulled: every tag's manifest is
// the one that the listing says, and all its blobs are there and verify.
// Content that is in seen was verified before.
func dangling(ctx context.Context, a *api, tags, manifests *localCopy, seen *sync.Map) error {
	var g errgroup.Group
	g.SetLimit(8)
	for key, raw := range tags.items {
		g.Go(func() error { return danglingTag(ctx, a, key, raw, manifests) })
	}
	for key, raw := range manifests.items {
		if _, done := seen.LoadOrStore(key, true); !done {
			g.Go(func() error { return danglingManifest(ctx, a, raw, manifests) })
		}
	}
	return g.Wait()
}

func danglingTag(ctx context.Context, a *api, key string, raw []byte, manifests *localCopy) error {
	var it listedItem
	if err := json.Unmarshal(raw, &it); err != nil {
		return err
	}
	r, err := a.do(ctx, "HEAD", "/v2/"+it.Repository+"/manifests/"+it.Tag, nil)
	if err != nil {
		return err
	}
	if d := r.header.Get("Docker-Content-Digest"); r.status != http.StatusOK || d != it.Descriptor.Digest {
		return fmt.Errorf("%s is listed with %s, the registry answers %d %s", key, it.Descriptor.Digest, r.status, d)
	}
	if manifests.items["manifest:"+it.Repository+"@"+it.Descriptor.Digest] == nil {
		return fmt.Errorf("%s is listed, its manifest is not", key)
	}
	return nil
}

func danglingManifest(ctx context.Context, a *api, raw []byte, manifests *localCopy) error {
	var it listedItem
	if err := json.Unmarshal(raw, &it); err != nil {
		return err
	}
	r, err := a.do(ctx, "GET", "/v2/"+it.Repository+"/manifests/"+it.Descriptor.Digest, nil)
	if err != nil {
		return err
	}
	if r.status != http.StatusOK || digestOf(r.body) != it.Descriptor.Digest {
		return fmt.Errorf("manifest %s of %s is listed; the registry answers %s", it.Descriptor.Digest, it.Repository, r)
	}
	var doc document
	if err := json.Unmarshal(r.body, &doc); err != nil {
		return err
	}
	blobs := doc.Layers
	if doc.Config != nil {
		blobs = append(blobs, *doc.Config)
	}
	for _, b := range blobs {
		got, err := observe(ctx, a, blobKey(it.Repository, b.Digest))
		if err != nil || got != b.Digest {
			return errors.Join(fmt.Errorf("manifest %s of %s uses blob %s, which answers %q", it.Descriptor.Digest, it.Repository, b.Digest, got), err)
		}
	}
	for _, m := range doc.Manifests {
		if manifests.items["manifest:"+it.Repository+"@"+m.Digest] == nil {
			return fmt.Errorf("index %s of %s lists %s, which is not there", it.Descriptor.Digest, it.Repository, m.Digest)
		}
	}
	return nil
}
