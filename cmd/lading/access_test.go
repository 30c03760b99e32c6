package main

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// TestUsersOnAPublicAddress: with users any address is served, and the log says
// that passwords can be read on their way, unless a proxy is said to be there.
func TestUsersOnAPublicAddress(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	users, file := filepath.Join(dir, "users"), filepath.Join(dir, "lading.yaml")
	write(t, users, "ada:"+string(hash)+"\n")
	write(t, file, "auth: {htpasswd: "+users+"}\naccess: {rules: user:ada owner registry}\n")
	for _, flag := range []string{"--behind-tls-proxy=false", "--behind-tls-proxy"} {
		s := startServing(t, "--config", file, "--listen", "0.0.0.0:0", "--data", t.TempDir(), flag)
		if got := fetch(t, s.url+"/v2/", nil); got.StatusCode != 401 {
			t.Errorf("%s: %d", flag, got.StatusCode)
		}
		s.stop()
		<-s.ended
		log := s.log.String()
		if strings.Contains(log, "there is no TLS") != (flag == "--behind-tls-proxy=false") || strings.Contains(log, "whoever reaches the address") {
			t.Errorf("%s:\n%s", flag, log)
		}
	}
	write(t, users, "ada:secret\n")
	code, _, log := command(t, "serve", "--config", file, "--data", t.TempDir())
	if code != exitFailed || !strings.Contains(log, "users:1: want a bcrypt hash") || strings.Contains(log, "secret") {
		t.Errorf("%d %s", code, log)
	}
}
