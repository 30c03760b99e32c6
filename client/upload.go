package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// StartBlob implements lading.Writer. What is written is held until there is a
// chunk of it: a blob that is no longer than one goes in one request. The
// context is that of Write and Close as well.
func (c *Client) StartBlob(ctx context.Context, repo string, want lading.Descriptor) (lading.BlobWriter, error) {
	if err := checkName(repo); err != nil {
		return nil, err
	}
	r := request{method: http.MethodPost, path: repoPath(repo, "blobs/uploads/"), repo: repo, actions: pushPull,
		want: []int{http.StatusAccepted}, missing: lading.CodeNameUnknown, again: some, query: url.Values{}}
	if alg, _, _ := strings.Cut(string(want.Digest), ":"); alg != "" && alg != string(digest.Canonical) {
		r.query.Set("digest-algorithm", alg)
	}
	r.body = []byte{}
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	discard(res)
	return c.upload(ctx, repo, want, res, 0)
}

// ResumeBlob implements lading.Writer. Of a registry whose uploads need more
// than an id it finds none.
func (c *Client) ResumeBlob(ctx context.Context, repo, id string) (lading.BlobWriter, error) {
	if err := checkName(repo); err != nil {
		return nil, err
	}
	if !idForm.MatchString(id) {
		return nil, lading.ErrBlobUploadUnknown
	}
	u := c.target(&request{path: repoPath(repo, "blobs/uploads/"+id)})
	res, size, err := c.status(ctx, repo, u)
	if err != nil {
		return nil, err
	}
	up, err := c.upload(ctx, repo, lading.Descriptor{}, res, size)
	if err == nil {
		up.id = id
	}
	return up, err
}

// upload is an upload that an answer tells of.
func (c *Client) upload(ctx context.Context, repo string, want lading.Descriptor, res *http.Response, size int64) (*upload, error) {
	at, err := location(res)
	if err != nil {
		return nil, err
	}
	id := res.Header.Get("Docker-Upload-Uuid")
	if !idForm.MatchString(id) {
		id = path.Base(at.Path)
	}
	return &upload{c: c, ctx: ctx, repo: repo, id: id, want: want, at: at, sent: size}, nil
}

// location is where an answer says that it goes on.
func location(res *http.Response) (*url.URL, error) {
	u, err := res.Location()
	switch {
	case err != nil:
		return nil, badAnswer(res, "Location: %v", err)
	case u.Scheme != "https" && u.Scheme != res.Request.URL.Scheme:
		return nil, badAnswer(res, "Location leads away from TLS")
	}
	return u, nil
}

// status asks how many bytes an upload has.
func (c *Client) status(ctx context.Context, repo string, at *url.URL) (*http.Response, int64, error) {
	res, err := c.send(ctx, request{method: http.MethodGet, url: at, repo: repo, actions: pushPull,
		want: []int{http.StatusNoContent, http.StatusOK}, missing: lading.CodeBlobUploadUnknown})
	if err != nil {
		return nil, 0, err
	}
	discard(res)
	size, err := received(res)
	return res, size, err
}

