package modeltest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// told is an event as a follower receives it.
type told struct {
	id     string
	name   string
	change *lading.Change // nil for a control event
	goaway string         // why
	failed lading.Code    // of an error
	reason string         // of CURSOR_EXPIRED
	text   string         // all that was said, over HTTP
	rules  []rules        // one of them was in force when this was told; none if that is not known
}

// connection is an open stream.
type connection struct {
	id     string
	server int
	events chan told // closed when the stream has ended
	close  func()
}

// streams knows which are open, and what they were told that may be read.
type streams struct {
	mu    sync.Mutex
	last  int
	rules map[string][]rules // told to each stream since the last taking
	open  map[string]*connection
}

type streamKey struct{}

const streamHeader = "Test-Stream"

// asked notes what a stream was told that the caller may read.
func (s *streams) asked(ctx context.Context, rs rules) (stream bool) {
	id, ok := ctx.Value(streamKey{}).(string)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if told := s.rules[id]; len(told) == 0 || !slices.Equal(told[len(told)-1], rs) {
		s.rules[id] = append(told, rs)
	}
	return true
}

// taken returns what the stream was told since the last time, and last before.
func (s *streams) taken(id string) []rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	rs := s.rules[id]
	if len(rs) > 0 {
		s.rules[id] = rs[len(rs)-1:]
	}
	return rs
}

// ever returns what the stream was ever told.
func (s *streams) ever(id string) []rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rules[id])
}

func (s *streams) begin(server int) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	c := &connection{id: strconv.Itoa(s.last), server: server, events: make(chan told)}
	s.open[c.id] = c
	return c
}

func (s *streams) end(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c.id)
	delete(s.rules, c.id)
}

// watch opens a stream for the caller. The answer is that of a request that
// fails at once.
func (w *world) watch(q lading.WatchQuery, sse bool) (*connection, told) {
	c := w.streams.begin(w.next())
	var fail told
	if w.direct {
		fail = w.watchDirect(c, q)
	} else {
		fail = w.watchHTTP(c, q, sse)
	}
	if fail.failed != "" {
		w.streams.end(c)
		return nil, fail
	}
	return c, told{}
}

// failure is how an error is told.
func failure(err error) told {
	a := answerOf(err)
	t := told{failed: a.code, text: a.text}
	var e *lading.Error
	if errors.As(err, &e) {
		var d struct{ Reason string }
		b, _ := json.Marshal(e.Detail)
		_ = json.Unmarshal(b, &d)
		t.reason = d.Reason
	}
	return t
}

