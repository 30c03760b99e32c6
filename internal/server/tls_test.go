package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading/internal/certs/certstest"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/telemetry"
)

const anIndex = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`

// TestSpoofedHeaders: what a stranger says of its address, scheme and host
// changes nothing; what the proxy says does.
func TestSpoofedHeaders(t *testing.T) {
	cfg := config.Default()
	cfg.Data, cfg.HTTP.AbsoluteLocations, cfg.HTTP.TrustedProxies = filepath.Join(t.TempDir(), "data"), true, "10.0.0.0/8"
	cfg.Auth.Htpasswd, cfg.Access.Rules = users(t), "user:ada owner,admin registry"
	var log bytes.Buffer
	out := telemetry.NewLog(cfg.Log, &log)
	s, err := server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{Observer: out.Access()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	do := func(remote string, signsIn bool, header http.Header) http.Header {
		r := httptest.NewRequest("PUT", "http://asked.example/v2/acme/web/manifests/one", strings.NewReader(anIndex))
		r.RemoteAddr, r.Header = remote, header
		r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		if signsIn {
			r.SetBasicAuth("ada", adas)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Header()
	}
	spoofed := func() http.Header {
		return http.Header{"X-Forwarded-For": {"198.51.100.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"out.example"},
			"Forwarded": {"for=198.51.100.7;proto=https;host=out.example"}}
	}
	for remote, want := range map[string]string{"192.0.2.9:5": "http://asked.example/", "10.0.0.2:5": "https://out.example/"} {
		if got := do(remote, true, spoofed()).Get("Location"); !strings.HasPrefix(got, want) {
			t.Errorf("from %s: Location %q, want %s…", remote, got, want)
		}
		if got := do(remote, false, spoofed()).Get("Www-Authenticate"); strings.Contains(got, "Bearer") && !strings.Contains(got, `realm="`+want) {
			t.Errorf("from %s: challenge %q, want %s…", remote, got, want)
		}
	}
	out.Close()
	if text := log.String(); strings.Count(text, "remote=192.0.2.9:5 ") != 2 || strings.Count(text, "remote=198.51.100.7:0 ") != 2 {
		t.Error(text)
	}
}

// adas is ada's password in users.
const adas = "lovelace"

