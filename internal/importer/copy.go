package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer/source"
)

// blob is one to be copied, and the repositories that need it.
type blob struct {
	desc  lading.Descriptor
	users []*repository
}

// gather lists the blobs that repositories need, each once.
func gather(repos []*repository) (blobs []*blob, bytes int64) {
	known := map[lading.Digest]*blob{}
	for _, r := range repos {
		for d, desc := range r.blobs {
			b := known[d]
			if b == nil {
				b = &blob{desc: desc}
				known[d], blobs = b, append(blobs, b)
				bytes += max(desc.Size, 0)
			}
			b.users = append(b.users, r)
		}
		r.blobs = nil
	}
	return blobs, bytes
}

// copyBlobs brings the blobs, several at a time. One that cannot be had does
// not stop the others.
func (im *run) copyBlobs(ctx context.Context, repos []*repository) error {
	blobs, bytes := gather(repos)
	im.report.Blobs.Found = len(blobs)
	if im.opt.DryRun {
		im.report.Bytes = bytes
	}
	im.opt.Meter.Begin("copying", "blobs", len(blobs), bytes)
	buffers := &sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
	g, inGroup := errgroup.WithContext(ctx)
	g.SetLimit(im.opt.Jobs)
	for _, b := range blobs {
		if inGroup.Err() != nil {
			break
		}
		g.Go(func() error {
			if im.opt.DryRun {
				return im.look(inGroup, b)
			}
			c := &blobCopy{im: im, blob: b, buffers: buffers}
			return c.run(inGroup)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// look finds out whether a directory has a blob; a registry is not asked.
func (im *run) look(ctx context.Context, b *blob) error {
	defer im.opt.Meter.Add(1, b.desc.Size)
	if im.src.Kind() == source.Registry {
		return nil
	}
	var err error
	for _, u := range b.users {
		var r io.ReadCloser
		if r, err = im.src.Blob(ctx, u.from, b.desc); err == nil {
			return r.Close()
		}
	}
	im.report.skip(skipBlob, b.users[0].from, string(b.desc.Digest), err.Error())
	return ctx.Err()
}

// blobCopy brings one blob to all repositories that need it.
type blobCopy struct {
	im      *run
	blob    *blob
	buffers *sync.Pool
	moved   int64 // bytes told to the meter
}

func (c *blobCopy) run(ctx context.Context) error {
	defer func() { c.im.opt.Meter.Add(1, c.blob.desc.Size-c.moved) }()
	holder, missing, err := c.holders(ctx)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		c.im.report.count(func() { c.im.report.Blobs.Present++ })
		return nil
	}
	if holder == "" {
		if holder, missing, err = c.bring(ctx, missing); holder == "" {
			return err
		}
	}
	for _, u := range missing {
		if _, err := c.im.reg.MountBlob(ctx, u.to, holder, c.blob.desc.Digest); err != nil {
			if c.im.stops(ctx, err) {
				return err
			}
			c.skip(u, err)
		}
	}
	c.im.report.count(func() { c.im.report.Blobs.Imported++ })
	return nil
}

// holders finds which of the repositories have the blob here.
func (c *blobCopy) holders(ctx context.Context) (holder string, missing []*repository, err error) {
	for _, u := range c.blob.users {
		_, err := c.im.reg.ResolveBlob(ctx, u.to, c.blob.desc.Digest)
		switch {
		case err == nil:
			holder = u.to
		case unlessUnknown(err) != nil:
			return "", nil, err
		default:
			missing = append(missing, u)
		}
	}
	return holder, missing, nil
}

// bring copies the blob to the first of the repositories that lets it: a copy
// can be damaged in one and whole in another. The others are returned.
func (c *blobCopy) bring(ctx context.Context, users []*repository) (string, []*repository, error) {
	var last error
	for i, u := range users {
		err := c.transfer(ctx, u)
		if err == nil {
			return u.to, append(users[:i:i], users[i+1:]...), nil
		}
		if c.im.stops(ctx, err) {
			return "", nil, err
		}
		last = err
	}
	c.skip(users[0], last)
	return "", nil, nil
}

func (c *blobCopy) skip(u *repository, err error) {
	if errors.Is(err, lading.ErrNameInvalid) {
		c.im.refuse(u, err)
		return
	}
	if errors.Is(err, lading.ErrDigestInvalid) {
		err = errors.New("the bytes at the source are damaged: they do not have the digest")
	}
	c.im.report.skip(skipBlob, u.from, string(c.blob.desc.Digest), err.Error())
}

// transfer streams the bytes into an upload, which verifies them.
func (c *blobCopy) transfer(ctx context.Context, u *repository) (err error) {
	from, err := c.im.src.Blob(ctx, u.from, c.blob.desc)
	if err != nil {
		return &sourceError{err}
	}
	defer from.Close()
	to, err := c.im.reg.StartBlob(ctx, u.to, lading.Descriptor{Digest: c.blob.desc.Digest})
	if err != nil {
		return err
	}
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, &counted{ctx, from, c}, *buf)
	if err == nil {
		_, err = to.Commit(ctx, c.blob.desc.Digest)
	}
	if err != nil {
		// Close after a commit or a storage that failed does no harm.
		return errors.Join(err, to.Cancel(context.WithoutCancel(ctx)))
	}
	c.im.report.count(func() { c.im.report.Bytes += n })
	return nil
}

// counted reads from a source: it tells the meter, and marks the errors as the
// source's.
type counted struct {
	ctx  context.Context
	from io.Reader
	c    *blobCopy
}

func (r *counted) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	r.c.moved += int64(n)
	r.c.im.opt.Meter.Add(0, int64(n))
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// sourceError is a failure to read from the source.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return fmt.Sprintf("read from the source: %v", e.err) }
func (e *sourceError) Unwrap() error { return e.err }

// stops reports whether an error ends the import: one that the next blob or
// manifest would meet as well. What the source has not, and what the registry
// refuses, does not.
func (im *run) stops(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	var theirs *sourceError
	if errors.As(err, &theirs) {
		return false
	}
	switch lading.AsError(err).Code {
	case lading.CodeInternal, lading.CodeStorageFull, lading.CodeUnavailable, lading.CodeUnsupported:
		return true
	}
	return false
}

// refuse tells, once, that nothing of a repository is taken.
func (im *run) refuse(r *repository, err error) {
	r.refused.Do(func() {
		reason := err.Error()
		if r.to != r.from {
			reason = "as " + r.to + ": " + reason
		}
		im.report.skip(skipRepository, r.from, "", reason)
	})
}
