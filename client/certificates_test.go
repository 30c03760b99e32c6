package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/certs/certstest"
)

// known is a server that answers with whom it takes the caller for.
type known struct {
	*httptest.Server
	host string
	ca   *certstest.CA
}

// startKnown starts one that asks for certificates of clients, of another
// authority than its own.
func startKnown(t *testing.T, ca, clients *certstest.CA, auth tls.ClientAuthType, version uint16, h http.Handler) *known {
	t.Helper()
	if h == nil {
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who := "nobody"
			if len(r.TLS.PeerCertificates) > 0 {
				who = r.TLS.PeerCertificates[0].Subject.CommonName
			}
			fmt.Fprint(w, who)
		})
	}
	k := &known{Server: httptest.NewUnstartedServer(h), ca: ca}
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "127.0.0.1").TLS(t)},
		ClientAuth: auth, ClientCAs: clients.Pool(), MinVersion: version, MaxVersion: version}
	k.EnableHTTP2 = version == tls.VersionTLS13
	k.StartTLS()
	t.Cleanup(k.Close)
	k.host = k.Listener.Addr().String()
	return k
}

// ask sends a request with certificates and tells what was answered.
func (k *known) ask(t *testing.T, c client.Certificates) (string, error) {
	t.Helper()
	way, err := c.Transport(k.host)
	if err != nil {
		return "", err
	}
	defer way.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	return askBy(way, k.URL)
}

func askBy(way http.RoundTripper, url string) (string, error) {
	res, err := (&http.Client{Transport: way}).Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// filesIn writes files of a directory and returns where that is.
func filesIn(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		certstest.Write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// TestCertificates trusts an authority and shows a certificate, of files and of
// directories, to servers that may and that must see one; and is told what is
// wrong with it.
func TestCertificates(t *testing.T) {
	ca, clients, others := certstest.New(t, "ca"), certstest.New(t, "clients"), certstest.New(t, "others")
	old := certstest.New(t, "clients")
	old.Now = func() time.Time { return time.Now().Add(-3 * time.Hour) }
	ada, bob := clients.Client(t, "ada"), clients.Client(t, "bob")
	stranger := others.Client(t, "stranger")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ca.pem": ca.PEM(), "others.pem": others.PEM(),
		"ada.pem": ada.Chain, "ada.key": ada.Key, "both.pem": append(slices.Clone(ada.Chain), ada.Key...),
		"stranger.pem": stranger.Chain, "stranger.key": stranger.Key})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		must := startKnown(t, ca, clients, tls.RequireAndVerifyClientCert, version, nil)
		may := startKnown(t, ca, clients, tls.VerifyClientCertIfGiven, version, nil)
		// The first directory of a host counts, whole; that of another host
		// does not.
		first, second := t.TempDir(), t.TempDir()
		filesIn(t, filepath.Join(first, must.host), map[string][]byte{"ca.crt": ca.PEM(), "a.cert": stranger.Chain, "a.key": stranger.Key, "b.cert": bob.Chain, "b.key": bob.Key, "README": []byte("hello")})
		filesIn(t, filepath.Join(second, must.host), map[string][]byte{"ca.crt": others.PEM()})
		filesIn(t, filepath.Join(second, may.host), map[string][]byte{"ca.crt": ca.PEM(), "s.cert": stranger.Chain, "s.key": stranger.Key})
		dirs := []string{filepath.Join(first, "none"), first, second}
		for _, tt := range []struct {
			name   string
			of     *known
			c      client.Certificates
			want   string // an answer
			reason client.CertificateReason
			says   []string
		}{
			{"flags", must, client.Certificates{CAFile: at("ca.pem"), CertFile: at("ada.pem"), KeyFile: at("ada.key")}, "ada", 0, nil},
			{"one file", must, client.Certificates{CAFile: at("ca.pem"), CertFile: at("both.pem")}, "ada", 0, nil},
			{"insecure", must, client.Certificates{Insecure: true, CertFile: at("both.pem")}, "ada", 0, nil},
			{"directory", must, client.Certificates{Directories: dirs}, "bob", 0, nil},
			{"flags before the directory", must, client.Certificates{Directories: dirs, CertFile: at("both.pem")}, "ada", 0, nil},
			{"may", may, client.Certificates{CAFile: at("ca.pem"), CertFile: at("both.pem")}, "ada", 0, nil},
			{"may, none", may, client.Certificates{CAFile: at("ca.pem")}, "nobody", 0, nil},
			{"may, one that does not fit", may, client.Certificates{Directories: dirs}, "nobody", 0, nil},
			{"untrusted", may, client.Certificates{}, "", client.CertificateUntrusted, []string{"the certificate of HOST is not trusted: x509: "}},
			{"untrusted by another", may, client.Certificates{CAFile: at("others.pem")}, "", client.CertificateUntrusted, []string{"unknown authority"}},
			{"must, none", must, client.Certificates{CAFile: at("ca.pem")}, "", client.CertificateWanted, []string{"HOST wants to be shown a certificate that is signed by CN=clients: "}},
			{"must, one that does not fit", must, client.Certificates{CAFile: at("ca.pem"), CertFile: at("stranger.pem"), KeyFile: at("stranger.key")}, "", client.CertificateRefused,
				[]string{"HOST does not take the certificate " + at("stranger.pem") + " (of CN=stranger, signed by CN=others, good until 20", ", but those signed by CN=clients: "}},
			{"may, a named one that does not fit", may, client.Certificates{CAFile: at("ca.pem"), CertFile: at("stranger.pem"), KeyFile: at("stranger.key")}, "", client.CertificateRefused, []string{"CN=stranger"}},
		} {
			got, err := tt.of.ask(t, tt.c)
			var e *client.CertificateError
			if errors.As(err, &e) != (tt.reason != 0) || got != tt.want {
				t.Errorf("%x %s: %q %v", version, tt.name, got, err)
				continue
			}
			if e == nil {
				continue
			}
			for _, says := range tt.says {
				if says = strings.ReplaceAll(says, "HOST", tt.of.host); e.Reason != tt.reason || !strings.Contains(e.Error(), says) {
					t.Errorf("%x %s: %d %v, want %d %q", version, tt.name, e.Reason, e, tt.reason, says)
				}
			}
		}
		// What the server says of a certificate that looked right to both.
		ended := old.Client(t, "ended")
		filesIn(t, dir, map[string][]byte{"ended.pem": append(slices.Clone(ended.Chain), ended.Key...)})
		strict := startKnown(t, ca, old, tls.RequireAndVerifyClientCert, version, nil)
		var e *client.CertificateError
		if _, err := strict.ask(t, client.Certificates{CAFile: at("ca.pem"), CertFile: at("ended.pem")}); !errors.As(err, &e) || e.Reason != client.CertificateRefused || !strings.Contains(e.Error(), "good until "+ended.Leaf.NotAfter.UTC().Format(time.RFC3339)) {
			t.Errorf("%x: %v", version, err)
		}
	}
}

