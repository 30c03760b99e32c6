package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// eachEngine runs a test with the URL of a catalog on each engine.
func eachEngine(t *testing.T, test func(t *testing.T, url string)) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		if !strings.HasPrefix(url, "postgres") {
			url = "" // the one in the data directory
		}
		test(t, url)
	})
}

// records are what a user is told by one question, page by page.
func (g *guarded) records(user, query string) (out []lading.AuditRecord) {
	g.t.Helper()
	if err := g.srv.FlushAudit(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	for after := ""; ; {
		var p lading.AuditPage
		a := g.must(user, "GET", "/v2/_lading/audit?"+query+after, "", 200)
		if err := json.Unmarshal([]byte(a.body), &p); err != nil {
			g.t.Fatal(err)
		}
		out = append(out, p.Records...)
		if !p.More {
			return out
		}
		after = "&after=" + p.Next
	}
}

// brief is what of a record does not differ from run to run.
func brief(r lading.AuditRecord) string {
	words := []string{r.Action, r.Outcome, r.Actor + r.Claimed, r.Repository + r.Scope, strings.Join(r.Tags, ","), string(r.Code)}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

func briefs(rs []lading.AuditRecord) (out []string) {
	for _, r := range rs {
		out = append(out, brief(r))
	}
	return out
}

func auditedBy(t *testing.T, url string) *guarded {
	return guardedBy(t, url, usersFile(t), "user:root owner,admin,audit registry", "user:ada writer,audit namespace:acme", "user:only-list audit prefix:ac")
}

// TestAudit: changes, refusals and signing in are on record, with who, what and
// from where, and without a secret.
func TestAudit(t *testing.T) {
	eachEngine(t, func(t *testing.T, catalog string) {
		g := auditedBy(t, catalog)
		g.fill("acme/web")
		made := digest.FromString(index(""))
		g.must("ada", "PUT", "/v2/acme/web/manifests/v1", index(""), 201)
		g.must("ada", "DELETE", "/v2/acme/web/manifests/v1", "", 403)
		g.must("nobody", "GET", "/v2/acme/web/manifests/v1", "", 404)
		g.must("nobody", "GET", "/v2/acme/none/manifests/v1", "", 404)
		g.must("ada", "GET", "/v2/acme/web/manifests/nosuch", "", 404)
		g.must("ada", "GET", "/v2/", "", 200)
		g.must("", "GET", "/v2/acme/web/tags/list", "", 401)
		g.must("", "GET", "/v2/", "", 401)
		wrong(t, g, "ada")
		g.must("root", "DELETE", "/v2/acme/web/manifests/gone", "", 202)
		g.must("root", "DELETE", "/v2/acme/web/manifests/"+made.String(), "", 202)
		g.must("root", "PUT", "/v2/_lading/access/rules/x", `{"subject":"user:x","scope":"namespace:acme","verbs":["pull"]}`, 201)
		g.must("root", "PUT", "/v2/_lading/types/definitions/widget", newType("widget"), 201)
		g.must("root", "DELETE", "/v2/acme/web/_lading/manage/repository", "", 202)

		got := g.records("root", "n=1000")
		var seen []string
		for _, r := range got {
			seen = append(seen, brief(r))
			if r.ID == "" || r.Time.IsZero() || r.Count < 1 || r.Address != "127.0.0.1" || r.Agent != "Go-http-client/1.1" || r.RequestID == "" {
				t.Errorf("%s: not all is told: %+v", brief(r), r)
			}
		}
		for _, want := range []string{
			"manifest_put allowed user:root acme/web v1", "manifest_put allowed user:root acme/web gone",
			"manifest_put allowed user:ada acme/web v1",
			"tag_delete denied user:ada acme/web v1 DENIED",
			"manifest_get denied user:nobody acme/web v1 NAME_UNKNOWN", "manifest_get denied user:nobody acme/none v1 NAME_UNKNOWN",
			"sign_in allowed user:ada", "tags_list unauthorized acme/web UNAUTHORIZED", "base unauthorized user:ada UNAUTHORIZED",
			"tag_delete allowed user:root acme/web gone", "manifest_delete allowed user:root acme/web v1",
			"access_change allowed user:root namespace:acme", "definition_put allowed user:root registry",
			"repository_delete allowed user:root acme/web",
		} {
			if n := count(seen, want); n != 1 {
				t.Errorf("%q is there %d times, in\n%s", want, n, strings.Join(seen, "\n"))
			}
		}
		for _, r := range got {
			if r.Outcome == lading.AuditUnauthorized && r.Action == "base" && r.Claimed == "" {
				t.Errorf("without a password: %+v", r)
			}
			if r.Actor == "user:ada" && r.Action == "manifest_put" && (r.Digest != made || r.Previous == "" || r.Previous == made || r.Size != int64(len(index("")))) {
				t.Errorf("a put: %+v", r)
			}
			if strings.Contains(fmt.Sprint(r), "sesame") || r.Actor == "user:ada" && slices.Contains(r.Tags, "nosuch") {
				t.Errorf("a secret, or what was no refusal: %+v", r)
			}
		}
	})
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// wrong signs in with a wrong password.
func wrong(t *testing.T, g *guarded, user string) {
	t.Helper()
	r, err := http.NewRequest("GET", g.web.URL+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, "sesame?")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 401 {
		t.Fatal(res.Status)
	}
}

// TestAuditOfAPart: who may audit a part is told of that, as if there were
// nothing else.
func TestAuditOfAPart(t *testing.T) {
	eachEngine(t, func(t *testing.T, catalog string) {
		g := auditedBy(t, catalog)
		for _, repo := range []string{"acm", "acme", "acme/a", "secret/x", "acme/b/c", "acme-x/y", "acmf"} {
			g.must("root", "PUT", "/v2/"+repo+"/manifests/v1", index(""), 201)
		}
		for scope := range map[string]int{"registry": 0, "namespace:secret": 0, "prefix:acm": 0, "namespace:acme/b": 1} {
			id := strings.NewReplacer(":", "-", "/", "-").Replace(scope)
			g.must("root", "PUT", "/v2/_lading/access/rules/"+id, `{"subject":"user:x","scope":"`+scope+`","verbs":["pull"]}`, 201)
		}
		g.must("nobody", "GET", "/v2/secret/x/manifests/v1", "", 404)
		g.must("nobody", "GET", "/v2/acme/a/manifests/v1", "", 404)
		want := []string{"manifest_get denied user:nobody acme/a v1 NAME_UNKNOWN", "access_change allowed user:root namespace:acme/b",
			"manifest_put allowed user:root acme/b/c v1", "manifest_put allowed user:root acme/a v1", "manifest_put allowed user:root acme v1"}
		for _, query := range []string{"n=1000", "n=1", "n=2&namespace=acme"} {
			if got := briefs(g.records("ada", query)); !slices.Equal(got, want) {
				t.Errorf("%s: ada is told\n%s", query, strings.Join(got, "\n"))
			}
		}
		for query, want := range map[string][]string{
			"repository=acme": want[4:], "repository=acme/a": {want[0], want[3]}, "namespace=acme/b": want[1:3],
			"repository=secret/x": nil, "namespace=secret": nil, "actor=user:nobody": want[:1], "outcome=denied": want[:1], "outcome=refused&n=1": want[:1],
			"action=access_change": want[1:2], "outcome=limited": nil, "until=2001-01-01T00:00:00Z": nil, "since=2001-01-01T00:00:00Z&n=3": want,
		} {
			if got := briefs(g.records("ada", query)); !slices.Equal(got, want) {
				t.Errorf("%s: ada is told\n%s", query, strings.Join(got, "\n"))
			}
		}
		for _, r := range g.records("only-list", "n=1000") { // of a prefix that is no namespace
			if !strings.HasPrefix(r.Repository, "ac") && !strings.HasPrefix(r.Scope, "namespace:ac") {
				t.Errorf("who may audit prefix:ac is told %q", brief(r))
			}
		}
		if n := len(g.records("only-list", "n=2")); n != 8 {
			t.Errorf("who may audit prefix:ac is told of %d, want 8", n)
		}
		if a := g.send("nobody", "GET", "/v2/_lading/audit", ""); a.code() != "DENIED" {
			t.Errorf("nobody: %d %s", a.status, a.body)
		}
		if a := g.send("but-audit", "GET", "/v2/_lading/audit", ""); a.status != 403 {
			t.Errorf("without the verb: %d", a.status)
		}
	})
}

// TestAuditPages: in both orders, in pages of any length, each record comes
// once; who follows goes on where it left off.
func TestAuditPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, catalog string) {
		g := auditedBy(t, catalog)
		for i := range 25 {
			g.must("root", "PUT", fmt.Sprintf("/v2/acme/web%d/manifests/v1", i%3), index("")+strings.Repeat(" ", i), 201)
		}
		all := g.records("root", "n=1000&action=manifest_put")
		if len(all) != 25 {
			t.Fatalf("%d records of 25", len(all))
		}
		for _, user := range []string{"root", "ada"} {
			for _, n := range []int{1, 7, 24, 25, 26} {
				if got := g.records(user, fmt.Sprint("action=manifest_put&n=", n)); !same(got, all) {
					t.Errorf("%s, pages of %d: %d records", user, n, len(got))
				}
			}
		}
		slices.Reverse(all)
		var got []lading.AuditRecord
		var next string
		for deadline := time.Now().Add(20 * time.Second); len(got) < 27 && time.Now().Before(deadline); {
			q := url.Values{"order": {"oldest"}, "n": {"4"}, "action": {"manifest_put"}}
			if next != "" {
				q.Set("after", next)
			}
			var p lading.AuditPage
			if err := json.Unmarshal([]byte(g.must("root", "GET", "/v2/_lading/audit?"+q.Encode(), "", 200).body), &p); err != nil {
				t.Fatal(err)
			}
			got, next = append(got, p.Records...), p.Next
			if len(got) == 25 && len(all) == 25 {
				for i := range 2 {
					g.must("root", "PUT", fmt.Sprint("/v2/acme/more/manifests/t", i), index(""), 201)
				}
				all = append(all, lading.AuditRecord{}, lading.AuditRecord{})
			}
			if !p.More {
				time.Sleep(50 * time.Millisecond)
			}
		}
		if len(got) != 27 || !same(got[:25], all[:25]) || got[25].Tags[0] != "t0" || got[26].Tags[0] != "t1" {
			t.Errorf("followed: %q", briefs(got))
		}
		lines := g.lines("root", "n=5")
		if len(lines) != 5 {
			t.Errorf("%d lines of 5: %q", len(lines), lines)
		}
		for _, q := range []string{"n=0", "n=x", "outcome=ok", "since=now", "after=x", "order=up", "page=1", "repository=A", "repository=a&namespace=b", "actor=%00", "n=1&n=2"} {
			if a := g.send("root", "GET", "/v2/_lading/audit?"+q, ""); a.code() != "PARAMETER_INVALID" {
				t.Errorf("%s: %d %s", q, a.status, a.body)
			}
		}
	})
}

