package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/cli"
)

// locked asks for the name and password of ada, and lets eve in for nothing
// but looking around.
func locked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user == "ada" && password == "lovelace":
			h.ServeHTTP(w, r)
		case user == "eve":
			http.Error(w, `{"errors":[{"code":"DENIED","message":"not for you"}]}`, http.StatusForbidden)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"sign in"}]}`, http.StatusUnauthorized)
		}
	})
}

// signIn writes a docker configuration.
func signIn(t *testing.T, host, user, password string) {
	t.Helper()
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"`+host+`":{"auth":"`+auth+`"}}}`), 0o600))
	t.Setenv("DOCKER_CONFIG", dir)
}

// TestCredentials signs in with what the docker configuration has, or a helper
// that it names, over TLS that is trusted, or not looked at.
func TestCredentials(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	web := httptest.NewUnstartedServer(locked(w.srv.Handler()))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it hangs up
	web.StartTLS()
	defer web.Close()
	host := web.Listener.Addr().String()
	ref := "https://" + host + "/acme/web"
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	commands := []string{"ls REF", "ls -n 1 https://" + host, "inspect REF:1.0", "tree REF:1.0", "history REF:1.0", "tag REF:1.0 x", "rm REF:x", "cp -q REF:1.0 REF:y"}
	each := func(code int, want string, extra ...string) {
		t.Helper()
		for _, c := range commands {
			args := append(strings.Fields(strings.ReplaceAll(c, "REF", ref)), extra...)
			if code == cli.ExitDone {
				does(t, args...)
			} else {
				fails(t, code, want, args...)
			}
		}
	}
	each(cli.ExitDenied, "", "--ca-file", ca)
	signIn(t, host, "ada", "lovelace")
	each(cli.ExitDone, "", "--ca-file", ca)
	each(cli.ExitDone, "", "--insecure")
	each(cli.ExitFailed, "certificate")
	each(cli.ExitFailed, "certificate", "--ca-file", stranger(t))
	each(cli.ExitUsage, "no such file", "--ca-file", "/none")
	signIn(t, host, "ada", "byron")
	each(cli.ExitDenied, "", "--ca-file", ca)
	signIn(t, host, "eve", "apple")
	each(cli.ExitDenied, "", "--ca-file", ca)

	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "docker-credential-shelf"), []byte("#!/bin/sh\nread -r host\ncase $host in "+host+") echo '{\"Username\":\"ada\",\"Secret\":\"lovelace\"}' ;; *) echo 'credentials not found in native keychain'; exit 1 ;; esac\n"), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credsStore":"shelf"}`), 0o600))
	t.Setenv("DOCKER_CONFIG", dir)
	each(cli.ExitDone, "", "--ca-file", ca)
}

// stranger is the file of a certificate that nobody has to do with.
func stranger(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	made := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	must(t, err)
	file := filepath.Join(t.TempDir(), "stranger.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	return file
}

// TestScheme speaks HTTP to this machine, and HTTPS to others unless told.
func TestScheme(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	_, port, _ := strings.Cut(w.host(), ":")
	does(t, "ls", "localhost:"+port)
	does(t, "ls", "http://"+w.host())
	fails(t, cli.ExitFailed, "", "ls", "https://"+w.host())
	does(t, "ls", "--plain-http", w.host()+"/acme/web")
	e := env()
	e.Registry = w.host()
	if code, out, said := ladingWith(t.Context(), e, "", "ls"); code != 0 || !strings.Contains(out, "acme/web") {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// TestRemoveAsks asks a person, and takes no answer for a no.
func TestRemoveAsks(t *testing.T) {
	w := open(t)
	index := fill(t, w.host(), "acme/web")
	ref := w.host() + "/acme/web"
	e := env()
	e.Terminal = func(any) bool { return true }
	for _, tt := range []struct{ stdin, args, asks, says string }{
		{"n\n", "rm REF:data", "Remove the tag REF:data? [y/N] ", ""},
		{"", "rm REF:data", "Remove the tag REF:data? [y/N] ", ""},
		{"y\nno\n", "rm REF:data REF:amd", "Remove the tag REF:amd? [y/N] ", "removed REF:data\n"},
		{"", "rm -y REF:amd", "", "removed REF:amd\n"},
		{"YES\n", "rm REF@" + string(index.Digest), "and all its tags? [y/N] ", "removed REF@" + string(index.Digest) + "\n"},
		{"yes\n", "rm --repository REF", "Remove the repository REF with everything in it? [y/N] ", "removed REF\n"},
	} {
		code, out, said := ladingWith(t.Context(), e, tt.stdin, strings.Fields(strings.ReplaceAll(tt.args, "REF", ref))...)
		if code != 0 || out != strings.ReplaceAll(tt.says, "REF", ref) || !strings.Contains(said, strings.ReplaceAll(tt.asks, "REF", ref)) || tt.asks == "" && said != "" {
			t.Errorf("%s: %d %q %q", tt.args, code, out, said)
		}
	}
	fails(t, cli.ExitNotFound, "NAME_UNKNOWN", "ls", ref)
	fails(t, cli.ExitUsage, "names a manifest", "rm", "--yes", "--repository", ref+":1.0")
	fails(t, cli.ExitUsage, "names no manifest", "rm", ref)
}

// TestRemoveCannot meets a registry that lets nothing be removed.
func TestRemoveCannot(t *testing.T) {
	w := open(t)
	index := fill(t, w.host(), "acme/web")
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			http.Error(rw, `{"errors":[{"code":"UNSUPPORTED","message":"never"}]}`, http.StatusMethodNotAllowed)
			return
		}
		w.srv.Handler().ServeHTTP(rw, r)
	}))
	defer web.Close()
	ref := web.Listener.Addr().String() + "/acme/web"
	fails(t, cli.ExitUnsupported, "lading rm "+ref+"@"+string(index.Digest), "rm", ref+":1.0")
	fails(t, cli.ExitUnsupported, "does not let manifests be removed", "rm", ref+"@"+string(index.Digest))
	fails(t, cli.ExitUnsupported, "UNSUPPORTED: never", "rm", "--yes", "--repository", ref)
	fails(t, cli.ExitUnsupported, "lading: "+ref+":data", "rm", ref+":1.0", ref+":data") // each is told
}

