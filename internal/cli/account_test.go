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

	"github.com/lading-dev/lading/internal/cli"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// accounted is the host of a registry with accounts and none yet but the first,
// and the file with its password.
func accounted(t *testing.T) (host, password string) {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Durability, cfg.Auth.Accounts = t.TempDir(), config.Relaxed, true
	srv, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true})
	must(t, err)
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		web.Close()
		must(t, srv.Close(context.Background()))
	})
	return web.Listener.Addr().String(), filepath.Join(cfg.Data, "initial-admin-password")
}

// with is a command with something in its standard input.
func with(t *testing.T, in string, args ...string) (code int, out, log string) {
	t.Helper()
	return ladingWith(t.Context(), cli.Env{}, in, args...)
}

// TestAccounts goes the way of a newcomer: the first sign-in, users, groups,
// tokens for a service and for oneself, and out again.
func TestAccounts(t *testing.T) {
	host, file := accounted(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	at := func(command string) []string { return append(strings.Fields(command), "--registry", host) }
	fails := func(t *testing.T, code int, want string, args ...string) {
		t.Helper()
		if got, out, log := with(t, "", args...); got != code || !strings.Contains(log, want) {
			t.Errorf("%v: %d, want %d with %q\n%s%s", args, got, code, want, out, log)
		}
	}
	doesWith := func(in string, args ...string) string {
		t.Helper()
		code, out, log := with(t, in, args...)
		if code != 0 {
			t.Fatalf("%v: %d %s", args, code, log)
		}
		return out
	}
	does := func(args ...string) string { t.Helper(); return doesWith("", args...) }
	fails(t, cli.ExitDenied, "", "whoami", host)
	first, err := os.ReadFile(file)
	must(t, err)
	if code, _, _ := with(t, "wrong password", "login", host, "-u", "admin", "--password-stdin"); code != cli.ExitDenied {
		t.Errorf("a wrong password ends with %d", code)
	}
	if out := doesWith(string(first), "login", host, "-u", "admin", "--password-stdin"); out != "signed in to "+host+" as admin\n" {
		t.Error(out)
	}
	who := does("whoami", host)
	for _, want := range []string{"user:admin", "password", "list,pull,push,retag,delete,admin"} {
		if !strings.Contains(who, want) {
			t.Errorf("no %s in\n%s", want, who)
		}
	}
	doesWith("battery staple", at("user add bob --group dev --password-stdin")...)
	does(at("user add service:ci")...)
	if code, _, log := with(t, "battery staple", at("user add bob --password-stdin")...); code == 0 || !strings.Contains(log, "PRECONDITION_FAILED") {
		t.Error("bob was made twice:", log)
	}
	if code, _, log := with(t, "short\n", at("user add eve --password-stdin")...); code == 0 || !strings.Contains(log, "12 to 1024 bytes") {
		t.Error(log)
	}
	if code, _, _ := with(t, "", at("user add eve")...); code != cli.ExitUsage {
		t.Error("nobody types a password, and it ends with", code)
	}
	fails(t, cli.ExitNotFound, "ACCOUNT_UNKNOWN", at("user disable eve")...)
	out := does(at("user ls")...)
	if want := regexp.MustCompile(`(?m)^NAME +GROUPS +STATE +CREATED +BY\nservice:ci +- +enabled .*user:admin\nuser:admin +- +enabled .*\nuser:bob +dev +enabled .* user:admin$`); !want.MatchString(out) {
		t.Error(out)
	}
	if out := does(at("user groups bob ops dev")...); out != "dev\nops\n" && out != "ops\ndev\n" {
		t.Error(out)
	}
	does(append(at("token create --for service:ci --expires 30d"), "--scope", "pull,push namespace:acme")...)
	fails(t, cli.ExitDenied, "DENIED", at("token create --for user:bob")...)
	does(at("grant add group:dev writer namespace:acme")...)

	// As bob.
	doesWith("battery staple\n", "login", host, "-u", "bob", "--password-stdin")
	fails(t, cli.ExitDenied, "DENIED", at("user ls")...)
	token := strings.TrimSpace(does(append(at("token create --expires never --description laptop"), "--scope", "reader registry")...))
	if !regexp.MustCompile(`^lading_pat_[0-9A-Za-z]{49}$`).MatchString(token) {
		t.Error(token)
	}
	out = does(at("token ls")...)
	if strings.Contains(out, "service:ci") || strings.Contains(out, token) || !strings.Contains(out, "laptop") {
		t.Error(out)
	}
	doesWith(token, "login", host, "-u", "whoever", "--password-stdin")
	if who := does("whoami", host); !strings.Contains(who, "user:bob") || !strings.Contains(who, "limited to") || !strings.Contains(who, "reader registry") {
		t.Error(who)
	}
	if code, _, log := with(t, "yet another password", at("user passwd --password-stdin")...); code != cli.ExitDenied || !strings.Contains(log, "a token is not enough") {
		t.Error(code, log)
	}
	fails(t, cli.ExitDenied, "may do more than it may itself", at("token create")...)
	id := strings.Fields(strings.Split(out, "\n")[1])[0]
	does(at("token rm " + id)...)
	fails(t, cli.ExitDenied, "", "whoami", host)
	doesWith("battery staple", "login", host, "-u", "bob", "--password-stdin")
	doesWith("yet another password", at("user passwd --password-stdin")...)
	fails(t, cli.ExitDenied, "", "whoami", host)
	doesWith("yet another password", "login", host, "-u", "bob", "--password-stdin")
	does("logout", host)
	fails(t, cli.ExitDenied, "", "whoami", host)
}
