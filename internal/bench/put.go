package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/guard"
)

// putCommand measures PUT of manifests: over many repositories and into one,
// which grows.
func putCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("put", flag.ExitOnError)
	var t target
	t.flags(fs)
	count := fs.Int("n", 8000, "manifests a line")
	tags := fs.Int("tags", 100_000, "tags that the one repository grows to")
	fs.Parse(args)
	r, err := t.start(ctx, guard.Open{})
	if err != nil {
		return err
	}
	defer r.stop(ctx)
	for _, callers := range []int{1, 8, 32} {
		n := *count
		if callers == 1 {
			n /= 4
		}
		repos := 200
		for i := range repos {
			if err := r.pushBlobs(ctx, manyName(callers, i)); err != nil {
				return err
			}
		}
		err := measure(fmt.Sprintf("PUT, %d repositories, %d callers", repos, callers), callers, n, func(i int) error {
			return r.put(manyName(callers, i%repos), fmt.Sprintf("v%d", i), payload(i, callers))
		})
		if err != nil {
			return err
		}
		one := fmt.Sprintf("one/c%d", callers)
		if err := r.pushBlobs(ctx, one); err != nil {
			return err
		}
		err = measure(fmt.Sprintf("PUT, 1 repository, %d callers", callers), callers, n, func(i int) error {
			return r.put(one, fmt.Sprintf("v%d", i), payload(i, callers))
		})
		if err != nil {
			return err
		}
	}
	return r.grow(ctx, *tags)
}

// grow fills one repository and prints a line for each tenth.
func (r *running) grow(ctx context.Context, tags int) error {
	if err := r.pushBlobs(ctx, "one/growing"); err != nil {
		return err
	}
	for step := range 10 {
		from := step * tags / 10
		err := measure(fmt.Sprintf("PUT, 1 repository, 8 callers, from %d tags", from), 8, tags/10, func(i int) error {
			return r.put("one/growing", fmt.Sprintf("v%07d", from+i), payload(from+i, 0))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func manyName(callers, i int) string { return fmt.Sprintf("many%d/team%02d/app%03d", callers, i%20, i) }

var configBytes, layerBytes = []byte(`{"architecture":"amd64","os":"linux"}`), bytes.Repeat([]byte("layer"), 200)

// payload is an image manifest of about 1 KB.
func payload(i, salt int) []byte {
	return imageManifest(ocispec.MediaTypeImageConfig, "", fmt.Sprintf("%d-%d", salt, i))
}

func imageManifest(configType, subject, note string) []byte {
	if subject != "" {
		subject = `,"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + subject + `","size":1000}`
	}
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%d}]%s,"annotations":{"org.opencontainers.image.version":"%s","org.opencontainers.image.description":"%s"}}`,
		ocispec.MediaTypeImageManifest, configType, digest.FromBytes(configBytes), len(configBytes), digest.FromBytes(layerBytes), len(layerBytes), subject, note, filler)
}

var filler = strings.Repeat("a chart of what is aboard ", 16)

func (r *running) put(repo, tag string, body []byte) error {
	req, err := http.NewRequest(http.MethodPut, r.base+"/v2/"+repo+"/manifests/"+tag, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", ocispec.MediaTypeImageManifest)
	_, _, err = do(req, http.StatusCreated)
	return err
}

// pushBlobs puts the two blobs that all manifests share into a repository.
func (r *running) pushBlobs(ctx context.Context, repo string) error {
	for _, b := range [][]byte{configBytes, layerBytes} {
		d := digest.NewDigestFromBytes(digest.SHA256, sum(b))
		if err := r.Catalog().LinkBlob(ctx, repo, catalog.Blob{Digest: d, Size: int64(len(b)), Bytes: b}); err != nil {
			return err
		}
	}
	return nil
}

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