func users(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	hash, err := bcrypt.GenerateFromPassword([]byte(adas), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	certstest.Write(t, path, []byte("ada:"+string(hash)+"\n"))
	return path
}

// tlsServer is a registry that knows clients by their certificates, served.
type tlsServer struct {
	*server.Server
	ca    *certstest.CA
	dir   string
	url   string
	ahead atomic.Int64 // the registry's clock, before that of the machine
}

func startTLS(t *testing.T) *tlsServer {
	t.Helper()
	s := &tlsServer{ca: certstest.New(t, "ca"), dir: t.TempDir()}
	cfg := config.Default()
	cfg.Data, cfg.Admin.Listen, cfg.Access.Rules = filepath.Join(s.dir, "data"), "127.0.0.1:0", "user:ada owner,admin registry"
	cfg.TLS.Certificate, cfg.TLS.Key = s.ca.Server(t, "127.0.0.1").Write(t, s.dir, "server")
	cfg.TLS.ClientCA, cfg.TLS.ClientCRL, cfg.TLS.ClientSubjects = filepath.Join(s.dir, "ca.pem"), filepath.Join(s.dir, "crl.pem"), "cn * user:*"
	certstest.Write(t, cfg.TLS.ClientCA, s.ca.PEM())
	certstest.Write(t, cfg.TLS.ClientCRL, s.ca.Revoked(t))
	var err error
	s.Server, err = server.NewWith(t.Context(), cfg, slog.New(slog.DiscardHandler), server.Options{
		Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(s.Handler())
	srv.TLS, srv.EnableHTTP2 = s.TLS(), true
	srv.StartTLS()
	t.Cleanup(func() { s.Drain(); srv.CloseClientConnections(); srv.Close(); _ = s.Close(context.Background()) })
	s.url = srv.URL
	return s
}

func (s *tlsServer) client(t *testing.T, c certstest.Cert) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.ca.Pool(), Certificates: []tls.Certificate{c.TLS(t)}}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// stream opens a stream and returns its lines; the channel is closed at the
// end.
func (s *tlsServer) stream(t *testing.T, c *http.Client) <-chan string {
	t.Helper()
	resp, err := c.Get(s.url + "/v2/_lading/watch/events?initial=true")
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	return lines
}

func (s *tlsServer) push(t *testing.T, c *http.Client, repo string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v2/"+repo+"/manifests/one", strings.NewReader(anIndex))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 201 {
		t.Fatalf("%s %s", resp.Status, text)
	}
	resp.Body.Close()
}

// until reads lines to one with a part; it reports whether there was one before
// the end.
func until(t *testing.T, lines <-chan string, part string) bool {
	t.Helper()
	for late := time.After(20 * time.Second); ; {
		select {
		case line, ok := <-lines:
			if !ok || strings.Contains(line, part) {
				return ok
			}
		case <-late:
			t.Fatalf("nothing with %q comes", part)
		}
	}
}

// TestRevokedCertificateEndsStreams: a stream tells nothing any more once its
// certificate is revoked, nor does the connection.
func TestRevokedCertificateEndsStreams(t *testing.T) {
	s := startTLS(t)
	ada, spare := s.ca.Client(t, "ada"), s.ca.Client(t, "ada")
	c, other := s.client(t, ada), s.client(t, spare)
	lines := s.stream(t, c)
	s.push(t, c, "acme/web")
	if !until(t, lines, "acme/web") {
		t.Fatal("the stream has ended")
	}
	certstest.Write(t, filepath.Join(s.dir, "crl.pem"), s.ca.Revoked(t, ada))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := c.Get(s.url + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == 401 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the revoked certificate still counts")
		}
	}
	if !until(t, lines, `"op":"remove","key":"range:.."`) {
		t.Fatal("the stream has ended")
	}
	others := s.stream(t, other)
	s.push(t, other, "acme/secret")
	if !until(t, others, "acme/secret") {
		t.Error("another's stream has ended")
	}
	s.Drain()
	if until(t, lines, "acme/secret") {
		t.Error("a stream goes on after its certificate was revoked")
	}
}

// TestExpiredCertificateEndsStreams does so for one that is out of date.
func TestExpiredCertificateEndsStreams(t *testing.T) {
	s := startTLS(t)
	c := s.client(t, s.ca.Client(t, "ada"))
	s.ca.Now = func() time.Time { return time.Now().Add(30 * time.Minute) }
	other := s.client(t, s.ca.Client(t, "ada"))
	s.push(t, c, "acme/web")
	lines := s.stream(t, c)
	if !until(t, lines, "acme/web") {
		t.Fatal("the stream has ended")
	}
	s.ahead.Store(int64(61 * time.Minute)) // past the first, within the second
	s.push(t, other, "acme/secret")
	if until(t, lines, "acme/secret") {
		t.Error("a stream goes on after its certificate has expired")
	}
}

func TestCertificateMetrics(t *testing.T) {
	s := startTLS(t)
	_, text := ask(s.Server, "/metrics")
	var expires float64
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "lading_tls_certificate_expires_timestamp_seconds "); ok {
			fmt.Sscan(value, &expires)
		}
	}
	if left := time.Until(time.Unix(int64(expires), 0)); left < 50*time.Minute || left > time.Hour || !strings.Contains(text, "lading_tls_certificate_failures_total 0") {
		t.Errorf("expires in %v", left)
	}
	certstest.Write(t, filepath.Join(s.dir, "server.crt"), []byte("nothing"))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, text := ask(s.Server, "/metrics"); strings.Contains(text, "lading_tls_certificate_failures_total 1") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the failure is not counted")
		}
	}
}
