package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// A StreamObserver is told of streams while they run, for figures: what an
// Observer hears of them it hears at their end. Its methods are called by the
// goroutines of streams, so they are quick and do not block.
type StreamObserver interface {
	// Opened is called when a stream's first bytes are sent.
	Opened()
	// Sent is called when events have been written.
	Sent(events []lading.Event, bytes int)
	// Ended is called once for each Opened.
	Ended(why StreamEnd)
}

// StreamEnd is why a stream has ended: the reason of its goaway, or one of
// these.
type StreamEnd string

// The ends of a stream beside those of lading.GoawayReason.
const (
	StreamLeft    StreamEnd = "client"  // the client has closed it
	StreamStalled StreamEnd = "stalled" // the client took nothing for Options.StreamIdle
	StreamFailed  StreamEnd = "error"   // with an error event
)

// nobody is told of streams where nobody wants to know.
type nobody struct{}

func (nobody) Opened()                  {}
func (nobody) Sent([]lading.Event, int) {}
func (nobody) Ended(StreamEnd)          {}

// Bounds of a stream.
const (
	// batch is how many bytes of events are encoded before they are written,
	// one event more or less: what a stalled stream keeps of them.
	batch = 16 << 10
	// maxBatch keeps a rare huge buffer from being used again.
	maxBatch = 64 << 10
	// minRetry and retrySpread are after how many milliseconds a client opens
	// another stream when one ends without a word.
	minRetry, retrySpread = 1000, 4000
)

// watch opens a stream, which tell then writes. What goes wrong before its
// first byte is answered as any other error.
func (h *handler) watch(w *response, r *http.Request, q *Request) error {
	f, ok := negotiateWatch(r.Header["Accept"])
	if !ok {
		return notAcceptable()
	}
	query, err := resumed(*q.Watch, r.Header["Last-Event-Id"])
	if err != nil {
		return err
	}
	release, err := h.hold(w, r)
	if err != nil {
		return err
	}
	if n := h.streams.Add(1); h.opt.MaxStreams > 0 && n > int64(h.opt.MaxStreams) {
		h.streams.Add(-1)
		release()
		return lading.ErrTooManyRequests.With("too many streams are open: try again later")
	}
	s, err := h.reg.Watch(r.Context(), query)
	if err != nil {
		h.streams.Add(-1)
		release()
		return h.listError(err, q)
	}
	w.stream = &streaming{Stream: s, format: f, base: h.address(r), data: query.Data, release: release}
	return nil
}

// resumed is the query with where the client says it stands. Last-Event-ID is
// what a browser sends by itself when it opens the same URL again, so it wins
// over what stands there.
func resumed(q lading.WatchQuery, ids []string) (lading.WatchQuery, error) {
	const name = "Last-Event-ID"
	if len(ids) == 0 || len(ids) == 1 && ids[0] == "" {
		return q, nil
	}
	switch id := ids[0]; {
	case len(ids) > 1:
		return q, lading.InvalidParameter(name, "given more than once")
	case !validToken(id) || id == "none" || id == "now":
		return q, lading.InvalidParameter(name, "not the id of an event")
	case q.View():
		return q, lading.InvalidParameter(name, "a view has no cursor: leave out actions and modified_*")
	default:
		q.Since, q.Initial = id, false
		return q, nil
	}
}

// streaming is a stream and how it is written.
type streaming struct {
	lading.Stream
	format watchFormat
	base   string // the registry's address
	data   lading.Data
	// release ends its count among the caller's.
	release func()
}

// tell writes the stream that the request has led to, if it has. It is called
// where little is on the stack: a stream waits for an hour, and its stack, with
// all that a request needed, with it.
func (h *handler) tell(w *response, r *http.Request, q *Request) {
	if w.stream == nil {
		return
	}
	defer h.streams.Add(-1)
	defer w.stream.release()
	defer w.stream.Close()
	defer h.recover(w, r, q)
	if err := h.openStream(w, r); err == nil && r.Method != http.MethodHead {
		h.runStream(w, r, q)
	} else if err != nil {
		h.failStream(w, r, q, err)
	}
}