// TestCertificateFiles names the file that is wrong, and what is wrong with it.
func TestCertificateFiles(t *testing.T) {
	ca := certstest.New(t, "ca")
	ada, bob := ca.Client(t, "ada"), ca.Client(t, "bob")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ada.pem": ada.Chain, "ada.key": ada.Key, "bob.key": bob.Key, "empty": nil})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		c          client.Certificates
		files      map[string][]byte // of the host's directory
		file, says string
	}{
		{client.Certificates{KeyFile: at("ada.key")}, nil, at("ada.key"), "the certificate that this key belongs to is not named"},
		{client.Certificates{CertFile: at("ada.pem")}, nil, at("ada.pem"), "there is no private key (PEM) in it"},
		{client.Certificates{CertFile: at("none"), KeyFile: at("ada.key")}, nil, at("none"), "no such file"},
		{client.Certificates{CertFile: at("ada.pem"), KeyFile: at("none")}, nil, at("none"), "no such file"},
		{client.Certificates{CertFile: at("empty"), KeyFile: at("ada.key")}, nil, at("empty"), "there is no certificate (PEM) in it"},
		{client.Certificates{CertFile: at("ada.pem"), KeyFile: at("empty")}, nil, at("empty"), "there is no private key (PEM) in it"},
		{client.Certificates{CertFile: at("ada.pem"), KeyFile: at("bob.key")}, nil, at("bob.key"), "the certificate " + at("ada.pem") + " and this key are of no use together"},
		{client.Certificates{CAFile: at("ada.key")}, nil, at("ada.key"), "there is no certificate (PEM) in it"},
		{client.Certificates{CAFile: at("none")}, nil, at("none"), "no such file"},
		{client.Certificates{}, map[string][]byte{"x.key": ada.Key}, "x.key", "the certificate of this key, x.cert, is missing beside it"},
		{client.Certificates{}, map[string][]byte{"x.cert": ada.Chain}, "x.cert", "the key of this certificate, x.key, is missing beside it; an authority is named *.crt"},
		{client.Certificates{}, map[string][]byte{"x.cert": ada.Chain, "x.key": bob.Key}, "x.key", "are of no use together"},
		{client.Certificates{}, map[string][]byte{"x.crt": nil}, "x.crt", "there is no certificate (PEM) in it"},
	} {
		if tt.files != nil {
			tt.c.Directories = []string{t.TempDir()}
			tt.file = filepath.Join(filesIn(t, filepath.Join(tt.c.Directories[0], "reg.example:5000"), tt.files), tt.file)
		}
		_, err := tt.c.Transport("reg.example:5000")
		var e *client.CertificateFileError
		if !errors.As(err, &e) || e.File != tt.file || !strings.HasPrefix(err.Error(), tt.file+": ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("got %v, want %s: %s", err, tt.file, tt.says)
		}
	}
	// No directory is looked into by way of a name that is no host's.
	filesIn(t, filepath.Join(dir, "certs.d", "x"), nil)
	filesIn(t, dir, map[string][]byte{"bad.crt": nil})
	for _, host := range []string{"", ".", "..", "../..", "x/.."} {
		if _, err := (client.Certificates{Directories: []string{filepath.Join(dir, "certs.d"), dir}}).Transport(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// TestCertificateDirectories: the user's own comes first.
func TestCertificateDirectories(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for own, want := range map[string]string{"": "/home/ada/.config/containers/certs.d", "/elsewhere": "/elsewhere/containers/certs.d"} {
		t.Setenv("XDG_CONFIG_HOME", own)
		if got := client.CertificateDirectories(); !slices.Equal(got, []string{want, "/etc/containers/certs.d", "/etc/docker/certs.d"}) {
			t.Error(got)
		}
	}
}

// TestCertificateIsShownToOne: where a registry sends a client elsewhere, its
// authority is trusted there too, and the certificate is not shown.
func TestCertificateIsShownToOne(t *testing.T) {
	ca := certstest.New(t, "ca")
	ada := ca.Client(t, "ada")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ca.pem": ca.PEM(), "ada.pem": append(slices.Clone(ada.Chain), ada.Key...)})
	elsewhere := startKnown(t, ca, ca, tls.VerifyClientCertIfGiven, tls.VersionTLS13, nil)
	reg := startKnown(t, ca, ca, tls.RequireAndVerifyClientCert, tls.VersionTLS13, http.RedirectHandler(elsewhere.URL, http.StatusFound))
	c := client.Certificates{CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "ada.pem")}
	if got, err := reg.ask(t, c); err != nil || got != "nobody" {
		t.Errorf("%q %v", got, err)
	}
	if got, err := elsewhere.ask(t, c); err != nil || got != "ada" {
		t.Errorf("%q %v", got, err)
	}
}

// TestCertificateNames: names of authorities are shown, and do nothing to a
// terminal.
func TestCertificateNames(t *testing.T) {
	ca, evil := certstest.New(t, "ca"), certstest.New(t, "evil\x1b[31m\nü")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ca.pem": ca.PEM()})
	reg := startKnown(t, ca, evil, tls.RequireAndVerifyClientCert, tls.VersionTLS13, nil)
	_, err := reg.ask(t, client.Certificates{CAFile: filepath.Join(dir, "ca.pem")})
	var e *client.CertificateError
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "signed by CN=evil?[31m?ü: ") || strings.ContainsAny(e.Error(), "\x1b\n") {
		t.Errorf("%q", err)
	}
}