// TestProgress shows a person how far it is, and nobody else.
func TestProgress(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	olareg := peer(t, "olareg")
	person := env()
	person.Terminal = func(any) bool { return true }
	for _, args := range [][]string{{"cp", w.host() + "/acme/web:1.0", olareg + "/a"}, {"ls", olareg + "/a"}} {
		_, _, said := ladingWith(t.Context(), person, "", args...)
		if !strings.Contains(said, "\r\x1b[K") {
			t.Errorf("%s: a person is shown %q", args[0], said)
		}
		if _, _, said := lading(t, args...); strings.Contains(said, "\x1b") {
			t.Errorf("%s: a program is shown %q", args[0], said)
		}
	}
	if _, _, said := ladingWith(t.Context(), person, "", "cp", "-q", w.host()+"/acme/web:1.0", olareg+"/a"); said != "" {
		t.Errorf("%q", said)
	}
}

// TestTokens looks into a registry with a token server that knows nobody: it
// lets people pull, and says to sign in to whatever else is asked.
func TestTokens(t *testing.T) {
	host := peer(t, "olareg")
	fill(t, host, "acme/web")
	at, err := url.Parse("http://" + host)
	must(t, err)
	behind := httputil.NewSingleHostReverseProxy(at)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := "registry:catalog:*"
		if strings.HasPrefix(r.URL.Path, "/v2/acme/web/") {
			if scope = "repository:acme/web:pull"; r.Method != http.MethodGet && r.Method != http.MethodHead {
				scope = "repository:acme/web:delete,pull,push"
			}
		}
		switch {
		case r.URL.Path == "/token" && r.URL.Query().Get("scope") == "repository:acme/web:pull":
			w.Write([]byte(`{"token":"pull"}`))
		case r.URL.Path == "/token":
			http.Error(w, `{"errors":[{"code":"DENIED","message":"who are you?"}]}`, http.StatusUnauthorized)
		case r.Header.Get("Authorization") == "Bearer pull" && scope == "repository:acme/web:pull":
			behind.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="test",scope="`+scope+`"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"sign in"}]}`, http.StatusUnauthorized)
		}
	}))
	defer web.Close()
	ref := web.Listener.Addr().String() + "/acme/web"
	if out := does(t, "ls", ref); !strings.Contains(out, "linux/amd64") {
		t.Error(out)
	}
	does(t, "inspect", ref+":1.0")
	does(t, "tree", ref+":1.0")
	does(t, "cp", ref+":1.0", "oci:"+filepath.Join(t.TempDir(), "layout"))
	fails(t, cli.ExitDenied, "", "ls", web.Listener.Addr().String())
	fails(t, cli.ExitDenied, "", "tag", ref+":1.0", "x")
	fails(t, cli.ExitDenied, "", "rm", ref+":1.0")
}
