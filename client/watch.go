package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/lading-dev/lading"
)

const mediaTypeSSE = "text/event-stream"

// eventsAhead is how many events are read before they are asked for.
const eventsAhead = 32

// Watch implements lading.Watcher. A stream that breaks, other than by goaway
// or an error event, is UNAVAILABLE: open another with the last cursor, or let
// the package informer do so.
func (c *Client) Watch(ctx context.Context, q lading.WatchQuery) (lading.Stream, error) {
	for _, k := range q.Kinds {
		if kindWords[k] == "" {
			return nil, lading.InvalidParameter("kinds", "there are no events of %q", clip(string(k), 64))
		}
	}
	repo := q.Scope.Repository
	if repo != "" {
		if err := checkName(repo); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	res, err := c.send(ctx, request{method: http.MethodGet, path: at(repo, "_lading/watch/events"), query: watchParameters(q), repo: repo, actions: pull,
		missing: lading.CodeExtensionUnknown, header: http.Header{"Accept": {mediaTypeNDJSON + ", " + mediaTypeSSE + ";q=0.5"}}})
	if err != nil {
		cancel()
		return nil, err
	}
	var read func() (lading.Event, error)
	switch in := newLines(res.Body); mediaType(res) {
	case mediaTypeNDJSON:
		read = func() (lading.Event, error) { return readEventLine(in) }
	case mediaTypeSSE:
		read = func() (lading.Event, error) { return readSSE(in) }
	default:
		res.Body.Close()
		cancel()
		return nil, badAnswer(res, "no stream of events, but %q", clip(mediaType(res), 100))
	}
	s := &stream{events: make(chan result, eventsAhead), ctx: ctx, cancel: cancel}
	go s.run(res, read)
	return s, nil
}

// stream hands over what a goroutine reads: so a caller that does not wait any
// longer leaves the stream as it is.
type stream struct {
	events chan result
	ctx    context.Context
	cancel context.CancelFunc
	batch  []lading.Event
	end    error // what comes after the last event
}

type result struct {
	event lading.Event
	err   error
}

// run reads until the stream ends. It owns the answer.
func (s *stream) run(res *http.Response, read func() (lading.Event, error)) {
	defer close(s.events)
	defer res.Body.Close()
	for {
		e, err := read()
		if err != nil {
			err = streamError(res, err)
		}
		select {
		case s.events <- result{e, err}:
		case <-s.ctx.Done():
			return
		}
		if err != nil || e.Control == lading.ControlGoaway || e.Control == lading.ControlError {
			return
		}
	}
}

func streamError(res *http.Response, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // it did not say goodbye
	}
	if isNetwork(err) || errors.Is(err, context.Canceled) {
		return brokenAnswer(res, err)
	}
	return badAnswer(res, "%v", err)
}

// Next implements lading.Stream.
func (s *stream) Next(ctx context.Context) ([]lading.Event, error) {
	if s.end != nil {
		return nil, s.end
	}
	s.batch = s.batch[:0]
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for events: %w", ctx.Err())
	case r, ok := <-s.events:
		s.take(r, ok)
	}
	for len(s.batch) > 0 && s.end == nil {
		select {
		case r, ok := <-s.events:
			s.take(r, ok)
		default:
			return s.batch, nil
		}
	}
	if len(s.batch) > 0 {
		return s.batch, nil
	}
	return nil, s.end
}

// take adds an event to the batch, or notes the end of the stream.
func (s *stream) take(r result, ok bool) {
	switch {
	case !ok && s.ctx.Err() != nil:
		s.end = fmt.Errorf("stream: %w", s.ctx.Err())
	case !ok:
		s.end = io.EOF
	case r.err != nil:
		s.end = r.err
	default:
		s.batch = append(s.batch, r.event)
	}
}

// Close implements lading.Stream.
func (s *stream) Close() { s.cancel() }