// TestCertificateIsNotRetried: a client asks once, and its error is that of the
// certificate.
func TestCertificateIsNotRetried(t *testing.T) {
	ca := certstest.New(t, "ca")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ca.pem": ca.PEM()})
	reg := startKnown(t, ca, ca, tls.RequireAndVerifyClientCert, tls.VersionTLS13, nil)
	way, err := client.Certificates{CAFile: filepath.Join(dir, "ca.pem")}.Transport(reg.host)
	if err != nil {
		t.Fatal(err)
	}
	waits := 0
	c := newClient(t, reg.URL, client.Options{Transport: way, Sleep: func(context.Context, time.Duration) error { waits++; return nil }})
	var e *client.CertificateError
	if err := c.Ping(t.Context()); !errors.As(err, &e) || e.Reason != client.CertificateWanted || !errors.Is(err, lading.ErrUnavailable) || waits > 0 {
		t.Errorf("waited %d times: %v", waits, err)
	}
}

// TestCertificateByHangingUp: a server that has asked for a certificate and
// hangs up instead of answering wants one; one that has answered does not.
func TestCertificateByHangingUp(t *testing.T) {
	ca := certstest.New(t, "ca")
	dir := filesIn(t, t.TempDir(), map[string][]byte{"ca.pem": ca.PEM()})
	reg := startKnown(t, ca, ca, tls.VerifyClientCertIfGiven, tls.VersionTLS12, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
	}))
	way, err := client.Certificates{CAFile: filepath.Join(dir, "ca.pem")}.Transport(reg.host)
	if err != nil {
		t.Fatal(err)
	}
	var e *client.CertificateError
	if _, err := askBy(way, reg.URL+"/cut"); !errors.As(err, &e) || e.Reason != client.CertificateWanted {
		t.Errorf("before an answer: %v", err)
	}
	if _, err := askBy(way, reg.URL+"/"); err != nil {
		t.Fatal(err)
	}
	if _, err := askBy(way, reg.URL+"/cut"); err == nil || errors.As(err, &e) {
		t.Errorf("after an answer: %v", err)
	}
}
