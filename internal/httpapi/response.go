package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// A response is a ResponseWriter that a client cannot hold up for ever: once
// more is written than a socket takes at once, each further step of it has
// the idle time and no more.
type response struct {
	http.ResponseWriter
	idle  time.Duration
	begun bool  // a status has been sent
	bytes int64 // written so far
	armed bool  // a write deadline is set
	err   error // of copying into the response
}

const (
	unarmed  = 32 << 10 // bytes that go without a deadline
	copyStep = 1 << 20  // bytes of a copy that share a deadline
)

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	w.begun = w.begun || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.begun = true
	if w.bytes += int64(len(p)); w.bytes > unarmed {
		w.arm()
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom copies in steps, each with its own deadline. The steps reach the
// connection as they are, so a file still goes by sendfile.
func (w *response) ReadFrom(src io.Reader) (total int64, err error) {
	w.begun = true
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: 1<<63 - 1}
	}
	for limited.N > 0 && err == nil {
		w.arm()
		step := &io.LimitedReader{R: limited.R, N: min(limited.N, copyStep)}
		want := step.N
		var n int64
		n, err = io.Copy(w.ResponseWriter, step)
		limited.N -= n
		total += n
		if n < want {
			break
		}
	}
	w.bytes += total
	w.err = err
	return total, err
}

// arm gives the next write the idle time. A writer that knows no deadlines,
// as in tests, goes without.
func (w *response) arm() {
	w.armed = true
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.idle))
}

// unhurried takes away a deadline that the server set for the whole request,
// for answers that take their time.
func (w *response) unhurried() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Time{})
}

// flush sends what is buffered.
func (w *response) flush() error {
	w.arm()
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// finish sends the rest under the deadline and takes the deadline away: it
// belongs to the connection, and the next request on it has its own.
func (w *response) finish() {
	if w.armed {
		_ = w.flush()
		w.unhurried()
	}
}

// A requestBody is a request's body whose sender must make progress: each
// read has the idle time. Its errors are the client's doing and say so.
type requestBody struct {
	body io.Reader
	ctl  *http.ResponseController
	idle time.Duration
}

func newRequestBody(w *response, r *http.Request) *requestBody {
	w.unhurried()
	return &requestBody{r.Body, http.NewResponseController(w.ResponseWriter), w.idle}
}

func (b *requestBody) Read(p []byte) (int, error) {
	_ = b.ctl.SetReadDeadline(time.Now().Add(b.idle))
	n, err := b.body.Read(p)
	if err != nil {
		// What follows the body (verifying, syncing) has no reader's deadline:
		// the server would take its passing for a client that has gone.
		_ = b.ctl.SetReadDeadline(time.Time{})
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, (&lading.Error{Code: codeBodyTimeout, Message: "the body did not arrive: no byte of it for too long"}).Wrap(err)
	}
	return n, lading.ErrSizeInvalid.With("the body ended before its announced length").Wrap(err)
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled keeps a rare huge answer from staying in memory.
const maxPooled = 2 << 20

// writeJSON answers with v as JSON. Marshalling cannot fail for the types
// that are written here.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, mediaType string, v any) {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("httpapi: " + err.Error())
	}
	head := w.Header()
	head.Set("Content-Type", mediaType)
	head.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client's loss
	}
	if b.Cap() <= maxPooled {
		buffers.Put(b)
	}
}
