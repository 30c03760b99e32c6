package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/certs/certstest"
)

// place is a server with its files, and a log.
type place struct {
	dir string
	opt certs.Options
	log bytes.Buffer
	s   *certs.Server
	url string
}

// open serves, with a certificate of ca; change may ask for more.
func open(t *testing.T, ca *certstest.CA, change func(*place)) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	p.opt.Certificate, p.opt.Key = ca.Server(t, "127.0.0.1", "first.example").Write(t, p.dir, "server")
	p.opt.Logger = slog.New(slog.NewTextHandler(&p.log, nil))
	if change != nil {
		change(p)
	}
	var err error
	if p.s, err = certs.Open(p.opt); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{TLSConfig: p.s.TLS(), ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(p.tell)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.ServeTLS(ln, "", "")
	t.Cleanup(func() { srv.Close() })
	p.url = "https://" + ln.Addr().String()
	return p
}

// tell answers who calls.
func (p *place) tell(w http.ResponseWriter, r *http.Request) {
	id, handled, err := p.s.Authenticate(r)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case !handled:
		io.WriteString(w, r.Proto+" nobody")
	default:
		io.WriteString(w, strings.TrimSpace(r.Proto+" "+id.Subject+" "+strings.Join(id.Groups, ",")))
	}
}

// client trusts the CA and shows a certificate if there is one, whichever CAs
// the server names.
func client(t *testing.T, ca *certstest.CA, shows ...certstest.Cert) *http.Client {
	t.Helper()
	conf := &tls.Config{RootCAs: ca.Pool()}
	for _, c := range shows {
		pair := c.TLS(t)
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// ask returns what the server says, or why it says nothing.
func ask(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		return "refused: " + err.Error() // the alert, or that the connection is gone
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func want(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s: %q, want …%s…", what, got, part)
	}
}

func TestReload(t *testing.T) {
	ca, other := certstest.New(t, "one"), certstest.New(t, "another")
	p := open(t, ca, nil)
	first := client(t, ca)
	want(t, "the first", ask(t, first, p.url), "HTTP/2.0 nobody")

	certstest.Write(t, p.opt.Certificate, other.Server(t, "127.0.0.1").Chain) // its key is not here yet
	p.s.Refresh()
	p.s.Refresh()
	want(t, "no key for it", ask(t, client(t, ca), p.url), "nobody")
	if p.s.Failures() != 1 || strings.Count(p.log.String(), "those of before stay") != 1 {
		t.Errorf("%d failures\n%s", p.s.Failures(), &p.log)
	}
	certstest.Write(t, p.opt.Key, []byte("nothing"))
	p.s.Refresh()
	want(t, "no key at all", ask(t, client(t, ca), p.url), "nobody")

	cert := other.Server(t, "127.0.0.1")
	cert.Write(t, p.dir, "server")
	p.s.Refresh()
	want(t, "another CA's", ask(t, client(t, ca), p.url), "unknown authority")
	want(t, "its own", ask(t, client(t, other), p.url), "nobody")
	want(t, "the connection of before", ask(t, first, p.url), "nobody")
	if !p.s.Expires().Equal(cert.Leaf.NotAfter) {
		t.Errorf("expires %v, want %v", p.s.Expires(), cert.Leaf.NotAfter)
	}
	if strings.Contains(p.log.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

// TestRun notices a change by itself.
func TestRun(t *testing.T) {
	ca := certstest.New(t, "ca")
	p := open(t, ca, func(p *place) { p.opt.Poll = time.Millisecond })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.s.Run(ctx); close(ended) }()
	before := p.s.Expires()
	ca.Now = func() time.Time { return time.Now().Add(time.Hour) }
	ca.Server(t, "127.0.0.1").Write(t, p.dir, "server")
	for deadline := time.Now().Add(10 * time.Second); p.s.Expires().Equal(before); {
		if time.Now().After(deadline) {
			t.Fatal("not noticed")
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
}

func TestOldVersionsAreRefused(t *testing.T) {
	ca := certstest.New(t, "ca")
	p := open(t, ca, nil)
	_, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.1: %v", err)
	}
}

const rules = "uri spiffe://acme.example/sa/* service:* group:robots\ncn * user:*"

func withClients(t *testing.T, ca *certstest.CA) func(*place) {
	return func(p *place) {
		p.opt.ClientCA = filepath.Join(p.dir, "clients.pem")
		certstest.Write(t, p.opt.ClientCA, ca.PEM())
		var err error
		if p.opt.Subjects, err = certs.ParseSubjects(rules); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClients(t *testing.T) {
	ca, clients, strange := certstest.New(t, "ca"), certstest.New(t, "clients"), certstest.New(t, "clients")
	p := open(t, ca, withClients(t, clients))
	for _, c := range []struct {
		name, want string
		shows      []certstest.Cert
	}{
		{"none", "HTTP/2.0 nobody", nil},
		{"a name", "HTTP/2.0 user:ada", []certstest.Cert{clients.Client(t, "ada")}},
		{"a URI", "HTTP/2.0 service:ci robots", []certstest.Cert{clients.Client(t, "ada", "spiffe://acme.example/sa/ci")}},
		{"of a CA below", "HTTP/2.0 user:bob", []certstest.Cert{clients.Sub(t, "below").Client(t, "bob")}},
		{"no rule fits", "nobody", []certstest.Cert{clients.Client(t, "ada lovelace")}},
	} {
		want(t, c.name, ask(t, client(t, ca, c.shows...), p.url), c.want)
	}
	for name, cert := range map[string]certstest.Cert{"another CA's of the name": strange.Client(t, "ada"), "the server's": ca.Server(t, "127.0.0.1"),
		"a server's of that CA": clients.Server(t, "127.0.0.1")} {
		want(t, name, ask(t, client(t, ca, cert), p.url), "refused: ")
	}
}

func TestRequiredClients(t *testing.T) {
	ca := certstest.New(t, "ca")
	p := open(t, ca, func(p *place) { withClients(t, ca)(p); p.opt.RequireClient = true })
	want(t, "none", ask(t, client(t, ca), p.url), "refused: ")
	want(t, "one", ask(t, client(t, ca, ca.Client(t, "ada")), p.url), "user:ada")
}

// TestPasswordBesideACertificate leaves a request with its own credential to
// others: proxies and clients share connections.
func TestPasswordBesideACertificate(t *testing.T) {
	ca := certstest.New(t, "ca")
	p := open(t, ca, withClients(t, ca))
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("bob", "x")
	resp, err := client(t, ca, ca.Client(t, "ada")).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); !strings.Contains(string(text), "nobody") {
		t.Errorf("%s", text)
	}
}

// identity is whom a request with the certificate stands for.
func identity(t *testing.T, p *place, c certstest.Cert) lading.Identity {
	t.Helper()
	r := httptest.NewRequest("GET", "https://x/", nil)
	r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, c.Leaf)
	id, handled, err := p.s.Authenticate(r)
	if !handled || err != nil {
		t.Fatal(handled, err)
	}
	return id
}

func TestRevoked(t *testing.T) {
	ca, strange := certstest.New(t, "ca"), certstest.New(t, "strange")
	var changed atomic.Int32
	p := open(t, ca, func(p *place) {
		withClients(t, ca)(p)
		p.opt.ClientCRL, p.opt.Changed = filepath.Join(p.dir, "crl.pem"), func() { changed.Add(1) }
		certstest.Write(t, p.opt.ClientCRL, ca.Revoked(t))
	})
	ada, bob := ca.Client(t, "ada"), ca.Client(t, "bob")
	kept := client(t, ca, ada)
	want(t, "before", ask(t, kept, p.url), "user:ada")
	adaID, bobID := identity(t, p, ada), identity(t, p, bob)
	if c := adaID.Credential; c == nil || !strings.HasPrefix(c.ID, "cert:") || len(c.ID) != 37 || !c.Expires.Equal(ada.Leaf.NotAfter) {
		t.Errorf("credential %+v", c)
	}
	certstest.Write(t, p.opt.ClientCRL, strange.Revoked(t, ada))
	p.s.Refresh()
	if want(t, "a stranger's list", ask(t, kept, p.url), "user:ada"); changed.Load() != 0 {
		t.Error("told of a change that was none")
	}
	certstest.Write(t, p.opt.ClientCRL, ca.Revoked(t, ada))
	p.s.Refresh()
	if changed.Load() != 1 {
		t.Errorf("told of %d changes", changed.Load())
	}
	want(t, "a connection of before", ask(t, kept, p.url), "does not hold any more")
	want(t, "a new connection", ask(t, client(t, ca, ada), p.url), "refused: ")
	want(t, "another's", ask(t, client(t, ca, bob), p.url), "user:bob")
	if _, ok := p.s.Current(adaID); ok {
		t.Error("one who is revoked is still known")
	}
	if id, ok := p.s.Current(bobID); !ok || id.Subject != "user:bob" {
		t.Error("another is not known")
	}
	for _, id := range []lading.Identity{{Subject: "user:bob"}, {Subject: "user:bob", Credential: &lading.Credential{ID: "token:1"}}} {
		if _, ok := p.s.Current(id); ok {
			t.Error("one without a certificate is known:", id)
		}
	}
	certstest.Write(t, p.opt.ClientCRL, ca.Revoked(t))
	certstest.Write(t, p.opt.ClientCA, strange.PEM())
	p.s.Refresh()
	want(t, "lists of a CA that is gone", ask(t, client(t, ca, bob), p.url), "user:bob")
	certstest.Write(t, p.opt.ClientCRL, strange.Revoked(t))
	p.s.Refresh()
	want(t, "of a CA that is gone", ask(t, client(t, ca, bob), p.url), "refused: ")
	if _, ok := p.s.Current(bobID); ok {
		t.Error("one of a CA that is gone is still known")
	}
}

// TestResumed: a session that is taken up again is held against the lists of
// now.
func TestResumed(t *testing.T) {
	ca := certstest.New(t, "ca")
	p := open(t, ca, func(p *place) {
		withClients(t, ca)(p)
		p.opt.ClientCRL = filepath.Join(p.dir, "crl.pem")
		certstest.Write(t, p.opt.ClientCRL, ca.Revoked(t))
	})
	ada := ca.Client(t, "ada")
	conf := &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{ada.TLS(t)}, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	var resumed bool
	conf.VerifyConnection = func(c tls.ConnectionState) error { resumed = c.DidResume; return nil }
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	want(t, "first", ask(t, c, p.url), "user:ada")
	if want(t, "second", ask(t, c, p.url), "user:ada"); !resumed {
		t.Error("the session was not taken up again")
	}
	certstest.Write(t, p.opt.ClientCRL, ca.Revoked(t, ada))
	p.s.Refresh()
	want(t, "revoked", ask(t, c, p.url), "refused: ")
}

func TestExpired(t *testing.T) {
	var ahead atomic.Int64
	ca := certstest.New(t, "ca")
	p := open(t, ca, func(p *place) {
		withClients(t, ca)(p)
		p.opt.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	kept := client(t, ca, ca.Client(t, "ada"))
	want(t, "in time", ask(t, kept, p.url), "user:ada")
	ahead.Store(int64(61 * time.Minute))
	want(t, "past it", ask(t, kept, p.url), "does not hold any more")
	want(t, "a new connection", ask(t, client(t, ca, ca.Client(t, "ada")), p.url), "refused: ")
	ca.Server(t, "127.0.0.1").Write(t, p.dir, "server")
	p.s.Refresh()
	want(t, "the log", p.log.String(), "the certificate has expired")
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	ca := certstest.New(t, "ca")
	dir := t.TempDir()
	certificate, key := ca.Server(t, "a.example").Write(t, dir, "server")
	_, otherKey := ca.Server(t, "a.example").Write(t, dir, "other")
	garbage, caFile := filepath.Join(dir, "garbage"), filepath.Join(dir, "ca.pem")
	certstest.Write(t, garbage, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	certstest.Write(t, caFile, ca.PEM())
	for _, c := range []struct {
		name, want string
		opt        certs.Options
	}{
		{"nothing", "a certificate is missing", certs.Options{}},
		{"no such file", "no such file", certs.Options{Certificate: dir + "/none", Key: key}},
		{"another key", "server.crt and ", certs.Options{Certificate: certificate, Key: otherKey}},
		{"not a certificate", "garbage and ", certs.Options{Certificate: garbage, Key: key}},
		{"no CA", "garbage: CA", certs.Options{Certificate: certificate, Key: key, ClientCA: garbage}},
		{"a CA that is none", "not that of a CA", certs.Options{Certificate: certificate, Key: key, ClientCA: certificate}},
		{"an empty CA", "no CA is in it", certs.Options{Certificate: certificate, Key: key, ClientCA: key}},
		{"not a list", "list of revoked", certs.Options{Certificate: certificate, Key: key, ClientCA: caFile, ClientCRL: writeList(t, []byte("x"))}},
		{"another's list", "none of the CAs", certs.Options{Certificate: certificate, Key: key, ClientCA: caFile,
			ClientCRL: writeList(t, certstest.New(t, "x").Revoked(t))}},
		{"an ACME server's CA", "no CA is in it", certs.Options{ACME: certs.ACME{Hosts: []string{"a.example"}, Dir: dir, CA: key}}},
	} {
		_, err := certs.Open(c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v, want …%s…", c.name, err, c.want)
		}
	}
}

func writeList(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	certstest.Write(t, path, text)
	return path
}
