package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/lading-dev/lading"
)

// A watchFormat is how a stream is written.
type watchFormat int

const (
	formatSSE    watchFormat = iota // server-sent events (html.spec.whatwg.org, "Server-sent events")
	formatNDJSON                    // a JSON object a line
)

// mediaTypeSSE is that of server-sent events.
const mediaTypeSSE = "text/event-stream"

func (f watchFormat) mediaType() string {
	if f == formatNDJSON {
		return mediaTypeStream
	}
	return mediaTypeSSE
}

// negotiateWatch chooses the format that the Accept headers like best, SSE
// among equals; not ok where they like neither. A reader of one format would
// wait for ever in the other, so nobody is given what was not asked for.
func negotiateWatch(accept []string) (f watchFormat, ok bool) {
	best, any := 0, false
	for _, line := range accept {
		for entry := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(entry, ";")
			if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
				continue
			}
			any = true
			g, known := watchFormats[name]
			if q := weight(parameters); known && (q > best || q == best && q > 0 && g == formatSSE) {
				f, best = g, q
			}
		}
	}
	return f, best > 0 || !any
}

var watchFormats = map[string]watchFormat{
	mediaTypeSSE: formatSSE, "text/*": formatSSE, "*/*": formatSSE,
	mediaTypeStream: formatNDJSON, "application/*": formatNDJSON,
}

func notAcceptable() error {
	return &lading.Error{Code: codeNotAcceptable, Message: "events are told as " + mediaTypeSSE + " or " + mediaTypeStream + ": accept one of them"}
}

// frames are buffers of events, used while they are written. A stream that
// waits has none.
var frames = sync.Pool{New: func() any { b := make([]byte, 0, batch/4); return &b }}

// append appends an event. A cursor and an event's name have no character
// that either format gives a meaning to, and JSON no line break.
func (s *streaming) append(b []byte, e *lading.Event) (_ []byte, err error) {
	if s.format == formatNDJSON {
		b = append(b, '{')
		if e.Cursor != "" {
			b = append(append(append(b, `"id":"`...), e.Cursor...), `",`...)
		}
		b = append(append(append(b, `"event":"`...), e.Name()...), `","data":`...)
		if b, err = s.appendData(b, e); err != nil {
			return b, err
		}
		return append(b, "}\n"...), nil
	}
	if e.Cursor != "" {
		b = append(append(append(b, "id: "...), e.Cursor...), '\n')
	}
	b = append(append(append(b, "event: "...), e.Name()...), "\ndata: "...)
	if b, err = s.appendData(b, e); err != nil {
		return b, err
	}
	return append(b, "\n\n"...), nil
}

// appendData appends what an event tells: a change as a CloudEvent, an error in
// the form of the distribution-spec.
func (s *streaming) appendData(b []byte, e *lading.Event) ([]byte, error) {
	switch {
	case e.Change != nil:
		return e.Change.AppendCloudEvent(b, s.base, s.data)
	case e.Goaway != nil:
		return appendJSON(b, e.Goaway)
	case e.Err != nil:
		_, entry := entryOf(e.Err)
		return appendJSON(b, errorBody{[]errorEntry{entry}})
	}
	return append(b, "{}"...), nil
}

// appendJSON appends v as writeJSON writes it, on one line.
func appendJSON(b []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return b, fmt.Errorf("marshal event: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
