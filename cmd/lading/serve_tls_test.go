package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/certs/certstest"
	"github.com/lading-dev/lading/internal/config"
)

// secured is a `lading serve` with TLS, and its files.
type secured struct {
	*serving
	ca  *certstest.CA
	dir string
}

// startTLS serves with a certificate, where clients' certificates say who they
// are and ada may do everything.
func startTLS(t *testing.T, more string) *secured {
	t.Helper()
	s := &secured{ca: certstest.New(t, "ca"), dir: t.TempDir()}
	certificate, key := s.ca.Server(t, "127.0.0.1").Write(t, s.dir, "server")
	s.ca.Client(t, "ada").Write(t, s.dir, "ada")
	certstest.Write(t, s.path("ca.pem"), s.ca.PEM())
	write(t, s.path("lading.yaml"), "tls:\n  certificate: "+certificate+"\n  key: "+key+"\n  client_ca: "+s.path("ca.pem")+
		"\n  client_subjects: cn * user:*\naccess: {rules: \"user:ada owner,admin registry\"}\n"+more)
	s.serving = startServing(t, "--config", s.path("lading.yaml"), "--data", s.path("data"))
	if !strings.HasPrefix(s.url, "https://") || !strings.Contains(s.first, "curl -i https://") {
		t.Fatal(s.first)
	}
	return s
}

func (s *secured) path(name string) string { return filepath.Join(s.dir, name) }

// as is a client with the certificate of a name; empty shows none.
func (s *secured) as(t *testing.T, cn string) *http.Client {
	t.Helper()
	conf := &tls.Config{RootCAs: s.ca.Pool()}
	if cn != "" {
		conf.Certificates = []tls.Certificate{s.ca.Client(t, cn).TLS(t)}
	}
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// curl runs curl over HTTP/2 with ada's certificate.
func (s *secured) curl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("curl", append([]string{"-sS", "--http2", "--cacert", s.path("ca.pem"), "--cert", s.path("ada.crt"), "--key", s.path("ada.key")}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl %s: %v %s", args, err, &stderr)
	}
	return string(out)
}

func TestServeTLS(t *testing.T) {
	s := startTLS(t, "")
	for cn, want := range map[string]int{"": 401, "ada": 200} {
		resp, err := s.as(t, cn).Get(s.url + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || resp.Proto != "HTTP/2.0" {
			t.Errorf("%q: %s %s", cn, resp.Proto, resp.Status)
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(s.url, "https") + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Error("without TLS:", resp.Status)
	}
	s.stop()
	<-s.ended
	if log := s.log.String(); strings.Count(log, "level=WARN") > 0 || !strings.Contains(log, "who=user:ada") {
		t.Error(log)
	}
}

// TestCurlHTTP2 uploads, downloads, waits for a change and follows them over
// HTTP/2 with curl.
func TestCurlHTTP2(t *testing.T) {
	s := startTLS(t, "")
	blob := make([]byte, 9<<20)
	rand.Read(blob)
	certstest.Write(t, s.path("blob"), blob)
	d := fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
	code := []string{"-o", os.DevNull, "-w", "%{http_version} %{http_code}"}
	if got := s.curl(t, append(code, "-H", "Content-Type: application/octet-stream", "--data-binary", "@"+s.path("blob"), s.url+"/v2/acme/web/blobs/uploads/?digest="+d)...); got != "2 201" {
		t.Error("upload:", got)
	}
	if got := s.curl(t, s.url+"/v2/acme/web/blobs/"+d); got != string(blob) {
		t.Errorf("download: %d bytes of %d", len(got), len(blob))
	}
	began := time.Now()
	if got := s.curl(t, s.url+"/v2/_lading/list/tags?since=now&wait=1"); !strings.Contains(got, `"kind":"delta"`) || time.Since(began) < time.Second {
		t.Error("a delta that waits:", got)
	}
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	if got := s.curl(t, append(code, "-X", "PUT", "-H", "Content-Type: application/vnd.oci.image.index.v1+json", "-d", manifest,
		s.url+"/v2/acme/web/manifests/one")...); got != "2 201" {
		t.Error("manifest:", got)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	stream := exec.CommandContext(ctx, "curl", "-sSN", "--http2", "--cacert", s.path("ca.pem"), "--cert", s.path("ada.crt"), "--key", s.path("ada.key"),
		s.url+"/v2/_lading/watch/events?initial=true&kinds=tag")
	out, err := stream.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	found := func(part string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Error("the stream has ended before", part)
	}
	found("acme/web")
	found("synced")
	s.curl(t, append(code, "-X", "PUT", "-H", "Content-Type: application/vnd.oci.image.index.v1+json", "-d", manifest, s.url+"/v2/acme/web/manifests/two")...)
	found("two")
	began = time.Now()
	s.stop() // ends the stream, long before the time to drain
	if code := <-s.ended; code != exitDone || time.Since(began) > 5*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
	if err := stream.Wait(); err != nil {
		t.Error("curl:", err)
	}
}

// TestNewCertificate: a stream goes on while the certificate is replaced, and a
// new connection gets the new one.
func TestNewCertificate(t *testing.T) {
	s := startTLS(t, "")
	c := s.as(t, "ada")
	resp, err := c.Get(s.url + "/v2/_lading/watch/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cert := s.ca.Server(t, "127.0.0.1")
	cert.Write(t, s.dir, "server")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: s.ca.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		got := conn.ConnectionState().PeerCertificates[0].SerialNumber
		conn.Close()
		if got.Cmp(cert.Leaf.SerialNumber) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the old certificate is still shown")
		}
	}
	manifest := strings.NewReader(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v2/acme/web/manifests/one", manifest)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	put, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	put.Body.Close()
	for lines := bufio.NewScanner(resp.Body); ; {
		if !lines.Scan() {
			t.Fatal("the stream has ended:", lines.Err())
		}
		if strings.Contains(lines.Text(), "acme/web") {
			break
		}
	}
}

// TestSlowHandshakeIsCut opens a connection that never speaks TLS.
func TestSlowHandshakeIsCut(t *testing.T) {
	s := startTLS(t, "http: {header_timeout: 1s}\n")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

// TestNoHTTPAfterAChallenge: who speaks the protocol of ACME's challenge, for
// which no certificate of a client is asked, is answered nothing.
func TestNoHTTPAfterAChallenge(t *testing.T) {
	ca := certstest.New(t, "ca")
	asked := false
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true })
	srv, ln := newServer(h, config.Default().HTTP, slog.New(slog.DiscardHandler)), loopback(t)
	go serveTLS(srv, ln, &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "127.0.0.1").TLS(t)}, NextProtos: []string{"h2", "acme-tls/1"}})
	defer srv.Close()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: ca.Pool(), NextProtos: []string{"acme-tls/1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
	if text, _ := io.ReadAll(conn); len(text) > 0 || asked {
		t.Errorf("answered %q", text)
	}
}
