package telemetry

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading/internal/blob"
)

// timedBlobs times how long uploads take to be committed.
type timedBlobs struct {
	blob.Store
	seconds [2]prometheus.Observer // done, failed
}

// Blobs registers the metrics of the blob store and returns the store with a
// clock. Reading is as it was: what it costs is part of the request's time.
func Blobs(reg prometheus.Registerer, store blob.Store) blob.Store {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lading_blob_commit_duration_seconds",
		Help: "Time to verify a blob, make it durable and name it.", Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10}}, []string{"result"})
	reg.MustRegister(seconds)
	return &timedBlobs{store, [2]prometheus.Observer{seconds.WithLabelValues("done"), seconds.WithLabelValues("failed")}}
}

// Create implements blob.Store.
func (b *timedBlobs) Create(ctx context.Context, owner string) (blob.Upload, error) {
	up, err := b.Store.Create(ctx, owner)
	return b.timed(up, err)
}

// Resume implements blob.Store.
func (b *timedBlobs) Resume(ctx context.Context, owner, id string) (blob.Upload, error) {
	up, err := b.Store.Resume(ctx, owner, id)
	return b.timed(up, err)
}

func (b *timedBlobs) timed(up blob.Upload, err error) (blob.Upload, error) {
	if err != nil {
		return nil, err
	}
	return &timedUpload{up, b}, nil
}

type timedUpload struct {
	blob.Upload
	b *timedBlobs
}

// Expect implements blob.Expecter, as far as the upload below does.
func (u *timedUpload) Expect(alg digest.Algorithm) {
	if e, ok := u.Upload.(blob.Expecter); ok {
		e.Expect(alg)
	}
}

// Commit implements blob.Upload.
func (u *timedUpload) Commit(ctx context.Context, d digest.Digest) (int64, error) {
	start := time.Now()
	size, err := u.Upload.Commit(ctx, d)
	result := u.b.seconds[0]
	if err != nil {
		result = u.b.seconds[1]
	}
	result.Observe(time.Since(start).Seconds())
	return size, err
}
