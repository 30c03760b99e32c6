package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	api "github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/cli"
)

// TestAudit: what was done and refused is told, as a table, as JSON and in
// lines, and to those alone who may audit.
func TestAudit(t *testing.T) {
	host := restricted(t, "user:root owner,admin,audit registry\nuser:ada reader namespace:acme", "root", "ada")
	signIn(t, host, "root", "secret")
	pushAs(t, host, "root", "acme/web")
	at := func(args ...string) []string { return append(append([]string{"audit"}, args...), "--registry", host) }
	text := does(t, at("--repo", "acme/web", "--action", "manifest_put", "--since", "2001-01-01T00:00:00Z")...)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "TIME") || !strings.Contains(lines[1], "user:root  manifest_put  acme/web") || !strings.HasSuffix(lines[1], "allowed  127.0.0.1") {
		t.Error(text)
	}
	var all struct{ Records []api.AuditRecord }
	must(t, json.Unmarshal([]byte(does(t, at("-o", "json", "--limit", "0", "--actor", "user:root", "--action", "manifest_put")...)), &all))
	if len(all.Records) != len(lines)-1 {
		t.Errorf("%d records, and %d lines", len(all.Records), len(lines)-1)
	}
	if n := strings.Count(does(t, at("-o", "ndjson", "--limit", "1", "--namespace", "acme")...), "\n"); n != 1 {
		t.Errorf("%d lines of 1", n)
	}
	if text := does(t, at("--denied", "--until", "2001-01-01T00:00:00Z")...); text != "" {
		t.Error(text)
	}
	for _, args := range [][]string{{"-o", "xml"}, {"--since", "yesterday"}, {"--follow", "-o", "json"}, {"--repo", "a", "--namespace", "b"}} {
		fails(t, cli.ExitUsage, "", at(args...)...)
	}
	signIn(t, host, "ada", "secret")
	fails(t, cli.ExitDenied, "", at()...)
}

// TestAuditFollow: what happens is told while it does.
func TestAuditFollow(t *testing.T) {
	host := restricted(t, "user:root owner,admin,audit registry", "root")
	signIn(t, host, "root", "secret")
	r := runs(t, "audit", "--follow", "--action", "manifest_put", "--interval", "50ms", "--since", "2001-01-01T00:00:00Z", "--registry", host)
	pushAs(t, host, "root", "acme/web")
	awaits(t, "what was pushed", r.out.shows("user:root  manifest_put  acme/web"))
	pushAs(t, host, "root", "acme/later")
	awaits(t, "what was pushed later", r.out.shows("user:root  manifest_put  acme/later"))
	r.ends(t)
}

// pushAs pushes an empty index under the tag v1.
func pushAs(t *testing.T, host, user, repo string) {
	t.Helper()
	const index = "application/vnd.oci.image.index.v1+json"
	r, err := http.NewRequest("PUT", "http://"+host+"/v2/"+repo+"/manifests/v1", strings.NewReader(`{"schemaVersion":2,"mediaType":"`+index+`","manifests":[]}`))
	must(t, err)
	r.Header.Set("Content-Type", index)
	r.SetBasicAuth(user, "secret")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
}
