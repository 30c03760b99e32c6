package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestAuditGroups: what a caller may do through a group, and what it is
// refused, is on record with the groups it was in, as they were then; also
// where it shows a token that was made before they changed.
func TestAuditGroups(t *testing.T) {
	eachEngine(t, func(t *testing.T, catalog string) {
		g := guardedBy(t, catalog, usersFile(t), "user:root owner,admin,audit registry", "group:dev writer namespace:acme")
		const account = "/v2/_lading/access/accounts/user:dora"
		g.must("root", "PUT", account, `{"password":"the explorer of maps","groups":["dev","ops"]}`, 201)
		password := "Basic " + base64.StdEncoding.EncodeToString([]byte("dora:the explorer of maps"))
		var token struct{ Token string }
		got := g.shows(password, "GET", "/v2/_lading/auth/token?scope=repository:acme/web:pull,push", "", 200)
		if err := json.Unmarshal([]byte(got.body), &token); err != nil {
			t.Fatal(err)
		}
		g.shows(password, "PUT", "/v2/acme/web/manifests/v1", index(""), 201)
		g.shows(password, "GET", "/v2/secret/web/manifests/v1", "", 404)
		g.must("root", "PUT", account, `{"groups":["dev"]}`, 200)
		g.shows("Bearer "+token.Token, "PUT", "/v2/acme/web/manifests/v2", index("")+" ", 201)
		want := map[string]string{"manifest_put v1": "dev,ops", "manifest_get v1": "dev,ops", "manifest_put v2": "dev"}
		for _, r := range g.records("root", "n=1000&actor=user:dora") {
			key := r.Action + " " + strings.Join(r.Tags, ",")
			if groups, ok := want[key]; ok && strings.Join(r.Groups, ",") != groups {
				t.Errorf("%s: groups %q, want %q", key, r.Groups, groups)
			}
			delete(want, key)
		}
		if len(want) > 0 {
			t.Errorf("not on record: %v", want)
		}
		for _, r := range g.records("root", "n=1000&actor=user:root") {
			if len(r.Groups) > 0 {
				t.Errorf("%s: %q", r.Action, r.Groups)
			}
		}
	})
}

// shows sends a request with a credential, and wants a status.
func (g *guarded) shows(authorization, method, path, body string, want int) reply {
	g.t.Helper()
	r, err := http.NewRequest(method, g.web.URL+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	a := g.read(res)
	if a.status != want {
		g.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, want)
	}
	return a
}

