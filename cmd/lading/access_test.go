package main

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// TestUsersOnAPublicAddress: with users other machines are served only over TLS,
// or where an operator has said that a proxy speaks it, or that there is to be
// none; then the log says what that means.
func TestUsersOnAPublicAddress(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	users, file := filepath.Join(dir, "users"), filepath.Join(dir, "lading.yaml")
	write(t, users, "ada:"+string(hash)+"\n")
	text := "auth: {htpasswd: " + users + "}\naccess: {rules: \"user:ada owner,admin registry\"}\n"
	write(t, file, text)
	for flag, warns := range map[string]string{"--insecure-no-auth": "there is no TLS", "--behind-tls-proxy": "http.trusted_proxies is none"} {
		if flag == "--behind-tls-proxy" {
			code, _, log := command(t, "serve", "--config", file, "--listen", "0.0.0.0:0", "--data", t.TempDir(), flag)
			if code != exitUsage || !strings.Contains(log, "http.trusted_proxies: is empty with behind_tls_proxy") {
				t.Errorf("%s, and nobody is named: %d %s", flag, code, log)
			}
			write(t, file, text+"http: {trusted_proxies: none}\n")
		}
		s := startServing(t, "--config", file, "--listen", "0.0.0.0:0", "--data", t.TempDir(), flag)
		if got := fetch(t, s.url+"/v2/", nil); got.StatusCode != 401 {
			t.Errorf("%s: %d", flag, got.StatusCode)
		}
		s.stop()
		<-s.ended
		log := s.log.String()
		if !strings.Contains(log, warns) || strings.Count(log, "level=WARN") != 1 {
			t.Errorf("%s:\n%s", flag, log)
		}
	}
	code, _, log := command(t, "serve", "--config", file, "--listen", "0.0.0.0:0", "--data", t.TempDir())
	if code != exitUsage || !strings.Contains(log, "set tls.certificate and tls.key") {
		t.Errorf("%d %s", code, log)
	}
	write(t, users, "ada:secret\n")
	code, _, log = command(t, "serve", "--config", file, "--data", t.TempDir())
	if code != exitFailed || !strings.Contains(log, "users:1: want a bcrypt hash") || strings.Contains(log, "secret") {
		t.Errorf("%d %s", code, log)
	}
}
