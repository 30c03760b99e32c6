package cli_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/cli"
)

// completed is what a shell is offered for a command line, with | between, and
// the number that says how it goes on.
func completed(t *testing.T, args ...string) string {
	t.Helper()
	_, out, log := ladingWith(t.Context(), env(), "", append([]string{"__completeNoDesc"}, args...)...)
	for l := range strings.Lines(log) {
		if !strings.HasPrefix(l, "Completion ended with directive") {
			t.Errorf("%q tells %q", args, l)
		}
	}
	return strings.ReplaceAll(strings.TrimSpace(out), "\n", "|")
}

// TestCompletesNames completes the names of accounts, groups, rules and tokens,
// of which it shows each caller those that he may see.
func TestCompletesNames(t *testing.T) {
	host, file := accounted(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	first, err := os.ReadFile(file)
	must(t, err)
	signIn(t, host, "admin", strings.TrimSpace(string(first)))
	at := func(command string) []string {
		args := strings.Fields(command)
		for i := range args {
			args[i] = strings.NewReplacer("EMPTY", "", "_", " ").Replace(args[i])
		}
		return append([]string{args[0], "--registry", host}, args[1:]...)
	}
	for _, command := range []string{"user add bob --group dev --group ops --password-stdin", "user add bea --group dev --password-stdin",
		"user add service:ci", "user add service:cd", "grant add group:dev writer namespace:acme --id devs"} {
		if code, _, log := with(t, "battery staple", at(command)...); code != 0 {
			t.Fatal(command, log)
		}
	}
	token := func(args string) string {
		code, _, log := with(t, "", at("token create "+args)...)
		if code != 0 {
			t.Fatal(log)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(log, "lading: token "), " ")
		return id
	}
	own, ci := token("--description laptop"), token("--for service:ci")
	other := open(t)
	fill(t, other.host(), "acme/web")
	signIn(t, host, "admin", strings.TrimSpace(string(first)))
	does(t, "cp", "-q", other.host()+"/acme/web:1.0", host+"/acme/web")
	test := func(command, want string) {
		t.Helper()
		if got := completed(t, at(command)...); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	for _, tt := range []struct{ command, want string }{
		{"user rm EMPTY", "admin|bea|bob|service:cd|service:ci|:4"},
		{"user rm b", "bea|bob|:4"},
		{"user rm bob", "bob|:4"},
		{"user rm bob b", "bea|:4"},
		{"user disable ser", "service:cd|service:ci|:4"},
		{"user enable user:a", "user:admin|:4"},
		{"user passwd b", "bea|bob|:4"},
		{"user passwd bob EMPTY", ":4"},
		{"user groups bo", "bob|:4"},
		{"user groups bob EMPTY", "dev|ops|:4"},
		{"user groups bob dev EMPTY", "ops|:4"},
		{"user add se", "service:|:6"},
		{"user add x --group d", "dev|:4"},
		{"user ls EMPTY", ":4"},
		{"user ls --output x", ":4"},
		{"token create --for EMPTY", "service:cd|service:ci|:4"},
		{"token create --for service:ci", "service:ci|:4"},
		{"token create --expires 3", "30d|365d|:4"},
		{"token ls --of b", "bea|bob|:4"},
		{"token rm " + own[:5], own + "|:4"},
		{"grant add EMPTY", "user:|service:|group:|authenticated|anonymous|:6"},
		{"grant add a", "authenticated|anonymous|:4"},
		{"grant add user:b", "user:bea|user:bob|:4"},
		{"grant add service:", "service:cd|service:ci|:4"},
		{"grant add group:o", "group:ops|:4"},
		{"grant add user:bob re", "reader|retag|:4"},
		{"grant add user:bob pull,pu", "pull,push|:4"},
		{"grant add user:bob pull r", "registry|repository:|:6"},
		{"grant add user:bob pull registry", "registry|:4"},
		{"grant add user:bob pull namespace:ac", "namespace:acme/web|:4"},
		{"grant add user:bob pull registry x", ":4"},
		{"grant rm d", "devs|:4"},
		{"access explain bo", "bob|:4"},
		{"audit --actor u", "user:|:6"},
		{"audit --actor user:bo", "user:bob|:4"},
		{"audit --repo ac", "acme/web|:4"},
		{"audit --output n", "ndjson|:4"},
		{"access explain bob pu", "pull|push|:4"},
		{"access explain bob pull ac", "acme/web|:4"},
	} {
		test(tt.command, tt.want)
	}
	if got := completed(t, at("token rm EMPTY")...); !strings.Contains(got, own) || !strings.Contains(got, ci) {
		t.Errorf("not all tokens: %q", got)
	}
	_, out, _ := ladingWith(t.Context(), env(), "", append([]string{"__complete"}, at("token rm "+own)...)...)
	if want := own + "\tuser:admin laptop\n"; !strings.HasPrefix(out, want) {
		t.Errorf("%q, want %q", out, want)
	}

	signIn(t, host, "bob", "battery staple")
	test("user rm EMPTY", ":4")
	test("grant rm EMPTY", ":4")
	test("token rm EMPTY", ":4")
	signIn(t, host, "bob", "wrong")
	test("user rm b", ":4")
}

// TestCompletesSome offers no more than a person can look through.
func TestCompletesSome(t *testing.T) {
	host, file := accounted(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	first, err := os.ReadFile(file)
	must(t, err)
	signIn(t, host, "admin", strings.TrimSpace(string(first)))
	for i := range 230 {
		if code, _, log := with(t, "", "user", "add", "--registry", host, fmt.Sprintf("service:s%03d", i)); code != 0 {
			t.Fatal(log)
		}
	}
	got := strings.Split(completed(t, "user", "rm", "--registry", host, "service:"), "|")
	if len(got) != 201 || got[0] != "service:s000" || got[200] != ":4" {
		t.Errorf("%d: %.80q", len(got), got)
	}
	for i := range 210 {
		does(t, "grant", "add", "--registry", host, "user:bob", "pull", fmt.Sprintf("repository:r%d", i), "--id", fmt.Sprintf("r%d", i))
	}
	if got := strings.Split(completed(t, "grant", "rm", "--registry", host, "r"), "|"); len(got) != 201 {
		t.Errorf("%d rules", len(got))
	}
	if got := completed(t, "user", "rm", "--registry", host, "service:s229"); got != "service:s229|:4" {
		t.Error(got)
	}
}

// TestCompletionIsShort gives up on a registry that does not answer.
func TestCompletionIsShort(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	must(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, command := range []string{"user rm b", "token rm a", "grant add user:b", "grant rm a"} {
		begin := time.Now()
		args := append([]string{"__completeNoDesc"}, strings.Fields(command)...)
		code, out, log := ladingWith(ctx, env(), "", append(args[:2:2], append([]string{"--registry", l.Addr().String()}, args[2:]...)...)...)
		if took := time.Since(begin); took > 5*time.Second || code != cli.ExitDone || strings.TrimSpace(out) != ":4" {
			t.Errorf("%s: after %v: %d %q %s", command, took, code, out, log)
		}
	}
}