func same(a, b []lading.AuditRecord) bool {
	return slices.EqualFunc(a, b, func(a, b lading.AuditRecord) bool { return a.ID == b.ID })
}

// lines are the records as lines.
func (g *guarded) lines(user, query string) []string {
	g.t.Helper()
	r, err := http.NewRequest("GET", g.web.URL+"/v2/_lading/audit?"+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.SetBasicAuth(user, passwordOfAll)
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(res.Header.Get("Link"), "after=") {
		g.t.Errorf("%v", res.Header)
	}
	dec := json.NewDecoder(res.Body)
	var out []string
	for {
		var r lading.AuditRecord
		if dec.Decode(&r) != nil {
			return out
		}
		out = append(out, brief(r))
	}
}

// TestAuditPulls: what is read by name is on record where that is wanted, equal
// pulls with their number, and nowhere else.
func TestAuditPulls(t *testing.T) {
	for _, on := range []bool{false, true} {
		cfg := config.Default()
		cfg.Data, cfg.Durability, cfg.Audit.Pulls = t.TempDir(), config.Relaxed, on
		g := guardedWith(t, cfg)
		g.must("", "PUT", "/v2/acme/web/manifests/v1", index(""), 201)
		for range 5 {
			g.must("", "GET", "/v2/acme/web/manifests/v1", "", 200)
		}
		g.must("", "GET", "/v2/acme/web/manifests/none", "", 404)
		g.must("", "GET", "/v2/acme/web/tags/list", "", 200)
		var pulls int64
		for _, r := range g.records("", "n=1000") {
			switch r.Action {
			case "manifest_get":
				pulls += r.Count
			case "manifest_put":
			default:
				t.Errorf("%+v", r)
			}
		}
		if want := map[bool]int64{true: 5}[on]; pulls != want {
			t.Errorf("audit.pulls %v: %d pulls, want %d", on, pulls, want)
		}
	}
}

func guardedWith(t testing.TB, cfg config.Config) *guarded {
	t.Helper()
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, NoTyping: true})
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{t: t, srv: srv, web: httptest.NewServer(srv.Handler())}
	t.Cleanup(func() {
		g.web.Close()
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g
}
