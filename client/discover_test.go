package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/httpapi"
)

func TestExtensions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		e, ok, err := w.reg.Discovery(t.Context())
		if err != nil || !ok || !e.Has("_lading/list/tags") || !e.Has("_lading/watch/events") || e.Has("_lading/list/nothing") ||
			e.Limits.N != lading.MaxPage || e.Limits.Wait != 60 || e.Limits.Retention() != 90*24*time.Hour {
			t.Errorf("%+v, %v, %v", e, ok, err)
		}
	})
	plain := scripted(t, http.NotFound, client.Options{})
	if _, ok, err := plain.Discovery(t.Context()); ok || err != nil {
		t.Errorf("a registry without: %v, %v", ok, err)
	}
	closed := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, client.Options{})
	if _, _, err := closed.Discovery(t.Context()); !errors.Is(err, lading.ErrDenied) {
		t.Errorf("a registry that does not say: %v", err)
	}
}

func TestTypesAndPolicies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, reg := t.Context(), w.reg
		all, err := reg.Definitions(ctx)
		if err != nil || len(all) == 0 || all[0].Source != "built-in" || len(all[0].JSON) == 0 {
			t.Fatalf("%+v, %v", all, err)
		}
		d, err := reg.Definition(ctx, all[0].Name)
		if err != nil || d.Name != all[0].Name || !strings.Contains(string(d.Logo), "<svg") {
			t.Errorf("%+v, %v", d, err)
		}
		body := []byte(`{"name":"thing","version":1,"display":"Thing","description":"A thing","match":[{"artifactType":"application/vnd.test.thing"}]}`)
		created, err := reg.PutDefinition(ctx, "thing", body)
		if err != nil || !created {
			t.Errorf("a definition: %v, %v, %#v", created, err, lading.AsError(err).Detail)
		}
		if created, err = reg.PutDefinition(ctx, "thing", body); err != nil || created {
			t.Errorf("again: %v, %v", created, err)
		}
		if _, err = reg.PutDefinition(ctx, "thing", []byte("{")); !errors.Is(err, lading.ErrTypeInvalid) {
			t.Errorf("half: %v", err)
		}
		if err := reg.DeleteDefinition(ctx, "thing"); err != nil {
			t.Error(err)
		}
		if _, err := reg.Definition(ctx, "thing"); !errors.Is(err, lading.ErrTypeUnknown) {
			t.Errorf("deleted: %v", err)
		}
		if created, err := reg.PutPolicy(ctx, "charts", []byte(`{"scope":{"namespace":"charts"},"allow":["helm"]}`)); err != nil || !created {
			t.Errorf("a policy: %v, %v", created, err)
		}
		ps, err := reg.Policies(ctx)
		if err != nil || len(ps) != 1 || ps[0].ID != "charts" {
			t.Errorf("policies: %+v, %v", ps, err)
		}
		if p, err := reg.Policy(ctx, "charts"); err != nil || !reflect.DeepEqual(p, ps[0]) {
			t.Errorf("policy: %+v, %v", p, err)
		}
		m := image(pushBlob(t, reg, "charts/web", "{}"), "no chart", "")
		_, err = reg.PutManifest(ctx, "charts/web", m, lading.PutOptions{Tags: []string{"1"}})
		if taken, _ := lading.AsError(err).Detail.([]string); !errors.Is(err, lading.ErrTypeRefused) || len(taken) != 1 || taken[0] != "helm" {
			t.Errorf("refused: %v, %v", err, taken)
		}
		if err := reg.DeletePolicy(ctx, "charts"); err != nil {
			t.Error(err)
		}
		if _, err := reg.Policy(ctx, "charts"); !errors.Is(err, lading.ErrTypeUnknown) {
			t.Errorf("deleted: %v", err)
		}
	})
}

// capture returns the URL that a question asks.
func capture(t *testing.T, question func(ctx context.Context, c *client.Client)) *url.URL {
	var asked *url.URL
	reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL
		w.WriteHeader(http.StatusForbidden)
	}, client.Options{})
	question(t.Context(), reg)
	if asked == nil {
		t.Fatal("nothing was asked")
	}
	return asked
}

