package clienttest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/certs/certstest"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// balancer hands each connection to the next of some servers, once they are
// there.
type balancer struct {
	ready   chan struct{} // closed then
	servers []*registry
	next    atomic.Int64
	handed  [2]atomic.Int64 // to each
}

func startBalancer(t *testing.T, port string) *balancer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	b := &balancer{ready: make(chan struct{})}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go b.hand(conn)
		}
	}()
	return b
}

func (b *balancer) hand(conn net.Conn) {
	defer conn.Close()
	<-b.ready
	i := b.next.Add(1) % 2
	server, err := net.Dial("tcp", b.servers[i].addr)
	if err != nil {
		return
	}
	defer server.Close()
	b.handed[i].Add(1)
	go io.Copy(server, conn)
	io.Copy(conn, server)
}

// TestACMEReplicas: of two replicas on one database behind a load balancer, one
// asks for a certificate, both answer for it when the CA comes to check the
// name, and both serve it; when it is renewed likewise, and the one before is
// served meanwhile.
func TestACMEReplicas(t *testing.T) {
	const life = 21 * time.Second // renewed when a third is left
	a := startAuthority(t, life)
	const host = "reg.lading.example"
	b := startBalancer(t, a.tlsPort)
	dir := t.TempDir()
	certstest.Write(t, filepath.Join(dir, "acme.pem"), a.ca.PEM())
	catalog := sqldbtest.Postgres(t)
	for range 2 {
		file := configFile(t, catalog)
		writeFile(t, file, readFile(t, file)+
			"tls:\n  acme_hosts: "+host+"\n  acme_directory: "+a.directory+"\n  acme_ca: "+filepath.Join(dir, "acme.pem")+"\n")
		b.servers = append(b.servers, startRegistry(t, file))
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), "data", "acme")); err == nil {
			t.Error("keys are in the data directory of a replica")
		}
	}
	close(b.ready)
	roots := a.roots(t)
	shown := func(r *registry) *x509.Certificate {
		conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: roots, ServerName: host})
		if err != nil {
			return nil
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	issued := func() int { return strings.Count(a.log.String(), "Issued certificate serial") }
	both := func(not *x509.Certificate, meanwhile func()) *x509.Certificate {
		t.Helper()
		var one, other *x509.Certificate
		waitFor(t, "a certificate on both", func() bool {
			one, other = shown(b.servers[0]), shown(b.servers[1])
			meanwhile()
			if not != nil && (one == nil || other == nil) {
				t.Fatal("there is no certificate that is good while it is renewed")
			}
			return one != nil && other != nil && one.Equal(other) && !one.Equal(not)
		})
		return one
	}
	first := both(nil, func() {})
	if n := issued(); n != 1 || b.handed[0].Load() == 0 || b.handed[1].Load() == 0 {
		t.Errorf("%d certificates were issued, want 1; the CA came to %d and %d", n, b.handed[0].Load(), b.handed[1].Load())
	}
	began := time.Now()
	second := both(first, func() {})
	if n := issued(); n != 2 || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("%d certificates were issued, want 2", n)
	}
	if left := time.Until(first.NotAfter); left <= 0 {
		t.Errorf("it was renewed %v late, %v after the first look", -left, time.Since(began))
	}
	t.Logf("the CA came to %d and %d; the first was good for another %v", b.handed[0].Load(), b.handed[1].Load(), time.Until(first.NotAfter))
}
