package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// recorded is a stream as a registry sends it: the transaction of one push, a
// word about the stream after the other, and its end.
func recorded(t *testing.T) []eventFields {
	at := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)
	changed := func(kind lading.Kind, action lading.Action, key string, rev int64) string {
		c := &lading.Change{Kind: kind, Action: action, Time: at, ID: fmt.Sprintf("f3-%d", rev), Item: lading.ChangedItem{
			Item: lading.Item{Op: lading.OpPut, Key: key, Repository: "acme/web", Incarnation: "f3", Rev: rev}, PrevRev: rev - 1}}
		b, err := c.AppendCloudEvent(nil, "https://reg.example", lading.DataDescriptor)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return []eventFields{
		{"", "manifest.created", changed(lading.KindManifests, lading.ActionCreated, "manifest:acme/web@sha256:ab", 1)},
		{"c1", "tag.updated", changed(lading.KindTags, lading.ActionUpdated, "tag:acme/web:1", 2)},
		{"c2", "synced", "{}"},
		{"c3", "bookmark", "{}"},
		{"c9", "weather", `{"sun":true}`}, // of a day to come
		{"", "coalesced", "{}"},
		{"", "tag.state", changed(lading.KindTags, lading.ActionState, "tag:acme/web:1", 2)},
	}
}

type eventFields struct{ id, event, data string }

func (e eventFields) line() string {
	id := ""
	if e.id != "" {
		id = fmt.Sprintf(`"id":%q,`, e.id)
	}
	return fmt.Sprintf("{%s\"event\":%q,\"data\":%s}\n", id, e.event, e.data)
}

func (e eventFields) sse() string {
	id := ""
	if e.id != "" {
		id = "id: " + e.id + "\n"
	}
	return fmt.Sprintf("%sevent: %s\ndata:%s\n\n", id, e.event, e.data)
}

var goaway = eventFields{"", "goaway", `{"reason":"drain","retry_ms":1234}`}
var failed = eventFields{"", "error", `{"errors":[{"code":"CURSOR_EXPIRED","message":"too old","detail":{"reason":"retention","retry_after_s":3}}]}`}

func TestWatchForms(t *testing.T) {
	forms := map[string]func(eventFields) string{"application/x-ndjson": eventFields.line, "text/event-stream; charset=utf-8": eventFields.sse}
	for mediaType, write := range forms {
		for _, end := range []eventFields{goaway, failed} {
			t.Run(mediaType+" "+end.event, func(t *testing.T) {
				reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
					if got := r.URL.RequestURI(); got != "/v2/acme/web/_lading/watch/events?data=pointer&initial=true&kinds=tag%2Crepository&since=c0&type=helm" {
						t.Errorf("asked %s", got)
					}
					w.Header().Set("Content-Type", mediaType)
					fmt.Fprint(w, map[bool]string{true: ": hello\nretry: 5\n\n"}[strings.HasPrefix(mediaType, "text/")])
					for _, e := range append(recorded(t), end) {
						fmt.Fprint(w, write(e))
						_ = http.NewResponseController(w).Flush()
					}
				}, client.Options{})
				s, err := reg.Watch(t.Context(), lading.WatchQuery{Kinds: []lading.Kind{lading.KindTags, lading.KindRepositories}, Data: lading.DataPointer,
					Scope: lading.Scope{Repository: "acme/web", Types: []string{"helm"}}, Since: "c0", Initial: true})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				checkEvents(t, s, end)
			})
		}
	}
}

func checkEvents(t *testing.T, s lading.Stream, end eventFields) {
	var names []string
	for {
		events, err := s.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil || len(events) == 0 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			names = append(names, strings.TrimSuffix(e.Name()+" "+e.Cursor, " "))
			switch {
			case e.Change != nil && (e.Change.Item.Repository != "acme/web" || e.Change.Item.PrevRev != e.Change.Item.Rev-1):
				t.Errorf("%+v", e.Change.Item)
			case e.Goaway != nil && *e.Goaway != lading.Goaway{Reason: lading.GoawayDrain, RetryMS: 1234}:
				t.Errorf("%+v", e.Goaway)
			case e.Err != nil && (!errors.Is(e.Err, lading.ErrCursorExpired) || e.Err.Detail != lading.ExpiredDetail{Reason: "retention", RetryAfter: 3}):
				t.Errorf("%#v", e.Err)
			}
		}
	}
	want := "manifest.created, tag.updated c1, synced c2, bookmark c3, coalesced, tag.state, " + end.event
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Who does not wait any longer leaves the stream as it is; closing it ends the
// request at once.
func TestWatchWaits(t *testing.T) {
	more, ended := make(chan bool), make(chan bool)
	reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = http.NewResponseController(w).Flush()
		<-more
		fmt.Fprint(w, recorded(t)[1].line())
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	}, client.Options{})
	s, err := reg.Watch(t.Context(), lading.WatchQuery{})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(short); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	close(more)
	if events, err := s.Next(t.Context()); err != nil || len(events) != 1 || events[0].Cursor != "c1" {
		t.Errorf("%+v, %v", events, err)
	}
	s.Close()
	<-ended
	if _, err := s.Next(t.Context()); err == nil {
		t.Error("there is more behind the end")
	}
}