// TestParameters sends questions with everything in them, and lets the server's
// side of the wire understand them: they come out as they went in.
func TestParameters(t *testing.T) {
	yes, at := true, time.Date(2026, 8, 1, 10, 0, 0, 123, time.UTC)
	scope := lading.Scope{Namespace: "acme", Prefix: []string{"acme/a", "acme/b"}, Exclude: []string{"acme/x*"},
		Types: []string{"helm", "application/vnd.x+json"}, Platforms: []string{"linux/arm64/v8"}, Tagged: &yes, Subject: digest.FromString("x"),
		CreatedAfter: at, CreatedBefore: at.Add(time.Hour)}
	view := scope
	view.ModifiedAfter, view.ModifiedBefore = at, at.Add(time.Minute)
	for _, q := range []lading.Query{
		{Kind: lading.KindManifests, Scope: scope, N: 7, Since: "c0", Wait: 30 * time.Second},
		{Kind: lading.KindManifests, Scope: view, Order: lading.OrderModified, Desc: true},
		{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/web", Prefix: []string{"1."}}, Order: lading.OrderName, Desc: true},
		{Kind: lading.KindTags, N: 3, Page: "p0"},
		{Kind: lading.KindRepositories, Stats: true},
		{Kind: lading.KindNamespaces, Scope: lading.Scope{Namespace: "acme"}},
	} {
		u := capture(t, func(ctx context.Context, c *client.Client) { _, _ = c.List(ctx, q) })
		got, err := httpapi.Parse(http.MethodGet, u.Path, u.RawQuery)
		if err != nil || !reflect.DeepEqual(got.Query, q) {
			t.Errorf("%s\n%+v\n%+v, %v", u, q, got.Query, err)
		}
	}
	for _, q := range []lading.WatchQuery{
		{Scope: scope, Kinds: []lading.Kind{lading.KindManifests, lading.KindTags}, Data: lading.DataManifest, Since: "c0"},
		{Scope: lading.Scope{Repository: "acme/web"}, Kinds: []lading.Kind{lading.KindRepositories}, Data: lading.DataPointer, Initial: true},
		{Scope: lading.Scope{ModifiedAfter: at}, Actions: []lading.Action{lading.ActionCreated, lading.ActionDeleted}},
	} {
		u := capture(t, func(ctx context.Context, c *client.Client) { _, _ = c.Watch(ctx, q) })
		got, err := httpapi.Parse(http.MethodGet, u.Path, u.RawQuery)
		if err != nil || got.Watch == nil || !sameWatch(*got.Watch, q) {
			t.Errorf("%s\n%+v\n%+v, %v", u, q, got.Watch, err)
		}
	}
	rounded := capture(t, func(ctx context.Context, c *client.Client) {
		_, _ = c.List(ctx, lading.Query{Kind: lading.KindTags, Since: "now", Wait: 1500 * time.Millisecond})
	})
	if rounded.Query().Get("wait") != "2" {
		t.Errorf("a wait is whole seconds: %s", rounded)
	}
}

// sameWatch compares questions whose kinds are in any order, and whose data
// may be left to the server.
func sameWatch(a, b lading.WatchQuery) bool {
	if b.Data == "" {
		b.Data = a.Data
	}
	if len(a.Kinds) != len(b.Kinds) {
		return false
	}
	for _, k := range b.Kinds {
		if !strings.Contains(string(a.Kinds[0])+" "+string(a.Kinds[len(a.Kinds)-1]), string(k)) {
			return false
		}
	}
	a.Kinds, b.Kinds = nil, nil
	return reflect.DeepEqual(a, b)
}

// TestWatchServer watches a real registry: its state, what happens then, and
// what has happened since a cursor.
func TestWatchServer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		push(t, w.reg, "acme/web", "one", "1")
		s, err := w.reg.Watch(t.Context(), lading.WatchQuery{Kinds: []lading.Kind{lading.KindTags}, Initial: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		names, cursor := until(t, s, func(e lading.Event) bool { return e.Control == lading.ControlSynced })
		if !strings.HasPrefix(names, "tag.state tag:acme/web:1") || cursor == "" {
			t.Errorf("at first %s, %q", names, cursor)
		}
		push(t, w.reg, "acme/web", "two", "1")
		isTag := func(e lading.Event) bool { return e.Change != nil && e.Cursor != "" }
		if names, _ := until(t, s, isTag); !strings.HasSuffix(names, "tag.updated tag:acme/web:1") {
			t.Errorf("then %s", names)
		}
		again, err := w.reg.Watch(t.Context(), lading.WatchQuery{Kinds: []lading.Kind{lading.KindTags}, Since: cursor})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if names, _ := until(t, again, isTag); !strings.HasPrefix(names, "tag.updated tag:acme/web:1") {
			t.Errorf("since the cursor %s", names)
		}
		if _, err := w.reg.Watch(t.Context(), lading.WatchQuery{Since: "forged"}); !errors.Is(err, lading.ErrCursorInvalid) {
			t.Errorf("a forged cursor: %v", err)
		}
		w.srv.Drain()
		if names, _ := until(t, s, func(e lading.Event) bool { return e.Control == lading.ControlGoaway }); !strings.HasSuffix(names, "goaway") {
			t.Errorf("at last %s", names)
		}
	})
}

// until reads a stream up to an event, and returns what it told and the last
// cursor.
func until(t *testing.T, s lading.Stream, last func(lading.Event) bool) (names, cursor string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var told []string
	for {
		events, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("%v behind %q", err, told)
		}
		done := false
		for _, e := range events {
			name := e.Name()
			if e.Change != nil {
				name += " " + e.Change.Item.Key
			}
			told = append(told, name)
			if e.Cursor != "" {
				cursor = e.Cursor
			}
			done = done || last(e)
		}
		if done {
			return strings.Join(told, ", "), cursor
		}
	}
}