// openStream sends the header, and in SSE what makes the first bytes of the
// body: some readers tell that a stream is open by those.
func (h *handler) openStream(w *response, r *http.Request) error {
	head := w.Header()
	head.Set("Content-Type", w.stream.format.mediaType())
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // nginx would collect events until it has a page of them
	w.idle = h.opt.StreamIdle
	w.unhurried()
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if w.stream.format == formatSSE {
		retry := minRetry + h.opt.Jitter(retrySpread)
		if _, err := io.WriteString(w, ": lading\nretry: "+strconv.Itoa(retry)+"\n\n"); err != nil {
			return err
		}
	}
	return w.sent(r)
}

// runStream writes events until there are no more, or the client leaves.
func (h *handler) runStream(w *response, r *http.Request, q *Request) {
	h.opt.Streams.Opened()
	why := StreamLeft
	defer func() { h.opt.Streams.Ended(why) }()
	ctx := r.Context()
	for {
		events := w.stream.next(ctx)
		h.charge(w, r)
		if len(events) == 0 {
			return
		}
		end := h.complete(w, r, q, &events[len(events)-1])
		if err := h.writeEvents(w, r, events); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				why = StreamStalled
			}
			h.failStream(w, r, q, err)
			return
		}
		if end != "" {
			why = end
			return
		}
	}
}

// failStream ends a stream that cannot be written. That the client has left is
// how most streams end; a connection that stands still is cut.
func (h *handler) failStream(w *response, r *http.Request, q *Request, err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) && (gone(err) || r.Context().Err() != nil) {
		return
	}
	h.fail(w, r, q, err)
}

// next returns what is to be written next, nothing at the end. A failure that
// the registry returns instead of telling it is told here.
func (s *streaming) next(ctx context.Context) []lading.Event {
	events, err := s.Next(ctx)
	switch {
	case err == nil:
		return events
	case errors.Is(err, io.EOF) || ctx.Err() != nil:
		return nil
	}
	return []lading.Event{{Control: lading.ControlError, Err: asError(err)}}
}

// complete tells how the stream ends, if this is its last event, and logs why
// it failed.
func (h *handler) complete(w *response, r *http.Request, q *Request, last *lading.Event) (end StreamEnd) {
	switch last.Control {
	case lading.ControlGoaway:
		return StreamEnd(last.Goaway.Reason)
	case lading.ControlError:
		last.Err = h.streamFailure(w, r, q, last.Err)
		return StreamFailed
	}
	return ""
}

// streamFailure is what is told of an error in a stream; its cause is logged.
func (h *handler) streamFailure(w *response, r *http.Request, q *Request, e *lading.Error) *lading.Error {
	if e == nil {
		e = lading.ErrInternal
	}
	told := asError(h.listError(e, q))
	status, entry := entryOf(told)
	w.code = entry.Code
	h.logError(r, requestID(w.Header(), r), status, told, e)
	return told
}

// writeEvents writes what is ready, in as few pieces as may be, and sends it.
func (h *handler) writeEvents(w *response, r *http.Request, events []lading.Event) error {
	b := frames.Get().(*[]byte)
	defer func() {
		if cap(*b) <= maxBatch {
			frames.Put(b)
		}
	}()
	out, err := (*b)[:0], error(nil)
	total := 0
	for i := range events {
		if out, err = w.stream.append(out, &events[i]); err != nil {
			return err
		}
		if len(out) < batch && i < len(events)-1 {
			continue
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		total += len(out)
		out = out[:0]
	}
	*b = out
	if err := w.sent(r); err != nil {
		return err
	}
	h.opt.Streams.Sent(events, total)
	return nil
}

// sent flushes. In HTTP/2 a deadline ends a stream that has nothing to write
// as well, so it is taken away again.
func (w *response) sent(r *http.Request) error {
	err := w.flush()
	if err == nil && r.ProtoMajor >= 2 {
		w.armed = time.Time{}
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Time{})
	}
	return err
}

// address is where the caller reaches the registry, for the sources of events:
// empty, which leaves them a path alone, where the caller names no host.
func (h *handler) address(r *http.Request) string {
	scheme, host := h.opt.Outside(r)
	if host == "" || len(host) > maxName || !allBytes(host, isHostByte) {
		return ""
	}
	return scheme + "://" + host
}

// isHostByte tells the characters of a name or address with a port.
func isHostByte(c byte) bool { return isTagByte(c) || strings.IndexByte(":[]", c) >= 0 }
