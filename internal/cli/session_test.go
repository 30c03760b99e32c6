package cli_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
)

// TestSessionCommand lists and ends what clients have that signed in with
// docker login: the own, and as an administrator those of others.
func TestSessionCommand(t *testing.T) {
	host, file := accounted(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	at := func(command string) []string { return append(strings.Fields(command), "--registry", host) }
	first, err := os.ReadFile(file)
	must(t, err)
	as := func(user, password string) {
		t.Helper()
		if code, _, log := with(t, password, "login", host, "-u", user, "--password-stdin"); code != 0 {
			t.Fatal(log)
		}
	}
	says := func(want string, args ...string) string {
		t.Helper()
		code, out, log := with(t, "", args...)
		if code != 0 || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%v: %d\n%s%s\nwant %s", args, code, out, log, want)
		}
		return out
	}
	fails := func(code int, want string, args ...string) {
		t.Helper()
		if got, out, log := with(t, "", args...); got != code || !strings.Contains(log, want) {
			t.Errorf("%v: %d, want %d with %q\n%s%s", args, got, code, want, out, log)
		}
	}
	signIn := func(user, password, client string) {
		t.Helper()
		r, err := http.NewRequest("GET", "http://"+host+"/v2/_lading/auth/token?offline_token=true&client_id="+client, nil)
		must(t, err)
		r.SetBasicAuth(user, strings.TrimSpace(password))
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		if res.Body.Close(); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
	}
	as("admin", string(first))
	if code, _, log := with(t, "battery staple", at("user add bob --password-stdin")...); code != 0 {
		t.Fatal(log)
	}
	for _, client := range []string{"docker", "podman", "helm"} {
		signIn("bob", "battery staple", client)
	}
	signIn("admin", string(first), "crane")
	says(`(?m)^[0-9a-f]{20} +user:admin +crane +127\.0\.0\.1 +\S+ +- +20\d\d-`, at("session ls")...)
	says(`"client": ?"crane"`, at("session ls --of admin -o json")...)

	as("bob", "battery staple")
	out := says(`^ID +OWNER +CLIENT +ADDRESS +MADE +USED +EXPIRES\n`, at("session ls")...)
	if strings.Contains(out, "crane") || strings.Count(out, "user:bob") != 3 {
		t.Error(out)
	}
	id := regexp.MustCompile(`(?m)^([0-9a-f]{20}) .*podman`).FindStringSubmatch(out)[1]
	fails(cli.ExitDenied, "DENIED", at("session ls --of admin")...)
	fails(cli.ExitDenied, "DENIED", at("session rm --all --of admin")...)
	fails(cli.ExitUsage, "--all", at("session rm")...)
	fails(cli.ExitUsage, "--all", at("session rm --all "+id)...)
	fails(cli.ExitUsage, "--of", at("session rm --of bob "+id)...)
	fails(cli.ExitUsage, "group:x", at("session ls --of group:x")...)
	fails(cli.ExitUsage, "is a refresh token itself", at("session rm lading_rt_x")...)
	fails(cli.ExitNotFound, "SESSION_UNKNOWN", at("session rm none")...)
	fails(cli.ExitUsage, "", at("session ls -o xml")...)
	if code, out, _ := with(t, "", append([]string{"__completeNoDesc"}, append(at("session rm"), id[:4])...)...); code != 0 || !strings.Contains(out, id) {
		t.Error(out)
	}
	says(`^ended `+id+`\n$`, at("session rm "+id)...)
	if out := says(`docker`, at("session ls")...); strings.Contains(out, "podman") {
		t.Error(out)
	}
	says(`^ended all sessions of user:bob\n$`, at("session rm --all")...)
	says(`^$`, at("session ls")...)
	signIn("bob", "battery staple", "docker")
	as("admin", string(first))
	says(`^ended all sessions of user:bob\n$`, at("session rm --all --of bob")...)
	if out := says(`crane`, at("session ls")...); strings.Contains(out, "bob") {
		t.Error(out)
	}
}
