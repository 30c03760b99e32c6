package httpapi

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// parsedWatches are the part of parsed that is about streams.
var parsedWatches = []struct {
	method, url string
	want        Request
}{
	{"GET", "/v2/_lading/watch/events", Request{Action: ActionWatch, Watch: &lading.WatchQuery{}}},
	{"HEAD", "/v2/_lading/watch/events", Request{Action: ActionWatch, Head: true, Watch: &lading.WatchQuery{}}},
	{"GET", "/v2/a/b/_lading/watch/events?since=c.1-_", Request{Action: ActionWatch, Repository: "a/b",
		Watch: &lading.WatchQuery{Scope: lading.Scope{Repository: "a/b"}, Since: "c.1-_"}}},
	{"GET", "/v2/_lading/watch/events?kinds=manifest%2Crepository%2Ctag&data=manifest&initial=true&" +
		"namespace=a&prefix=b&prefix=c%2F&exclude=d%2A&type=x%2Fy&platform=linux%2Farm%2Fv7&tagged=true&subject=" + esc(d256) +
		"&created_after=2026-08-01T10%3A00%3A00Z&created_before=2026-08-01T10%3A00%3A00.5Z",
		Request{Action: ActionWatch, Watch: &lading.WatchQuery{
			Kinds: []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests}, Data: lading.DataManifest, Initial: true,
			Scope: lading.Scope{
				Namespace: "a", Prefix: []string{"b", "c/"}, Exclude: []string{"d*"}, Types: []string{"x/y"},
				Platforms: []string{"linux/arm/v7"}, Tagged: &yes, Subject: d256,
				CreatedAfter: memTime, CreatedBefore: memTime.Add(time.Second / 2),
			},
		}}},
	{"GET", "/v2/_lading/watch/events?actions=created%2Cdeleted&data=pointer&modified_after=2026-08-01T10%3A00%3A00Z&since=now",
		Request{Action: ActionWatch, Watch: &lading.WatchQuery{Actions: []lading.Action{lading.ActionCreated, lading.ActionDeleted},
			Data: lading.DataPointer, Since: "now", Scope: lading.Scope{ModifiedAfter: memTime}}}},
	{"GET", "/v2/a/_lading/watch/events?kinds=repository%2Ctag&prefix=v1&exclude=v1.0&created_after=2026-08-01T10%3A00%3A00Z", Request{Action: ActionWatch, Repository: "a",
		Watch: &lading.WatchQuery{Kinds: []lading.Kind{lading.KindRepositories, lading.KindTags},
			Scope: lading.Scope{Repository: "a", Prefix: []string{"v1"}, Exclude: []string{"v1.0"}, CreatedAfter: memTime}}}},
	{"GET", "/v2/watch/events/_lading/watch/events", Request{Action: ActionWatch, Repository: "watch/events", Watch: &lading.WatchQuery{Scope: lading.Scope{Repository: "watch/events"}}}},
}

// TestParseWatchAlike are ways to write the same stream.
func TestParseWatchAlike(t *testing.T) {
	for a, b := range map[string]string{
		"kinds=tag&kinds=manifest":        "kinds=manifest,tag",
		"kinds=tag,tag":                   "kinds=tag",
		"actions=updated&actions=created": "actions=created,updated",
		"initial=false":                   "",
		"initial=true&since=c.1":          "since=c.1&initial=true",
		"since=now&actions=deleted":       "actions=deleted&since=now",
	} {
		got, err := Parse("GET", "/v2/_lading/watch/events", a)
		want, wantErr := Parse("GET", "/v2/_lading/watch/events", b)
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v, %v", a, got.Watch, err, want.Watch, wantErr)
		}
	}
}

