package cli_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading/internal/cli"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// restricted is the host of a registry with users, all of whose passwords are
// "secret", and rules.
func restricted(t *testing.T, rules string, users ...string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	must(t, err)
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Access.Rules = t.TempDir(), config.Relaxed, rules
	cfg.Auth.Htpasswd = filepath.Join(t.TempDir(), "users")
	text := ""
	for _, u := range users {
		text += u + ":" + string(hash) + "\n"
	}
	must(t, os.WriteFile(cfg.Auth.Htpasswd, []byte(text), 0o600))
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true})
	must(t, err)
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		web.Close()
		must(t, srv.Close(context.Background()))
	})
	return web.Listener.Addr().String()
}

// TestGrant gives, shows, explains and takes away, as an administrator of all,
// of a part and as nobody.
func TestGrant(t *testing.T) {
	host := restricted(t, "user:root owner,admin registry\nuser:tea admin namespace:tea", "root", "tea", "ada")
	at := []string{"--registry", host}
	grant := func(args ...string) []string { return append(append([]string{"grant"}, args...), at...) }
	explain := func(args ...string) []string { return append(append([]string{"access", "explain"}, args...), at...) }
	fails(t, cli.ExitDenied, "", grant("ls")...)
	signIn(t, host, "root", "secret")
	added := does(t, grant("add", "user:ada", "writer", "namespace:acme")...)
	id, _, _ := strings.Cut(added, ":")
	if !regexp.MustCompile(`^user-ada-namespace-acme-[0-9a-f]{6}: user:ada list,pull,push,retag namespace:acme\n$`).MatchString(added) {
		t.Error(added)
	}
	if again := does(t, grant("add", "user:ada", "reader", "namespace:acme")...); !strings.HasPrefix(again, id+":") {
		t.Error(again)
	}
	does(t, grant("add", "group:dev", "push", "prefix:a", "--id", "mine")...)
	out := does(t, grant("ls")...)
	for _, line := range []string{`config-[0-9a-f]{12} +user:root +list,pull,push,retag,delete,admin +registry +configuration`, `mine +group:dev +push +prefix:a +api`, id + ` +user:ada +list,pull +namespace:acme +api`} {
		if !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("no %s in\n%s", line, out)
		}
	}
	if out := does(t, grant("ls", "-o", "json")...); !strings.Contains(out, `"id": "mine"`) {
		t.Error(out)
	}
	if out := does(t, explain("ada", "pull", "acme/web")...); !strings.HasPrefix(out, "user:ada may pull in acme/web, by:\n") || !strings.Contains(out, id) {
		t.Error(out)
	}
	if out := does(t, explain("ada", "push", "acme/web", "--group", "dev")...); !strings.Contains(out, "mine") {
		t.Error(out)
	}
	fails(t, cli.ExitDenied, "user:ada may not push in acme/web: no rule says so", explain("ada", "push", "acme/web")...)
	fails(t, cli.ExitDenied, "anonymous may not pull in acme/web", explain("anonymous", "pull", "acme/web")...)
	fails(t, cli.ExitDenied, "is in the configuration", grant("rm", regexp.MustCompile(`config-[0-9a-f]{12}`).FindString(out))...)
	fails(t, cli.ExitNotFound, "RULE_UNKNOWN", grant("rm", "none")...)
	fails(t, cli.ExitUsage, "is no verb", grant("add", "user:ada", "all", "registry")...)
	fails(t, cli.ExitUsage, "is no scope", grant("add", "user:ada", "pull", "acme")...)
	fails(t, cli.ExitUsage, "--id", grant("add", "user:ada", "pull", "registry", "--id", "A")...)
	fails(t, cli.ExitUsage, "text or json", grant("ls", "-o", "xml")...)
	if got := completed(t, "grant", "rm", at[0], host, ""); !strings.Contains(got, "mine|") || strings.Contains(got, "config") {
		t.Errorf("rules of the configuration are offered, or others not: %q", got)
	}
	does(t, "ls", host)
	ids := strings.Fields(does(t, grant("add", "user:bob", "owner,admin", "namespace:acme")...))
	fails(t, cli.ExitFailed, "which this would end", grant("add", "user:bob", "audit", "namespace:acme")...)
	does(t, grant("add", "user:bob", "audit,admin", "namespace:acme")...)
	does(t, grant("rm", strings.TrimSuffix(ids[0], ":"))...)

	signIn(t, host, "tea", "secret")
	does(t, grant("add", "user:ada", "reader", "repository:tea/pot")...)
	fails(t, cli.ExitDenied, "DENIED", grant("add", "user:ada", "reader", "repository:acme/web")...)
	fails(t, cli.ExitNotFound, "RULE_UNKNOWN", grant("rm", "mine")...)
	if out := does(t, grant("ls")...); strings.Contains(out, "acme") || !strings.Contains(out, "tea/pot") {
		t.Error(out)
	}
	signIn(t, host, "ada", "secret")
	fails(t, cli.ExitDenied, "DENIED", grant("ls")...)
	signIn(t, host, "ada", "guess")
	fails(t, cli.ExitDenied, "", grant("ls")...)
	signIn(t, host, "root", "secret")
	does(t, grant("rm", "mine", id)...)
	if out := does(t, grant("ls")...); strings.Contains(out, "mine") {
		t.Error(out)
	}
}
