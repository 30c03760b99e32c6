package client

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"

	"github.com/lading-dev/lading"
)

func blobRequest(method, repo string, d lading.Digest) (request, error) {
	if err := checkName(repo); err != nil {
		return request{}, err
	}
	if err := checkDigest(d); err != nil {
		return request{}, err
	}
	return request{method: method, path: repoPath(repo, "blobs/"+string(d)), repo: repo, actions: pull, missing: lading.CodeBlobUnknown,
		header: http.Header{"Accept-Encoding": {"identity"}}}, nil
}

// ResolveBlob implements lading.Reader.
func (c *Client) ResolveBlob(ctx context.Context, repo string, d lading.Digest) (lading.Descriptor, error) {
	r, err := blobRequest(http.MethodHead, repo, d)
	if err != nil {
		return lading.Descriptor{}, err
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return lading.Descriptor{}, err
	}
	// Not drained: where a HEAD is not answered as it should be, this may be
	// the blob.
	defer res.Body.Close()
	if res.ContentLength < 0 {
		return lading.Descriptor{}, badAnswer(res, "no length")
	}
	return lading.Descriptor{MediaType: octets, Digest: d, Size: res.ContentLength}, nil
}

const octets = "application/octet-stream"

// Blob implements lading.Reader. A blob that is read from its beginning to its
// end is compared with its digest: instead of io.EOF there is DIGEST_INVALID
// if it differs. Parts that Seek led to are not compared. A connection that
// breaks is opened again where it broke. The context is that of all reading.
func (c *Client) Blob(ctx context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	r, err := blobRequest(http.MethodGet, repo, d)
	if err != nil {
		return nil, err
	}
	b := &blobReader{c: c, ctx: ctx, request: r}
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength < 0 {
		res.Body.Close()
		return nil, badAnswer(res, "no length")
	}
	b.res, b.desc = res, lading.Descriptor{MediaType: octets, Digest: d, Size: res.ContentLength}
	if verifiable(d) {
		b.sum = d.Algorithm().Hash()
	}
	return b, nil
}

// blobReader reads a blob by one request after another, as many as Seek and
// broken connections make.
type blobReader struct {
	c       *Client
	ctx     context.Context
	request request
	desc    lading.Descriptor
	offset  int64          // of the next byte
	res     *http.Response // whose body stands at offset; nil for none
	sum     hash.Hash      // of the first summed bytes
	summed  int64
	broken  int // connections that broke since the last byte
}

func (b *blobReader) Descriptor() lading.Descriptor { return b.desc }

func (b *blobReader) Read(p []byte) (int, error) {
	for {
		if b.offset >= b.desc.Size {
			return 0, b.finish()
		}
		if len(p) == 0 {
			return 0, nil
		}
		if err := b.open(); err != nil {
			return 0, err
		}
		n, err := b.res.Body.Read(p[:min(int64(len(p)), b.desc.Size-b.offset)])
		if n > 0 {
			b.took(p[:n])
			return n, nil // what is wrong is seen by the next
		}
		if err == nil {
			continue
		}
		if err = b.cut(err); err != nil {
			return 0, err
		}
	}
}

func (b *blobReader) took(p []byte) {
	if b.sum != nil && b.summed == b.offset {
		b.sum.Write(p)
		b.summed += int64(len(p))
	}
	b.offset += int64(len(p))
	b.broken = 0
}

// finish is the end of the blob: io.EOF, if it is the blob.
func (b *blobReader) finish() error {
	if b.sum != nil && b.summed == b.desc.Size {
		if got := fmt.Sprintf("%x", b.sum.Sum(nil)); got != b.desc.Digest.Encoded() {
			return lading.ErrDigestInvalid.With("the content that the registry sent is not %s", b.desc.Digest)
		}
	}
	return io.EOF
}

// cut closes a connection that ended before the blob; nil lets it be opened
// again.
func (b *blobReader) cut(err error) error {
	res := b.res
	b.leave()
	b.broken++
	if err := b.ctx.Err(); err != nil {
		return fmt.Errorf("read blob %s: %w", b.desc.Digest, err)
	}
	if b.broken > max(b.c.opt.Retries, 0) || !isNetwork(err) {
		return brokenAnswer(res, err)
	}
	if b.c.opt.Sleep(b.ctx, jitter(min(firstWait<<min(b.broken, 10), mostWait))) != nil {
		return brokenAnswer(res, err)
	}
	return nil
}

// open asks for the rest of the blob.
func (b *blobReader) open() error {
	if b.res != nil {
		return nil
	}
	r := b.request
	r.header = r.header.Clone()
	r.header.Set("Range", "bytes="+strconv.FormatInt(b.offset, 10)+"-")
	r.want = []int{http.StatusOK, http.StatusPartialContent}
	res, err := b.c.send(b.ctx, r)
	if err != nil {
		return err
	}
	if err := b.skip(res); err != nil {
		res.Body.Close()
		return err
	}
	b.res = res
	return nil
}

// skip brings an answer to the offset: one that is not of the range is of the
// whole blob.
func (b *blobReader) skip(res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		if _, err := io.CopyN(io.Discard, res.Body, b.offset); err != nil {
			return brokenAnswer(res, err)
		}
		return nil
	}
	want := fmt.Sprintf("bytes %d-%d/%d", b.offset, b.desc.Size-1, b.desc.Size)
	if got := res.Header.Get("Content-Range"); got != want {
		return badAnswer(res, "Content-Range is %q, not %q", clip(got, 100), want)
	}
	return nil
}

func (b *blobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.offset
	case io.SeekEnd:
		offset += b.desc.Size
	case io.SeekStart:
	default:
		return 0, errors.New("seek: no such whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: before the beginning")
	}
	if offset != b.offset {
		b.leave()
		b.offset = offset
	}
	return offset, nil
}

func (b *blobReader) leave() {
	if b.res != nil {
		b.res.Body.Close()
		b.res = nil
	}
}

func (b *blobReader) Close() error {
	b.leave()
	return nil
}