// TestWatchParametersRefused: nothing that is misspelt, misplaced or bad is
// ever ignored.
func TestWatchParametersRefused(t *testing.T) {
	const registry, repository = "/v2/_lading/watch/events", "/v2/a/_lading/watch/events"
	for _, c := range []struct{ path, query, parameter string }{
		{registry, "n=5", "n"},
		{registry, "page=x", "page"},
		{registry, "order=name", "order"},
		{registry, "wait=5", "wait"},
		{registry, "view=stats", "view"},
		{registry, "knds=tag", "knds"},
		{registry, "kinds=", "kinds"},
		{registry, "kinds=tags", "kinds"},
		{registry, "kinds=tag,", "kinds"},
		{registry, "kinds=namespace", "kinds"},
		{registry, "kinds=tag" + strings.Repeat("&kinds=tag", 100), "kinds"},
		{registry, "actions=state", "actions"},
		{registry, "actions=", "actions"},
		{registry, "actions=created&initial=true", "initial"},
		{registry, "actions=created&since=c.1", "since"},
		{registry, "modified_after=2026-08-01T10:00:00Z&since=c.1", "since"},
		{registry, "modified_before=yesterday", "modified_before"},
		{registry, "initial=yes", "initial"},
		{registry, "initial=true&initial=true", "initial"},
		{registry, "initial=true&since=now", "initial"},
		{registry, "since=none", "since"},
		{registry, "since=", "since"},
		{registry, "since=a&since=b", "since"},
		{registry, "since=%0a", "since"},
		{registry, "data=all", "data"},
		{registry, "data=pointer&data=pointer", "data"},
		{registry, "type=Bad", "type"},
		{registry, "type=", "type"},
		{registry, "namespace=a&namespace=b", "namespace"},
		{registry, "kinds=repository&type=helm", "type"},
		{registry, "kinds=repository&platform=linux/amd64", "platform"},
		{registry, "kinds=repository,tag&tagged=true", "tagged"},
		{registry, "kinds=tag&subject=" + string(d256), "subject"},
		{repository, "namespace=a", "namespace"},
		{repository, "kinds=repository&namespace=a", "namespace"},
		{repository, "prefix=v1", "prefix"},
		{repository, "kinds=tag,manifest&prefix=v1", "prefix"},
		{repository, "kinds=repository&exclude=v1", "exclude"},
		{repository, "kinds=manifest&exclude=v1", "exclude"},
	} {
		_, err := Parse("GET", c.path, c.query)
		var e *lading.Error
		if !errors.As(err, &e) || e.Code != lading.CodeParameterInvalid {
			t.Errorf("%s?%s: %v", c.path, c.query, err)
			continue
		}
		if d, ok := e.Detail.(lading.ParameterDetail); !ok || d.Parameter != c.parameter || d.Reason == "" {
			t.Errorf("%s?%s: at fault is %+v, want %s", c.path, c.query, e.Detail, c.parameter)
		}
	}
	if _, err := Parse("GET", registry, "type="+strings.Repeat("x", maxListQuery)); !errors.Is(err, lading.ErrParameterInvalid) {
		t.Errorf("a query without end: %v", err)
	}
}

func FuzzParseWatch(f *testing.F) {
	for _, c := range parsedWatches {
		_, query, _ := strings.Cut(c.url, "?")
		f.Add(c.want.Repository, query)
	}
	f.Fuzz(func(t *testing.T, repo, query string) {
		v, err := url.ParseQuery(query)
		if err != nil || repo != "" && !validName(repo) {
			return
		}
		q, err := parseWatch(repo, v)
		if err != nil {
			checkParseError(t, err)
			return
		}
		again := url.Values{}
		addWatchParameters(again, q)
		for name := range v {
			if _, ok := again[name]; !ok && name != "initial" {
				t.Errorf("%q: %s was ignored", query, name)
			}
		}
		if back, err := parseWatch(repo, again); err != nil || !reflect.DeepEqual(back, q) {
			t.Errorf("%q is written as %v, which is %+v, %v", query, again, back, err)
		}
		if strings.ContainsAny(q.Since+strings.Join(q.Scope.Prefix, ""), "\x00\n ") {
			t.Errorf("%+v got through", q)
		}
	})
}

func TestNegotiateWatch(t *testing.T) {
	for accept, want := range map[string]int{
		"": 0, "*/*": 0, "text/event-stream": 0, "text/*": 0, " , ": 0,
		"application/x-ndjson": 1, "Application/X-NDJSON ; q=0.1": 1, "application/*": 1,
		"application/x-ndjson, text/event-stream": 0, "text/event-stream;q=0.5, application/x-ndjson": 1,
		"application/x-ndjson;q=0.5, */*;q=0.1": 1,
		"application/json":                      -1, "text/html": -1, "*/*;q=0": -1, "text/event-stream;q=nan": -1, "application/json;q=0.9, text/event-stream;q=0.1": 0,
	} {
		f, ok := negotiateWatch([]string{accept})
		if got := map[bool]int{true: int(f), false: -1}[ok]; got != want {
			t.Errorf("Accept: %s: %d, want %d", accept, got, want)
		}
	}
	if f, ok := negotiateWatch(nil); f != formatSSE || !ok {
		t.Error("without Accept:", f, ok)
	}
	if f, ok := negotiateWatch([]string{"text/html", "application/x-ndjson"}); f != formatNDJSON || !ok {
		t.Error("two lines:", f, ok)
	}
}