// TestAuditLimited: who asks for too much is on record as limited, once for all
// that is equal, and a flood of what differs is counted, not written.
func TestAuditLimited(t *testing.T) {
	l := limitedBy(t, func(c *config.Config) {
		c.Limits.Rates = config.Rates{Pull: rate("3/h"), Push: rate("1000/s burst 1000"), List: rate("1000/s burst 1000"), Sync: rate("1000/s burst 1000")}
	})
	for range 3 {
		l.ask("bob", near, "GET", "/v2/acme/web/manifests/v1", "")
	}
	const equal, different = 500, 500
	for range equal {
		if a := l.ask("bob", near, "GET", "/v2/acme/web/manifests/v1", ""); a.status != http.StatusTooManyRequests {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for i := range different {
		l.ask("bob", near, "GET", fmt.Sprintf("/v2/acme/r%d/manifests/v1", i), "")
	}
	if err := l.srv.FlushAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var p lading.AuditPage
	if err := json.Unmarshal([]byte(l.ask("", "127.0.0.1", "GET", "/v2/_lading/audit?n=1000&outcome=limited", "").body), &p); err != nil {
		t.Fatal(err)
	}
	var events, same, folded int64
	for _, r := range p.Records {
		events += r.Count
		if r.Outcome != lading.AuditLimited || r.Actor != "user:bob" || r.Address != near {
			t.Errorf("%+v", r)
		}
		switch {
		case r.Action == "*":
			folded += r.Count
		case r.Status != http.StatusTooManyRequests || r.Code != lading.CodeTooManyRequests || r.Action != "manifest_get" || !slices.Equal(r.Tags, []string{"v1"}):
			t.Errorf("%+v", r)
		case r.Repository == "acme/web":
			same += r.Count
		}
	}
	if events != equal+different || same != equal || folded < different-64 || len(p.Records) > 70 {
		t.Errorf("%d records of %d events, %d equal, %d folded", len(p.Records), events, same, folded)
	}
}

// fileOf is a configuration with a file of records.
func fileOf(t *testing.T, catalog, file string) config.Config {
	cfg := config.Default()
	cfg.Data, cfg.Catalog.URL, cfg.Durability, cfg.Audit.File = t.TempDir(), catalog, config.Relaxed, file
	cfg.Admin.Listen = "127.0.0.1:0" // for metrics
	return cfg
}

func startWith(t *testing.T, cfg config.Config, log *bytes.Buffer) *server.Server {
	t.Helper()
	s, err := server.NewWith(context.Background(), cfg, slog.New(slog.NewTextHandler(log, nil)), server.Options{NoSweep: true, NoTyping: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pushTag(t *testing.T, s *server.Server, tag string) {
	t.Helper()
	l := limited{t: t, srv: s}
	if a := l.ask("", "127.0.0.1", "PUT", "/v2/acme/web/manifests/"+tag, index("")); a.status != http.StatusCreated {
		t.Fatalf("%s: %d %s", tag, a.status, a.body)
	}
}

// tagsIn are the tags of the puts in a file of records, and how often.
func tagsIn(t *testing.T, paths ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var r lading.AuditRecord
			if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &r) == nil && r.Action == "manifest_put" {
				out[strings.Join(r.Tags, ",")]++
			}
		}
	}
	return out
}

func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// TestAuditFile: pushes are in the file a moment later, across a restart each
// once.
func TestAuditFile(t *testing.T) {
	eachEngine(t, func(t *testing.T, catalog string) {
		path := filepath.Join(t.TempDir(), "audit.ndjson")
		cfg := fileOf(t, catalog, path)
		var log bytes.Buffer
		for i := range 2 {
			s := startWith(t, cfg, &log)
			pushTag(t, s, fmt.Sprint("a", i))
			soon(t, "the push is not in the file", func() bool { return tagsIn(t, path)[fmt.Sprint("a", i)] == 1 })
			pushTag(t, s, fmt.Sprint("b", i)) // and gone before it is written
			if err := s.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		s := startWith(t, cfg, &log)
		defer s.Close(context.Background())
		soon(t, "what was left is not in the file", func() bool { return len(tagsIn(t, path)) == 4 })
		for tag, n := range tagsIn(t, path) {
			if n != 1 {
				t.Errorf("%s is there %d times", tag, n)
			}
		}
		if strings.Contains(log.String(), "level=ERROR") {
			t.Error(log.String())
		}
	})
}

// TestAuditFileReplicas: of two replicas one writes; where it ends, the other
// goes on.
func TestAuditFileReplicas(t *testing.T) {
	catalog, dir := sqldbtest.Postgres(t), t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	var log, log2 bytes.Buffer
	first, second := startWith(t, fileOf(t, catalog, one), &log), startWith(t, fileOf(t, catalog, other), &log2)
	const n = 100
	for i := range n { // for longer than both look
		pushTag(t, []*server.Server{first, second}[i%2], fmt.Sprint("t", i))
		time.Sleep(40 * time.Millisecond)
	}
	soon(t, "not all is written", func() bool { return len(tagsIn(t, one, other)) == n })
	writer, left := first, second
	if len(tagsIn(t, one)) == 0 {
		writer, left = second, first
	} else if len(tagsIn(t, other)) > 0 {
		t.Errorf("both have written: %v, %v", tagsIn(t, one), tagsIn(t, other))
	}
	if err := writer.Close(context.Background()); err != nil {
		t.Error(err)
	}
	pushTag(t, left, "last")
	began := time.Now()
	soon(t, "the other does not go on", func() bool { return tagsIn(t, one, other)["last"] == 1 })
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the other goes on after %v: the turn was not given back", took)
	}
	for tag, n := range tagsIn(t, one, other) {
		if n != 1 {
			t.Errorf("%s is there %d times", tag, n)
		}
	}
	if err := left.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestAuditFileWrong: a path that cannot be is told when the registry starts.
func TestAuditFileWrong(t *testing.T) {
	_, err := server.New(t.Context(), fileOf(t, "", filepath.Join(t.TempDir(), "none", "x")), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "audit.file: open ") {
		t.Error(err)
	}
}
