package cli_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/certs/certstest"
	"github.com/lading-dev/lading/internal/cli"
)

// sealed is the host of a registry, over TLS, that wants to be shown a
// certificate of the clients' authority.
func sealed(t *testing.T, w *world, ca, clients *certstest.CA) string {
	t.Helper()
	web := httptest.NewUnstartedServer(w.srv.Handler())
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "127.0.0.1").TLS(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool()}
	web.StartTLS()
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

// ownCertificates gives the person who runs the commands a directory of
// certificates, and returns it.
func ownCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	return filepath.Join(dir, "containers", "certs.d")
}

func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	for name, text := range files {
		certstest.Write(t, filepath.Join(dir, name), text)
	}
}

// TestCertificates: every command that speaks to a registry shows it the
// certificate that flags name, or the one of its directory.
func TestCertificates(t *testing.T) {
	w := open(t)
	fill(t, w.host(), "acme/web")
	ca, clients := certstest.New(t, "ca"), certstest.New(t, "clients")
	host := sealed(t, w, ca, clients)
	certsd := ownCertificates(t)
	ada := clients.Client(t, "ada")
	dir := t.TempDir()
	put(t, dir, map[string][]byte{"ca.pem": ca.PEM(), "ada.pem": ada.Chain, "ada.key": ada.Key})
	trust := []string{"--ca-file", filepath.Join(dir, "ca.pem")}
	flags := append(slices.Clone(trust), "--cert", filepath.Join(dir, "ada.pem"), "--key", filepath.Join(dir, "ada.key"))
	commands := []string{"ls URL", "ls URL/acme/web", "inspect URL/acme/web:1.0", "tree URL/acme/web:1.0", "history URL/acme/web:1.0",
		"tag URL/acme/web:1.0 x", "rm -y URL/acme/web:x", "cp -q URL/acme/web:1.0 URL/acme/web:y", "cp -q URL/acme/web:1.0 oci:" + filepath.Join(dir, "layout"),
		"cp -q oci:" + filepath.Join(dir, "layout") + ":1.0 URL/acme/web:z", "whoami URL", "grant ls --registry URL", "audit --registry URL", "watch URL --since bad",
		"user ls --registry URL", "token ls --registry URL", "access explain ada pull acme/web --registry URL", "login URL -u ada --password-stdin"}
	for _, command := range commands {
		args := strings.Fields(strings.ReplaceAll(command, "URL", "https://"+host))
		run := func(extra ...string) (int, string) {
			code, _, log := ladingWith(t.Context(), env(), "a password", append(slices.Clone(args), extra...)...)
			return code, log
		}
		if code, log := run(); code != cli.ExitFailed || !strings.Contains(log, "the certificate of "+host+" is not trusted") ||
			!strings.Contains(log, "\ntrust the authority that has signed it with --ca-file FILE, or as "+filepath.Join(certsd, host, "ca.crt")+"\n") {
			t.Errorf("%s, untrusted: %d %s", command, code, log)
		}
		if code, log := run(trust...); code != cli.ExitDenied || !strings.Contains(log, host+" wants to be shown a certificate that is signed by CN=clients") ||
			!strings.Contains(log, "\nshow one with --cert FILE and --key FILE, or put client.cert and client.key into "+filepath.Join(certsd, host)+"\n") {
			t.Errorf("%s, without: %d %s", command, code, log)
		}
		shown := func(how string, code int, log string) {
			if strings.Contains(log, "certificate") || code == cli.ExitFailed && !strings.HasPrefix(command, "watch") {
				t.Errorf("%s, %s: %d %s", command, how, code, log)
			}
		}
		code, log := run(flags...)
		shown("flags", code, log)
		put(t, filepath.Join(certsd, host), map[string][]byte{"ca.crt": ca.PEM(), "client.cert": ada.Chain, "client.key": ada.Key})
		code, log = run()
		shown("directory", code, log)
		must(t, os.RemoveAll(certsd))
	}
}