// watchDirect reads a stream of the registry as a value: a step ahead of the
// reader and no more.
func (w *world) watchDirect(c *connection, q lading.WatchQuery) told {
	ctx, cancel := context.WithCancel(context.WithValue(as(caller), streamKey{}, c.id))
	s, err := w.regs[c.server].Watch(ctx, q)
	if err != nil {
		cancel()
		return failure(err)
	}
	c.close = cancel
	go func() {
		defer w.streams.end(c)
		defer close(c.events)
		defer s.Close()
		for {
			events, err := s.Next(ctx)
			if err != nil {
				return
			}
			rs := w.streams.taken(c.id)
			for _, ev := range events {
				t := told{id: ev.Cursor, name: ev.Name(), change: ev.Change, rules: rs}
				if ev.Goaway != nil {
					t.goaway = string(ev.Goaway.Reason)
				}
				if ev.Err != nil {
					f := failure(ev.Err)
					t.failed, t.reason, t.text = f.failed, f.reason, f.text
				}
				select {
				case c.events <- t:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return told{}
}

// watchURL is the address of a stream.
func watchURL(q lading.WatchQuery) string {
	// The filters are those of a listing, of any kind.
	path := listURL(lading.Query{Kind: lading.KindTags, Scope: q.Scope, Since: q.Since})
	path = strings.Replace(path, "/_lading/list/tags", "/_lading/watch/events", 1)
	v := url.Values{}
	for _, k := range q.Kinds {
		v.Add("kinds", map[lading.Kind]string{lading.KindRepositories: "repository", lading.KindTags: "tag", lading.KindManifests: "manifest"}[k])
	}
	for _, a := range q.Actions {
		v.Add("actions", string(a))
	}
	if q.Data != "" {
		v.Set("data", string(q.Data))
	}
	if q.Initial {
		v.Set("initial", "true")
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	if len(v) > 0 {
		path += sep + v.Encode()
	}
	return path
}

// watchHTTP reads a stream over HTTP, in either form; the cursor goes in the
// header or in the URL.
func (w *world) watchHTTP(c *connection, q lading.WatchQuery, sse bool) told {
	ctx, cancel := context.WithCancel(context.Background())
	since := q.Since
	if len(since)%2 == 0 && len(since) > 10 && sse {
		q.Since = ""
	} else {
		since = ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.urls[c.server]+watchURL(q), nil)
	if err != nil {
		cancel()
		return failure(err)
	}
	req.Header.Set(userHeader, caller)
	req.Header.Set(streamHeader, c.id)
	if since != "" {
		req.Header.Set("Last-Event-ID", since)
	}
	if !sse {
		req.Header.Set("Accept", "application/x-ndjson")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		cancel()
		return failure(err)
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		body := new(strings.Builder)
		_, err := bufio.NewReader(resp.Body).WriteTo(body)
		a := answerTo(resp, []byte(body.String()), err)
		return told{failed: a.code, text: a.text, reason: expiryReason([]byte(body.String()))}
	}
	c.close = cancel
	go func() {
		defer w.streams.end(c)
		defer close(c.events)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 4<<20)
		for {
			t, ok := readEvent(lines, sse)
			if !ok {
				return
			}
			t.rules = w.streams.ever(c.id) // it may have been on the way for long
			select {
			case c.events <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told{}
}

// readEvent reads the next event; not ok where the stream ends, in the middle
// of one maybe.
func readEvent(lines *bufio.Scanner, sse bool) (t told, ok bool) {
	var data []byte
	if sse {
		t, data, ok = readSSE(lines)
	} else {
		t, data, ok = readLine(lines)
	}
	if !ok {
		return told{}, false
	}
	t.text = string(data)
	switch {
	case strings.Contains(t.name, "."):
		c, base, err := lading.ParseCloudEvent(data)
		if err != nil || !strings.HasPrefix(base, "http://127.0.0.1:") || c.Name() != t.name {
			return told{failed: lading.CodeInternal, text: fmt.Sprintf("%v, %s from %s: %s", err, t.name, base, data)}, true
		}
		t.change = c
	case t.name == string(lading.ControlGoaway):
		var g lading.Goaway
		if err := json.Unmarshal(data, &g); err != nil || g.RetryMS < 0 || g.RetryMS > 60_000 {
			return told{failed: lading.CodeInternal, text: t.text}, true
		}
		t.goaway = string(g.Reason)
	case t.name == string(lading.ControlError):
		var e errorsBody
		if err := json.Unmarshal(data, &e); err != nil || len(e.Errors) != 1 {
			return told{failed: lading.CodeInternal, text: t.text}, true
		}
		t.failed, t.reason = e.Errors[0].Code, expiryReason(data)
	case t.text != "{}":
		return told{failed: lading.CodeInternal, text: t.name + ": " + t.text}, true
	}
	return t, true
}

func readLine(lines *bufio.Scanner) (t told, data []byte, ok bool) {
	if !lines.Scan() {
		return t, nil, false
	}
	var line struct {
		ID, Event string
		Data      json.RawMessage
	}
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		return t, nil, false // cut off
	}
	return told{id: line.ID, name: line.Event}, line.Data, true
}

// readSSE reads what is between two empty lines, by the rules of server-sent
// events as far as they matter here.
func readSSE(lines *bufio.Scanner) (t told, data []byte, ok bool) {
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "":
			if t.name != "" {
				return t, data, true
			}
		case "id":
			t.id = value
		case "event":
			t.name = value
		case "data":
			data = []byte(value)
		}
	}
	return t, nil, false
}

// quiet is how long nothing comes of a stream that has nothing to tell, about.
const quiet = 4 * time.Millisecond

// next returns the next event; not ok where there is none for a while, or the
// stream has ended.
func (c *connection) next(within time.Duration) (t told, ok, ended bool) {
	select {
	case t, open := <-c.events:
		return t, open, !open
	default:
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case t, open := <-c.events:
		return t, open, !open
	case <-timer.C:
		return told{}, false, false
	}
}
