package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

var (
	octetStream = []string{"application/octet-stream"}
	byteRanges  = []string{"bytes"}
)

// getBlob serves a blob with its ranges and conditions (RFC 9110, 13 and 14),
// from a local file by sendfile.
func (h *handler) getBlob(w *response, r *http.Request, q Request) error {
	blob, err := h.reg.Blob(r.Context(), q.Repository, q.Digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := mendRange(r, w.Header(), blob.Descriptor().Size); err != nil {
		return err
	}
	setDigest(w.Header(), blob.Descriptor().Digest)
	w.Header()["Content-Type"] = octetStream
	var content io.ReadSeeker = blob
	if f, ok := blob.(interface{ File() *os.File }); ok {
		content = f.File()
	}
	http.ServeContent(w, r, "", time.Time{}, content)
	if w.err != nil {
		return fmt.Errorf("serve blob %s: %w", q.Digest, w.err)
	}
	return nil
}

// mendRange deals with two Range headers that net/http gets wrong: one in a
// unit that nobody knows is to be ignored, and no last bytes cannot be served
// (RFC 9110, 14.2 and 14.1.2).
func mendRange(r *http.Request, head http.Header, size int64) error {
	asked := r.Header.Get("Range")
	if asked == "" {
		return nil
	}
	ranges, ok := strings.CutPrefix(asked, "bytes=")
	if !ok {
		r.Header.Del("Range")
		return nil
	}
	if suffix, ok := strings.CutPrefix(strings.TrimSpace(ranges), "-"); ok && strings.Trim(suffix, "0") == "" {
		head.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return lading.ErrRangeInvalid.With("the range is empty")
	}
	return nil
}

func (h *handler) headBlob(w *response, r *http.Request, q Request) error {
	d, err := h.reg.ResolveBlob(r.Context(), q.Repository, q.Digest)
	if err != nil {
		return err
	}
	head := w.Header()
	setDigest(head, d.Digest)
	if notModified(r, d.Digest) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head["Content-Type"] = octetStream
	head["Accept-Ranges"] = byteRanges
	head["Content-Length"] = []string{strconv.FormatInt(d.Size, 10)}
	w.WriteHeader(http.StatusOK)
	return nil
}

// setDigest names content. The ETag is the quoted digest: bytes that differ
// have another.
func setDigest(head http.Header, d lading.Digest) {
	head["Docker-Content-Digest"] = []string{string(d)}
	head["Etag"] = []string{`"` + string(d) + `"`}
}

// notModified tells whether the client holds the content already.
func notModified(r *http.Request, d lading.Digest) bool {
	for _, line := range r.Header["If-None-Match"] {
		for {
			tag, rest, ok := nextETag(line)
			if !ok {
				break
			}
			if tag.any || tag.opaque == string(d) {
				return true
			}
			line = rest
		}
	}
	return false
}