// received is how many bytes the Range of an upload stands for. The form has
// no word for none: registries write 0-0, or 0--1. One byte alone is therefore
// taken for none, and sent again.
func received(res *http.Response) (int64, error) {
	s := res.Header.Get("Range")
	if s == "" || s == "0-0" || s == "0--1" {
		return 0, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || first != "0" || err != nil || n < 0 || n == 1<<63-1 {
		return 0, badAnswer(res, "Range is %q", clip(s, 100))
	}
	return n + 1, nil
}

// upload holds the end of what was written, at most a chunk, and has sent the
// rest.
type upload struct {
	c    *Client
	ctx  context.Context
	repo string
	id   string
	want lading.Descriptor
	at   *url.URL // where it goes on
	sent int64
	held []byte
	over bool
}

func (u *upload) ID() string  { return u.id }
func (u *upload) Size() int64 { return u.sent + int64(len(u.held)) }

var errOver = errors.New("the upload has ended")

// Write implements io.Writer.
func (u *upload) Write(p []byte) (total int, err error) {
	if u.over {
		return 0, errOver
	}
	for len(p) > 0 {
		if len(u.held) == u.c.opt.ChunkSize {
			if err := u.flush(u.ctx); err != nil {
				return total, err
			}
		}
		n := min(len(p), u.c.opt.ChunkSize-len(u.held))
		u.held = append(u.held, p[:n]...)
		p, total = p[n:], total+n
	}
	return total, nil
}

// flush sends what is held. When that fails it asks where the upload stands
// and goes on from there, as often as a request is sent again.
func (u *upload) flush(ctx context.Context) error {
	for attempt := 0; len(u.held) > 0; attempt++ {
		err := u.patch(ctx)
		if err == nil {
			return nil
		}
		wait, again := u.c.retry(&request{again: none}, err, attempt)
		if !again || ctx.Err() != nil || u.c.opt.Sleep(ctx, wait) != nil {
			return err
		}
		if err := u.find(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (u *upload) patch(ctx context.Context) error {
	res, err := u.c.send(ctx, request{method: http.MethodPatch, url: u.at, repo: u.repo, actions: pushPull, body: u.held,
		header: u.chunk(), want: []int{http.StatusAccepted, http.StatusNoContent}, missing: lading.CodeBlobUploadUnknown, again: never})
	if err != nil {
		return err
	}
	discard(res)
	at, err := location(res)
	if err != nil {
		return err
	}
	u.at, u.sent, u.held = at, u.sent+int64(len(u.held)), u.held[:0]
	return nil
}

// chunk are the headers of what is held (distribution-spec, "Pushing a blob in
// chunks").
func (u *upload) chunk() http.Header {
	h := http.Header{"Content-Type": {octets}}
	if len(u.held) > 0 {
		h.Set("Content-Range", fmt.Sprintf("%d-%d", u.sent, u.Size()-1))
	}
	return h
}

// find asks where the upload stands and drops what has arrived.
func (u *upload) find(ctx context.Context) error {
	res, size, err := u.c.status(ctx, u.repo, u.at)
	if err != nil {
		return err
	}
	if size == 0 && u.sent == 1 {
		size = 1 // which is written as none
	}
	if size < u.sent || size > u.Size() {
		return lading.ErrRangeInvalid.With("the registry has %d bytes of the upload, of which %d were sent", size, u.Size())
	}
	if res.Header.Get("Location") != "" {
		if u.at, err = location(res); err != nil {
			return err
		}
	}
	u.held = u.held[:copy(u.held, u.held[size-u.sent:])]
	u.sent = size
	return nil
}

// Commit implements lading.BlobWriter. The last bytes go with it.
func (u *upload) Commit(ctx context.Context, d lading.Digest) (lading.Descriptor, error) {
	switch {
	case u.over:
		return lading.Descriptor{}, errOver
	case !verifiable(d):
		return lading.Descriptor{}, lading.ErrDigestInvalid
	case u.want.Size > 0 && u.want.Size != u.Size():
		return lading.Descriptor{}, errors.Join(lading.ErrSizeInvalid, u.Cancel(ctx))
	}
	size := u.Size()
	for attempt := 0; ; attempt++ {
		err := u.put(ctx, d)
		if err == nil {
			u.over, u.held = true, nil
			return lading.Descriptor{MediaType: octets, Digest: d, Size: size}, nil
		}
		if errors.Is(err, lading.ErrDigestInvalid) {
			u.over = true
			return lading.Descriptor{}, err
		}
		wait, again := u.c.retry(&request{again: none}, err, attempt)
		if !again || ctx.Err() != nil || u.c.opt.Sleep(ctx, wait) != nil {
			return lading.Descriptor{}, err
		}
		// The answer may have been lost behind the deed.
		if desc, err := u.c.ResolveBlob(ctx, u.repo, d); err == nil {
			u.over = true
			return desc, nil
		}
		if err := u.find(ctx); err != nil {
			return lading.Descriptor{}, err
		}
	}
}

func (u *upload) put(ctx context.Context, d lading.Digest) error {
	body := u.held
	if body == nil {
		body = []byte{}
	}
	res, err := u.c.send(ctx, request{method: http.MethodPut, url: u.at, repo: u.repo, actions: pushPull, body: body,
		header: u.chunk(), query: url.Values{"digest": {string(d)}}, want: []int{http.StatusCreated, http.StatusNoContent},
		missing: lading.CodeBlobUploadUnknown, again: never})
	if err == nil {
		discard(res)
	}
	return err
}

// Cancel implements lading.BlobWriter.
func (u *upload) Cancel(ctx context.Context) error {
	if u.over {
		return nil
	}
	u.over, u.held = true, nil
	return u.c.cancel(ctx, u.repo, u.at)
}

func (c *Client) cancel(ctx context.Context, repo string, at *url.URL) error {
	res, err := c.send(ctx, request{method: http.MethodDelete, url: at, repo: repo, actions: pushPull,
		want: []int{http.StatusNoContent, http.StatusOK, http.StatusAccepted}, missing: lading.CodeBlobUploadUnknown, again: some})
	if err == nil {
		discard(res)
	}
	return err
}

// Close implements lading.BlobWriter: it sends what is held.
func (u *upload) Close() error {
	if u.over {
		return nil
	}
	err := u.flush(u.ctx)
	u.over, u.held = true, nil
	return err
}

// MountBlob implements lading.Writer.
func (c *Client) MountBlob(ctx context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	if err := errors.Join(checkName(to), checkDigest(d)); err != nil {
		return lading.Descriptor{}, err
	}
	q := url.Values{"mount": {string(d)}}
	if from != "" {
		if err := checkName(from); err != nil {
			return lading.Descriptor{}, err
		}
		q.Set("from", from)
	}
	res, err := c.send(ctx, request{method: http.MethodPost, path: repoPath(to, "blobs/uploads/"), query: q, body: []byte{}, repo: to, from: from,
		actions: pushPull, want: []int{http.StatusCreated, http.StatusAccepted}, missing: lading.CodeNameUnknown, again: some})
	if err != nil {
		return lading.Descriptor{}, err
	}
	discard(res)
	if res.StatusCode == http.StatusAccepted {
		// An upload has begun instead, which nobody wants.
		if at, err := location(res); err == nil {
			_ = c.cancel(ctx, to, at) // it expires otherwise
		}
		return lading.Descriptor{}, lading.ErrBlobUnknown.With("the blob cannot be mounted: push it")
	}
	return c.ResolveBlob(ctx, to, d)
}

// PushBlob uploads a blob unless the repository has it: a digest and a size
// are wanted, the content is read at most once.
//
// Errors: those of StartBlob and Commit.
func (c *Client) PushBlob(ctx context.Context, repo string, want lading.Descriptor, content io.Reader) error {
	if _, err := c.ResolveBlob(ctx, repo, want.Digest); err == nil {
		return nil
	} else if !errors.Is(err, lading.ErrBlobUnknown) && !errors.Is(err, lading.ErrNameUnknown) {
		return err
	}
	up, err := c.StartBlob(ctx, repo, want)
	if err != nil {
		return err
	}
	if _, err := io.Copy(up, content); err != nil {
		return errors.Join(fmt.Errorf("push blob %s: %w", want.Digest, err), up.Cancel(context.WithoutCancel(ctx)))
	}
	if _, err := up.Commit(ctx, want.Digest); err != nil {
		return fmt.Errorf("push blob %s: %w", want.Digest, err)
	}
	return nil
}