// TestCopyShowsTwo copies between registries that take certificates of
// different authorities.
func TestCopyShowsTwo(t *testing.T) {
	from, to := open(t), open(t)
	fill(t, from.host(), "acme/web")
	ca, one, two := certstest.New(t, "ca"), certstest.New(t, "one"), certstest.New(t, "two")
	src, dst := sealed(t, from, ca, one), sealed(t, to, ca, two)
	certsd := ownCertificates(t)
	dir := t.TempDir()
	files := map[string][]byte{"ca.pem": ca.PEM()}
	for name, by := range map[string]*certstest.CA{"one": one, "two": two} {
		c := by.Client(t, "ada")
		files[name+".pem"] = append(slices.Clone(c.Chain), c.Key...)
		files[name+".crt"], files[name+".key"] = c.Chain, c.Key
	}
	put(t, dir, files)
	at := func(name string) string { return filepath.Join(dir, name) }
	copied := func(code int, want string, flags ...string) {
		t.Helper()
		args := append([]string{"cp", "-q", "https://" + src + "/acme/web:1.0", "https://" + dst + "/acme/web:1.0", "--ca-file", at("ca.pem")}, flags...)
		if code == cli.ExitDone {
			does(t, args...)
			return
		}
		fails(t, code, want, args...)
	}
	copied(cli.ExitDone, "", "--src-cert", at("one.pem"), "--dst-cert", at("two.pem"))
	copied(cli.ExitDone, "", "--src-cert", at("one.crt"), "--src-key", at("one.key"), "--cert", at("two.crt"), "--key", at("two.key"))
	copied(cli.ExitDenied, dst+" does not take the certificate "+at("one.pem"), "--cert", at("one.pem"))
	copied(cli.ExitDenied, src+" does not take the certificate "+at("two.pem"), "--src-cert", at("two.pem"), "--dst-cert", at("two.pem"))
	copied(cli.ExitUsage, "--src-key: "+at("one.key")+": the certificate that this key belongs to is not named", "--src-key", at("one.key"))
	copied(cli.ExitUsage, "--dst-cert: "+at("two.crt")+": there is no private key (PEM) in it", "--src-cert", at("one.pem"), "--dst-cert", at("two.crt"))
	put(t, filepath.Join(certsd, src), map[string][]byte{"client.cert": files["one.crt"], "client.key": files["one.key"]})
	put(t, filepath.Join(certsd, dst), map[string][]byte{"client.cert": files["two.crt"], "client.key": files["two.key"]})
	copied(cli.ExitDone, "")
	does(t, "cp", "-q", "https://"+src+"/acme/web:1.0", to.host()+"/acme/plain", "--ca-file", at("ca.pem"), "--cert", at("one.pem"))
}

// TestCertificateMistakes names the flag, or the file, that is wrong.
func TestCertificateMistakes(t *testing.T) {
	certsd := ownCertificates(t)
	ca := certstest.New(t, "ca")
	ada := ca.Client(t, "ada")
	dir := t.TempDir()
	put(t, dir, map[string][]byte{"ada.pem": ada.Chain, "ada.key": ada.Key})
	at := func(name string) string { return filepath.Join(dir, name) }
	const ref = "https://127.0.0.1:1/acme/web"
	fails(t, cli.ExitUsage, "--key: "+at("ada.key")+": the certificate that this key belongs to is not named", "ls", ref, "--key", at("ada.key"))
	fails(t, cli.ExitUsage, "--cert: "+at("ada.pem")+": there is no private key (PEM) in it", "ls", ref, "--cert", at("ada.pem"))
	fails(t, cli.ExitUsage, "--key: "+at("none")+": no such file", "ls", ref, "--cert", at("ada.pem"), "--key", at("none"))
	fails(t, cli.ExitUsage, "--ca-file: "+at("ada.key")+": there is no certificate (PEM) in it", "ls", ref, "--ca-file", at("ada.key"))
	fails(t, cli.ExitUsage, "--cert: 127.0.0.1:1 is spoken to over HTTP, where nothing is shown: write https://127.0.0.1:1", "ls", "127.0.0.1:1", "--cert", at("ada.pem"), "--key", at("ada.key"))
	// Who trusts the authority is not told to.
	w := open(t)
	host := sealed(t, w, ca, ca)
	put(t, dir, map[string][]byte{"ca.pem": ca.PEM()})
	if code, _, log := lading(t, "ls", "https://localhost:"+host[strings.LastIndexByte(host, ':')+1:], "--ca-file", at("ca.pem")); code != cli.ExitFailed ||
		!strings.Contains(log, "is not trusted: x509: certificate is") || strings.Contains(log, "--ca-file") {
		t.Errorf("%d %s", code, log)
	}
	own := filepath.Join(certsd, "127.0.0.1:1")
	put(t, own, map[string][]byte{"client.key": ada.Key})
	fails(t, cli.ExitFailed, filepath.Join(own, "client.key")+": the certificate of this key, client.cert, is missing beside it", "ls", ref)
	fails(t, cli.ExitFailed, "connection refused", "ls", "http://127.0.0.1:1") // where no certificate is of use
}
