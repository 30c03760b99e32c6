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

// A response is a ResponseWriter that a client cannot hold up for ever: each
// step of an answer has the idle time and no more. The server takes the
// deadline away when the request is done.
type response struct {
	http.ResponseWriter
	idle  time.Duration
	begun bool      // a status has been sent
	armed time.Time // the deadline of writing
	err   error     // of copying into the response

	// noRange has a 416 of net/http kept back, for an answer of the
	// registry's own form; unfit tells that there was one.
	noRange, unfit bool

	// meter counts the rows that are read for the request; nil where none count.
	meter *lading.Meter

	// stream is what follows when the request has been dealt with.
	stream *streaming

	// What an Observer is told.
	subject, credential string
	groups              []string
	refused             bool
	id                  [1]string // the value of X-Request-Id
	status              int
	code                lading.Code
	in, out             int64 // bytes of the bodies
}

// step is how many bytes of an answer share a deadline.
const step = 1 << 20

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.noRange && status == http.StatusRequestedRangeNotSatisfiable {
		w.unfit = true
		return
	}
	if status >= 200 && !w.begun {
		w.begun = true
		w.status = status
		w.arm()
	}
	w.ResponseWriter.WriteHeader(status)
}

// begin notes that the server sends a status by itself, where nobody has.
func (w *response) begin() {
	if !w.begun {
		w.begun, w.status = true, http.StatusOK
	}
}

func (w *response) Write(p []byte) (total int, err error) {
	if w.unfit {
		return len(p), nil
	}
	w.begin()
	defer func() { w.out += int64(total) }()
	for err == nil {
		var n int
		part := p[:min(len(p), step)]
		w.arm()
		n, err = w.ResponseWriter.Write(part)
		total += n
		if p = p[len(part):]; len(p) == 0 {
			break
		}
	}
	return total, err
}

// ReadFrom copies in steps. They reach the connection as they are, so a file
// still goes by sendfile.
func (w *response) ReadFrom(src io.Reader) (total int64, err error) {
	w.begin()
	defer func() { w.out += total }()
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: 1<<63 - 1}
	}
	for limited.N > 0 && err == nil {
		part := &io.LimitedReader{R: limited.R, N: min(limited.N, step)}
		want := part.N
		var n int64
		w.arm()
		n, err = io.Copy(w.ResponseWriter, part)
		limited.N -= n
		total += n
		if n < want {
			break
		}
	}
	w.err = err
	return total, err
}

// arm gives the next step the idle time, or up to an eighth less where steps
// are short. A writer that knows no deadlines, as in tests, goes without.
func (w *response) arm() {
	if now := time.Now(); w.armed.Sub(now) < w.idle-w.idle/8 {
		w.armed = now.Add(w.idle)
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(w.armed)
	}
}

// unhurried takes away a deadline that the server set for the whole request,
// for answers that take their time.
func (w *response) unhurried() {
	w.armed = time.Time{}
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

// bound bounds what the server does by itself: before it answers, and to use
// the connection again, it waits for a body that nobody has read.
func (w *response) bound(r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(w.idle))
	}
}

// finish does so for the end of the handler, where the server answers after
// it has waited.
func (w *response) finish(r *http.Request) {
	w.bound(r)
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(2 * w.idle))
	}
}

// A requestBody is a request's body whose sender must make progress: each
// read has the idle time. Its errors are the client's doing and say so.
type requestBody struct {
	body io.Reader
	ctl  *http.ResponseController
	idle time.Duration
	read *int64 // where the bytes are counted
}

func newRequestBody(w *response, r *http.Request) *requestBody {
	w.unhurried()
	return &requestBody{r.Body, http.NewResponseController(w.ResponseWriter), w.idle, &w.in}
}

func (b *requestBody) Read(p []byte) (int, error) {
	_ = b.ctl.SetReadDeadline(time.Now().Add(b.idle))
	n, err := b.body.Read(p)
	*b.read += int64(n)
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
func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
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
	_, _ = w.Write(b.Bytes()) // of HEAD the server sends none; else it is the client's loss
	if b.Cap() <= maxPooled {
		buffers.Put(b)
	}
}
