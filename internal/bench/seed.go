package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading/internal/catalog"
)

// The seeded registry: repositories of very different size in namespaces of
// very different size, most manifests images, some types common, some rare,
// every second manifest tagged, one in twenty with a subject.

const helmConfig, rareConfig = "application/vnd.cncf.helm.config.v1+json", "application/vnd.example.rare.v1+json"

func seedRepo(i, total int) string {
	switch {
	case i%10 == 9:
		return "big/deep/one" // a tenth of all in one repository
	case i%333 == 1:
		return fmt.Sprintf("quiet/app%02d", i%30)
	case i%2 == 0:
		app := (i * 7919) % (total/100 + 1)
		return fmt.Sprintf("acme/team%02d/app%04d", app%40, app)
	}
	app := (i * 104729) % (total/200 + 1)
	return fmt.Sprintf("org%03d/app%04d", app%97, app)
}

func seedType(i int) string {
	switch {
	case i%1000 == 7:
		return rareConfig
	case i%10 == 3:
		return helmConfig
	}
	return ocispec.MediaTypeImageConfig
}

// seed fills the catalog with manifests from to to, as pushes would.
func (r *running) seed(ctx context.Context, from, to, total int) error {
	began := time.Now()
	var linked sync.Map
	var next atomic.Int64
	next.Store(int64(from))
	errs := make(chan error, 64)
	for range cap(errs) {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= to {
					errs <- nil
					return
				}
				if err := r.seedOne(ctx, i, total, &linked); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Printf("seeded %d manifests in %v\n", to-from, time.Since(began).Round(time.Second))
	return nil
}

func (r *running) seedOne(ctx context.Context, i, total int, linked *sync.Map) error {
	repo := seedRepo(i, total)
	once, _ := linked.LoadOrStore(repo, sync.OnceValue(func() error { return r.pushBlobs(ctx, repo) }))
	if err := once.(func() error)(); err != nil {
		return err
	}
	configType, subject := seedType(i), digest.Digest("")
	if i%20 == 5 {
		subject = digest.FromString(fmt.Sprint("subject", i/200))
	}
	body := imageManifest(configType, string(subject), fmt.Sprint("seed ", i))
	m := &catalog.Manifest{Digest: digest.FromBytes(body), MediaType: ocispec.MediaTypeImageManifest, ArtifactType: configType, Bytes: body,
		Subject: subject, Platform: "linux/amd64", Annotations: fmt.Sprintf(`{"org.opencontainers.image.version":"seed %d"}`, i),
		Blobs: []digest.Digest{digest.FromBytes(configBytes), digest.FromBytes(layerBytes)}}
	var tags []string
	if i%2 == 0 || i%10 == 9 {
		tags = []string{fmt.Sprintf("v%08d", i)}
	}
	return r.Catalog().PutManifest(ctx, repo, m, tags, "")
}

// size is how many bytes the catalog takes on SQLite, 0 elsewhere.
func (r *running) size() int64 {
	var n int64
	if fi, err := os.Stat(filepath.Join(r.dir, "catalog.db")); err == nil {
		n = fi.Size()
	}
	return n
}
